"""Things between the camera and the face: hands, microphones, phones, cups, hair, smudges."""

import numpy as np
import scipy.ndimage

from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import background
from tf_nonlinear3dmm.data.builders.synthetic_faces.skin import albedo

CHANCE = 0.16


def sample(random: np.random.Generator, side: int) -> np.ndarray | None:
    """Draws a layer `[side, side, 4]` of colour and cover, or None."""
    if random.uniform() > CHANCE:
        return None
    kinds = [_hand, _bar, _card, _phone, _cup, _loose_hair, _smudge]
    kind = kinds[random.choice(len(kinds), p=[0.36, 0.16, 0.10, 0.12, 0.10, 0.08, 0.08])]
    return kind(random, side).astype(np.float32)


def _axes(side):
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    return x, y


def _turned(x, y, place, turn):
    """Coordinates `u`, `v` about `place` in axes turned by `turn`."""
    c, s, right, down = np.cos(turn), np.sin(turn), x - place[0], y - place[1]
    return c * right + s * down, c * down - s * right


def _edge_point(random):
    """A place near the middle of the image, and the direction from which a thing reaches it."""
    turn = random.uniform(0, 2 * np.pi)
    out = np.array([np.cos(turn), np.sin(turn)])
    return 0.5 + random.uniform(0.10, 0.36) * out, out


def _capsule(x, y, start, end, radius):
    """Height `[side, side]` of a rounded bar, 1 on its axis, 0 at its edge, negative outside."""
    span = end - start
    t = np.clip(((x - start[0]) * span[0] + (y - start[1]) * span[1]) / (span @ span), 0, 1)
    gap = np.hypot(x - start[0] - t * span[0], y - start[1] - t * span[1])
    return 1 - gap / radius


def _solid(height, colour, random, softness):
    """A rounded thing from its height: shaded from one side, soft at the edge."""
    gy, gx = np.gradient(height)
    turn = random.uniform(0, 2 * np.pi)
    light = 0.85 + 2.2 * (np.cos(turn) * gx + np.sin(turn) * gy) + 0.25 * np.clip(height, 0, 1)
    shaded = np.clip(light, 0.3, 1.25)[..., np.newaxis] * colour
    cover = np.clip(height / softness, 0, 1)[..., np.newaxis]
    return np.concatenate([np.clip(shaded, 0, 1), cover], axis=-1)


def _hand(random, side):
    x, y = _axes(side)
    tip, out = _edge_point(random)
    across = np.array([-out[1], out[0]])
    width = random.uniform(0.032, 0.05)
    splay, bent = random.uniform(0.9, 1.4), random.uniform(-0.3, 0.9) * width
    palm = tip + out * random.uniform(0.16, 0.26)
    height = _capsule(x, y, palm + 0.1 * out, palm + 0.6 * out, 2.3 * width)
    for finger, reach in zip((-1.5, -0.5, 0.5, 1.5), (0.75, 0.95, 1.0, 0.85), strict=True):
        if random.uniform() < 0.1:
            continue
        base = palm + across * finger * 1.6 * width
        end = tip + across * finger * 1.6 * width * splay + out * (1 - reach) * 0.2
        joint = 0.45 * base + 0.55 * end + across * bent
        height = np.maximum(height, _capsule(x, y, base, joint, width))
        height = np.maximum(height, _capsule(x, y, joint, end, 0.86 * width))
    thumb = palm + across * 2 * width * random.choice([-1, 1])
    end = thumb + (thumb - palm) * 1.2 - 0.06 * out
    height = np.maximum(height, _capsule(x, y, palm + 0.1 * out, end, 1.1 * width))
    return _flesh(random, height)


def _flesh(random, height):
    """Hands of some `height`: round, and not much darker at the edges."""
    skin = albedo.skin_colour(random.beta(1, 2), random.uniform(0.3, 1)) * random.uniform(0.6, 1)
    round_height = np.sqrt(np.clip(height, 0, 1)) + np.minimum(height, 0)
    layer = _solid(0.5 * round_height, skin, random, 0.12)
    layer[..., 0] += 0.05 * np.clip(1 - 4 * height, 0, 1)  # light shines through
    return np.clip(layer, 0, 1)


def _phone(random, side):
    """A telephone in a hand, seen from behind, or a camera."""
    x, y = _axes(side)
    place, out = _edge_point(random)
    turn = random.normal(0, 0.25)
    u, v = _turned(x, y, place, turn)
    tall = random.uniform(0.14, 0.24)
    half = np.array([0.48 * tall, tall]) if random.uniform() < 0.7 else np.array([tall, 0.6 * tall])
    corner = 0.12 * tall
    gap = np.hypot(
        np.maximum(np.abs(u) - half[0] + corner, 0), np.maximum(np.abs(v) - half[1] + corner, 0)
    )
    height = (corner - gap) / corner
    shade = 1 + 0.5 * (u + v) / tall * random.choice([-1, 1])
    colour = np.clip(shade[..., np.newaxis] * background.random_colour(random) * 0.7, 0, 1)
    lens = np.hypot(u + 0.55 * half[0], v + 0.72 * half[1]) / (0.13 * tall)
    colour = np.where(
        (lens < 1)[..., np.newaxis], 0.03 + 0.3 * (lens < 0.3)[..., np.newaxis], colour
    )
    layer = np.concatenate([colour, np.clip(height * 3, 0, 1)[..., np.newaxis]], axis=-1)
    axis, reach = np.array([np.cos(turn), np.sin(turn)]), (np.sign(out[0]) or 1.0)
    first = place + 0.05 * out + 0.35 * reach * half[0] * axis
    fingers = np.full_like(x, -1.0)
    for k in range(4):
        start = first + (0.25 * k - 0.2) * tall * np.array([-axis[1], axis[0]])
        bar = _capsule(x, y, start, start + reach * np.array([0.6, 0.1]), 0.12 * tall)
        fingers = np.maximum(fingers, bar)
    hand = _flesh(random, fingers)
    cover = hand[..., 3:]
    return np.concatenate(
        [layer[..., :3] * (1 - cover) + hand[..., :3] * cover, np.maximum(layer[..., 3:], cover)],
        axis=-1,
    )


def _cup(random, side):
    """A cup or glass held to the mouth."""
    x, y = _axes(side)
    place = np.array([0.5, 0.66]) + random.normal(0, 0.06, size=2)
    turn, wide = random.normal(0, 0.35), random.uniform(0.07, 0.12)
    u, v = _turned(x, y, place, turn)
    radius = wide * np.clip(1 - 0.09 * v / wide, 0.6, 1)
    inside = np.minimum(1 - np.abs(u) / radius, (v + 0.25 * wide * (u / wide) ** 2) / wide * 4)
    round_light = np.clip(1.05 - 0.55 * (u / radius - 0.3 * np.sign(turn)) ** 2, 0.2, 1.1)
    colour = round_light[..., np.newaxis] * background.random_colour(random)
    cover = np.clip(inside * wide * side, 0, 1) * random.choice([1.0, 1.0, 0.55])
    return np.concatenate([np.clip(colour, 0, 1), cover[..., np.newaxis]], axis=-1)


def _loose_hair(random, side):
    """Hair blown across the face, or somebody's hair in front."""
    x, y = _axes(side)
    place, out = _edge_point(random)
    lean = random.normal(0, 0.6)
    along = np.array([out[1] + lean * out[0], -out[0] + lean * out[1]])
    along /= np.linalg.norm(along)
    u = (x - place[0]) * along[1] - (y - place[1]) * along[0]
    v = (x - place[0]) * along[0] + (y - place[1]) * along[1]
    u = u + random.uniform(-0.6, 0.6) * v**2 + 0.02 * np.sin(8 * v + random.uniform(0, 6))
    strands = random.normal(size=256)
    wave = np.interp((u / (1 + 0.8 * v) * 420) % 256, np.arange(256), strands)
    width = random.uniform(0.01, 0.06)
    cover = np.clip(0.9 - np.abs(u) / width + 0.9 * wave * np.minimum(np.abs(u) / width, 1), 0, 1)
    tint = np.array([0.3, 0.22, 0.15]) * random.uniform(0.2, 1.8)
    colour = np.clip(tint * (1 + 0.25 * wave[..., np.newaxis]), 0, 1)
    return np.concatenate([colour, cover[..., np.newaxis]], axis=-1)


def _bar(random, side):
    x, y = _axes(side)
    place, out = _edge_point(random)
    lean = random.normal(0, 0.5)
    far = place + 1.2 * np.array([out[0] + lean * out[1], out[1] - lean * out[0]])
    radius = random.uniform(0.015, 0.07)
    height = _capsule(x, y, place, far, radius)
    if random.uniform() < 0.5:  # a microphone
        height = np.maximum(height, 1 - np.hypot(x - place[0], y - place[1]) / (1.8 * radius))
    return _solid(height, background.random_colour(random), random, 0.2)


def _card(random, side):
    x, y = _axes(side)
    place, _ = _edge_point(random)
    turn = random.normal(0, 0.4)
    u, v = _turned(x, y, place, turn)
    half = random.uniform(0.06, 0.22, size=2)
    inside = np.minimum(half[0] - np.abs(u), half[1] - np.abs(v))
    cover = np.clip(inside * side, 0, 1)[..., np.newaxis]
    first, second = background.random_colour(random), background.random_colour(random)
    stripes = np.sin(random.uniform(10, 120) * (u if random.uniform() < 0.5 else v)) > 0.4
    stripes = stripes[..., np.newaxis] * random.choice([0, 1])
    return np.concatenate([first + stripes * (second - first), cover], axis=-1)


def _smudge(random, side):
    x, y = _axes(side)
    place, _ = _edge_point(random)
    field = scipy.ndimage.gaussian_filter(random.normal(size=(side, side)), side / 25)
    radius = random.uniform(0.08, 0.2)
    height = 1 - np.hypot(x - place[0], y - place[1]) / radius + 0.3 * field / field.std()
    cover = np.clip(3 * height, 0, 1)[..., np.newaxis]
    colour = np.broadcast_to(background.random_colour(random), (side, side, 3))
    return np.concatenate([colour, cover], axis=-1)
