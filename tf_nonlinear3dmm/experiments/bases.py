"""The linear models of the study, learned once and kept as arrays.

`scan-200`: 200 scans of similar people, as the usual linear model was made. `oracle`: all training
faces in 3D, which nobody has of real people. `mixture`: the oracle's faces as a mixture of
subpopulations. `wild`: textures as photos show them, with what is out of sight missing.
"""

import numpy as np

from tf_nonlinear3dmm.baselines import gmm_prior, linear, missing_data_pca
from tf_nonlinear3dmm.experiments.autoencoder import as_float

WORKING = 200  # linear codes that nonlinear decoders' encoders read
COMPONENTS = 6  # subpopulations


def learn(study):
    """Learns all and writes bases/*.npz."""
    shape, texture = study.scan_bases()
    _save(study, "scan-200-shape", shape)
    _save(study, "scan-200-albedo", texture)
    split = study.split("train")
    vertices = split["vertices"][split.rows]
    most = min(WORKING, len(vertices) - 1)
    _save(study, "oracle-shape", linear.pca(vertices, most))
    _save(study, "mixture-shape", mixture(vertices, max(study.shape_codes)))
    del vertices
    rows = split.rows[: study.texture_faces]
    albedo = as_float(split["albedo"][rows])
    _save(study, "oracle-albedo", linear.pca(albedo, min(WORKING, len(albedo) - 1)))
    _save(study, "mixture-albedo", mixture(albedo, max(study.texture_codes)))
    del albedo
    textures, masks = as_float(split["texture"][rows]), split["texture_mask"][rows] > 127
    count = min(max(study.texture_codes), len(rows) - 1)
    _save(study, "wild-texture", missing_data_pca.learn(textures, masks, count))


def mixture(samples, count):
    working = min(WORKING, len(samples) // 4)
    components = min(COMPONENTS, max(1, len(samples) // 20))
    return gmm_prior.learn(samples, components, min(count, working), working)


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
    with open(study.file(f"bases/{name}.npz"), "wb") as file:
        np.savez(file, **basis._asdict())
