"""A clip of one person to files.

NAME_track.npz      a row for each frame: status, camera, light, code, vertices, landmarks
NAME_track.json     what the arrays are, and the person's codes
NAME_person.glb     the person's mesh with the texture of the clearest frame; .obj, too
NAME_overlay.mp4    each frame beside the face drawn on it, where imageio-ffmpeg is installed
NAME_meshes/        000000.glb and so on, a mesh with the albedo for each frame, where asked for

They take the place of earlier ones of this clip; beside those of another, they are NAME-2_track.npz
and so on.
"""

import contextlib
import json
import os
import pathlib
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs, fitting
from tf_nonlinear3dmm.core import array_files, array_streams, filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.face import mesh_files
from tf_nonlinear3dmm.fitting.following import FACE
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.networks.encoder import Codes
from tf_nonlinear3dmm.rendering import camera
from tf_nonlinear3dmm.serving import names, person, portraits, preview, textures

PAUSE = 5.0  # seconds between two lines about progress
ARRAYS = {
    "status": "[F] `face`, or why there is none; then the other rows are NaN",
    "confidence": "[F] 0 to 1, how far the landmarks that the face was fitted to are trusted",
    "projection": "[F, 2, 4] millimetres (x, y, z, 1) to pixels of the frame",
    "illumination": "[F, 9, 3] spherical harmonics by colours; 0 without lighting",
    "shape_code": "[F, Ks]",
    "vertices": "[F, V, 3] millimetres, x to the subject's left, y up, z to the camera",
    "image_points": "[F, V, 3] pixels of the frame (x, y), depth, larger is nearer",
    "landmarks": "[F, 68, 2] pixels of the frame",
    "person_vertices": "[V, 3] millimetres, the person's own shape, without expression",
    "triangles": "[T, 3] ids of vertices",
}
LONGEST = 160  # characters of a status in the .npz


def reconstruct(
    path: Path,
    model: Nonlinear3DMM,
    out: Path,
    texture: str = textures.KINDS[0],
    say: Callable[[str], None] = print,
    meshes: bool = False,
    steps: int = fitting.tracking.STEPS,
) -> tuple[int, int]:
    """Tracks the person of a video file or a folder of frames; see this module for the files.

    Args:
        path: of the video, or of the folder, whose images are taken in natural order.
        model: `Nonlinear3DMM` on an embedded face.
        out: folder for the files, created if it does not exist.
        texture: one of `textures.KINDS`.
        say: called with lines about progress, and one for each frame that cannot be read.
        meshes: whether to write a .glb for each frame.
        steps: on the pixels of the key frames, see `fitting.track`.

    Returns:
        (frames with a face, frames without).

    Raises:
        ImportError: a video, and the extra `video` is not installed.
        ValueError: no video, no face in any frame, or frames that lie in `out`.
        OSError: it cannot be read.
        array_files.SaveError: `out` cannot be written, now or no longer.
    """
    configs.check_choice("texture", texture, textures.KINDS)
    clip, out = photos.Clip(path), pathlib.Path(os.path.expanduser(out)).absolute()
    if os.path.realpath(clip.path) == os.path.realpath(out):  # results would be frames
        raise ValueError(f"{clip.path}: lies where the results go; give another folder for these")
    with array_files.writing(out):
        filenames.check_writable(out)
    stem = out / names.Names(out).reserve_clip(clip.path.resolve().stem, clip.path)
    told = _Progress(say, clip.count)
    track = fitting.track(model, clip, steps, lambda done: told(done, "looked at"))
    count, overlay = 0, f"{stem}_overlay.mp4"
    with (
        array_files.writing(stem),
        contextlib.closing(array_streams.ArrayStreams()) as rows,
        preview.Preview(overlay, clip.rate, say) as film,
    ):
        for number, (face, frame) in enumerate(zip(track, clip, strict=True)):
            rows.append(**_row(model, face))
            told(number + 1, "tracked")
            if isinstance(frame, Exception):
                say(f"frame {number}: {face.status}")
                continue
            film.add(frame, model, track, face)
            count += face.status == FACE
            if number == track.clearest:
                _write_person(model, track, face, frame, stem, texture)
            if meshes and face.status == FACE:
                folder = stem.with_name(f"{stem.name}_meshes")
                mesh = folder / f"{number:06d}.glb"
                mesh_files.write_glb(mesh, face.vertices, model.face, track.albedo_map)
        rows.write(
            f"{stem}_track.npz",
            person_vertices=_person_vertices(model, track) * model.face.units,
            triangles=model.face.triangles,
        )
    text = json.dumps(_description(model, track, clip, count), indent=1) + "\n"
    array_files.write_text(f"{stem}_track.json", text)
    return count, len(track) - count


def _row(model, face):
    """The row of a `fitting.TrackedFace` in each of the arrays."""
    shape, vertices = model.config.shape_code_size, len(model.face.mean_vertices)
    row = {"projection": [2, 4], "illumination": [9, 3], "shape_code": [shape]}
    row |= {"vertices": [vertices, 3], "image_points": [vertices, 3], "landmarks": [68, 2]}
    row = {name: np.full(size, np.nan, np.float32) for name, size in row.items()}
    if face.status == FACE:
        units = np.float32(model.face.units)
        points = camera.project(face.vertices[np.newaxis], face.projection[np.newaxis])[0].numpy()
        light = np.zeros([9, 3], np.float32) if face.illumination is None else face.illumination
        row |= {"projection": face.projection / [units, units, units, 1], "illumination": light}
        row |= {"shape_code": face.shape_code, "vertices": face.vertices * units}
        row |= {"image_points": points, "landmarks": face.landmarks}
    row = {name: np.asarray(value, np.float32) for name, value in row.items()}
    status = np.array(face.status[:LONGEST], f"U{LONGEST}")
    return row | {"status": status, "confidence": np.float32(face.confidence)}


def _write_person(model, track, face, frame, stem, texture):
    """The person's mesh with the texture that one frame shows."""
    square = crop.square(tf.constant(face.landmarks))
    size = model.config.image_size
    projection = crop.projection(face.projection[np.newaxis], square, size)
    light = None if face.illumination is None else tf.constant(face.illumination[np.newaxis])
    codes = Codes(projection, light, face.shape_code[np.newaxis], track.albedo_code[np.newaxis])
    low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    box = np.concatenate([low, high - low])
    photo_face = faces.PhotoFace(box, face.confidence, square)
    portrait = portraits.of_result(photo_face, model.decode(codes), size)
    colours = textures.texture_map(portrait, frame, model, texture)
    mesh = stem.with_name(f"{stem.name}_{names.PERSON}")
    person.write(mesh, _person_vertices(model, track), model.face, colours)


def _person_vertices(model, track):
    return person.at_rest(model, track.shape_code[np.newaxis])


def _description(model, track, clip, count):
    """The content of the .json."""
    return {
        "clip": str(clip.path),
        "frames_per_second": clip.rate,
        "frames": len(track),
        "frames_with_a_face": count,
        "clearest_frame": track.clearest,
        "shape_code": track.shape_code.tolist(),
        "albedo_code": track.albedo_code.tolist(),
        "arrays": ARRAYS,
        "face_model": model.face.name,
        "licence_of_the_face_model": model.face.licence,
    }


class _Progress:
    """Lines about how far a clip is, not too many."""

    def __init__(self, say, count):
        self._say, self._count, self._last = say, count, time.monotonic()

    def __call__(self, done, what):
        if time.monotonic() - self._last > PAUSE:
            of = f" of {self._count}" if self._count >= done else ""
            self._say(f"{done}{of} frames {what}")
            self._last = time.monotonic()
