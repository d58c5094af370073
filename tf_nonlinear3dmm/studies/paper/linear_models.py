"""The linear models of the study, learned once and kept as arrays.

`scan-200`: 200 scans of similar people, as the usual linear model was made. `oracle`: all training
faces in 3D, which nobody has of real people. `mixture`: the oracle's faces as a mixture of
subpopulations. `wild`: textures as photos show them, with what is out of sight missing.
"""

import numpy as np

from tf_nonlinear3dmm.baselines import gmm_prior, missing_data_pca
from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.networks import linear
from tf_nonlinear3dmm.studies.paper.autoencoder import as_float

WORKING = 200  # linear codes that nonlinear decoders' encoders read
COMPONENTS = 6  # subpopulations


def learn_scans(study):
    """Learns the model of 200 scans and writes bases/scan-200-*.npz."""
    shape, texture = study.scans(study.config.model.uv_size, max(study.shape_codes))
    _save(study, "scan-200-shape", shape)
    _save(study, "scan-200-albedo", texture)


def learn_faces(study):
    """Learns from the training faces and writes the other bases/*.npz."""
    split = study.split("train")
    rows = split.rows
    _learn(study, "shape", split["vertices"][rows], max(study.shape_codes))
    _learn(study, "albedo", as_float(split["albedo"][rows]), max(study.texture_codes))
    textures, masks = as_float(split["texture"][rows]), split["texture_mask"][rows] > 127
    count = min(max(study.texture_codes), len(rows) - 1)
    _save(study, "wild-texture", missing_data_pca.learn(textures, masks, count))


def _learn(study, what, samples, count):
    """The oracle and its mixture, of `count` modes."""
    oracle = linear.pca(samples, min(WORKING, len(samples) - 1))
    _save(study, f"oracle-{what}", oracle)
    working = linear.truncate(oracle, max(1, len(samples) // 4))  # fewer than there are faces
    codes = linear.project(working, samples)
    components = min(COMPONENTS, max(1, len(samples) // 20))
    _save(study, f"mixture-{what}", gmm_prior.learn(working, codes, components, count))


def load(study, source, count):
    """(shape, albedo) `linear.Basis` of `scan-200` or `oracle`, cut to a code size."""
    pair = (read(study, f"{source}-{what}") for what in ("shape", "albedo"))
    return [linear.truncate(basis, count) for basis in pair]


def read(study, name):
    """The `linear.Basis` or `gmm_prior.MixtureBasis` called `name`."""
    with np.load(study.file(f"bases/{name}.npz"), allow_pickle=False) as file:
        kind = gmm_prior.MixtureBasis if "weights" in file.files else linear.Basis
        return kind(**{key: file[key] for key in file.files})


def _save(study, name, basis):
    with array_files.replacing(study.file(f"bases/{name}.npz")) as file:
        np.savez(file, **basis._asdict())
