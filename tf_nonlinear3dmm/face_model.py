"""What never changes during training: mean face, triangles, UV map, landmarks, mirror, bases.

    face = FaceModel.load("makehuman")           # embedded, 3,016 vertices, CC0
    face = FaceModel.load("makehuman-12k")       # embedded, 11,857 vertices
    face = FaceModel.load("faces/bfm2009.npz")   # written by scripts/convert_face_model.py

Frame: x to the subject's left, y up, z out of the face; triangles counter-clockwise seen from
outside. UV: u right, v down, both in [0, 1], (0, 0) the centre of the first texel.
Keys of the .npz: the attributes of `FaceModel`, each region as `region_<name>`. Nothing is ever
unpickled. `load_population` reads what the embedded face knows about people.
"""

import dataclasses
import difflib
import functools
import pathlib
import zipfile

import numpy as np
import scipy.sparse

ASSET = pathlib.Path(__file__).parent / "assets" / "makehuman.npz"
EMBEDDED = {"makehuman": 0, "makehuman-12k": 1}
SHARED_KEYS = """hm08_ids base origin race_names race univ_names univ local_names local asym_names
    asym unit_names unit slider_names slider_neg slider_pos slider_sigma lm_hm08 lm_mirror
    jaw_hinge jaw_angle eye_ids eye_centre eye_axis eye_radius""".split()
LEVEL_KEYS = """tri face_label uv mirror hm08_of mean jaw_weight eye_theta sheet_t mask_lips
    mask_eyelids mask_ear mask_nostril mask_ao mask_brow lm anchor_ids""".split()


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
        uv: `[V, 2]` float32, v down.
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

    @classmethod
    def load(cls, name):
        """The face model of an embedded name or of an .npz path.

        Raises:
            FileNotFoundError: no such file.
            ValueError: an unknown name, or a file that is not a sound face model; says which
                file, which key and what was expected.
        """
        if name in EMBEDDED:
            return _embedded(name)
        path = pathlib.Path(name)
        if path.is_file():
            return _from_arrays(path, _read_npz(path))
        if path.suffix == ".npz" or len(path.parts) > 1:
            raise FileNotFoundError(f"{path}: no such face model file")
        near = difflib.get_close_matches(str(name), EMBEDDED, n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise ValueError(
            f"there is no face model `{name}`; {hint}"
            f"Give {' or '.join(f'`{n}`' for n in EMBEDDED)}, or the path of an .npz."
        )

    def save(self, path):
        """Writes an .npz that `load` reads back; checks the model first."""
        arrays = {k: np.asarray(v) for k, v in vars(self).items() if k != "regions"}
        arrays |= {f"region_{name}": mask for name, mask in self.regions.items()}
        _from_arrays(path, arrays)
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """What the embedded face knows about people, on the 3,008 MakeHuman vertices it uses.

    A face is operator @ [V; (0, 0, 1)] - origin with V = base + weighted targets; targets are int16
    in 0.001 dm, displacements are operator @ [D; 0]. Absolute frame: decimetres, y up, z forward.

    Attributes:
        level: 0 or 1.
        operator: `[V, 3009]` scipy CSR matrix.
        arrays: name -> array. Names as in docs/data.md: `base` [3008, 3], `race` [18, 3008, 3],
            `univ` [54, ...], `local` [258, ...], `asym` [50, ...], `unit` [51, ...], each with its
            `_names`; `slider_names`, `slider_neg`, `slider_pos`, `slider_sigma` [137];
            `jaw_hinge` [3], `jaw_angle` (radians), `jaw_weight` [V]; `eye_ids` [2, 28] (left,
            right; rows of `base`), `eye_centre` [2, 3], `eye_axis` [2, 3], `eye_radius` (of the
            mean, face frame); `tri`, `face_label` [T] (0 skin, 1 mouth sheet, 2 left eye, 3 right
            eye, 4 and 5 the stitches between eye and lids), `uv`, `mirror`, `mean`, `hm08_of`
            (row of the original mesh or -1), `eye_theta` [V] (angle from the optical axis,
            radians, -1 off the eyes), `sheet_t` [V] (0 upper lip to 1 lower lip, -1 off the mouth
            sheet), `mask_*` [V] uint8, `lm` [68], `anchor_ids`.
    """

    level: int
    operator: scipy.sparse.csr_matrix
    arrays: dict[str, np.ndarray]

    def __getattr__(self, name):
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"Population has no array `{name}`; it has {', '.join(arrays)}")


@functools.cache
def load_population(level=0):
    """The `Population` behind an embedded face; level 0: 3,016 vertices, level 1: 11,857."""
    if level not in EMBEDDED.values():
        raise ValueError(f"`level` must be 0 or 1, got {level!r}")
    asset = _asset()
    arrays = {key: _take(asset, key, ASSET) for key in SHARED_KEYS}
    arrays |= {key: _take(asset, f"{key}{level}", ASSET) for key in LEVEL_KEYS}
    for array in arrays.values():
        array.setflags(write=False)
    csr = tuple(_take(asset, f"op{level}_{part}", ASSET) for part in ("data", "indices", "indptr"))
    shape = (len(arrays["mean"]), len(arrays["base"]) + 1)
    return Population(level, scipy.sparse.csr_matrix(csr, shape=shape), arrays)


@functools.cache
def _asset():
    return _read_npz(ASSET)


def _embedded(name):
    population = load_population(EMBEDDED[name])
    labels = population.face_label
    count = len(population.mean)
    arrays = {
        "licence": "CC0 1.0 (MakeHuman community; Face Units by Mika Suominen)",
        "units": 100.0,
        "mean_vertices": population.mean,
        "shape_scale": 0.25,
        "triangles": population.tri,
        "uv": population.uv,
        "landmarks": population.lm,
        "mirror": population.mirror,
        "normal_triangles": labels < 4,
        "shape_basis": np.zeros([0, count, 3]),
        "shape_std": np.zeros([0]),
        "expression_basis": np.zeros([0, count, 3]),
        "expression_std": np.zeros([0]),
    }
    regions = _embedded_regions(population)
    arrays |= {f"region_{key}": mask for key, mask in regions.items()}
    return _from_arrays(name, arrays)


def _embedded_regions(population):
    """Soft masks from the asset, hard ones from the triangles' labels."""

    def touched(*labels):
        mask = np.zeros(len(population.mean), np.float32)
        mask[population.tri[np.isin(population.face_label, labels)]] = 1
        return mask

    names = {"lips": "lips", "eyelids": "eyelids", "brows": "brow", "nostril": "nostril"}
    names |= {"ear": "ear", "ao": "ao"}
    regions = {k: population.arrays[f"mask_{v}"] / np.float32(255) for k, v in names.items()}
    regions["skin"] = touched(0)
    regions["mouth"] = touched(1) * (1 - touched(0))
    regions["eyes"] = touched(2, 3)
    bare = np.copy(regions["skin"])
    for name in ("lips", "brows", "nostril"):
        bare = bare * (1 - regions[name])
    regions["constancy"] = bare * (1 - touched(1)) * (1 - touched(4, 5))
    return regions


def _read_npz(path):
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not an .npz file")
    arrays = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            try:
                arrays[key] = file[key]
            except ValueError as error:
                raise ValueError(f"{path}: key `{key}` cannot be read: {error}") from None
    return arrays


def _take(arrays, key, path):
    if key not in arrays:
        raise ValueError(f"{path}: key `{key}` is missing; it has {', '.join(sorted(arrays))}")
    return arrays[key]


def _from_arrays(path, arrays):
    """A checked `FaceModel` from the arrays of an .npz."""

    def scalar(key):
        value = _take(arrays, key, path)
        if np.size(value) != 1:
            raise ValueError(f"{path}: key `{key}` must be one value, got shape {value.shape}")
        return np.asarray(value).reshape(()).item()

    def array(key, wanted, dtype, sizes):
        return _checked(path, key, _take(arrays, key, path), wanted, dtype, sizes)

    sizes = {}
    fields = {
        key: array(key, wanted, dtype, sizes)
        for key, wanted, dtype in (
            ("mean_vertices", "V 3", np.float32),
            ("triangles", "T 3", np.int32),
            ("uv", "V 2", np.float32),
            ("landmarks", "68", np.int32),
            ("mirror", "V", np.int32),
            ("shape_basis", "Ks V 3", np.float32),
            ("shape_std", "Ks", np.float32),
            ("expression_basis", "Ke V 3", np.float32),
            ("expression_std", "Ke", np.float32),
            ("normal_triangles", "T", np.bool_),
        )
    }
    regions = {
        key.removeprefix("region_"): array(key, "V", np.float32, sizes)
        for key in sorted(arrays)
        if key.startswith("region_")
    }
    for name in ("skin", "constancy"):
        if name not in regions:
            raise ValueError(f"{path}: key `region_{name}` is missing")
    for key, least in (("triangles", 0), ("landmarks", -1), ("mirror", 0)):
        ids = fields[key]
        if ids.size and (ids.min() < least or ids.max() >= sizes["V"]):
            raise ValueError(
                f"{path}: key `{key}` must hold vertex ids from {least} to {sizes['V'] - 1}, "
                f"got {ids.min()} to {ids.max()}"
            )
    name = arrays["name"].item() if "name" in arrays else str(path)
    units, shape_scale = float(scalar("units")), float(scalar("shape_scale"))
    for key, value in (("units", units), ("shape_scale", shape_scale)):
        if not (0 < value < np.inf):
            raise ValueError(f"{path}: key `{key}` must be positive, got {value}")
    licence = str(scalar("licence"))
    return FaceModel(
        name=name,
        licence=licence,
        units=units,
        shape_scale=shape_scale,
        regions=regions,
        **fields,
    )


def _checked(path, key, value, wanted, dtype, sizes):
    """`value` as `dtype` if its shape matches `wanted` and it is finite."""
    words = wanted.split()
    known = [int(w) if w.isdigit() else sizes.get(w) for w in words]
    match = value.ndim == len(words) and all(
        k is None or k == n for k, n in zip(known, value.shape, strict=True)
    )
    if not match:
        shape = ", ".join(
            w if k is None or w.isdigit() else f"{w} = {k}"
            for w, k in zip(words, known, strict=True)
        )
        raise ValueError(f"{path}: key `{key}` must have shape [{shape}], got {list(value.shape)}")
    sizes.update({w: n for w, n in zip(words, value.shape, strict=True) if not w.isdigit()})
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(value.dtype, np.integer):
        raise ValueError(f"{path}: key `{key}` must hold integers, got {value.dtype}")
    if value.dtype.kind not in "fiub" or not np.all(np.isfinite(value)):
        raise ValueError(f"{path}: key `{key}` must hold finite numbers, got {value.dtype}")
    return np.ascontiguousarray(value, dtype)
