"""Textured faces as .obj (+ .mtl + .png) and .glb, and back.

The formats put (0, 0) at the corner of the first texel, we put it at its centre; .obj counts v up.
An .obj is in millimetres, a .glb in metres, as glTF demands; `read` gives millimetres for both.
"""

import dataclasses
import io
import pathlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import trimesh
from PIL import Image

from tf_nonlinear3dmm.core import array_files, shapes
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import morph_targets
from tf_nonlinear3dmm.face.model import FaceModel
from tf_nonlinear3dmm.face.morph_targets import MorphTargets
from tf_nonlinear3dmm.face.normals import vertex_normals


class Mesh(NamedTuple):
    """A textured mesh.

    Attributes:
        vertices: `[V, 3]` millimetres, x to the subject's left, y up, z to the camera.
        triangles: `[T, 3]`.
        uv: `[V, 2]` in [0, 1], v down, (0, 0) the centre of the first texel.
        normals: `[V, 3]` unit vectors.
        texture: `[Hu, Wu, 3]` uint8.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    normals: np.ndarray
    texture: np.ndarray


def write_obj(
    path: Path, vertices: npt.ArrayLike, face: FaceModel, texture: npt.ArrayLike
) -> list[pathlib.Path]:
    """Writes `path` and, beside it, the .mtl and .png that it names.

    Args:
        path: ends in .obj.
        vertices: `[V, 3]` in the face's units.
        face: `FaceModel` with these vertices' triangles and UV.
        texture: `[Hu, Wu, 3]`, uint8 or floats in [0, 1].

    Returns:
        The list of the three paths.

    Raises:
        ValueError: another ending, another number of vertices, or values that are not finite.
    """
    path = _checked_path(path, ".obj")
    names = companions(path.stem)
    picture = _picture(texture)
    mesh = _mesh(vertices, face, picture, None, millimetres=1.0)
    material = pathlib.Path(names[0]).stem
    contents = {
        path.name: _obj_text(mesh, material).encode(),
        names[0]: _MTL.format(name=material).encode(),
        names[1]: picture.png,
    }
    for file, content in contents.items():
        with array_files.replacing(path.with_name(file)) as out:
            out.write(content)
    return [path.with_name(file) for file in contents]


_MTL = """newmtl {name}
Ka 1 1 1
Kd 1 1 1
Ks 0 0 0
Ns 0
map_Kd {name}.png
"""


def _obj_text(mesh, material):
    """The text of an .obj; all numbers of a kind are formatted at once, which is fast."""
    rows = {
        "v %.6f %.6f %.6f": mesh.vertices,
        "vt %.8f %.8f": mesh.visual.uv,
        "vn %.6f %.6f %.6f": mesh.vertex_normals,
        "f %d/%d/%d %d/%d/%d %d/%d/%d": np.repeat(mesh.faces + 1, 3, axis=1),
    }
    lines = [f"mtllib {material}.mtl", f"usemtl {material}"]
    for form, values in rows.items():
        lines.append("\n".join([form] * len(values)) % tuple(np.ravel(values).tolist()))
    return "\n".join(lines) + "\n"


def companions(stem: str) -> list[str]:
    """The names of the .mtl and .png of `stem`.obj: readers split the names in it at spaces."""
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)
    return [f"{name}.mtl", f"{name}.png"]


def write_glb(
    path: Path,
    vertices: npt.ArrayLike,
    face: FaceModel,
    texture: npt.ArrayLike,
    targets: MorphTargets | None = None,
) -> list[pathlib.Path]:
    """Writes one binary glTF file; arguments and errors as `write_obj`, ending .glb.

    Args:
        path, vertices, face, texture: see `write_obj`.
        targets: `MorphTargets` in the face's units, whose weights show `vertices`.

    Returns:
        The list of its path.
    """
    path = _checked_path(path, ".glb")
    picture = _picture(texture)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=picture,
        baseColorFactor=[255, 255, 255, 255],
        metallicFactor=0.0,
        roughnessFactor=1.0,
    )
    if targets is not None:
        vertices = vertices - targets.shown
    mesh = _mesh(vertices, face, picture, material, millimetres=0.001)
    content = trimesh.exchange.gltf.export_glb(mesh, include_normals=True)
    if targets is not None:
        metres = targets._replace(offsets=targets.offsets * (face.units / 1000))
        content = morph_targets.add(content, metres)
    with array_files.replacing(path) as out:
        out.write(content)
    return [path]


def read(path: Path) -> Mesh:
    """The `Mesh` of an .obj or .glb that holds one textured mesh; as it is shown, if it morphs.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another ending, no texture, or not a mesh.
    """
    path = pathlib.Path(path)
    if path.suffix not in (".obj", ".glb"):
        raise ValueError(f"{path}: must end in .obj or .glb, got `{path.suffix}`")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such mesh file")
    try:
        scene = trimesh.load_scene(path, process=False, maintain_order=True)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a mesh that can be read: {error}") from None
    if len(scene.geometry) != 1:
        raise ValueError(f"{path}: must hold one mesh, got {len(scene.geometry)}")
    (mesh,) = scene.geometry.values()
    material = getattr(mesh.visual, "material", None)
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    if image is None or getattr(mesh.visual, "uv", None) is None:
        raise ValueError(f"{path}: must be a mesh with UV and a texture image")
    millimetres = 1000.0 if path.suffix == ".glb" else 1.0
    vertices = np.asarray(mesh.vertices)
    targets = morph_targets.read(path.read_bytes()) if path.suffix == ".glb" else None
    if targets is not None:
        vertices = vertices + targets.shown
    return Mesh(
        vertices=vertices * millimetres,
        triangles=np.asarray(mesh.faces),
        uv=_from_file_uv(np.asarray(mesh.visual.uv), image.size),
        normals=np.asarray(mesh.vertex_normals),
        texture=np.asarray(image.convert("RGB")),
    )


def _mesh(vertices, face, picture, material, millimetres):
    vertices = np.asarray(vertices, np.float64)
    shapes.check(mean_vertices=(face.mean_vertices, "V 3"), vertices=(vertices, "V 3"))
    broken = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(broken):
        raise ValueError(f"`vertices` must be finite, got {len(broken)} that are not: {broken[:5]}")
    normals = vertex_normals(vertices, face.triangles[face.normal_triangles])
    normals[~normals.any(axis=1)] = [0, 0, 1]  # glTF wants unit vectors everywhere
    visual = trimesh.visual.TextureVisuals(uv=_to_file_uv(face.uv, picture.size), material=material)
    return trimesh.Trimesh(
        vertices=vertices * face.units * millimetres,
        faces=face.triangles,
        vertex_normals=normals,
        visual=visual,
        process=False,
        validate=False,
    )


def _to_file_uv(uv, size):
    """Texel centres, v down -> texel edges, v up (trimesh turns v for glTF itself)."""
    width_height = np.array(size)
    edges = (np.asarray(uv, np.float64) * (width_height - 1) + 0.5) / width_height
    return edges * [1, -1] + [0, 1]


def _from_file_uv(uv, size):
    width_height = np.array(size)
    edges = uv * [1, -1] + [0, 1]
    return (edges * width_height - 0.5) / np.maximum(width_height - 1, 1)


@dataclasses.dataclass(frozen=True)
class _Picture:
    """A texture, encoded once; trimesh's exporter takes it for a picture of PIL.

    Attributes:
        png: the content of the file.
        size: (width, height).
        format: "PNG", to which the exporter then keeps.
    """

    png: bytes
    size: tuple[int, int]
    format: str = "PNG"

    def save(self, file, format):
        """Writes the PNG to an open file."""
        file.write(self.png)


def _picture(texture):
    """The `_Picture` of a texture."""
    texture = np.asarray(texture)
    shapes.check(texture=(texture, "Hu Wu 3"))
    if texture.dtype != np.uint8:
        if not np.all(np.isfinite(texture)):
            raise ValueError("`texture` must be finite, got NaN or infinity")
        texture = np.round(255 * np.clip(texture, 0, 1)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(texture).save(buffer, "PNG", compress_level=1)
    return _Picture(buffer.getvalue(), texture.shape[1::-1])


def _checked_path(path: Path, ending: str) -> pathlib.Path:
    path = pathlib.Path(path)
    if path.suffix != ending:
        raise ValueError(f"{path}: must end in {ending}, got `{path.suffix}`")
    return path
