"""Splits of prepared data sets, read by row, so that any step's batch is at hand.

The first use of a feature copies it from the tfds records to `<data set>/arrays/<split>/x.npy`,
which is then memory-mapped: only the rows that are read take memory. Files appear whole or not at
all, so that several processes may prepare the same data set at once.
"""

import logging
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow_datasets as tfds

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.data import mat_labels, schema
from tf_nonlinear3dmm.face import FaceModel

LOG = logging.getLogger(__name__)
_NAME_BYTES = 128
_COEFFICIENTS = ("shape_para", "exp_para")
_GEOMETRY = ("landmarks", "projection", "vertices")  # a record is bad where these are not finite


class NoSplitError(ValueError):
    """The data set has no split of this name."""


class Split:
    """One split of a prepared data set.

    Attributes:
        builder: tfds builder of the data set.
        name: of the split; "all": the records of every split.
        rows: ids of the good records, in the order of the files.
        skipped: names of the bad records: geometry that is not finite.
    """

    def __init__(self, builder: tfds.core.DatasetBuilder, name: str, strict: bool = False) -> None:
        splits = builder.info.splits
        if name not in [*splits, "all"] or not splits[name].num_examples:
            raise NoSplitError(
                f"{builder.data_path} has no split `{name}` with records, it has {[*splits]}"
            )
        self.builder, self.name = builder, name
        self.size = splits[name].num_examples
        self._arrays: dict[str, np.ndarray] = {}
        bad = np.zeros([self.size], bool)
        for feature in _GEOMETRY:
            if feature in builder.info.features:
                bad |= ~self._finite(feature)
        self.rows = np.flatnonzero(~bad)
        self.skipped = [self._read_name(row) for row in np.flatnonzero(bad)]
        if self.skipped:
            line = f"{builder.data_path}, split `{name}`: {_bad_line(self.skipped)}"
            if strict:
                raise ValueError(line)
            LOG.warning(line)
        if not len(self.rows):
            raise ValueError(f"{builder.data_path}, split `{name}`: every record is bad")

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, feature: str) -> bool:
        return feature in self.builder.info.features or self._open(feature)

    def __getitem__(self, feature: str) -> np.ndarray:
        """The memory-mapped array of a feature, `[size, ...]`; index it by `rows`."""
        if feature not in self._arrays:
            self.prepare([feature])
        return self._arrays[feature]

    def prepare(self, features: Iterable[str]) -> None:
        """Writes the arrays of several features in one pass over the records."""
        missing = [f for f in features if f not in self._arrays and not self._open(f)]
        if missing:
            self._copy(missing)
            for feature in missing:
                self._open(feature)

    def derive(self, feature: str, parts: Iterable[np.ndarray]) -> None:
        """Adds a feature that is computed from others; it is read like those of the records.

        Args:
            feature: its name.
            parts: arrays `[n, ...]` whose rows in turn are those of all records.
        """
        path, start = self._path(feature), 0
        temporary = _temporary(path)
        try:
            for part in parts:
                with array_files.writing(path):
                    if not start:
                        array = _create(temporary, part[0], self.size)
                    array[start : start + len(part)] = part
                start += len(part)
            with array_files.writing(path):
                array.flush()
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._open(feature)

    def _path(self, feature):
        return pathlib.Path(self.builder.data_path) / "arrays" / self.name / f"{feature}.npy"

    def _open(self, feature):
        try:
            array = np.load(self._path(feature), mmap_mode="r")
        except (FileNotFoundError, ValueError):
            return False
        if len(array) != self.size:  # of an older data set of this name
            return False
        self._arrays[feature] = array
        return True

    def _copy(self, features):
        for feature in features:
            if feature not in self:
                raise ValueError(
                    f"{self.builder.data_path} has no feature `{feature}`, it has "
                    f"{[*self.builder.info.features]}"
                )
        records = self.builder.as_dataset(
            split=self.name,
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(features, True)),
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )
        arrays, parts = {}, {}
        try:
            for row, record in enumerate(tfds.as_numpy(records)):
                if not row:
                    for feature in features:
                        with array_files.writing(self._path(feature)):
                            parts[feature] = _temporary(self._path(feature))
                            arrays[feature] = _create(parts[feature], record[feature], self.size)
                for feature in features:
                    arrays[feature][row] = record[feature]
            for feature in features:
                with array_files.writing(self._path(feature)):
                    arrays[feature].flush()
                    parts[feature].replace(self._path(feature))
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def _finite(self, feature):
        array = self[feature]
        chunks = np.array_split(array, max(1, array.nbytes // 2**26))
        return np.concatenate([np.isfinite(c).reshape(len(c), -1).all(axis=1) for c in chunks])

    def _read_name(self, row):
        return self["name"][row].decode() if "name" in self else str(row)


class Source:
    """Rows of one data set in the layout of training.

    Args:
        split: `Split`.
        layout: what `schema.training` returns.
        labels: "ground_truth" or "teacher"; a data set without teacher labels gives its own.
        face: `FaceModel`. Vertices that are not stored are computed from coefficients of its bases,
            where the data set has them: stored, those of 300W-LP would fill 78 GB.
    """

    def __init__(
        self,
        split: Split,
        layout: dict[str, tuple[tuple[int, ...], type]],
        labels: str = "ground_truth",
        face: FaceModel | None = None,
    ) -> None:
        self.split, self.layout = split, layout
        stored = "vertices" in split or not all(name in split for name in _COEFFICIENTS)
        fitted = not stored and face is not None and mat_labels.has_bases(face)
        self._fitted = face if fitted else None  # whose coefficients the data set stores
        self._from = {name: self._stored_name(name, labels) for name in layout}
        self._present: dict[str, bool] = {}
        self.prepare([name for name in layout if name not in schema.OPTIONAL])

    def __len__(self) -> int:
        return len(self.split)

    def prepare(self, features: Sequence[str]) -> None:
        """Makes sure that `read` can give these features of the layout."""
        names = {self._from[name] for name in features} | {"name"}
        names |= {f"has_{name}" for name in (*schema.LABELS, *schema.OPTIONAL)}
        names |= {*_COEFFICIENTS} if self._fitted else set()
        self.split.prepare(sorted(name for name in names if name in self.split))
        self._present |= {name: self._is_stored(name) for name in features}

    def read(
        self, positions: Sequence[int] | np.ndarray, features: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
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
                shape_para, exp_para = (self.split[name][rows] for name in _COEFFICIENTS)
                batch[name] = mat_labels.vertices(shape_para, exp_para, self._fitted)
            else:
                batch[name] = np.zeros([len(rows), *shape], dtype)
        for name in schema.flagged(features):
            batch[f"has_{name}"] = self._flags(name)[rows]
        return batch

    def names(self, positions: Sequence[int] | np.ndarray) -> list[str]:
        """Record names, for messages."""
        if "name" not in self.split:
            return [str(row) for row in self.split.rows[positions]]
        return [name.decode() for name in self.split["name"][self.split.rows[positions]]]

    def projections(self) -> np.ndarray:
        """Labelled projections `[N, 2, 4]` in stored pixels."""
        rows = self.split.rows[self._flags("projection")[self.split.rows]]
        return self.split[self._from["projection"]][rows]

    def _stored_name(self, name, labels):
        teacher = f"teacher_{name}"
        return teacher if labels == "teacher" and teacher in self.split else name

    def _is_stored(self, name):
        """Whether the feature is stored; its shape only matters where a record has the label."""
        shape, _ = self.layout[name]
        stored = self._from[name]
        stored_shape = self.split[stored].shape[1:] if stored in self.split else None
        if stored_shape == shape:
            return True
        if name == "vertices" and self._fitted:
            return False
        label = "texture" if name == "texture_mask" else name
        if label in (*schema.LABELS, *schema.OPTIONAL) and not self._flags(label).any():
            return False
        raise ValueError(
            f"feature `{stored}` of {self.split.builder.data_path} must have shape {list(shape)}, "
            f"got {stored_shape and list(stored_shape)}; it was made for another preset or face "
            "model"
        )

    def _flags(self, name):
        flag = "has_projection" if name == "vertices" and self._fitted else f"has_{name}"
        if flag in self.split:
            return np.asarray(self.split[flag])
        return np.full([self.split.size], self._from.get(name, name) in self.split)


def _bad_line(names):
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} bad records skipped (geometry that is not finite): {shown}"


def _temporary(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_suffix(f".{os.getpid()}.part")


def _create(path, example, size):
    example = np.asarray(example)
    dtype = example.dtype if example.dtype.kind in "buif" else f"S{_NAME_BYTES}"
    shape = (size, *example.shape)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a crash when it is filled
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
