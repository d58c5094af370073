"""eos' binary models (the Surrey Face Model): cereal archives, little-endian, versions 1 to 4.

    uint32 version, shape PCA, colour PCA, (2: expressions), (3: landmarks), UV, (4: UV triangles)

A PCA is mean, basis, eigenvalues (matrices: int32 rows, int32 columns, float32 column by column)
and triangles (uint64 count, int32 triples). Millimetres, y up, z forward, eigenvalues = variances.
"""

import pathlib
import re
import struct

import numpy as np

from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.formats import bfm_h5, raw

LICENCE = "eos model; the Surrey Face Model is for non-commercial use only"
_VERSIONS = (1, 2, 3, 4)


def looks_like(head: bytes) -> bool:
    """Whether the first bytes are an eos model: a small version, then a column of 3 V numbers."""
    if len(head) < 12:
        return False
    version, rows, columns = struct.unpack("<Iii", head[:12])
    return version < 100 and rows > 0 and rows % 3 == 0 and columns == 1


class _Reader:
    """Takes typed values off the front of an archive."""

    def __init__(self, path):
        self.path, self.data, self.place = path, raw.read_bytes(path), 0

    def take(self, dtype, count=1):
        dtype = np.dtype(dtype).newbyteorder("<")
        size = dtype.itemsize * count
        if count < 0 or self.place + size > len(self.data):
            raise ValueError(
                f"{self.path}: ends too early: {count} x {dtype} are missing at byte {self.place} "
                f"of {len(self.data)}"
            )
        values = np.frombuffer(self.data, dtype, count, self.place)
        self.place += size
        return values

    def number(self, dtype):
        return int(self.take(dtype)[0])

    def matrix(self):
        rows, columns = self.number("i4"), self.number("i4")
        if rows < 0 or columns < 0:
            raise ValueError(f"{self.path}: a matrix has {rows} x {columns} entries")
        return self.take("f4", rows * columns).reshape(columns, rows).T

    def rows(self, dtype, width):
        return self.take(dtype, self.number("u8") * width).reshape(-1, width)

    def text(self):
        return self.take("u1", self.number("u8")).tobytes().decode("utf-8", "replace")

    def pca(self):
        return self.matrix(), self.matrix(), self.matrix(), self.rows("i4", 3)

    def blend_shapes(self):
        """Columns `[3 V, K]`."""
        columns = []
        for _ in range(self.number("u8")):
            self.text()
            columns.append(self.matrix().reshape(-1))
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"{self.path}: blend shapes differ in length")
        return np.stack(columns, axis=1) if columns else np.zeros([0, 0])

    def finish(self):
        if self.place != len(self.data):
            raise ValueError(
                f"{self.path}: {len(self.data) - self.place} bytes are left at the end"
            )


def load(path: Path) -> raw.RawFace:
    """The `RawFace` of an eos .bin."""
    path = pathlib.Path(path)
    reader = _Reader(path)
    version = reader.number("u4")
    if version not in _VERSIONS:
        raise ValueError(f"{path}: must be an eos model of version 1 to 4, got version {version}")
    mean, basis, eigenvalues, triangles = reader.pca()
    mean = raw.points(mean, path, "shape mean")
    count = len(mean)
    reader.pca()  # colour
    offset, expression, expression_std = 0, *raw.no_basis(count)
    if version >= 2 and not reader.number("u1"):
        offset, expression, expression_std = _expressions(reader, count)
    landmarks = raw.no_landmarks()
    if version >= 3 and not reader.number("u1"):
        landmarks = _own_landmarks(reader, count)
    uv = reader.rows("f8", 2)
    if version >= 4:
        reader.rows("i4", 3)
    reader.finish()
    if len(expression) == 0:
        expression, expression_std = _companion_expressions(path, count)
    if np.all(landmarks < 0):
        landmarks = _companion_landmarks(path, count)
    shape = raw.basis(basis, path, "shape basis", count)
    variance = raw.deviations(eigenvalues, path, "shape eigenvalues", len(shape))
    return raw.RawFace(
        name=f"eos-{path.stem}",
        licence=LICENCE,
        units=1.0,
        mean=mean + offset,
        triangles=raw.ids(triangles, path, "triangle_list", count - 1),
        shape_basis=shape,
        shape_std=np.sqrt(variance),
        expression_basis=expression,
        expression_std=expression_std,
        landmarks=landmarks,
        uv=uv if len(uv) == count else None,
    )


def _expressions(reader, count):
    """A PCA or blend shapes; a PCA starts with a column, blend shapes with a count below 2^32."""
    reader.number("i4")  # which of the two; told apart by what follows
    path = reader.path
    is_pca = reader.data[reader.place + 4 : reader.place + 8] == struct.pack("<i", 1)
    if not is_pca:
        basis = raw.basis(reader.blend_shapes(), path, "blend shapes", count)
        return 0, basis, np.full(len(basis), raw.BLEND_SHAPE_STD)
    mean, basis, eigenvalues, _ = reader.pca()
    basis = raw.basis(basis, path, "expression basis", count)
    variance = raw.deviations(eigenvalues, path, "expression eigenvalues", len(basis))
    offset = raw.points(mean, path, "expression mean", count)
    return offset, basis, np.sqrt(variance)


def _own_landmarks(reader, count):
    """Names are 300-W numbers from 1, or the Basel names."""
    landmarks = raw.no_landmarks()
    for _ in range(reader.number("u8")):
        name, vertex = reader.text(), reader.number("i4")
        raw.ids(np.array([vertex]), reader.path, f"landmark {name}", count - 1)
        place = int(name) - 1 if name.isdigit() else bfm_h5.LANDMARK_NAMES.get(name, -1)
        if 0 <= place < 68:
            landmarks[place] = vertex
    return landmarks


def _companion_expressions(path, count):
    """The blend shapes of a file expression_blendshapes*.bin beside the model, if they fit it."""
    for file in filenames.glob(path.parent, "expression_blendshapes*.bin"):
        reader = _Reader(file)
        columns = reader.blend_shapes()
        reader.finish()
        if len(columns) == 3 * count:
            basis = raw.basis(columns, file, "blend shapes", count)
            return basis, np.full(len(basis), raw.BLEND_SHAPE_STD)
    return raw.no_basis(count)


def _companion_landmarks(path, count):
    """The table of ibug_to_*.txt beside the model: 300-W number from 1 = vertex from 0."""
    landmarks = raw.no_landmarks()
    for file in filenames.glob(path.parent, "ibug_to_*.txt")[:1]:
        pairs = re.findall(
            r'^\s*"?(\d+)"?\s*=\s*"?(\d+)"?', file.read_text("utf-8", "replace"), re.M
        )
        for number, vertex in pairs:
            if 1 <= int(number) <= 68:
                landmarks[int(number) - 1] = raw.ids(np.array(int(vertex)), file, number, count - 1)
    return landmarks
