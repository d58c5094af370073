"""The conventions of 300W-LP and AFLW2000-3D: their .mat files, poses and shape parameters.

A record is a fit of the Basel Face Model: X = f R V + (tx, ty, tz) with R = Rx Ry Rz, V in
micrometres and X in pixels, counted from 1, y up from the bottom of the image. Everything that
leaves this module is in our frames: pixels from 0, y down, vertices in the units of a `FaceModel`.
"""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import scipy.io

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.face import FaceModel

SIZES = {
    "Pose_Para": 7,
    "Shape_Para": 199,
    "Exp_Para": 29,
    "Tex_Para": 199,
    "Illum_Para": 10,
    "Color_Para": 7,
    "roi": 4,
}
MAT_BYTES = 2**18
_LARGEST_ANGLE = 4 * np.pi  # AFLW2000-3D holds a yaw of -351 degrees
_LARGEST_SCALE = 0.1  # pixels per micrometre: a face 15,000 pixels wide


class Pose(NamedTuple):
    """A `Pose_Para`, `[...]` each.

    Attributes:
        pitch, yaw, roll: radians; positive yaw turns the nose to the image's left.
        x, y: pixels from the image's lower left corner, counted from 1.
        z: pixels; does not reach the image.
        scale: pixels per micrometre.
    """

    pitch: np.ndarray
    yaw: np.ndarray
    roll: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    scale: np.ndarray


def read_mat(
    contents: bytes, name: str, sizes: Mapping[str, int | tuple[int | None, ...]]
) -> dict[str, np.ndarray]:
    """Numeric arrays of a MATLAB 5 file.

    Args:
        contents: bytes of the file.
        name: of the file, for errors.
        sizes: key -> number of elements, or shape with None where any size will do. An integer
            gives a flat array. Any numeric dtype will do: MATLAB stores whole doubles as uint8.

    Returns:
        dict from key to float32 array.

    Raises:
        ValueError: not a .mat file, a key is missing, of another size or not numeric.
    """
    if not contents:
        raise ValueError(f"{name}: the file is empty")
    try:
        entries = scipy.io.loadmat(io.BytesIO(contents), variable_names=list(sizes))
    except Exception as error:  # SciPy raises many kinds on damaged files
        raise ValueError(f"{name}: not a sound MATLAB 5 file: {error}") from None
    arrays = {}
    for key, size in sizes.items():
        if key not in entries:
            raise ValueError(f"{name}: key `{key}` is missing")
        array = np.asarray(entries[key])
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name}: key `{key}` must hold numbers, got {array.dtype}")
        if isinstance(size, int):
            if array.size != size:
                raise ValueError(
                    f"{name}: key `{key}` must hold {size} numbers, got shape {array.shape}"
                )
            array = array.reshape(size)
        elif len(array.shape) != len(size) or any(
            k not in (None, n) for k, n in zip(size, array.shape, strict=True)
        ):
            raise ValueError(f"{name}: key `{key}` must have shape {size}, got {array.shape}")
        arrays[key] = array.astype(np.float32)
    return arrays


def read_parameters(
    contents: bytes, name: str, sizes: Mapping[str, int | tuple[int | None, ...]] | None = None
) -> dict[str, np.ndarray]:
    """All parameters of a record, and the further keys of `sizes`; see `read_mat`.

    Raises:
        ValueError: as `read_mat`, and where a number is not finite or the pose is absurd.
    """
    arrays = read_mat(contents, name, {**SIZES, **(sizes or {})})
    for key, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise ValueError(f"{name}: key `{key}` must hold finite numbers, got {array.ravel()}")
    pose = Pose(*arrays["Pose_Para"])
    angles = np.abs([pose.pitch, pose.yaw, pose.roll])
    if angles.max() > _LARGEST_ANGLE or not 0 < pose.scale < _LARGEST_SCALE:
        raise ValueError(
            f"{name}: key `Pose_Para` must hold angles below {_LARGEST_ANGLE:.1f} radians and "
            f"a scale in (0, {_LARGEST_SCALE}), got {arrays['Pose_Para']}"
        )
    return arrays


def rotation(pose: Pose) -> np.ndarray:
    """`[..., 3, 3]` of a `Pose`: face frame to camera frame, y up in both."""
    (cx, cy, cz), (sx, sy, sz) = (
        np.stack([f(a) for a in (pose.pitch, pose.yaw, pose.roll)]) for f in (np.cos, np.sin)
    )
    rows = [
        [cy * cz, cy * sz, -sy],
        [sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy],
        [cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def projection(pose: Pose, height: int, units: float) -> np.ndarray:
    """The projection `[..., 2, 4]` of a `Pose`.

    Args:
        pose: `Pose` of `[...]`.
        height: of the image in pixels.
        units: millimetres per unit of the face model.
    """
    rows = rotation(pose)[..., :2, :] * [[1.0], [-1.0]]
    rows = rows * (np.asarray(pose.scale, np.float64) * 1000 * units)[..., np.newaxis, np.newaxis]
    offset = np.stack([np.subtract(pose.x, 1.0), height - np.asarray(pose.y, np.float64)], axis=-1)
    return np.concatenate([rows, offset[..., np.newaxis]], axis=-1)


def pose(projection: np.ndarray, height: int, units: float) -> Pose:
    """The inverse of `projection`: yaw comes back in [-pi/2, pi/2] and z as 0.

    Args:
        projection: `[..., 2, 4]` scaled orthographic: rows orthogonal and equally long.
        height, units: as for `projection`.
    """
    projection = np.asarray(projection, np.float64)
    shapes.check(projection=(projection, "... 2 4"))
    rows = projection[..., :3] * [[1.0], [-1.0]]
    norms = np.linalg.norm(rows, axis=-1)
    right, up = np.moveaxis(rows / norms[..., np.newaxis], -2, 0)
    depth = np.cross(right, up)
    return Pose(
        pitch=np.arctan2(up[..., 2], depth[..., 2]),
        yaw=np.arcsin(np.clip(-right[..., 2], -1.0, 1.0)),
        roll=np.arctan2(right[..., 1], right[..., 0]),
        x=projection[..., 0, 3] + 1.0,
        y=height - projection[..., 1, 3],
        z=np.zeros_like(norms[..., 0]),
        scale=norms.mean(axis=-1) / (1000 * units),
    )


def has_bases(face: FaceModel) -> bool:
    """Whether a `FaceModel` is the one that Shape_Para and Exp_Para are coefficients of."""
    return (len(face.shape_basis), len(face.expression_basis)) == (
        SIZES["Shape_Para"],
        SIZES["Exp_Para"],
    )


def vertices(shape_para: np.ndarray, exp_para: np.ndarray, face: FaceModel) -> np.ndarray:
    """Vertices `[B, V, 3]` in face units from `[B, Ks]` and `[B, Ke]` coefficients."""
    shapes.check(
        shape_para=(shape_para, "B Ks"),
        exp_para=(exp_para, "B Ke"),
        shape_basis=(face.shape_basis, "Ks V 3"),
        expression_basis=(face.expression_basis, "Ke V 3"),
    )
    offsets = np.tensordot(shape_para, face.shape_basis, 1)
    return face.mean_vertices + offsets + np.tensordot(exp_para, face.expression_basis, 1)


def coefficients(vertices: np.ndarray, face: FaceModel) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `vertices`, in least squares.

    Args:
        vertices: `[B, V, 3]` in face units.
        face: `FaceModel` with bases of Ks and Ke modes.

    Returns:
        `[B, Ks]` Shape_Para and `[B, Ke]` Exp_Para.
    """
    shapes.check(vertices=(vertices, "B V 3"), mean_vertices=(face.mean_vertices, "V 3"))
    bases = [np.asarray(b, np.float64) for b in (face.shape_basis, face.expression_basis)]
    matrix = np.concatenate(bases).reshape(len(bases[0]) + len(bases[1]), -1)
    lengths = np.linalg.norm(matrix, axis=1)  # the two bases may differ in scale by thousands
    offsets = np.asarray(vertices, np.float64) - face.mean_vertices
    solution = np.linalg.lstsq(
        (matrix / lengths[:, np.newaxis]).T, offsets.reshape(len(offsets), -1).T
    )
    solved = solution[0].T / lengths
    return solved[:, : len(bases[0])], solved[:, len(bases[0]) :]


def mean_face_projection(
    pose: Pose, landmarks: np.ndarray, face: FaceModel
) -> tuple[np.ndarray, np.ndarray]:
    """The projection of a face model that lacks the record's bases.

    The rotation is the record's; scale and place make the mean distance between the mean face's
    landmarks and the record's least, so that an open mouth hardly counts.

    Args:
        pose: `Pose` of scalars.
        landmarks: `[68, 2]` pixels.
        face: `FaceModel`.

    Returns:
        projection `[2, 4]`, and the distance that is left, `[68]` pixels, 0 for landmarks that
        the model lacks.
    """
    shapes.check(landmarks=(landmarks, "68 2"))
    known = face.landmarks >= 0
    turn = rotation(pose)[:2] * [[1.0], [-1.0]]
    turned = face.mean_vertices[face.landmarks[known]] @ turn.T
    goal = np.asarray(landmarks, np.float64)[known]
    distance = np.ones(len(goal))
    for _ in range(20):  # Weiszfeld: least squares with weights 1 / distance
        weights = 1 / np.maximum(distance, 1e-3 * np.ptp(goal))
        weights = weights[:, np.newaxis] / weights.sum()
        centre, place = (weights * turned).sum(axis=0), (weights * goal).sum(axis=0)
        from_centre = weights * (turned - centre)
        size = np.sum(from_centre * (goal - place)) / np.sum(from_centre * (turned - centre))
        offset = place - size * centre
        distance = np.linalg.norm(size * turned + offset - goal, axis=1)
    left = np.zeros(len(landmarks))
    left[known] = distance
    return np.concatenate([size * turn, offset[:, np.newaxis]], axis=1), left
