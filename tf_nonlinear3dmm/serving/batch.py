"""Many photos to many files, without stopping at a bad one."""

import pathlib

from tf_nonlinear3dmm import photos
from tf_nonlinear3dmm.serving import portraits


def reconstruct(paths, model, out, texture=portraits.TEXTURES[0], confidence=0.9, say=print):
    """Reconstructs every face of photos and folders of photos.

    Args:
        paths: of photos, or of folders, which are searched with all they contain.
        model: `Nonlinear3DMM`.
        out: folder for the files, made where it does not exist; see `portraits`.
        texture: one of `portraits.TEXTURES`.
        confidence: of the detector, at least.
        say: called with a line for each photo.

    Returns:
        (faces written, photos that failed). A photo without a face has failed.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written, failed, names = 0, 0, set()
    for path in expand(paths):
        try:
            count = _one(path, model, out, texture, confidence, names)
        except (ValueError, OSError) as error:
            message = str(error)
            say(message if str(path) in message else f"{path}: {message}")
            failed += 1
        else:
            say(f"{path}: {count} {'face' if count == 1 else 'faces'}")
            written += count
    return written, failed


def expand(paths):
    """The photos of files and folders, in order; a file is taken whatever its name."""
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in photos.SUFFIXES)
            yield from sorted(inside)
        else:
            yield path


def _one(path, model, out, texture, confidence, names):
    photo = photos.read(path)
    found = portraits.find(model, photo, confidence)
    if not found:
        raise ValueError(f"{path}: no face found")
    stem = _free(path.stem, names)
    for number, portrait in enumerate(found, start=1):
        name = stem if len(found) == 1 else f"{stem}_face{number}"
        about = {"photo": path.name, "face": number}
        portraits.write(portrait, photo, model, out / name, texture, about)
    return len(found)


def _free(stem, names):
    """A name that no photo of this call has: photos of one name may lie in several folders."""
    name, count = stem, 1
    while name in names:
        count += 1
        name = f"{stem}-{count}"
    names.add(name)
    return name
