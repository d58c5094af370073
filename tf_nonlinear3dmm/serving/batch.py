"""Many photos to many files, without stopping at a bad one."""

import pathlib

from tf_nonlinear3dmm import photos
from tf_nonlinear3dmm.serving import portraits


def reconstruct(
    paths,
    model,
    out,
    texture=portraits.TEXTURES[0],
    confidence=portraits.CONFIDENCE,
    say=print,
    crops=False,
):
    """Reconstructs every face of photos and folders of photos.

    A `NAME.pts` or `NAME.json` beside a photo gives its one face: see `photos.read_face`.

    Args:
        paths: of photos, or of folders, which are searched with all they contain.
        model: `Nonlinear3DMM`.
        out: folder for the files, made where it does not exist; see `portraits`.
        texture: one of `portraits.TEXTURES`.
        confidence: of the detector, at least.
        say: called with a line for each photo.
        crops: whether the photos are ready crops, square, which the model sees as they are.

    Returns:
        (faces written, photos that failed). A photo without a face has failed.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written, failed, names = 0, 0, set()
    for path in expand(paths):
        try:
            found, photo = _read(path, model, out, confidence, crops)
            count = _write(path, found, photo, model, out, texture, names)
        except (ValueError, OSError) as error:
            message = str(error)
            say(message if str(path) in message else f"{path}: {message}")
            failed += 1
        else:
            say(f"{path}: {count} {'face' if count == 1 else 'faces'}")
            written += count
    return written, failed


def expand(paths):
    """The photos of files and folders, in order; a file is taken whatever its name.

    Of a folder, pictures of kinds that cannot be read come too, to be refused by name, and the
    folder itself where it has none; what `portraits.write` left there does not.
    """
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.suffix.lower() in _KNOWN)
            yield from sorted(p for p in inside if not _is_ours(p)) or [path]
        else:
            yield path


_KNOWN = (*photos.SUFFIXES, *photos.OTHER_SUFFIXES)


def _is_ours(path):
    """Whether a picture is a texture or an overview that an earlier call wrote."""
    stem = path.stem.removesuffix("_overview")
    return all(path.with_name(stem + ending).exists() for ending in (".glb", ".mtl"))


def _read(path, model, out, confidence, crops):
    """The `Portrait`s of the photo at `path`, and the photo."""
    if path.is_dir():
        raise ValueError(f"{path}: no photo that ends in {', '.join(photos.SUFFIXES)}")
    if path.parent.resolve() == out.resolve():  # files of one name would be replaced
        raise ValueError(f"{path}: lies where the results go; give another folder for these")
    photo = photos.read(path)
    if crops:
        if photo.shape[0] != photo.shape[1]:
            raise ValueError(f"{path}: a crop is square, got {photo.shape[1]} x {photo.shape[0]}")
        return [portraits.of_crop(model, photo)], photo
    own = photos.own_face(path)
    found = [portraits.portrait(model, photo, own)] if own else []
    found = found or portraits.find(model, photo, confidence)
    if not found:
        raise ValueError(f"{path}: no face found")
    return found, photo


def _write(path, found, photo, model, out, texture, names):
    """Writes the files of a photo's faces; returns their number."""
    stem = _free(path.stem, names)
    for number, portrait in enumerate(found, start=1):
        name = stem if len(found) == 1 else _free(f"{stem}_face{number}", names)
        about = {"photo": path.name, "face": number}
        portraits.write(portrait, photo, model, out / name, texture, about)
    return len(found)


def _free(stem, names):
    """A name that no other face of this call has: photos of one name may lie in many folders."""
    name, count = stem, 1
    while name in names:
        count += 1
        name = f"{stem}-{count}"
    names.add(name)
    return name
