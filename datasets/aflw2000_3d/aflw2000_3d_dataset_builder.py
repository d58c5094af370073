"""AFLW2000-3D: 2,000 photographs of faces at all yaws, with fitted faces; the test set."""

import dataclasses
import logging
import pathlib
import re
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from tf_nonlinear3dmm.configs import Config as RunConfig
from tf_nonlinear3dmm.core import array_files, filenames
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import Request, archive, photo_sets, photos

IMAGE_NAME = re.compile(rf"^(.*/|)([^/]+)({'|'.join(map(re.escape, photos.SUFFIXES))})$", re.I)
HOMEPAGE = "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm"
ZIP_SIZE = 87_413_900
ZIP_SHA256 = "252bc35274d65ff27b6e573aa96c2f4c116ad88452cc984fb882258c0ed6e2d8"
COUNT = 2000
_EXTREME_DEG = 99.0
REANNOTATED = "AFLW2000-3D-Reannotated.pts68.npy"  # of 3DDFA's test.configs: [2000, 2, 68]
LABEL_YAW = "AFLW2000-3D-new.pose.npy"  # [2000] degrees, absolute yaw of the AFLW labels
LOG = logging.getLogger(__name__)


@dataclasses.dataclass(eq=False)
class Config(photo_sets.Config):
    """`extreme_angles`: keep the images of which an angle is beyond 99 degrees."""

    extreme_angles: bool = True


class Builder(photo_sets.PhotoSetBuilder):
    """Crops of AFLW2000-3D with landmarks, pose and every fitted parameter."""

    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = photo_sets.configs(Config)
    BUILDER_CONFIGS += [
        dataclasses.replace(c, name=f"{c.name}_within_99", extreme_angles=False)
        for c in BUILDER_CONFIGS
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Get AFLW2000-3D.zip from http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm and
    put it, or the extracted folder AFLW2000, into `manual_dir`. Optional, beside it or in that
    folder, from test.configs of 3DDFA: AFLW2000-3D-Reannotated.pts68.npy and
    AFLW2000-3D-new.pose.npy.
    """

    def _info(self):
        tensor = tfds.features.Tensor
        own = {
            "pt3d_68": ((3, 68), "x, y (pixels from 1, y down), z (pixels, larger is nearer)"),
            "pt2d": ((2, 21), "the 21 points of AFLW, pixels from 1; -1 where not visible"),
            "landmarks_reannotated": ((68, 2), "pixels of the stored image; 0 where not given"),
            "yaw_label_deg": ((), "absolute yaw of the AFLW label; -1 where not given"),
        }
        own = photo_sets.parameter_features() | {
            key: tensor(shape=shape, dtype=tf.float32, doc=doc) for key, (shape, doc) in own.items()
        }
        own["has_landmarks_reannotated"] = tfds.features.Scalar(tf.bool)
        own["extreme_angle"] = tfds.features.Scalar(
            tf.bool, doc="an angle of the fit is beyond 99 degrees: left out by head-pose papers"
        )
        textured = photo_sets.Fitted(self.builder_config).exact
        return self.photo_set_info(own, textured, homepage=HOMEPAGE, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        folder = self.builder_config.source(dl_manager)
        path = _find_images(folder)
        tree, skipped = self.open_tree(path, ZIP_SIZE, ZIP_SHA256)
        records = find_records(tree, skipped)
        if not records:
            raise ValueError(f"{path}: there is no photo")
        rows = {record: row for row, record in enumerate(records)}
        extras = _read_extras(folder, len(records))
        fitted = photo_sets.Fitted(self.builder_config)
        keep_extreme = self.builder_config.extreme_angles

        def make(record):
            own = {name: array[rows[record]] for name, array in extras.items()}
            example = make_example(tree, record, own, fitted)
            excluded = example["extreme_angle"] and not keep_extreme
            return [] if excluded else [(rows[record], example)]

        return {"test": self._generate_examples("test", tree, records, make, skipped)}


def find_records(tree: archive.Tree, skipped: photo_sets.Skipped) -> list[str]:
    """The images of a tree without endings, sorted by file name; one that comes twice is bad."""
    by_key = {}
    for name in tree.names:
        match = IMAGE_NAME.match(name)
        if not match or "/code/" in f"/{name.lower()}":
            continue
        if filenames.key(match[2]) in by_key:
            skipped.add(f"{name}: the record {match[2]} comes twice")
        else:
            by_key[filenames.key(match[2])] = match[1] + match[2]
    return [by_key[key] for key in sorted(by_key)]


def _find_images(folder: Path) -> pathlib.Path:
    """The zip or folder of the images: `folder` itself, or in it under one of its usual names."""
    return archive.find(folder, "AFLW2000-3D.zip", "AFLW2000-3D", "AFLW2000")


def _find_extras(folder: Path) -> dict[str, pathlib.Path]:
    """Name -> path of the optional arrays: beside the images, or in their folder."""
    images = _find_images(folder)
    places = [images, images.resolve().parent]
    paths = {name: archive.find_file(name, *places) for name in (REANNOTATED, LABEL_YAW)}
    return {name: path for name, path in paths.items() if path}


def _read_extras(folder: Path, count: int) -> dict[str, np.ndarray]:
    """The optional arrays; their rows are the 2,000 images by file name, of which `count` are here.

    Raises:
        ValueError: one is not an array of that shape; names the file.
    """
    extras = {}
    for name, path in _find_extras(folder).items():
        shape = {REANNOTATED: (COUNT, 2, 68), LABEL_YAW: (COUNT,)}[name]
        array = array_files.array(path)
        if array.shape != shape:
            raise ValueError(f"{path} must have shape {shape}, got {array.shape}")
        if count == COUNT:
            extras[name] = array.astype(np.float32)
        else:
            LOG.warning("%s is left out: it is for %d images, got %d", name, COUNT, count)
    return extras


def make_example(
    tree: archive.Tree, record: str, extras: dict[str, np.ndarray], fitted: photo_sets.Fitted
) -> dict[str, Any]:
    """The stored example of a record; `extras` holds its rows of the optional arrays."""
    name = record.split("/")[-1]
    image = photo_sets.read_photo(tree, record)
    sizes = {"pt2d": (2, 21), "pt3d_68": (3, 68)}
    parameters = photo_sets.read_parameters(tree, record, sizes)
    landmarks = parameters["pt3d_68"][:2].T - 1
    reannotated = extras[REANNOTATED].T - 1 if REANNOTATED in extras else None
    labels = fitted.labels(image, parameters, landmarks, record, landmarks_reannotated=reannotated)
    angles_deg = np.degrees(np.abs(parameters["Pose_Para"][:3]))
    own: dict[str, Any] = {key.lower(): value for key, value in parameters.items()}
    own["has_landmarks_reannotated"] = reannotated is not None
    if reannotated is None:
        own["landmarks_reannotated"] = np.zeros([68, 2], np.float32)
    own["yaw_label_deg"] = extras.get(LABEL_YAW, -1.0)
    own["extreme_angle"] = bool(np.any(angles_deg > _EXTREME_DEG))
    return photo_sets.example(name, name, **labels) | own


def configure(request: Request, config: RunConfig) -> photo_sets.Config:
    """The builder configuration for a `data.Request` of a run's `Config`.

    With the optional arrays it has another name, so that they are read when they come later.
    """
    chosen = photo_sets.configured(Builder.BUILDER_CONFIGS, request, config)
    folder = request.path or pathlib.Path(config.data.folder) / "downloads" / "manual"
    suffixes = {REANNOTATED: "_reannotated", LABEL_YAW: "_yaw"}
    suffix = "".join(suffixes[name] for name in _find_extras(folder))
    if not suffix:
        return chosen
    return dataclasses.replace(chosen, name=chosen.name + suffix)
