"""An .npz file of arrays that come row by row and need not fit into memory."""

import pathlib
import shutil
import tempfile
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path


class ArrayStreams:
    """Arrays on disk that grow along their first axis, all by one row at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tf_nonlinear3dmm-")
        self._files, self._rows, self._count = dict[str, Any](), dict[str, np.ndarray](), 0

    def append(self, **rows: npt.ArrayLike) -> None:
        """Adds a row to each array; their names, shapes and types are those of the first time."""
        for name, value in rows.items():
            row = np.asarray(value, order="C")
            if name not in self._files:
                self._rows[name] = np.zeros_like(row)
                self._files[name] = (pathlib.Path(self._folder.name) / name).open("w+b")
            like = self._rows[name]
            if (row.shape, row.dtype) != (like.shape, like.dtype):
                raise ValueError(f"`{name}` must be {like.dtype} {like.shape}, got {row.shape}")
            with array_files.writing(self._folder.name):
                self._files[name].write(row.tobytes())
        self._count += 1

    def write(self, path: Path, **others: npt.ArrayLike) -> None:
        """Writes the .npz at `path`, with `others` as they are, and forgets all rows.

        Raises:
            array_files.SaveError: it cannot be written.
        """
        with array_files.replacing(path) as out, zipfile.ZipFile(out, "w") as archive:
            for name, value in others.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            for name, file in self._files.items():
                header = np.lib.format.header_data_from_array_1_0(self._rows[name][np.newaxis])
                header["shape"] = (self._count, *self._rows[name].shape)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_2_0(member, header)
                    file.seek(0)
                    shutil.copyfileobj(file, member)
        self.close()

    def close(self) -> None:
        """Forgets all rows."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._folder.cleanup()
