"""The linear models of the study, learned once and saved as arrays.

Principal components hardly change beyond `Study.basis_faces` faces, and no more are read.

`scan-200`: 200 scans of similar people, as the usual linear model was made. `oracle`: the training
faces in 3D, which nobody has of real people. `mixture`: the oracle's faces as a mixture of
subpopulations. `wild`: textures as photos show them, with what is out of sight missing.
"""

import numpy as np

from tf_nonlinear3dmm.baselines import gmm_prior, missing_data_pca
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies.paper.autoencoder import as_float
from tf_nonlinear3dmm.studies.study import Study

_WORKING = 200  # linear codes that nonlinear decoders' encoders read
_COMPONENTS = 6  # subpopulations


def learn_scans(study: Study) -> None:
    """Learns the model of 200 scans and writes bases/scan-200-*.npz."""
    assert study.scans is not None
    shape, texture = study.scans(study.config.model.uv_size, max(study.shape_codes))
    _save(study, "scan-200-shape", shape)
    _save(study, "scan-200-albedo", texture)


def learn_faces(study: Study) -> None:
    """Learns from the training faces and writes the other bases/*.npz."""
    split = study.split("train")
    rows = split.rows[: study.basis_faces]
    _learn(study, "shape", split["vertices"][rows], max(study.shape_codes))
    _learn(study, "albedo", as_float(split["albedo"][rows]), max(study.texture_codes))
    textures, masks = as_float(split["texture"][rows]), split["texture_mask"][rows] > 127
    count = min(max(study.texture_codes), len(rows) - 1)
    _save(study, "wild-texture", missing_data_pca.learn(textures, masks, count))


def _learn(study, what, samples, count):
    """The oracle and its mixture, of `count` modes."""
    oracle = linear.pca(samples, min(_WORKING, len(samples) - 1))
    _save(study, f"oracle-{what}", oracle)
    working = linear.truncate(oracle, max(1, len(samples) // 4))  # fewer than there are faces
    codes = linear.project(working, samples)
    components = min(_COMPONENTS, max(1, len(samples) // 20))
    _save(study, f"mixture-{what}", gmm_prior.learn(working, codes, components, count))


def load(study: Study, source: str, count: int) -> tuple[linear.Basis, linear.Basis]:
    """(shape, albedo) `linear.Basis` of `scan-200` or `oracle`, cut to a code size."""
    shape, albedo = (read(study, f"{source}-{what}") for what in ("shape", "albedo"))
    return linear.truncate(shape, count), linear.truncate(albedo, count)


def read(study: Study, name: str) -> linear.Basis:
    """The basis called `name`."""
    return linear.Basis(**_arrays(study, name))


def read_mixture(study: Study, what: str) -> gmm_prior.MixtureBasis:
    """The mixture of "shape" or "albedo"."""
    return gmm_prior.MixtureBasis(**_arrays(study, f"mixture-{what}"))


def _arrays(study, name):
    with np.load(study.file(f"bases/{name}.npz"), allow_pickle=False) as file:
        return dict(file)


def _save(study, name, basis):
    with array_files.replacing(study.file(f"bases/{name}.npz")) as file:
        np.savez(file, **basis._asdict())
