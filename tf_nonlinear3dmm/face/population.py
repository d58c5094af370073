"""The asset behind the embedded faces: how people differ, on MakeHuman's vertices."""

import dataclasses
import functools
import pathlib

import numpy as np
import scipy.sparse

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.face import constancy, npz

ASSET = pathlib.Path(__file__).parents[1] / "assets" / "makehuman.npz"
EMBEDDED = {"makehuman": 0, "makehuman-12k": 1}
_SHAPE_SCALE = 0.25  # dm: offsets up to 50 mm, an open jaw on a strong identity needs 47
_SHARED_KEYS = """hm08_ids base origin race_names race univ_names univ local_names local asym_names
    asym unit_names unit slider_names slider_neg slider_pos slider_sigma lm_hm08 lm_mirror
    jaw_hinge jaw_angle eye_ids eye_centre eye_axis eye_radius""".split()
_LEVEL_KEYS = """tri face_label uv mirror hm08_of mean jaw_weight eye_theta sheet_t mask_lips
    mask_eyelids mask_ear mask_nostril mask_ao mask_brow lm contours anchor_ids""".split()


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """How people differ, on the 3,008 MakeHuman vertices it uses.

    A face is operator @ [V; (0, 0, 1)] - origin with V = base + weighted targets; targets are int16
    in 0.001 dm, displacements are operator @ [D; 0]. Absolute frame: decimetres, y up, z forward.

    Attributes:
        level: 0 or 1.
        operator: `[V, 3009]` scipy CSR matrix.
        arrays: name -> array; each is also an attribute. `base` [3008, 3], `race` [18, 3008, 3],
            `univ` [54, ...], `local` [258, ...], `asym` [50, ...], `unit` [51, ...], each with its
            `_names`; `slider_names`, `slider_neg`, `slider_pos`, `slider_sigma` [137];
            `jaw_hinge` [3], `jaw_angle` (radians), `jaw_weight` [V]; `eye_ids` [2, 28] (left,
            right; rows of `base`), `eye_centre` [2, 3], `eye_axis` [2, 3], `eye_radius` (of the
            mean, face frame); `tri`, `face_label` [T] (0 skin, 1 mouth sheet, 2 left eye, 3 right
            eye, 4 and 5 the stitches between eye and lids), `uv`, `mirror`, `mean`, `hm08_of`
            (row of the original mesh or -1), `eye_theta` [V] (angle from the optical axis,
            radians, -1 off the eyes), `sheet_t` [V] (0 upper lip to 1 lower lip, -1 off the mouth
            sheet), `mask_*` [V] uint8, `lm` [68] (the landmarks of 300W-LP), `contours`
            [68] (brows, lids and lips as they are seen, in the same order), `anchor_ids`.
    """

    level: int
    operator: scipy.sparse.csr_matrix
    arrays: dict[str, np.ndarray]

    def __getattr__(self, name):
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"Population has no array `{name}`; it has {', '.join(arrays)}")


def load_population(level: int = 0) -> Population:
    """The `Population` behind an embedded face; level 0: 3,016 vertices, level 1: 11,857.

    Its arrays are read-only: every caller gets the same ones.
    """
    if level not in EMBEDDED.values():
        raise ValueError(f"`level` must be 0 or 1, got {level!r}")
    return _population(int(level))


@functools.cache
def _population(level):
    asset = _asset()
    arrays = {key: npz.require(asset, key, ASSET) for key in _SHARED_KEYS}
    arrays |= {key: npz.require(asset, f"{key}{level}", ASSET) for key in _LEVEL_KEYS}
    for array in arrays.values():
        array.setflags(write=False)
    parts = [
        npz.require(asset, f"op{level}_{part}", ASSET) for part in ("data", "indices", "indptr")
    ]
    shape = (len(arrays["mean"]), len(arrays["base"]) + 1)
    return Population(level, scipy.sparse.csr_matrix(tuple(parts), shape=shape), arrays)


@functools.cache
def _asset():
    return array_files.arrays(ASSET)


def face_arrays(name: str) -> dict[str, np.ndarray]:
    """The arrays of the `FaceModel` .npz of an embedded name."""
    people = load_population(EMBEDDED[name])
    empty = np.zeros([0, len(people.mean), 3], np.float32)
    arrays = {
        "name": np.array(name),
        "licence": np.array("CC0 1.0 (MakeHuman community; Face Units by Mika Suominen)"),
        "units": np.array(100.0),
        "mean_vertices": people.mean,
        "shape_scale": np.array(_SHAPE_SCALE),
        "triangles": people.tri,
        "uv": people.uv,
        "landmarks": people.lm,
        "mirror": people.mirror,
        "normal_triangles": people.face_label < 4,
        "shape_basis": empty,
        "shape_std": empty[:, 0, 0],
        "expression_basis": empty,
        "expression_std": empty[:, 0, 0],
    }
    return arrays | {f"region_{key}": mask for key, mask in _regions(people).items()}


def _regions(people):
    """Soft masks from the asset, hard ones from the triangles' labels."""

    def touched(*labels):
        mask = np.zeros(len(people.mean), np.float32)
        mask[people.tri[np.isin(people.face_label, labels)]] = 1
        return mask

    stored = {"lips": "lips", "eyelids": "eyelids", "brows": "brow", "nostril": "nostril"}
    stored |= {"ear": "ear", "ao": "ao"}
    regions = {k: people.arrays[f"mask_{v}"] / np.float32(255) for k, v in stored.items()}
    regions["skin"] = touched(0)
    regions["mouth"] = touched(1) * (1 - touched(0))
    regions["eyes"] = touched(2, 3)
    bare = touched(0) * (1 - touched(1, 4, 5)) * constancy.region(people.mean, people.contours)
    for name in ("lips", "brows", "nostril"):
        bare = bare * (1 - regions[name])
    regions["constancy"] = bare
    return regions
