"""Things between the camera and the face: hands, bars, cards, smudges."""

import numpy as np
import scipy.ndimage

from datasets.synthetic_faces import albedo, backdrop

CHANCE = 0.16


def sample(random, side):
    """Draws a layer `[side, side, 4]` of colour and cover, or None."""
    if random.uniform() > CHANCE:
        return None
    kind = random.choice([_hand, _bar, _card, _smudge], p=[0.4, 0.25, 0.25, 0.1])
    return kind(random, side).astype(np.float32)


def _axes(side):
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    return x, y


def _edge_point(random):
    """A place near the middle of the picture, and the direction from which a thing reaches it."""
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
    spread = random.uniform(0.9, 1.5)
    palm = tip + out * random.uniform(0.16, 0.26)
    height = _capsule(x, y, palm + 0.1 * out, palm + 0.6 * out, 2.3 * width)
    for finger, reach in zip((-1.5, -0.5, 0.5, 1.5), (0.75, 0.95, 1.0, 0.85), strict=True):
        if random.uniform() < 0.1:
            continue
        base = palm + across * finger * 1.7 * width
        end = tip + across * finger * 1.7 * width * spread + out * (1 - reach) * 0.2
        height = np.maximum(height, _capsule(x, y, base, end, width))
    thumb = palm + across * 2 * width * random.choice([-1, 1])
    end = thumb + (thumb - palm) * 1.2 - 0.06 * out
    height = np.maximum(height, _capsule(x, y, palm + 0.1 * out, end, 1.1 * width))
    skin = albedo.skin_colour(random.beta(1, 2), random.uniform(0.3, 1)) * random.uniform(0.6, 1)
    return _solid(height, skin, random, 0.15)


def _bar(random, side):
    x, y = _axes(side)
    place, out = _edge_point(random)
    lean = random.normal(0, 0.5)
    far = place + 1.2 * np.array([out[0] + lean * out[1], out[1] - lean * out[0]])
    radius = random.uniform(0.015, 0.07)
    height = _capsule(x, y, place, far, radius)
    if random.uniform() < 0.5:  # a microphone
        height = np.maximum(height, 1 - np.hypot(x - place[0], y - place[1]) / (1.8 * radius))
    return _solid(height, backdrop.colour(random), random, 0.2)


def _card(random, side):
    x, y = _axes(side)
    place, _ = _edge_point(random)
    turn = random.normal(0, 0.4)
    u = np.cos(turn) * (x - place[0]) + np.sin(turn) * (y - place[1])
    v = np.cos(turn) * (y - place[1]) - np.sin(turn) * (x - place[0])
    half = random.uniform(0.06, 0.22, size=2)
    inside = np.minimum(half[0] - np.abs(u), half[1] - np.abs(v))
    cover = np.clip(inside * side, 0, 1)[..., np.newaxis]
    first, second = backdrop.colour(random), backdrop.colour(random)
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
    colour = np.broadcast_to(backdrop.colour(random), (side, side, 3))
    return np.concatenate([colour, cover], axis=-1)
