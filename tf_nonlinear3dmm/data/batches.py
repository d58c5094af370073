"""Training batches as a pure function of (seed, step), so that any run can go on from any step.

A batch takes a fixed number of examples from each source. Position p of a source is row p mod n of
the permutation that (seed, source, p div n) gives. How an example is turned, jittered, mirrored
and degraded follows from (seed, step) as well. With several replicas each takes its part of the
same global batch.
"""

import functools
import statistics

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.data import augment, crop, degrade, draws, mat_labels

LABELS = ("landmarks", "projection", "vertices", "texture", "face_mask")
OPTIONAL = ("albedo",)  # features that are read only where they are asked for
PLACED = {"image", "face_mask", "landmarks", "projection"}  # these depend on how the crop is cut
COEFFICIENTS = ("shape_para", "exp_para")


def layout(model, face):
    """Stored features that training reads: name -> (shape, dtype). `model` is a `ModelConfig`."""
    stored = crop.stored_size(model.image_size)
    return {
        "image": ((stored, stored, 3), np.uint8),
        "face_mask": ((stored, stored, 1), np.uint8),
        "landmarks": ((68, 2), np.float32),
        "projection": ((2, 4), np.float32),
        "vertices": ((*face.mean_vertices.shape,), np.float32),
        "texture": ((*model.uv_size, 3), np.uint8),
        "texture_mask": ((*model.uv_size, 1), np.uint8),
        "albedo": ((*model.uv_size, 3), np.uint8),
    }


class Source:
    """Rows of one data set in the layout of training.

    Args:
        split: `arrays.Split`.
        layout: what `layout` returns.
        labels: "truth" or "teacher"; a data set without teacher labels gives its own.
        face: `FaceModel`. Vertices that are not stored are made of the coefficients of its bases,
            where the data set has them: stored, those of 300W-LP would fill 78 GB.
    """

    def __init__(self, split, layout, labels="truth", face=None):
        self.split, self.layout, self.face = split, layout, face
        stored = "vertices" in split or not all(name in split for name in COEFFICIENTS)
        self._fitted = not stored and face is not None and mat_labels.has_bases(face)
        self._from = {name: self._stored_name(name, labels) for name in layout}
        self._present = {}
        self.prepare([name for name in layout if name not in OPTIONAL])

    def __len__(self):
        return len(self.split)

    def prepare(self, features):
        """Makes sure that `read` can give these features of the layout."""
        wanted = {self._from[name] for name in features} | {"name"}
        wanted |= {f"has_{name}" for name in (*LABELS, *OPTIONAL)}
        wanted |= {*COEFFICIENTS} if self._fitted else set()
        self.split.prepare(sorted(name for name in wanted if name in self.split))
        self._present |= {name: self._check(name) for name in features}

    def read(self, positions, features=None):
        """Features and flags of good records number `positions` `[B]`, as a dict of arrays.

        `features` are names of the layout that were prepared; None: all that were.
        """
        rows = self.split.rows[positions]
        features = [*self._present] if features is None else features
        batch = {}
        for name in features:
            shape, dtype = self.layout[name]
            if self._present[name]:
                batch[name] = self.split[self._from[name]][rows]
            elif name == "vertices" and self._fitted:
                coefficients = (self.split[name][rows] for name in COEFFICIENTS)
                batch[name] = mat_labels.vertices(*coefficients, self.face)
            else:
                batch[name] = np.zeros([len(rows), *shape], dtype)
        for name in flagged(features):
            batch[f"has_{name}"] = self._flags(name)[rows]
        return batch

    def names(self, positions):
        """Record names, for messages."""
        if "name" not in self.split:
            return [str(row) for row in self.split.rows[positions]]
        return [name.decode() for name in self.split["name"][self.split.rows[positions]]]

    def projections(self):
        """Labelled projections `[N, 2, 4]` in stored pixels."""
        rows = self.split.rows[self._flags("projection")[self.split.rows]]
        return self.split[self._from["projection"]][rows]

    def _stored_name(self, name, labels):
        teacher = f"teacher_{name}"
        return teacher if labels == "teacher" and teacher in self.split else name

    def _check(self, name):
        """Whether the feature is there; one of another shape will do where no record claims it."""
        shape, _ = self.layout[name]
        stored = self._from[name]
        found = self.split[stored].shape[1:] if stored in self.split else None
        if found == shape:
            return True
        if name == "vertices" and self._fitted:
            return False
        label = name.removesuffix("_mask") if name == "texture_mask" else name
        if label in (*LABELS, *OPTIONAL) and not self._flags(label).any():
            return False
        raise ValueError(
            f"feature `{stored}` of {self.split.builder.data_path} must have shape {list(shape)}, "
            f"got {found and list(found)}; it was made for another preset or face model"
        )

    def _flags(self, name):
        flag = "has_projection" if name == "vertices" and self._fitted else f"has_{name}"
        if flag in self.split:
            return np.asarray(self.split[flag])
        return np.full([self.split.size], self._from.get(name, name) in self.split)


class Batches:
    """Batches of several sources.

    Args:
        sources: list of `Source`.
        weights: relative number of examples of each source in a batch.
        config: `Config`.
        face: `FaceModel`.
        features: names in `layout` of what a batch has, beside flags; None: all but `OPTIONAL`.
            What a batch has not is neither read nor moved; the rest stays the same.
        batch_size: examples of a step, over all replicas; None: that of `config.train`.
    """

    def __init__(self, sources, weights, config, face, features=None, batch_size=None):
        self.sources, self.weights, self.config, self.face = sources, weights, config, face
        self.origin = _share(weights, batch_size or config.train.batch_size)
        self._permutation = functools.lru_cache(maxsize=2 * len(sources))(self._permute)
        known = layout(config.model, face)
        for name in features or ():
            configs.check_choice("features", name, tuple(known))
        standard = [name for name in known if name not in OPTIONAL]
        self.features = standard if features is None else [*features]
        # A texture's contrast turns about the mean of the image, whose crop follows the landmarks.
        coloured = "texture" in self.features and config.data.photometric
        needed = self.features + (["image"] if coloured else [])
        needed += ["landmarks"] if PLACED & {*needed} else []
        self._stored = [*dict.fromkeys(needed)]
        for source in sources:
            source.prepare(self._stored)

    def select(self, *features, batch_size=None):
        """Batches of the same sources with other features, and of another size."""
        size = batch_size or len(self.origin)
        return Batches(self.sources, self.weights, self.config, self.face, features, size)

    def _permute(self, i, epoch):
        random = np.random.default_rng([self.config.train.seed, i, epoch])
        return random.permutation(len(self.sources[i]))

    def positions(self, step):
        """`[B]`: the position in its source (`origin`) of each example of a step."""
        positions = np.empty([len(self.origin)], np.int64)
        for i, source in enumerate(self.sources):
            slots = np.flatnonzero(self.origin == i)
            ticks = step * len(slots) + np.arange(len(slots))
            for epoch in np.unique(ticks // len(source)):
                here = ticks // len(source) == epoch
                positions[slots[here]] = self._permutation(i, epoch)[ticks[here] % len(source)]
        return positions

    def names(self, step):
        """Record names of a step's examples."""
        positions = self.positions(step)
        return [self.sources[i].names([p])[0] for i, p in zip(self.origin, positions, strict=True)]

    def read(self, step, slots=slice(None)):
        """Stored examples of a step, numpy; `slots` selects from the global batch."""
        origin, positions = self.origin[slots], self.positions(step)[slots]
        batch = {}
        for i, source in enumerate(self.sources):
            here = origin == i
            for name, values in source.read(positions[here], self._stored).items():
                whole = batch.setdefault(
                    name, np.empty([len(origin), *values.shape[1:]], values.dtype)
                )
                whole[here] = values
        return batch

    def augment(self, batch, step, slots):
        """Stored examples number `slots` of a step to what the network sees."""
        data, size = self.config.data, self.config.model.image_size
        draw = draws.Draws(len(self.origin), slots, self.config.train.seed, step)
        landmarks, labelled = batch.get("landmarks"), batch["has_landmarks"]
        window = augment.jittered(landmarks, labelled, crop.stored_size(size), size, data, draw)
        patch = degrade.random_patch(data.patches, draw)
        colour = degrade.random_colour(data.photometric, draw)
        grain = draw.pattern([size + degrade.SPARE, size + degrade.SPARE, 3])
        batch = as_floats(augment.cut(batch, window, size))
        if data.mirror:
            batch = augment.mirror(batch, window.flip, self.face, size)
        if data.patches:
            batch = degrade.cover(batch, patch, grain[:size, :size])
        if "image" in batch:
            batch = degrade.recolour(batch, colour) if data.photometric else batch
            batch |= {"image": degrade.camera(batch["image"], data, grain, draw)}
        flags = [f"has_{name}" for name in flagged(self.features)]
        return {name: batch[name] for name in [*self.features, *flags]}

    def dataset(self, first_step, last_step, replicas=1, local_replicas=1, worker=0):
        """tf.data of the batches of steps `first_step` to `last_step` - 1.

        With several replicas, an element is one replica's part of a batch: elements come step by
        step, and within a step one for each of this worker's `local_replicas`.
        """
        part = len(self.origin) // replicas
        example = self.read(0, slice(0, 1))
        names, kinds = [*example], [values.dtype for values in example.values()]

        def place(element):
            step, replica = element // local_replicas, element % local_replicas
            return step, (worker * local_replicas + replica) * part

        def read(step, start):
            batch = self.read(int(step), slice(int(start), int(start) + part))
            return [batch[name] for name in names]

        def load(element):
            step, start = place(element)
            values = tf.numpy_function(read, [step, start], kinds, stateful=False)
            batch = dict(zip(names, values, strict=True))
            for name, value in batch.items():
                value.set_shape([part, *example[name].shape[1:]])
            return batch | {"step": step, "start": start}

        def prepare(batch):
            step, start = batch.pop("step"), batch.pop("start")
            return self.augment(batch, step, start + tf.range(part, dtype=tf.int64))

        elements = tf.data.Dataset.range(first_step * local_replicas, last_step * local_replicas)
        return elements.map(load).map(prepare, num_parallel_calls=2).prefetch(2)


def flagged(features):
    """Labels whose `has_<label>` a batch with these features has: the standard ones always."""
    return [*LABELS, *(name for name in OPTIONAL if name in features)]


def as_floats(batch):
    """Bytes to float32 in [0, 1]; the rest as it is."""
    result = {}
    for name, value in batch.items():
        if value.dtype == tf.uint8:
            value = tf.cast(value, tf.float32) / 255.0
        result[name] = value
    return result


def projection_statistics(sources, image_size, mirror, face, rotation_deg=0.0):
    """Mean and standard deviation `[8]` of the sources' projections in the evaluation crop.

    Row-major entries of `[2, 4]`; with `mirror`, of the projections and their mirror images;
    turned about the crop's centre by angles of this standard deviation.
    Deviations have a floor of 1 % of the mean scale and 1 pixel, for data sets that lack variety.
    Where no source has a label, those of `face` at everyday poses.
    """
    offset = (crop.stored_size(image_size) - image_size) // 2
    rows = np.concatenate([source.projections() for source in sources]).astype(np.float64)
    rows[..., 3] -= offset
    if not len(rows):
        rows = crop.typical_projections(face, image_size).numpy().astype(np.float64)
    if mirror:
        flipped = augment.mirror_projection(rows.astype(np.float32), image_size).numpy()
        rows = np.concatenate([rows, flipped])
    if rotation_deg:
        rows = np.concatenate([_turned(rows, a, image_size) for a in _angles(rotation_deg)])
    scale = np.linalg.norm(rows[..., :3], axis=-1).mean()
    floor = np.array([[0.01 * scale] * 3 + [1.0]] * 2)
    mean, deviation = rows.mean(axis=0), np.maximum(rows.std(axis=0), floor)
    return mean.reshape(8).astype(np.float32), deviation.reshape(8).astype(np.float32)


def _angles(deviation_deg, count=16):
    """`[count]` radians that are spread as a normal distribution is."""
    normal = statistics.NormalDist(0.0, np.radians(deviation_deg))
    return [normal.inv_cdf((i + 0.5) / count) for i in range(count)]


def _turned(rows, angle, image_size):
    middle = np.array([[0.0] * 3 + [(image_size - 1) / 2]] * 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return turn @ (rows - middle) + middle


def _share(weights, batch_size):
    """`[batch_size]`: which source each slot takes, in proportion to `weights`, interleaved."""
    weights = np.asarray(weights, np.float64)
    ideal = weights / weights.sum() * batch_size
    counts = np.floor(ideal).astype(int)
    counts[np.argsort(counts - ideal, kind="stable")[: batch_size - counts.sum()]] += 1
    if (counts == 0).any():
        raise ValueError(
            f"a batch of {batch_size} has no place for every source of mix {weights.tolist()}"
        )
    order = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    origin = np.repeat(np.arange(len(counts)), counts)
    return origin[np.argsort(order, kind="stable")]
