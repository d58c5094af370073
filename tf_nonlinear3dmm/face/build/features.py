"""Per-vertex attributes of the mean face: masks, ambient occlusion, eyes, jaw, landmarks.

Points are absolute decimetres (before the origin is subtracted).
"""

import numpy as np
import scipy.ndimage
import scipy.sparse

from tf_nonlinear3dmm.face.build.region import EYE_BASE, EYE_RINGS, LEFT_EYE, RIGHT_EYE
from tf_nonlinear3dmm.face.build.source import BaseMesh

_HALF_WIDTH = 1.4  # dm, of the depth images for ambient occlusion
_LOWER_TEETH = slice(14992, 15060)
# hm08 vertices of the 68 points as 300W-LP has them, on the 3D face: the jaw reaches back to the
# ears, where 300-W follows the visible outline; the brows lie on the ridge.
LANDMARKS = np.array(
    "5769 859 5097 912 895 893 917 5293 5296 11899 7619 7595 7597 7614 11712 7564 12366 "
    "255 225 204 205 208 6983 6980 6979 6999 7024 133 5063 291 5054 344 331 312 7093 7105 "
    "6779 6 54 102 6772 6776 6886 6838 6790 13375 13372 13368 "
    "526 5340 450 455 7210 11943 7271 7232 7245 496 490 477 "
    "3730 506 509 7255 10398 7279 523 534".split(),
    int,
)
# hm08 vertices of the visible contours in the same order: brows, rims of the lids, lips. What is
# painted or worn goes by these.
CONTOURS = np.array(
    "5195 5186 5203 5238 5241 737 3698 914 732 7616 10366 7457 11850 11847 11814 11798 11806 "
    "261 225 204 205 209 6984 6980 6979 6999 7030 132 131 201 5054 326 313 317 7076 7088 "
    "21 1081 1099 63 1096 1094 6847 7791 7773 6805 7786 7788 "
    "425 5354 460 455 7219 11956 7185 7235 7241 492 486 480 "
    "432 472 474 7228 7192 7264 523 517".split(),
    int,
)
LANDMARK_MIRROR = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    + [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    + [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
)


def texture_mask(
    base: BaseMesh, island: np.ndarray, operator: scipy.sparse.spmatrix, image: np.ndarray
) -> np.ndarray:
    """A MakeHuman mask texture at the vertices; original texture coordinates go through `operator`.

    Args:
        base: `BaseMesh`; island: ids of the head's quads.
        operator: `[V, 19159]`.
        image: `[height, width]` in [0, 1].

    Returns:
        `[V]` in [0, 1]; 0 where a vertex does not come from head skin alone.
    """
    uv, known = np.zeros([operator.shape[1], 2]), np.zeros(operator.shape[1])
    uv[base.quads[island]] = base.uv[base.quad_uv[island]]
    known[base.quads[island]] = 1
    column, row = (operator @ uv * [1, -1] + [0, 1]).T * (np.array(image.shape) - 1)[::-1, None]
    smooth = scipy.ndimage.gaussian_filter(image, 2)
    value = scipy.ndimage.map_coordinates(smooth, [row, column], order=1, mode="nearest")
    return np.clip(value, 0, 1) * (operator @ known > 1 - 1e-6)


def ambient_occlusion(
    points: np.ndarray,
    triangles: np.ndarray,
    normals: np.ndarray,
    directions: int = 160,
    size: int = 256,
) -> np.ndarray:
    """The part of cosine-weighted sky that each vertex sees, `[V]`, by depth images."""
    points = points - points.mean(axis=0)
    samples = _samples(points, triangles, spacing=1.4 * _HALF_WIDTH / size)
    visible, total = np.zeros(len(points)), np.zeros(len(points))
    for k in range(directions):
        height = 1 - (2 * k + 1) / directions
        angle = k * np.pi * (3 - np.sqrt(5))
        ring = np.sqrt(1 - height**2)
        axis = np.array([ring * np.cos(angle), height, ring * np.sin(angle)])
        side = np.cross(axis, [0.0, 1.0, 0.0])
        side /= np.linalg.norm(side)
        frame = np.stack([side, np.cross(axis, side), axis])
        cells, depth = _cells(samples @ frame.T, size)
        nearest = np.full(size * size, -np.inf)
        np.maximum.at(nearest, cells, depth)
        cosine = np.maximum(normals @ axis, 0)
        cells, depth = _cells((points + 0.01 * normals) @ frame.T, size)
        slope = np.sqrt(1 - np.minimum(cosine, 1) ** 2) / np.maximum(cosine, 0.1)
        visible += cosine * (depth + 0.012 + slope * 2 * _HALF_WIDTH / size > nearest[cells])
        total += cosine
    return visible / np.maximum(total, 1e-9)


def _samples(points, triangles, spacing):
    """Points all over the triangles, at most `spacing` apart, `[N, 3]`."""
    corners = points[triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    steps = np.ceil(longest / spacing).astype(int)
    samples = []
    for n in np.unique(steps):
        grid = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
        samples.append(np.einsum("sk,tkd->std", grid, corners[steps == n]).reshape(-1, 3))
    return np.concatenate(samples)


def _cells(turned, size):
    """Cell of the depth image and depth of points around the head's centre, in dm."""
    column, row = (turned[:, :2] / _HALF_WIDTH * 0.5 + 0.5).clip(0, 1 - 1e-9).T
    return (row * size).astype(int) * size + (column * size).astype(int), turned[:, 2]


def ear_mask(
    points: np.ndarray, triangles: np.ndarray, wing: np.ndarray, mirror: np.ndarray
) -> np.ndarray:
    """Both ears `[V]`: what the ear-wing target moves, and everything that set encloses."""
    ear = (np.linalg.norm(wing, axis=1) > 0.012) & (points[:, 0] > 0.60)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    edges = edges[~ear[edges].any(axis=1)]
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=[len(points)] * 2)
    _, part = scipy.sparse.csgraph.connected_components(graph, directed=False)
    face = np.bincount(part[~ear]).argmax()
    ear |= part != face
    left = ear & (points[:, 0] > 0)
    return (left | left[mirror]).astype(float)


def nostril_mask(points: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """Dark pockets of the nose, `[V]`."""
    x, y, z = points.T
    pocket = (np.abs(x) < 0.14) & (y > 6.90) & (y < 7.03) & (z > 1.35)
    return pocket * np.clip((0.72 - occlusion) / 0.15, 0, 1)


def brow_mask(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Around the polylines of landmarks 17-21 and 22-26, `[V]`."""
    width = np.array([0.025, 0.040, 0.045, 0.045, 0.045])
    mask = np.zeros(len(points))
    for ids, widths in ((landmarks[17:22], width), (landmarks[22:27], width[::-1])):
        line = points[ids]
        for a, b, wa, wb in zip(line[:-1], line[1:], widths[:-1], widths[1:], strict=True):
            t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
            distance = np.linalg.norm(points - a - t[:, None] * (b - a), axis=1)
            mask = np.maximum(mask, np.clip(1.75 - distance / (wa + t * (wb - wa)), 0, 1))
    return mask


def eye_spheres(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre [2, 3], axis [2, 3] and radius of the eyeballs (left, right) of a full mesh."""
    centres, axes, radii = [], [], []
    for label in (LEFT_EYE, RIGHT_EYE):
        ball = vertices[EYE_BASE[label] : EYE_BASE[label] + 8 * EYE_RINGS]
        system = np.concatenate([2 * ball, np.ones([len(ball), 1])], axis=1)
        solution = np.linalg.lstsq(system, np.sum(ball**2, axis=1), rcond=None)[0]
        centre = solution[:3]
        axis = ball[::EYE_RINGS].mean(axis=0) - centre
        centres.append(centre)
        axes.append(axis / np.linalg.norm(axis))
        radii.append(np.sqrt(solution[3] + centre @ centre))
    return np.array(centres), np.array(axes), float(np.mean(radii))


def eye_angles(
    points: np.ndarray, on_eye: np.ndarray, centres: np.ndarray, axes: np.ndarray
) -> np.ndarray:
    """Angle from the optical axis in radians `[V]`, -1 where `on_eye` [2, V] (bool) is False."""
    angles = np.full(len(points), -1.0)
    for mask, centre, axis in zip(on_eye, centres, axes, strict=True):
        ray = points[mask] - centre
        cosine = ray @ axis / np.linalg.norm(ray, axis=1)
        angles[mask] = np.arccos(np.clip(cosine, -1, 1))
    return angles


def jaw_rotation(vertices: np.ndarray, jaw_open: np.ndarray) -> tuple[np.ndarray, float]:
    """Hinge [3] and angle (radians) of the turn about x that opens the lower teeth."""
    teeth = vertices[_LOWER_TEETH][:, 1:]
    moved = teeth + jaw_open[_LOWER_TEETH][:, 1:]
    a, b = teeth - teeth.mean(axis=0), moved - moved.mean(axis=0)
    angle = np.arctan2(np.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), np.sum(a * b))
    turn = _rotation_x(angle)[1:, 1:]
    shift = moved.mean(axis=0) - turn @ teeth.mean(axis=0)
    return np.concatenate([[0], np.linalg.solve(np.eye(2) - turn, shift)]), float(angle)


def _rotation_x(angle):
    """[3, 3] turn about x by `angle` radians, y towards z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def jaw_weights(
    points: np.ndarray, offsets: np.ndarray, hinge: np.ndarray, angle: float
) -> np.ndarray:
    """How much of the jaw's turn each vertex takes, least squares, in [0, 1.2]; `[V]`."""
    full = (points - hinge) @ (_rotation_x(angle) - np.eye(3)).T
    weight = np.sum(full * offsets, axis=1) / np.maximum(np.sum(full**2, axis=1), 1e-12)
    return np.clip(weight, 0, 1.2)
