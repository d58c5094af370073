"""Photographic skins, resampled from MakeHuman's texture map to the face's own UV map.

Each skin is kept as what differs from its own tone: the logarithm of albedo over tone, without
painted hair and brows, and with the little baked light evened out. Bytes are JPEG.
"""

import io
from collections.abc import Mapping

import numpy as np
import PIL.Image
import scipy.ndimage

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import load_population, skins
from tf_nonlinear3dmm.face.build import assets_package, inpainting, region, source, texels

SIZE = (384, 448)
ETHNICITIES = ("african", "asian", "caucasian")
AGES = {"young": 0.5, "middleage": 0.75, "old": 1.0}
_QUALITY = 95
_FLATTENED = 0.8  # of the baked light
_FLAT_SCALE = 26.0  # texels: light varies more slowly, skin faster
_DARKEST_EAR = -0.45  # hair is painted on the rims of some
_COLDEST = (0.0, 0.06)  # green and blue over red: above lies sheen on dark lips, or grey hair
_LEAST_LIPS = 0.08  # how much redder than the skin lips are: some are painted grey
_HAIR_CONTRAST = 0.16  # darker than the skin around, in the logarithm of sRGB


def build(wheel_path: Path, package_path: Path) -> dict[str, np.ndarray]:
    """The arrays of assets/skins.npz as a dict; see `Skins`."""
    with source.open_wheel(wheel_path) as wheel:
        base = source.read_base(wheel)
    files = assets_package.read(package_path, is_skin)
    people = load_population(0)
    layout = _Layout(people, base)
    names, tones, images = [], [], {}
    for path, data in files.items():
        name = _name(path, names)
        picture = np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"), np.float64)
        tone, detail = layout.detail(np.log(np.maximum(picture, 2) / 255))
        names.append(name)
        tones.append(tone)
        images[f"jpeg_{len(names) - 1:02d}"] = encode(detail)
    return images | {
        "names": np.array(names),
        "tone": np.stack(tones).astype(np.float32),
        "ethnicity": np.array([ETHNICITIES.index(n.split("_")[1]) for n in names], np.uint8),
        "male": np.array([n.split("_")[2].startswith("male") for n in names]),
        "age": np.array([AGES[n.split("_")[0]] for n in names], np.float32),
    }


def is_skin(name: str) -> bool:
    """Whether a file of the package is a usable skin texture."""
    parts = name.split("/")
    photographic = parts[0] == "skins" and "textures" in parts and name.endswith(".png")
    return photographic and "special_suit" not in name and "toon" not in name


def _name(path, taken):
    """`young_caucasian_male`, or with a 2 behind where that is taken."""
    name = path.split("/")[1]
    return name if name not in taken else f"{name}2"


def encode(detail: np.ndarray) -> np.ndarray:
    """JPEG bytes `[n]` of `detail` `[H, W, 3]` in (-`skins.RANGE`, RANGE)."""
    level = np.clip(127.5 + 127.5 * detail / skins.RANGE, 0, 255)
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(np.round(level).astype(np.uint8))
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def differences(
    path: Path, arrays: Mapping[str, np.ndarray], mean: float = 0.005, worst: float = 0.15
) -> list[str]:
    """Lines that say where a stored asset differs from `arrays`; empty if it does not.

    Images are compared as details: JPEG libraries round differently.
    """
    facts, images = {}, {}
    lines = []
    with np.load(path, allow_pickle=False) as stored:
        for name in sorted(set(stored.files) ^ set(arrays)):
            lines.append(f"{name}: only in {'the asset' if name in stored.files else 'the build'}")
        for name in sorted(set(stored.files) & set(arrays)):
            (images if name.startswith("jpeg") else facts)[name] = stored[name]
    for name, old in facts.items():
        new = np.asarray(arrays[name])
        same = np.allclose(old, new, atol=1e-3) if new.dtype.kind == "f" else None
        if not (np.array_equal(old, new) if same is None else same):
            lines.append(f"{name}: differs")
    for name, old in images.items():
        gap = np.abs(skins.decode(old) - skins.decode(arrays[name]))
        if gap.mean() > mean or gap.max() > worst:
            lines.append(
                f"{name}: differs by {gap.mean():.4f} in the mean, {gap.max():.3f} at most"
            )
    return lines


class _Layout:
    """Where the texels of the face's UV map lie on the face and in MakeHuman's texture.

    Attributes:
        place: `[2, 2H, 2W]` row and column in the texture, in units of its size.
        skin: `[H, W]` bool, texels of skin that the texture shows.
        position: `[H, W, 3]` on the mean face.
        reference: `[H, W]` bool, cheeks and forehead, which give a skin its tone.
        ear, lips: `[H, W]` in [0, 1].
        brow, scalp, hairy: `[H, W]` bool, where hair is painted, and where it may be.
    """

    def __init__(self, people, base):
        uv, known = _texture_coordinates(people, base)
        fine = texels.interpolate(texels.cover(people, (2 * SIZE[0], 2 * SIZE[1])), uv)
        self.place = np.stack([1 - fine[..., 1], fine[..., 0]])
        cover = texels.cover(people, SIZE)
        self.position = texels.interpolate(cover, people.mean)
        lips = texels.interpolate(cover, people.arrays["mask_lips"][:, np.newaxis] / 255)[..., 0]
        ear = texels.interpolate(cover, people.arrays["mask_ear"][:, np.newaxis] / 255)[..., 0]
        self.ear, self.lips = ear, lips
        label = people.face_label[np.maximum(cover.triangle, 0)]
        on_face = cover.triangle >= 0
        self.skin = on_face & (label == region.SKIN)
        self.skin &= texels.interpolate(cover, known[:, np.newaxis])[..., 0] > 1 - 1e-4
        self.skin &= ~scipy.ndimage.binary_dilation((label > region.SHEET) & on_face, iterations=4)
        self.brow = _near_brows(self.position, people.mean[people.contours[22:27]])
        x, y, z = np.moveaxis(self.position, -1, 0)
        x = np.abs(x)
        cheeks = (x > 0.2) & (x < 0.5) & (y < 0) & (y > -0.3)
        forehead = (x < 0.35) & (y > 0.45) & (y < 0.65)
        self.reference = self.skin & (cheeks | forehead) & (lips == 0) & (ear == 0)
        hairless = np.hypot(x / 0.64, (y - 0.28) / 0.56) < 1
        temples = (y > 0.0) & (z < 0.36) | (y > -0.2) & (z < 0.26) | (z < 0.12)
        self.scalp = ((y > 0.28) & ~hairless) | temples
        self.hairy = (y > 0.2) | (z < 0.45)

    def detail(self, texture):
        """Tone `[3]` and detail `[H, W, 3]` of a texture of log sRGB `[h, w, 3]`."""
        rows, columns = self.place * np.array(texture.shape[:2])[:, np.newaxis, np.newaxis] - 0.5
        channels = [
            scipy.ndimage.map_coordinates(channel, [rows, columns], order=3, mode="nearest")
            for channel in np.moveaxis(texture, -1, 0)
        ]
        fine = np.stack(channels, axis=-1)
        image = fine.reshape(SIZE[0], 2, SIZE[1], 2, 3).mean(axis=(1, 3))
        tone = np.median(image[self.reference], axis=0)
        image = image - tone
        plain = self.skin & ~self._hair(image) & (self.ear == 0)
        share = inpainting.feather(plain)
        image = np.where(self.skin[..., np.newaxis], image, 0)
        bare = share * image + (1 - share) * inpainting.fill(image, plain)
        even = _even(bare, self.skin)
        ear = np.clip(2 * self.ear * self.skin, 0, 1)[..., np.newaxis]
        image = even + ear * (np.maximum(image, _DARKEST_EAR) - even)
        tone = tone + np.median(image[self.reference], axis=0)
        image -= np.median(image[self.reference], axis=0)
        colder = image[..., 1:] - image[..., :1] - _COLDEST
        image[..., 1:] -= 0.8 * np.maximum(colder, 0)
        redness = np.median((image[..., 0] - image[..., 1])[self.lips > 0.8])
        missing = max(_LEAST_LIPS - redness, 0) * self.lips
        image[..., 1:] -= missing[..., np.newaxis] * [1.0, 0.7]
        return np.exp(tone), image

    def _hair(self, image):
        """Texels `[H, W]` under painted hair: scalp, brows, and what is dark or grey near them."""
        dark = image.mean(axis=-1) < -_HAIR_CONTRAST
        grey = image[..., 2] - image[..., 0] > _HAIR_CONTRAST
        dark = (dark | grey) & self.hairy & (self.ear < 0.3)
        dark = scipy.ndimage.binary_dilation(dark, iterations=5)
        dark &= self.ear < 0.3
        return (self.scalp & (self.ear < 0.3)) | dark | self.brow


def _texture_coordinates(people, base):
    """MakeHuman's texture coordinates `[V, 2]`, v up, and `[V]` 1 where they are those of skin."""
    island = region.head_island(base)
    uv, known = np.zeros([len(base.vertices) + 1, 2]), np.zeros(len(base.vertices) + 1)
    uv[base.quads[island]] = base.uv[base.quad_uv[island]]
    known[base.quads[island]] = 1
    columns = np.append(people.hm08_ids, len(base.vertices))
    return people.operator @ uv[columns], people.operator @ known[columns]


def _near_brows(position, line, reach=0.075):
    """Texels `[H, W]` within `reach` dm of the `line` `[K, 3]` of the left brow, or its mirror."""
    steps = np.linspace(0, len(line) - 1, 33)
    points = np.stack([np.interp(steps, range(len(line)), axis) for axis in line.T], axis=1)
    half = position * np.where(position[..., :1] < 0, [-1, 1, 1], 1)
    nearest = np.full(position.shape[:2], np.inf)
    for point in points:
        nearest = np.minimum(nearest, np.linalg.norm(half - point, axis=-1))
    return nearest < reach


def _even(image, skin):
    """`image` with slowly varying brightness evened out, and slow colour alike on both sides."""
    weight = np.clip(scipy.ndimage.gaussian_filter(skin.astype(float), _FLAT_SCALE), 1e-3, None)
    slow = np.stack(
        [
            scipy.ndimage.gaussian_filter(channel * skin, _FLAT_SCALE) / weight
            for channel in np.moveaxis(image, -1, 0)
        ],
        axis=-1,
    )
    both = (slow + slow[:, ::-1]) / 2
    brightness = both.mean(axis=-1, keepdims=True)
    return image - slow + both - _FLATTENED * brightness
