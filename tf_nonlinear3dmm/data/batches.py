"""Training batches as a pure function of (seed, step), so that any run can resume at any step.

A batch takes a fixed number of examples from each source. Position p of a source is row p mod n of
the permutation that (seed, source, p div n) gives. How an example is turned, jittered, mirrored
and degraded follows from (seed, step) as well. With several replicas each takes its part of the
same global batch.
"""

import functools
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import augment, crop, degrade, schema
from tf_nonlinear3dmm.data.random_stream import RandomStream
from tf_nonlinear3dmm.data.splits import Source
from tf_nonlinear3dmm.face import FaceModel

_PLACED = {"image", "face_mask", "landmarks", "projection"}  # these depend on how the crop is cut


class Batches:
    """Batches of several sources.

    Args:
        sources: list of `Source`.
        weights: relative number of examples of each source in a batch.
        config: `Config`.
        face: `FaceModel`.
        features: names of what a batch has, beside flags; None: `schema.STANDARD`. What a batch
            lacks is neither read nor moved; the rest stays the same.
        batch_size: examples of a step, over all replicas; None: that of `config.train`.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        weights: Sequence[float],
        config: configs.Config,
        face: FaceModel,
        features: Iterable[str] | None = None,
        batch_size: int | None = None,
    ) -> None:
        self.sources, self.weights, self.config, self.face = sources, weights, config, face
        self.origin = _assign_slots(weights, batch_size or config.train.batch_size)
        self._permutation = functools.lru_cache(maxsize=2 * len(sources))(self._permute)
        self.features = [*(schema.STANDARD if features is None else features)]
        for name in self.features:
            configs.check_choice("features", name, schema.STANDARD + schema.OPTIONAL)
        # A texture's contrast turns about the mean of the image, whose crop follows the landmarks.
        coloured = "texture" in self.features and config.data.photometric
        needed = self.features + (["image"] if coloured else [])
        needed += ["landmarks"] if _PLACED & {*needed} else []
        self._stored = [*dict.fromkeys(needed)]
        for source in sources:
            source.prepare(self._stored)

    def select(self, *features: str, batch_size: int | None = None) -> "Batches":
        """Batches of the same sources with other features, and of another size."""
        size = batch_size or len(self.origin)
        return Batches(self.sources, self.weights, self.config, self.face, features, size)

    def _permute(self, i, epoch):
        random = np.random.default_rng([self.config.train.seed, i, epoch])
        return random.permutation(len(self.sources[i]))

    def positions(self, step: int) -> np.ndarray:
        """`[B]`: the position in its source (`origin`) of each example of a step."""
        positions = np.empty([len(self.origin)], np.int64)
        for i, source in enumerate(self.sources):
            slots = np.flatnonzero(self.origin == i)
            ticks = step * len(slots) + np.arange(len(slots))
            for epoch in np.unique(ticks // len(source)):
                here = ticks // len(source) == epoch
                positions[slots[here]] = self._permutation(i, epoch)[ticks[here] % len(source)]
        return positions

    def names(self, step: int) -> list[str]:
        """Record names of a step's examples."""
        positions = self.positions(step)
        return [self.sources[i].names([p])[0] for i, p in zip(self.origin, positions, strict=True)]

    def read(self, step: int, slots: slice = slice(None)) -> dict[str, np.ndarray]:
        """Stored examples of a step, numpy; `slots` selects from the global batch."""
        origin, positions = self.origin[slots], self.positions(step)[slots]
        batch: dict[str, np.ndarray] = {}
        for i, source in enumerate(self.sources):
            here = origin == i
            for name, values in source.read(positions[here], self._stored).items():
                whole = batch.setdefault(
                    name, np.empty([len(origin), *values.shape[1:]], values.dtype)
                )
                whole[here] = values
        return batch

    def augment(
        self, batch: dict[str, tf.Tensor], step: int | tf.Tensor, slots: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Stored examples number `slots` of a step to what the network sees."""
        data, size = self.config.data, self.config.model.image_size
        random = RandomStream(len(self.origin), slots, self.config.train.seed, step)
        landmarks, labelled = batch.get("landmarks"), batch["has_landmarks"]
        window = augment.jittered(landmarks, labelled, crop.stored_size(size), size, data, random)
        patch = degrade.random_patch(data.patches, random)
        colour = degrade.random_colour(data.photometric, random)
        grain = random.pattern([size + degrade.SPARE, size + degrade.SPARE, 3])
        batch = as_floats(augment.cut(batch, window, size))
        if data.mirror:
            batch = augment.mirror(batch, window.flip, self.face, size)
        if data.patches:
            batch = degrade.cover(batch, patch, grain[:size, :size])
        if "image" in batch:
            batch = degrade.recolour(batch, colour) if data.photometric else batch
            batch |= {"image": degrade.camera(batch["image"], data, grain, random)}
        flags = [f"has_{name}" for name in schema.flagged(self.features)]
        return {name: batch[name] for name in [*self.features, *flags]}

    def dataset(
        self,
        first_step: int,
        last_step: int,
        replicas: int = 1,
        local_replicas: int = 1,
        worker: int = 0,
    ) -> tf.data.Dataset:
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
        batches = elements.map(graphs.as_is(load))
        return batches.map(graphs.as_is(prepare), num_parallel_calls=2).prefetch(2)


def as_floats(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Bytes to float32 in [0, 1]; the rest as it is."""
    result = {}
    for name, value in batch.items():
        if value.dtype == tf.uint8:
            value = tf.cast(value, tf.float32) / 255.0
        result[name] = value
    return result


def _assign_slots(weights, batch_size):
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
