"""What lies behind the head: walls, rooms, streets and leaves, more or less out of focus."""

import numpy as np
import scipy.ndimage


def sample(random: np.random.Generator, side: int) -> np.ndarray:
    """Draws a background `[side, side, 3]` in [0, 1]; one far out of focus on a coarser grid."""
    kind = random.choice(list(KINDS), p=[chance for _, chance in KINDS.values()])
    sigma = random.gamma(1.5, side / 70)
    coarse = 2 if sigma > 3 and side % 2 == 0 else 1
    y, x = np.mgrid[: side // coarse, : side // coarse].astype(np.float32) / (side // coarse)
    image = KINDS[kind][0](random, x, y)
    if sigma > 0.4:
        image = blur(image, sigma / coarse)
    if coarse > 1:
        image = scipy.ndimage.uniform_filter(image.repeat(2, 0).repeat(2, 1), (2, 2, 1))
    image = image * random.uniform(0.6, 1.1)
    return np.clip(image, 0, 1).astype(np.float32)


def random_colour(random: np.random.Generator) -> np.ndarray:
    """Draws a colour `[3]` of the world: mostly dull, sometimes strong."""
    value, strength = random.uniform(0.03, 0.98), random.beta(1.0, 5)
    hue = random.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2])
    return np.clip(value * (1 + strength * np.cos(hue)), 0, 1).astype(np.float32)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """About a Gaussian blur of `[H, W, C]`; strong blurs are done on a coarser grid."""
    if sigma < 2 or image.shape[0] % 2:
        return scipy.ndimage.gaussian_filter(image, (sigma, sigma, 0), truncate=2)
    coarse = image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]
    coarse = blur(coarse / 4, sigma / 2)
    return scipy.ndimage.uniform_filter(coarse.repeat(2, 0).repeat(2, 1), (2, 2, 1))


def _ramp(random, x, y):
    """A wall, lighter on one side."""
    turn, first = random.uniform(0, 2 * np.pi), random_colour(random)
    second = np.clip(first * random.uniform(0.4, 1.6), 0, 1)
    if random.uniform() < 0.3:
        second = random_colour(random)
    t = np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5) + 0.5
    image = first + np.clip(t, 0, 1)[..., np.newaxis] * (second - first)
    if random.uniform() < 0.5:  # darker towards the corners
        image = image * (1.1 - 0.8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))[..., np.newaxis]
    return image


def _bokeh(random, x, y):
    """Discs of light out of focus."""
    image = _ramp(random, x, y) * random.uniform(0.3, 1)
    for _ in range(random.integers(3, 14)):
        cx, cy, radius = random.uniform(0, 1), random.uniform(0, 1), random.uniform(0.02, 0.16)
        disc = np.clip((radius - np.hypot(x - cx, y - cy)) * 40, 0, 1)[..., np.newaxis]
        image = image + random.uniform(0.1, 0.7) * disc * (random_colour(random) - image)
    return image


def _room(random, x, y):
    """Boxes with straight edges: frames, shelves, windows, people far away."""
    lean = random.normal(0, 0.06)
    u, v = x + lean * y, y - random.normal(0, 0.06) * x
    image = _ramp(random, x, y)
    for _ in range(random.integers(4, 16)):
        x0, y0 = random.uniform(-0.2, 1, size=2)
        width, height = random.uniform(0.03, 0.5, size=2)
        inside = (u > x0) & (u < x0 + width) & (v > y0) & (v < y0 + height)
        tint = random_colour(random) * (
            1 + random.uniform(-0.4, 0.4) * (y - 0.5)[inside][:, np.newaxis]
        )
        image[inside] = tint
    return image


def _window(random, x, y):
    """A dark room with bright panes."""
    image = _room(random, x, y) * random.uniform(0.15, 0.6)
    left, top = random.uniform(-0.3, 0.7, size=2)
    width, height = random.uniform(0.3, 0.9, size=2)
    u, v = (x - left) / width, (y - top) / height
    panes = random.integers(1, 4, size=2)
    frame = (np.mod(u * panes[0], 1) < 0.06) | (np.mod(v * panes[1], 1) < 0.06)
    pane = (u > 0) & (u < 1) & (v > 0) & (v < 1) & ~frame
    image[pane] = np.clip(random_colour(random) * 0.3 + random.uniform(0.5, 0.9), 0, 1)
    return image


def _crowd(random, x, y):
    """Other people: heads with hair over clothes, the nearer the lower."""
    image = _ramp(random, x, y)
    size = random.uniform(0.05, 0.16)
    for level in np.sort(random.uniform(0, 1, size=random.integers(3, 9))):
        middle, radius = random.uniform(0, 1), size * random.uniform(0.8, 1.2)
        u, v = (x - middle) / radius, (y - level) / radius
        body = (v > 0.9) & (np.abs(u) < np.minimum(0.5 + 1.2 * (v - 0.9), 2.2))
        image[body] = random_colour(random)
        image[u * u + (0.8 * (v + 0.1)) ** 2 < 1.1] = random_colour(random) * 0.4
        skin = np.array([0.75, 0.55, 0.45]) * random.uniform(0.35, 1.2)
        image[(1.15 * u) ** 2 + (0.8 * (v - 0.15)) ** 2 < 0.8] = skin
    return image


def _writing(random, x, y):
    """Lines of strokes, as on signs, posters and shelves of books."""
    image = _ramp(random, x, y)
    lines, letters = random.integers(3, 14), random.integers(8, 40)
    turn = random.normal(0, 0.1)
    u, v = x + turn * y, y - turn * x
    row, column = np.floor(v * lines), np.floor(u * letters)
    shade = np.mod(np.sin(row * 37.7 + column * 91.3) * 437.5, 1)
    within = (np.mod(v * lines, 1) > 0.35) & (np.mod(u * letters, 1) > 0.5 * shade)
    image[within & (shade > random.uniform(0.1, 0.5))] = random_colour(random)
    return image


def _outdoors(random, x, y):
    """Sky over leaves, a street or a field."""
    horizon = random.uniform(-0.2, 1.0)
    sky = np.array([0.55, 0.68, 0.85]) * random.uniform(0.6, 1.2) + random.normal(0, 0.06, size=3)
    ground = (
        np.array([0.30, 0.36, 0.18]) if random.uniform() < 0.6 else np.array([0.42, 0.40, 0.38])
    )
    ground = ground * random.uniform(0.4, 1.3)
    rough = _fractal(random, len(x), random.uniform(0.8, 1.6))
    level = horizon + 0.06 * rough + 0.1 * (_fractal(random, len(x), 2.5))
    cover = np.clip((y - level) * 30, 0, 1)[..., np.newaxis]
    leaves = ground * (1 + 0.45 * rough[..., np.newaxis]) + 0.04 * (rough > 1.3)[..., np.newaxis]
    return sky * (1.1 - 0.3 * y[..., np.newaxis]) * (1 - cover) + leaves * cover


def _clouds(random, x, y):
    """A texture without edges: plaster, cloth, rock, bushes."""
    first, second, third = random_colour(random), random_colour(random), random_colour(random)
    slope = random.uniform(0.6, 2.2)
    t = np.clip(0.5 + 0.3 * _fractal(random, len(x), slope), 0, 1)[..., np.newaxis]
    s = np.clip(0.5 + 0.3 * _fractal(random, len(x), slope), 0, 1)[..., np.newaxis]
    return first + t * (second - first) + 0.5 * s * (third - first)


def _tiles(random, x, y):
    """Bricks, tiles or stripes."""
    turn = random.normal(0, 0.15)
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    rows, columns = random.integers(3, 16), random.integers(1, 12)
    row = np.floor(v * rows)
    u = u + 0.5 * (row % 2) * (random.uniform() < 0.5) / columns
    joint = (np.mod(u * columns, 1) < 0.06) | (np.mod(v * rows, 1) < 0.1)
    random_shade = np.mod(np.sin(row * 12.9 + np.floor(u * columns) * 78.2) * 437.5, 1)
    brick = random_colour(random) * (0.8 + 0.4 * random_shade[..., np.newaxis])
    return np.where(joint[..., np.newaxis], random_colour(random), brick)


def _fractal(random, side, slope):
    """Noise `[side, side]` of deviation 1 whose amplitude falls as frequency to the `slope`."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    wave = np.exp(2j * np.pi * random.uniform(size=frequency.shape)) / frequency**slope
    field = np.fft.irfft2(wave, s=(side, side))
    return (field / field.std()).astype(np.float32)


KINDS = {  # what to draw, and its chance
    "plain": (_ramp, 0.17),
    "bokeh": (_bokeh, 0.12),
    "room": (_room, 0.16),
    "window": (_window, 0.08),
    "outdoors": (_outdoors, 0.13),
    "clouds": (_clouds, 0.09),
    "tiles": (_tiles, 0.06),
    "crowd": (_crowd, 0.11),
    "writing": (_writing, 0.08),
}
