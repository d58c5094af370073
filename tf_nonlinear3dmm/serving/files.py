"""Faces to files: meshes, landmarks, camera and a picture.

    photo-name.glb                       mesh in metres with its texture
    photo-name.obj, .mtl, .png           the same in millimetres
    photo-name.json                      camera, pose, light, codes, landmarks: see `description`
    photo-name.pts                       68 landmarks in the 300-W format (pixels count from 1)
    photo-name_overview.png              photo, landmarks, overlay, mesh, albedo, relit

Pixels are those of the photo after the rotation that its EXIF data asks for.
"""

import json
import pathlib
import tempfile
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.face import FaceModel, mesh_files, separation
from tf_nonlinear3dmm.face.morph_targets import MorphTargets
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera, lighting, visualize
from tf_nonlinear3dmm.serving import names, overview, textures
from tf_nonlinear3dmm.serving.portraits import Portrait


def write(
    portrait: Portrait,
    photo: np.ndarray,
    model: Nonlinear3DMM,
    stem: Path,
    texture: str = textures.KINDS[0],
    about: dict[str, Any] | None = None,
    morph_targets: bool = False,
) -> list[pathlib.Path]:
    """Writes the files of a face, all or none.

    Args:
        portrait: `portraits.Portrait`.
        photo: `[H, W, 3]` uint8 that shows it.
        model: `Nonlinear3DMM` that reconstructed it.
        stem: path of the files without their endings.
        texture: one of `textures.KINDS`, see `textures.maps`.
        about: dict to add to the .json.
        morph_targets: whether the .glb carries the face's expressions; see `separation`.

    Returns:
        list of paths.
    """
    return save(prepare(portrait, photo, model, texture, about, morph_targets), stem)


class Contents(NamedTuple):
    """What the files of a face are made of.

    Attributes:
        vertices: `[V, 3]` in the units of `face`.
        face: `FaceModel`.
        colours: `[Hu, Wu, 3]` RGB in [0, 1], the texture.
        about: dict, what the .json says.
        picture: `[H, W, 3]` uint8, the overview.
        targets: `MorphTargets` of the .glb, or None.
    """

    vertices: np.ndarray
    face: FaceModel
    colours: np.ndarray
    about: dict[str, Any]
    picture: np.ndarray
    targets: MorphTargets | None


def prepare(
    portrait: Portrait,
    photo: np.ndarray,
    model: Nonlinear3DMM,
    texture: str = textures.KINDS[0],
    about: dict[str, Any] | None = None,
    morph_targets: bool = False,
) -> Contents:
    """The `Contents` of a face's files; arguments as of `write`."""
    textures.check(texture)
    vertices, targets = portrait.result.vertices[0].numpy(), None  # type: ignore[index]
    if morph_targets:
        targets = separation.morph_targets(vertices, separation.expressions(model.face))
    maps = textures.maps(portrait, photo, model)
    return Contents(
        vertices=vertices,
        face=model.face,
        colours=maps[texture],
        about=description(portrait, photo, model, texture) | (about or {}),
        picture=overview.draw([(portrait, photo, maps["delit"])], model),
        targets=targets,
    )


def save(contents: Contents, stem: Path) -> list[pathlib.Path]:
    """Writes the files of a face, all or none, and needs no TensorFlow; see `write`."""
    stem = pathlib.Path(stem)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=stem.parent) as folder:
        inside = pathlib.Path(folder) / stem.name
        _save(contents, inside)
        paths = [stem.with_name(name) for name in names.of(stem.name)]
        for path in paths:
            inside.with_name(path.name).replace(path)
    return paths


def _save(contents, stem):
    vertices, face, colours, about, picture, targets = contents
    paths = [stem.with_name(f"{stem.name}{end}") for end in (".glb", ".obj", ".json", ".pts")]
    mesh_files.write_glb(paths[0], vertices, face, colours, targets)
    mesh_files.write_obj(paths[1], vertices, face, colours)
    array_files.write_text(paths[2], json.dumps(about, indent=1) + "\n")
    points = "\n".join(f"{x:.3f} {y:.3f}" for x, y in np.array(about["landmarks"]) + 1)
    array_files.write_text(paths[3], f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    visualize.save(stem.with_name(f"{stem.name}_overview.png"), picture)


def description(
    portrait: Portrait, photo: np.ndarray, model: Nonlinear3DMM, texture: str
) -> dict[str, Any]:
    """The content of the .json: everything that puts the mesh back on the photo.

    A vertex (x, y, z) in millimetres, as the .obj has it (1,000 times that of the .glb), lies at
    `projection` (x, y, z, 1), in pixels of the photo; larger depth is nearer. Only `crop` is in
    the photo turned counter-clockwise by `quarter_turns`, in which the face is upright.
    """
    units = model.face.units
    back = faces.turn_back(portrait.face.quarter_turns, *photo.shape[:2])
    projection = back[:, :2] @ portrait.projection.astype(np.float64)
    projection[:, 3] += back[:, 2]
    projection[:, :3] /= units
    yaw, pitch, roll, scale, shift = (
        np.asarray(part)[0].tolist() for part in camera.decompose(tf.constant(projection[None]))
    )
    result, face = portrait.result, portrait.face
    light = result.illumination
    if light is not None:
        light = lighting.turn(light, face.quarter_turns)[0].numpy().tolist()
    return {
        "photo_size": {"height": photo.shape[0], "width": photo.shape[1]},
        "box": dict(zip(("x", "y", "width", "height"), map(float, face.box), strict=True)),
        "confidence": face.confidence,
        "quarter_turns": face.quarter_turns,
        "crop": {name: float(v) for name, v in portrait.square._asdict().items()},
        "projection": projection.tolist(),
        "pose": {
            "yaw_deg": np.degrees(yaw),
            "pitch_deg": np.degrees(pitch),
            "roll_deg": np.degrees(roll),
            "pixels_per_millimetre": scale,
            "origin": shift,
        },
        "illumination": light,
        "shape_code": np.asarray(result.shape_code)[0].tolist(),
        "albedo_code": np.asarray(result.albedo_code)[0].tolist(),
        "landmarks": faces.move(portrait.landmarks, back).tolist(),
        "texture": texture,
        "face_model": model.face.name,
        "licence_of_the_face_model": model.face.licence,
        **({} if portrait.fit is None else {"fit": portrait.fit}),
    }
