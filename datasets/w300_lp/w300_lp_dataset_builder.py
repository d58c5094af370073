"""300W-LP: 61,225 photographs of faces turned to larger poses, and as many mirrored copies."""

import logging
import re
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import filenames
from tf_nonlinear3dmm.data import Request, archive, augment, mat_labels, photo_sets, photos

SUBSETS = [f"{name}{flip}" for flip in ("", "_Flip") for name in ("AFW", "HELEN", "IBUG", "LFPW")]
IMAGE_NAME = re.compile(
    rf"^(.*/|)({'|'.join(SUBSETS)})/([^/]+)({'|'.join(map(re.escape, photos.SUFFIXES))})$", re.I
)
HOMEPAGE = "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm"
ZIP_SIZE = 2_828_125_606
ZIP_SHA256 = "250c366c417ad48f72522b629ff83dbb2b2a57945803ad4a530a696bb6b13ee7"
LOG = logging.getLogger(__name__)


class Builder(photo_sets.PhotoSetBuilder):
    """Crops of 300W-LP with landmarks, pose and every fitted parameter."""

    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = photo_sets.configs()
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Ask for 300W-LP at http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm and put
    300W_LP.zip, which is read in place, or the extracted folder 300W_LP into `manual_dir`.
    """

    def _info(self):
        own = photo_sets.parameter_features()
        own["pt2d"] = tfds.features.Tensor(
            shape=(2, 68),
            dtype=tf.float32,
            doc="as in the file, pixels from 1; the landmarks of the photograph before it was "
            "turned, so no label of a turned copy",
        )
        own["subset"] = tfds.features.ClassLabel(names=SUBSETS)
        textured = photo_sets.Fitted(self.builder_config).exact
        return self.photo_set_info(own, textured, homepage=HOMEPAGE)

    def _split_generators(self, dl_manager):
        folder = self.builder_config.source(dl_manager)
        path = archive.find(folder, "300W_LP.zip", "300W-LP.zip", "300W_LP")
        LOG.info("Comparing %s with the published file", path)
        tree, skipped = self.open_tree(path, ZIP_SIZE, ZIP_SHA256)
        records = find_records(tree, skipped)
        if not records:
            raise ValueError(f"{path}: no photo in folders {', '.join(SUBSETS)}")
        fitted = photo_sets.Fitted(self.builder_config)

        def make(record):
            return [(record, make_example(tree, record, fitted))]

        copies = {source_image(record): record for record in records}
        held_out = photo_sets.held_out({*copies}, lambda image: make(copies[image]))
        splits = {"train": [], "validation": []}
        for record in records:
            in_validation = source_image(record) in held_out
            splits["validation" if in_validation else "train"].append(record)
        return {
            split: self._generate_examples(split, tree, inside, make, skipped)
            for split, inside in splits.items()
            if inside
        }


def find_records(tree: archive.Tree, skipped: photo_sets.Skipped) -> list[str]:
    """Names `<prefix><SUBSET>/<NAME>` of the images in a tree; a name that comes twice is bad."""
    by_key = {}
    for name in tree.names:
        match = IMAGE_NAME.match(name)
        if not match or match[1].lower().endswith("landmarks/"):
            continue
        record = f"{_subset_of(match[2])}/{match[3]}"
        if filenames.key(record) in by_key:
            skipped.add(f"{name}: the record {record} comes twice")
        else:
            by_key[filenames.key(record)] = f"{match[1]}{record}"
    return sorted(by_key.values())


def _subset_of(folder: str) -> str:
    """The one of `SUBSETS` that a folder's name is in any case."""
    return next(subset for subset in SUBSETS if subset.lower() == folder.lower())


def source_image(record: str) -> str:
    """The photograph that a record was made from: the same for mirrored and turned copies."""
    subset, name = record.split("/")[-2:]
    name = name.replace("_Flip", "")
    return f"{subset.removesuffix('_Flip')}/{re.sub(r'_[0-9]+$', '', name)}"


def make_example(tree: archive.Tree, record: str, fitted: photo_sets.Fitted) -> dict[str, Any]:
    """The stored example of a record."""
    name = "/".join(record.split("/")[-2:])
    image = photo_sets.read_photo(tree, record)
    parameters = photo_sets.read_parameters(tree, record, {"pt2d": (2, 68)})
    landmarks = read_landmarks(tree, record, image.shape[1])
    labels = fitted.labels(image, parameters, landmarks, record)
    own: dict[str, Any] = {key.lower(): value for key, value in parameters.items()}
    own["subset"] = name.split("/")[0]
    return photo_sets.example(name, source_image(record), **labels) | own


def read_landmarks(tree: archive.Tree, record: str, width: int) -> np.ndarray:
    """`[68, 2]` pixels: the model's landmarks from landmarks/, mirrored for a mirrored copy.

    Never `pt2d`: turned copies carry that of the photograph before it was turned.
    """
    *prefix, subset, name = record.split("/")
    flipped = subset.endswith("_Flip")
    original = name.replace("_Flip", "") if flipped else name
    path = "/".join([*prefix, "landmarks", subset.removesuffix("_Flip"), f"{original}_pts.mat"])
    contents = photo_sets.read(tree, path, mat_labels.MAT_BYTES)
    points = mat_labels.read_mat(contents, path, {"pts_3d": (68, 2)})["pts_3d"] - 1
    if flipped:
        points = points[augment.LANDMARK_MIRROR] * [-1, 1] + [width - 1, 0]
    return points.astype("float32")


def configure(request: Request, config: Config) -> photo_sets.Config:
    """The builder configuration for a `data.Request` of a run's `Config`."""
    return photo_sets.configured(Builder.BUILDER_CONFIGS, request, config)
