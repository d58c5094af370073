"""Small 300W-LP and AFLW2000-3D trees in the exact layout, of people who do not exist.

Images, landmarks and poses belong together. The parameters of shape, texture and light are numbers
of a likely size that belong to nobody.
"""

import pathlib

import numpy as np
import scipy.io
import tensorflow as tf

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import augment, crop, mat_labels
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.data.builders.w300_lp.w300_lp_dataset_builder import SUBSETS
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera

SIDE = 450
NAMES = ("AFW_{:06d}_1", "HELEN_{:06d}_1", "IBUG_image_{:03d}_1", "LFPW_image_train_{:04d}")
_AFLW_POINTS = [17, 19, 21, 22, 24, 26, 36, 37, 39, 42, 44, 45, 2, 31, 30, 35, 14, 48, 62, 54, 8]


def write_300w_lp(folder: Path, photographs: int = 8, image_size: int = 224, seed: int = 0) -> None:
    """Writes `folder`/300W_LP: every photograph with its turned and mirrored copies.

    Args:
        folder: where to.
        photographs: number of people; 4 images and 4 mirrored ones each.
        image_size: pixels of the faces before they are enlarged; 32 is quick.
        seed: of everything random.
    """
    root = pathlib.Path(folder) / "300W_LP"
    copies = generator.PER_IDENTITY["train"]
    faces = _faces("train", photographs * copies, image_size, seed)
    for number, group in enumerate(zip(*[faces] * copies, strict=True)):
        subset = SUBSETS[number % 4]
        name = NAMES[number % 4].format(number + 1)
        first = group[0][1][:, :2] + 1  # turned copies carry the landmarks of the first image
        for k, (image, points_3d, projection) in enumerate(group):
            record = parameters(projection, np.random.default_rng([seed, number, k]))
            write_record(root, subset, f"{name}_{k}", image, points_3d[:, :2], record, first)


def write_record(
    root: pathlib.Path,
    subset: str,
    name: str,
    image: np.ndarray,
    landmarks: np.ndarray,
    record: dict[str, np.ndarray],
    first: np.ndarray | None = None,
) -> None:
    """Writes one image of 300W-LP, its landmarks and its mirrored copy.

    Args:
        root: folder 300W_LP.
        subset: one of the first four `SUBSETS`.
        name: of the record.
        image: `[SIDE, SIDE, 3]` uint8.
        landmarks: `[68, 2]` pixels.
        record: arrays of the .mat, see `parameters`.
        first: `[68, 2]` the photograph's landmarks, pixels from 1; these landmarks by default.
    """
    points = landmarks + 1
    first = points if first is None else first
    _write(root / "landmarks" / subset / f"{name}_pts.mat", {"pts_2d": points, "pts_3d": points})
    _write_image(root / subset / f"{name}.jpg", image)
    _write(root / subset / f"{name}.mat", record | {"pt2d": first.T.astype(float)})
    mirrored = dict(record)
    pose = record["Pose_Para"] * [[1, -1, -1, -1, 1, 1, 1]] + [[0, 0, 0, SIDE + 1, 0, 0, 0]]
    mirrored["Pose_Para"] = pose.astype(np.float32)
    first = first[augment.LANDMARK_MIRROR] * [-1, 1] + [SIDE + 1, 0]
    _write_image(root / f"{subset}_Flip" / f"{name}.jpg", image[:, ::-1])
    _write(root / f"{subset}_Flip" / f"{name}.mat", mirrored | {"pt2d": first.T.astype(float)})


def write_aflw2000_3d(folder: Path, images: int = 8, image_size: int = 224, seed: int = 0) -> None:
    """Writes `folder`/AFLW2000 with that many images; arguments as for `write_300w_lp`."""
    root = pathlib.Path(folder) / "AFLW2000"
    faces = _faces("test", images, image_size, seed)
    for number, (image, points_3d, projection) in enumerate(faces):
        random = np.random.default_rng([seed, number])
        record = parameters(projection, random)
        points = points_3d[:, :2] + 1
        aflw_points = points[_AFLW_POINTS]
        hidden = (
            np.sign(aflw_points[:, 0] - points[:, 0].mean()) * np.sin(record["Pose_Para"][0, 1])
            < -0.7
        )
        record["pt2d"] = np.where(hidden[:, np.newaxis], -1, aflw_points).T.astype(float)
        record["pt3d_68"] = (points_3d.T + [[1], [1], [0]]).astype(np.float32)
        name = f"image{2 * number + 2:05d}"
        _write_image(root / f"{name}.jpg", image)
        _write(root / f"{name}.mat", record)


def parameters(
    projection: np.ndarray,
    random: np.random.Generator,
    units: float = 100,
    shape_para: np.ndarray | None = None,
    exp_para: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of a record's .mat for a projection `[2, 4]` of a face, `units` mm a unit."""
    pose = mat_labels.pose(projection, SIDE, units)
    pose = pose._replace(z=np.asarray(-100.0))
    if shape_para is None:
        shape_para = random.normal(0, 3e5, 199) / np.arange(1, 200)
    if exp_para is None:  # MATLAB stores whole numbers as bytes
        exp_para = np.zeros(29, np.uint8) if random.uniform() < 0.3 else random.normal(0, 1, 29)
    return {
        "Pose_Para": np.array([pose], np.float32),
        "Shape_Para": np.asarray(shape_para, np.float64)[:, np.newaxis],
        "Exp_Para": np.asarray(exp_para)[:, np.newaxis],
        "Tex_Para": random.normal(0, 3e3, [199, 1]) / np.arange(1, 200)[:, np.newaxis],
        "Illum_Para": np.append(random.uniform(-1, 1, 9), 20.0)[np.newaxis],
        "Color_Para": np.array([[1, 1, 1, 0, 0, 0, 1]], np.float32),
        "roi": random.integers(-20, 400, [1, 4], np.int16),
    }


def _faces(split, count, image_size, seed):
    """Images `[SIDE, SIDE, 3]`, landmarks `[68, 3]` (x, y, depth) and projections `[2, 4]`."""
    uv_size = (24, 28) if image_size < 112 else (96, 112)
    context = contexts.open_context(image_size, uv_size, seed)
    ids = FaceModel.load("makehuman").landmarks
    for face in generator.records(context, split, count):
        image = tf.io.decode_jpeg(face["image"])
        whole = crop.whole(image.shape[1])
        batch = crop.Square(*(part[tf.newaxis] for part in whole))
        large = tf.clip_by_value(tf.round(crop.image(image, whole, SIDE)), 0, 255)
        projection = crop.projection(face["projection"][np.newaxis], batch, SIDE)
        landmarks = camera.project(face["vertices"][np.newaxis, ids], projection)
        yield large.numpy().astype(np.uint8), landmarks[0].numpy(), projection[0].numpy()


def _write(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, arrays, do_compression=True)


def _write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_jpeg(image, quality=95).numpy())
