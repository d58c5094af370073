"""`FaceModel`: the embedded face or a converted one, checked when it is read and written."""

import dataclasses
import difflib
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tf_nonlinear3dmm.core import array_files, shapes
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import npz, population


@dataclasses.dataclass(frozen=True, eq=False)
class FaceModel:
    """A mesh with everything the networks need to know about it.

    Attributes:
        name: what `load` called it.
        licence: of the data, one line.
        units: millimetres per unit of `mean_vertices`; 100 for decimetres.
        mean_vertices: `[V, 3]` float32.
        shape_scale: predicted offsets are 2 tanh(x) * shape_scale, in the face's units.
        triangles: `[T, 3]` int32.
        uv: `[V, 2]` float32 in [0, 1], v down.
        landmarks: `[68]` int32 vertex ids in 300-W order; -1 where the model lacks one.
        mirror: `[V]` int32, the vertex on the other side of the face.
        regions: name -> `[V]` float32 weights in [0, 1]. Every model has `skin` (for shape errors)
            and `constancy` (bare skin, whose albedo varies slowly); the embedded ones also lips,
            eyelids, eyes, brows, mouth, nostril, ear, and ao (light that reaches the vertex).
        shape_basis: `[Ks, V, 3]` float32 in face units, Ks may be 0.
        shape_std: `[Ks]` standard deviations of the coefficients of `shape_basis`.
        expression_basis, expression_std: the same for expressions, `[Ke, V, 3]` and `[Ke]`.
        normal_triangles: `[T]` bool, the triangles that count for vertex normals.
    """

    name: str
    licence: str
    units: float
    mean_vertices: np.ndarray
    shape_scale: float
    triangles: np.ndarray
    uv: np.ndarray
    landmarks: np.ndarray
    mirror: np.ndarray
    regions: dict[str, np.ndarray]
    shape_basis: np.ndarray
    shape_std: np.ndarray
    expression_basis: np.ndarray
    expression_std: np.ndarray
    normal_triangles: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """`[3]` the middle of the mean face's skin, in the face frame."""
        return np.average(self.mean_vertices, axis=0, weights=self.regions["skin"])

    @classmethod
    def load(cls, name: Path) -> Self:
        """The face model of an embedded name or of an .npz path.

        Raises:
            FileNotFoundError: no such file.
            ValueError: an unknown name, or a file that is not a sound face model; says which
                file, which key and what was expected.
        """
        if name in population.EMBEDDED:
            return cls.from_arrays(population.face_arrays(name), name)
        path = pathlib.Path(os.path.expanduser(name))
        if path.is_file():
            return cls.from_arrays(array_files.arrays(path), path)
        if path.suffix == ".npz" or len(path.parts) > 1:
            raise FileNotFoundError(f"{path}: there is no such face model file")
        near = difflib.get_close_matches(str(name), population.EMBEDDED, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? " if near else ""
        names = ", ".join(f"`{n}`" for n in population.EMBEDDED)
        raise ValueError(
            f"there is no face model `{name}`; {hint}Embedded are {names}; "
            "any other is the path of an .npz."
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], path: Path) -> Self:
        """A checked model from the arrays of an .npz; `path` is named in errors."""
        sizes = {}

        def array(key, shape, dtype=np.float32, low=None, high=None):
            return npz.array(arrays, key, path, shape, dtype, sizes, low, high)

        mean = array("mean_vertices", "V 3")
        last = len(mean) - 1
        regions = {
            key.removeprefix("region_"): array(key, "V", low=0, high=1)
            for key in sorted({"region_skin", "region_constancy"} | set(arrays))
            if key.startswith("region_")
        }
        return cls(
            name=npz.text(arrays, "name", path),
            licence=npz.text(arrays, "licence", path),
            units=npz.positive(arrays, "units", path),
            mean_vertices=mean,
            shape_scale=npz.positive(arrays, "shape_scale", path),
            triangles=array("triangles", "T 3", np.int32, 0, last),
            uv=array("uv", "V 2", low=0, high=1),
            landmarks=array("landmarks", "68", np.int32, -1, last),
            mirror=array("mirror", "V", np.int32, 0, last),
            regions=regions,
            shape_basis=array("shape_basis", "Ks V 3"),
            shape_std=array("shape_std", "Ks", low=0),
            expression_basis=array("expression_basis", "Ke V 3"),
            expression_std=array("expression_std", "Ke", low=0),
            normal_triangles=array("normal_triangles", "T", np.bool_),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the .npz."""
        arrays = {key: np.asarray(value) for key, value in vars(self).items() if key != "regions"}
        return arrays | {f"region_{name}": mask for name, mask in self.regions.items()}

    def save(self, path: Path) -> None:
        """Writes an .npz that `load` reads back; an invalid model raises and nothing is written."""
        arrays: dict[str, Any] = self.to_arrays()
        FaceModel.from_arrays(arrays, path)
        with array_files.replacing(path) as file:
            np.savez_compressed(file, **arrays)


def sample_shapes(face: FaceModel, rng: np.random.Generator, count: int) -> np.ndarray:
    """Random faces of a linear model: coefficients ~ N(0, 1) times their standard deviations.

    Args:
        face: a `FaceModel` with `shape_basis` or `expression_basis`.
        rng: `numpy.random.Generator`.
        count: how many.

    Returns:
        `[count, V, 3]` float32 vertices in the face's frame and units.

    Raises:
        ValueError: if the model has no basis.
    """
    basis = np.concatenate([face.shape_basis, face.expression_basis])
    std = np.concatenate([face.shape_std, face.expression_std])
    if len(basis) == 0:
        raise ValueError(f"`face` must have a shape or expression basis, got `{face.name}`")
    shapes.check(basis=(basis, "K V 3"), std=(std, "K"), mean=(face.mean_vertices, "V 3"))
    coefficients = rng.standard_normal([count, len(basis)]).astype(np.float32) * std
    offsets = coefficients @ basis.reshape(len(basis), -1)
    return face.mean_vertices + offsets.reshape(count, -1, 3)
