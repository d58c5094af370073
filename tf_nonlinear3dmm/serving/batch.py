"""Photos and folders of photos to files, past those that cannot be read."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import array_files, filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.data.photo_sets import reading
from tf_nonlinear3dmm.face import separation
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import background, files, fitted, names, portraits, textures


def reconstruct(
    paths: Iterable[Path],
    model: Nonlinear3DMM,
    out: Path,
    texture: str = textures.KINDS[0],
    confidence: float = portraits.CONFIDENCE,
    say: Callable[[str], None] = print,
    crops: bool = False,
    morph_targets: bool = False,
    fit: bool = False,
) -> tuple[int, int]:
    """Reconstructs every face of photos and folders of photos.

    A `NAME.pts` or `NAME.json` beside a photo gives its one face: see `photos.read_face`.

    Args:
        paths: of photos, or of folders, which are searched with all they contain.
        model: `Nonlinear3DMM`.
        out: folder for the files, created if it does not exist; see `files`.
        texture: one of `textures.KINDS`.
        confidence: of the detector, at least.
        say: called with a line for each photo.
        crops: whether the photos are ready crops, square, which the model sees as they are.
        morph_targets: whether the .glb carry expressions; on the embedded faces only.
        fit: whether faces are fitted to their photo, see `fitted`; seconds for each.

    Returns:
        (faces written, photos that failed). A photo without a face has failed.

    Raises:
        ValueError: `texture` or `confidence` is none of those, or the face has no expressions.
        array_files.SaveError: `out` cannot be written, now or no longer.
    """
    out = check(model, out, texture, confidence, morph_targets)
    written, failed, reserved = 0, 0, names.Names(out)
    with background.Writer() as writer:
        for path in [*expand(paths)]:
            try:
                faces, photo = read_faces(path, model, out, confidence, crops)
                if fit:
                    faces = _fitted(path, faces, photo, model, say)
                count = write_faces(
                    path, faces, photo, model, out, texture, reserved, writer, morph_targets
                )
            except (ValueError, OSError) as error:
                line = reading.named(path, error)
                failed += 1
            else:
                line = f"{path}: {count} {'face' if count == 1 else 'faces'}"
                written += count
            tell(say, line)
    return written, failed


def check(
    model: Nonlinear3DMM, out: Path, texture: str, confidence: float, morph_targets: bool
) -> pathlib.Path:
    """The folder `out`, created; raises what `reconstruct` does, before any photo is computed."""
    configs.check_choice("texture", texture, textures.KINDS)
    configs.check_number("confidence", confidence, 0, 1)
    if morph_targets:
        separation.expressions(model.face)
    out = pathlib.Path(os.path.expanduser(out))
    with array_files.writing(out):
        filenames.check_writable(out)
    return out


def expand(paths: Iterable[Path]) -> Iterator[pathlib.Path]:
    """The photos of files and folders, in order; a file is taken whatever its name.

    From a folder come also images of kinds that cannot be read, to be refused by name, and the
    folder itself if it has none; but nothing that `files.write` left there.
    """
    for path in (pathlib.Path(os.path.expanduser(path)) for path in paths):
        if os.path.isdir(path):  # False, too, of a name that is too long
            yield from _inside(path) or [path]
        else:
            yield path


def _inside(folder):
    """The photos in a folder, and the folders in it that cannot be read."""
    try:
        paths, errors = filenames.walk(folder)
    except OSError:
        return [folder]
    images = [folder / name for name in paths if name.lower().endswith(_KNOWN)]
    owners = {parent: names.owners(parent) for parent in {p.parent for p in images}}
    inputs = [p for p in images if not owners[p.parent][filenames.key(p.name)]]
    return sorted([*inputs, *(pathlib.Path(error.filename) for error in errors)])


_KNOWN = (*photos.SUFFIXES, *photos.OTHER_SUFFIXES)


def read_faces(
    path: pathlib.Path, model: Nonlinear3DMM, out: pathlib.Path, confidence: float, crops: bool
) -> tuple[list[portraits.Portrait], np.ndarray]:
    """The `Portrait`s of the photo at `path`, the largest first, and the photo."""
    if os.path.isdir(path):
        os.listdir(path)  # one that cannot be read says why
        raise ValueError(f"{path}: no photo that ends in {', '.join(photos.SUFFIXES)}")
    if os.path.realpath(path.parent) == os.path.realpath(out):  # they could be replaced
        raise ValueError(f"{path}: lies where the results go; give another folder for these")
    photo = photos.read(path)
    if crops:
        if photo.shape[0] != photo.shape[1]:
            raise ValueError(f"{path}: a crop is square, got {photo.shape[1]} x {photo.shape[0]}")
        return [portraits.of_crop(model, photo)], photo
    annotated = photos.own_face(path, photo.shape[:2])
    if annotated:
        return [portraits.portrait(model, photo, annotated)], photo
    faces = portraits.find(model, photo, confidence)
    if not faces:
        raise ValueError(f"{path}: no face found")
    return faces, photo


def _fitted(path, faces, photo, model, say):
    """The `Portrait`s after their fits."""
    after = []
    for number, face in enumerate(faces, start=1):
        after.append(fitted.fit(model, photo, face))
        tell(say, f"{path}: face {number} of {len(faces)}: {after[-1].fit['status']}")
    return after


def tell(say: Callable[[str], None], line: str) -> None:
    """Calls `say` with a line that can be printed, whatever name is in it."""
    say(line.encode(errors="replace").decode())  # a name need not be Unicode


def write_faces(
    path: pathlib.Path,
    faces: list[portraits.Portrait],
    photo: np.ndarray,
    model: Nonlinear3DMM,
    out: pathlib.Path,
    texture: str,
    reserved: names.Names,
    writer: background.Writer,
    morph_targets: bool,
) -> int:
    """Has the files of a photo's faces written; returns their number."""
    stems = reserved.reserve(path.stem, path, len(faces))
    for number, (stem, portrait) in enumerate(zip(stems, faces, strict=True), start=1):
        about = {"photo": str(path), "face": number}
        contents = files.prepare(portrait, photo, model, texture, about, morph_targets)
        writer(_save, contents, out / stem)
    return len(faces)


def _save(contents, stem):
    """Writes the files; what goes wrong names them, as the next photo is computed meanwhile."""
    with array_files.writing(stem):
        try:
            files.save(contents, stem)
        except ValueError as error:
            raise array_files.SaveError(str(error)) from None
