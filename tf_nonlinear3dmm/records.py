"""Real photographs to stored examples: what the builders of real data sets share.

A builder reads files, calls `fitted` or `cut`, and gives away dicts of `features`. Labels that a
data set has not are left out; `has_<label>` says so. Bad records are skipped, counted and named.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import os
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

from tf_nonlinear3dmm import crop, face_model, renderer, shapes, unwrap, w300

UV_SIZES = {32: (24, 28), 112: (96, 112), 224: (192, 224)}
LABELS = ("landmarks", "projection", "vertices", "texture", "face_mask")
VALIDATION = 20
WORST_FIT = 25.0  # percent NME: beyond it, landmarks and pose are not of the same face


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """A builder's configuration.

    Attributes:
        image_size: side of the evaluation crop in pixels; a wider margin is stored around it.
        uv_size: (height, width) of the unwrapped texture.
        face_model: name or path. With the bases of the Basel Face Model, examples get its exact
            projection and an unwrapped texture; otherwise the mean face's projection.
        strict: stop at a bad record.
        path: the user's folder or zip, instead of tfds' `manual_dir`.
    """

    image_size: int = 112
    uv_size: tuple[int, int] = (96, 112)
    face_model: str = "makehuman"
    strict: bool = False
    path: str | None = None

    def source(self, download_manager):
        """The folder or zip to read."""
        return pathlib.Path(self.path or download_manager.manual_dir)


def configs(kind=Config):
    """The ready-made configurations `s112`, `s224` and `s32` of a builder."""
    return [
        kind(
            name=f"s{size}",
            description=f"{size}-px crops with a margin, {crop.stored_size(size)} px stored",
            image_size=size,
            uv_size=UV_SIZES[size],
        )
        for size in (112, 224, 32)
    ]


def configured(ready, request, config):
    """The one of the configurations `ready` that a `data.Request` of a run's `Config` names.

    With another face model, UV size or user's folder, or strict, it gets a name of its own.
    """
    face_model, uv_size = str(config.model.face_model), tuple(config.model.uv_size)
    chosen = next(c for c in ready if c.name == request.config)
    name = chosen.name
    if face_model != Config.face_model:
        name += f"_{pathlib.Path(face_model).stem}_{_digest(face_model)}"
    if uv_size != chosen.uv_size:
        name += f"_uv{uv_size[0]}x{uv_size[1]}"
    if request.path:
        name += f"_{_digest(request.path)}"
    if config.data.strict:
        name += "_strict"
    if name == chosen.name:
        return chosen
    return dataclasses.replace(
        chosen,
        name=name,
        uv_size=uv_size,
        face_model=face_model,
        strict=config.data.strict,
        path=request.path,
    )


def _digest(path):
    return hashlib.sha256(str(pathlib.Path(path).resolve()).encode()).hexdigest()[:6]


def features(config, textured=False):
    """The tfds features that every data set of photographs has, as a dict."""
    side = crop.stored_size(config.image_size)
    tensor, image = tfds.features.Tensor, tfds.features.Image
    flag = functools.partial(tfds.features.Scalar, tf.bool)
    found = {
        "image": image(
            shape=(side, side, 3),
            encoding_format="jpeg",
            doc=f"RGB; its central {config.image_size} pixels are the evaluation crop",
        ),
        "landmarks": tensor(
            shape=(68, 2), dtype=tf.float32, doc="300-W points (x, y), pixels of the stored image"
        ),
        "projection": tensor(
            shape=(2, 4), dtype=tf.float32, doc="face units to pixels of the stored image, y down"
        ),
        "identity": tfds.features.Scalar(tf.int64, doc="equal for the copies of one photograph"),
        "name": tfds.features.Text(doc="unique name of the record"),
        "yaw_deg": tfds.features.Scalar(
            tf.float32, doc="degrees, positive where the nose points to the image's right"
        ),
    } | {f"has_{label}": flag(doc=f"whether `{label}` is known") for label in LABELS}
    if textured:
        size = config.uv_size
        found["texture"] = image(
            shape=(*size, 3), encoding_format="png", doc="the image's colours in UV"
        )
        found["texture_mask"] = image(
            shape=(*size, 1), encoding_format="png", doc="255 where the image shows the texel"
        )
    return found


def parameter_features():
    """The tfds features of what `read_parameters` reads."""
    sizes = {
        "pose_para": (7, "pitch, yaw, roll (radians), x, y, z (pixels), pixels per micrometre"),
        "shape_para": (199, "of the Basel Face Model, micrometres: times sigma already"),
        "exp_para": (29, "of the FaceWarehouse expressions"),
        "tex_para": (199, "of the Basel Face Model, grey levels: times sigma already"),
        "illum_para": (10, "ambient, directional colour, angles (radians), specular"),
        "color_para": (7, "gain and offset of red, green, blue; contrast"),
        "roi": (4, "box in the photograph before its crop, pixels"),
    }
    tensor = tfds.features.Tensor
    return {k: tensor(shape=(n,), dtype=tf.float32, doc=d) for k, (n, d) in sizes.items()}


def read_parameters(tree, record, sizes):
    """`w300.read_parameters` of the record's .mat in an `archive.Tree`."""
    contents = read(tree, f"{record}.mat", w300.MAT_BYTES)
    return w300.read_parameters(contents, f"{record}.mat", sizes)


def read(tree, name, limit):
    """The bytes of a file of an `archive.Tree`; one that is missing is a `ValueError`."""
    if name not in tree:
        raise ValueError(f"{name}: the file is missing")
    return tree.read(name, limit)


def example(name, identity, image, **labels):
    """A stored example: `image`, the labels there are, and a `has_<label>` flag for each.

    `identity` is any string; equal strings give equal numbers.
    """
    known = {f"has_{label}": labels.get(label) is not None for label in LABELS}
    blank = {
        "landmarks": np.zeros([68, 2], np.float32),
        "projection": np.zeros([2, 4], np.float32),
        "yaw_deg": 0.0,
    }
    given = {k: v for k, v in labels.items() if v is not None}
    own = {"name": name, "identity": number(identity), "image": image}
    return own | blank | known | given


def number(text):
    """A fixed number in [0, 2^63) for a string."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def check_landmarks(landmarks, image, name):
    """Refuses `[68, 2]` landmarks of which no more than half lie in the image `[H, W, 3]`."""
    shapes.check(landmarks=(landmarks, "68 2"), image=(image, "H W 3"))
    if not np.all(np.isfinite(landmarks)):
        raise ValueError(f"{name}: landmarks must be finite, got {landmarks}")
    inside = np.all((landmarks >= 0) & (landmarks < image.shape[1::-1]), axis=1).sum()
    if inside <= len(landmarks) // 2:
        raise ValueError(f"{name}: {inside} of {len(landmarks)} landmarks lie in the image")


def cut(image, image_size, square=None, projection=None, **points):
    """The stored crop of a photo.

    Args:
        image: `[H, W, 3]` uint8.
        image_size: side of the evaluation crop in pixels.
        square: `crop.Square` of scalars, the evaluation crop; that of `landmarks` where None.
        projection: `[2, 4]` to pixels of `image`.
        **points: name = `[N, 2]` pixels of `image`.

    Returns:
        dict of the same names, in the stored crop; what is None is left out.
    """
    points = {name: np.float32(values) for name, values in points.items() if values is not None}
    projection = None if projection is None else np.float32(projection)
    found = _cut(image, crop.stored_size(image_size), square, projection, points)
    return {name: value.numpy() for name, value in found.items()}


@tf.function(reduce_retracing=True)
def _cut(image, side, square, projection, points):
    square = crop.square(points["landmarks"]) if square is None else square
    square = crop.grow(square, crop.STORED)
    batch = crop.Square(*(part[tf.newaxis] for part in square))
    found = {"image": _as_bytes(crop.image(image, square, side))}
    for name, values in points.items():
        found[name] = crop.points(values[tf.newaxis], batch, side)[0]
    if projection is not None:
        found["projection"] = crop.projection(projection[tf.newaxis], batch, side)[0]
    return found


class Fitted:
    """Makes stored examples of photographs with a fitted Basel Face Model.

    Args:
        config: `Config`.

    Attributes:
        exact: whether the face model is the one that was fitted.
    """

    def __init__(self, config):
        self.image_size = config.image_size
        self.face = face_model.FaceModel.load(config.face_model)
        self.exact = w300.has_bases(self.face)
        if self.exact:
            self.tensors = renderer.face_tensors(self.face, config.uv_size)

    def labels(self, image, parameters, landmarks, name, **points):
        """What a stored example knows.

        Args:
            image: `[H, W, 3]` uint8.
            parameters: what `w300.read_parameters` returned.
            landmarks: `[68, 2]` pixels of `image`.
            name: of the record, for errors.
            **points: further points to move along, see `cut`.

        Returns:
            dict of features.

        Raises:
            ValueError: landmarks off the image, or of another face than the pose; names the record.
        """
        check_landmarks(landmarks, image, name)
        projection, vertices = self._geometry(image, parameters, landmarks, name)
        found = cut(image, self.image_size, None, projection, landmarks=landmarks, **points)
        found["yaw_deg"] = -np.degrees(parameters["Pose_Para"][1])
        if vertices is not None:
            stored = (found[key][np.newaxis] for key in ("image", "projection"))
            image, projection = stored
            texture, mask = textures(image, vertices, projection, self.tensors)
            found |= {"texture": texture[0].numpy(), "texture_mask": mask[0].numpy()}
        return found

    def _geometry(self, image, parameters, landmarks, name):
        pose = w300.Pose(*parameters["Pose_Para"])
        if self.exact:
            coefficients = (parameters[k][np.newaxis] for k in ("Shape_Para", "Exp_Para"))
            vertices = w300.vertices(*coefficients, self.face)
            projection = w300.projection(pose, image.shape[0], self.face.units)
            known = self.face.landmarks >= 0
            points = (
                vertices[0, self.face.landmarks[known]] @ projection[:, :3].T + projection[:, 3]
            )
            distance = np.linalg.norm(points - landmarks[known], axis=1)
        else:
            vertices = None
            projection, distance = w300.mean_face_projection(pose, landmarks, self.face)
            distance = distance[self.face.landmarks >= 0]
        error = 100 * distance.mean() / np.sqrt(np.prod(np.ptp(landmarks, axis=0)))
        if not error < WORST_FIT:
            raise ValueError(
                f"{name}: landmarks and pose must agree to {WORST_FIT} % NME, got {error:.1f}"
            )
        return projection, vertices


@tf.function
def textures(images, vertices, projections, tensors):
    """Pseudo ground truth: textures unwrapped from images by the labels' geometry.

    Args:
        images: `[B, R, R, 3]` uint8, stored crops.
        vertices: `[B, V, 3]`.
        projections: `[B, 2, 4]` to pixels of `images`.
        tensors: `renderer.FaceTensors`.

    Returns:
        `[B, Hu, Wu, 3]` and `[B, Hu, Wu, 1]` uint8; mask 255 where the image shows the texel.
    """
    colours = tf.cast(images, tf.float32) / 255.0
    texture, mask = unwrap.unwrap(colours, vertices, projections, tensors)
    return _as_bytes(255.0 * texture), _as_bytes(255.0 * mask)


def held_out(identities, make):
    """Of a set of names, those for validation: one in `VALIDATION`, but a good one at least.

    A name's part does not depend on the others, so it stays where it is when a folder grows.

    Args:
        identities: set of names.
        make: function of a name that raises `ValueError` or `OSError` where it is bad.
    """

    def good(name):
        try:
            make(name)
        except (ValueError, OSError):
            return False
        return True

    chosen = sorted(name for name in identities if number(name) % VALIDATION == 0)
    others = sorted(identities - {*chosen}, key=number)
    if others and not any(good(name) for name in chosen):
        chosen += [next(filter(good, others), others[0])]
    return {*chosen} & identities if len(identities) > 1 else set()


class Skipped:
    """Bad records: stops at the first where `strict`, else remembers them.

    Attributes:
        reasons: one line per bad record.
    """

    def __init__(self, strict=False):
        self.strict, self.reasons = strict, []

    def add(self, reason):
        """`reason`: one line, or an error, that begins with the name of the file or record."""
        if self.strict:
            raise ValueError(str(reason))
        self.reasons.append(str(reason))

    def report(self, path, count):
        """Tells the user about the `count` good records of `path` and the bad ones so far.

        Raises:
            ValueError: there is no good record.
        """
        shown = "; ".join(self.reasons[:10]) + ("; ..." if len(self.reasons) > 10 else "")
        line = f"{path}: {count} records; {len(self.reasons)} bad records skipped"
        line += f": {shown}" if shown else ""
        if not count:
            raise ValueError(line)
        (logging.warning if self.reasons else logging.info)("%s", line)


def each(names, make, skipped, threads=None):
    """`make(name)` for every name, in order, several at once; memory stays flat.

    A `ValueError` or `OSError` goes to `skipped`; it names the file.

    Yields:
        (name, result).
    """
    threads = threads or os.cpu_count() or 1
    waiting = collections.deque()

    def finish():
        name, future = waiting.popleft()
        try:
            return [(name, future.result())]
        except (ValueError, OSError) as error:
            skipped.add(error)
            return []

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        try:
            for name in names:
                waiting.append((name, pool.submit(make, name)))
                if len(waiting) > 4 * threads:
                    yield from finish()
            while waiting:
                yield from finish()
        finally:
            pool.shutdown(cancel_futures=True)


def _as_bytes(values):
    return tf.cast(tf.clip_by_value(tf.round(values), 0, 255), tf.uint8)
