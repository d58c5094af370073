"""One person: several photos that are fitted together, and the mesh that photos or a clip give."""

import json
import pathlib
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_nonlinear3dmm import fitting
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.data.photo_sets import reading
from tf_nonlinear3dmm.face import FaceModel, mesh_files
from tf_nonlinear3dmm.fitting.photo import STEPS, check_one_person
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import camera
from tf_nonlinear3dmm.serving import background, batch, names, portraits, textures

SHARPER = 2  # sides of the crops in which points are detected over those that the model sees


def reconstruct(
    paths: Iterable[Path],
    model: Nonlinear3DMM,
    out: Path,
    texture: str = textures.KINDS[0],
    confidence: float = portraits.CONFIDENCE,
    say: Callable[[str], None] = print,
    crops: bool = False,
    morph_targets: bool = False,
    steps: int = STEPS,
) -> tuple[int, int]:
    """Reconstructs one person from all photos together: the largest face of each.

    Args:
        paths, model, out, texture, confidence, say, crops, morph_targets: see `batch.reconstruct`.
        steps: on the pixels, see `fitting.fit`.

    Returns:
        (photos that show the person, photos that failed).

    Raises:
        ValueError: an argument is out of range, too many photos, or a model whose face the points
            do not know.
        array_files.SaveError: `out` cannot be written.
    """
    out = batch.check(model, out, texture, confidence, morph_targets)
    paths = [*batch.expand(paths)]
    check_one_person(len(paths))
    shown, failed = _find(paths, model, out, confidence, say, crops)
    if not shown:
        return 0, failed
    fit = _fit(shown, model, steps, say)
    reserved, faces = names.Names(out), []
    with background.Writer() as writer:
        for i, (path, face, _) in enumerate(shown):
            result = tf.nest.map_structure(lambda part, i=i: part[i : i + 1], fit.reconstruction)
            faces.append(portraits.of_result(face, result, model.config.image_size))
            batch.write_faces(
                *(path, faces[-1:], photos.read(path), model, out, texture, reserved, writer),
                morph_targets,
            )
            error = fit.landmark_errors[i, 1]
            batch.tell(say, f"{path}: {fit.status[i]}, {error:.1f} % from the landmarks")
    best = int(np.argmax([_frontal(face) for face in faces]))
    colours = textures.texture_map(faces[best], photos.read(shown[best][0]), model, texture)
    first = shown[0][0]
    stem = out / reserved.reserve_person(first.stem, first)
    vertices = at_rest(model, fit.reconstruction.shape_code)
    with array_files.writing(stem):
        array_files.write_text(f"{stem}.json", _claim([path for path, _, _ in shown], model))
    write(stem, vertices, model.face, colours)
    return len(shown), failed


def at_rest(model: Nonlinear3DMM, shape_code: npt.ArrayLike) -> np.ndarray:
    """Vertices `[V, 3]` of one person's shape codes `[B, Ks]`: their mean without expression."""
    code = tf.reduce_mean(model.neutral(shape_code), axis=0, keepdims=True)
    return model.decode_shape(code)[1][0].numpy()


def _claim(photos, model):
    """What the .json says of a person's mesh: whose it is."""
    about = {"photo": str(photos[0]), "face": names.PERSON, "photos": [*map(str, photos)]}
    about |= {"face_model": model.face.name, "licence_of_the_face_model": model.face.licence}
    return json.dumps(about, indent=1) + "\n"


def write(
    stem: Path, vertices: npt.ArrayLike, face: FaceModel, colours: npt.ArrayLike
) -> list[pathlib.Path]:
    """Writes the mesh of a person: STEM.glb, .obj, .mtl and .png; see `mesh_files`."""
    stem = pathlib.Path(stem)
    glb, obj = (stem.with_name(f"{stem.name}{end}") for end in (".glb", ".obj"))
    with array_files.writing(glb):
        written = mesh_files.write_glb(glb, vertices, face, colours)
        return written + mesh_files.write_obj(obj, vertices, face, colours)


def _find(paths, model, out, confidence, say, crops):
    """[(path, `PhotoFace`, sharp crop)] of the photos that show a face, and how many do not."""
    shown, failed = [], 0
    for path in paths:
        try:
            faces, photo = batch.read_faces(path, model, out, confidence, crops)
        except (ValueError, OSError) as error:
            batch.tell(say, reading.named(path, error))
            failed += 1
            continue
        face, size = faces[0].face, SHARPER * model.config.image_size
        shown.append((path, face, portraits.cropped(photo, face, face.square, size)))
    return shown, failed


def _fit(shown, model, steps, say):
    say(f"fitting {len(shown)} photos of one person")
    images = tf.concat([image for _, _, image in shown], axis=0)
    return fitting.fit(model, images, same_person=True, steps=steps)


def _frontal(portrait):
    yaw, pitch, *_ = camera.decompose(tf.constant(portrait.projection[np.newaxis]))
    return float(tf.cos(yaw[0]) * tf.cos(pitch[0]))
