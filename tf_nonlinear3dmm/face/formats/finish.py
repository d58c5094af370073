"""The last step of every conversion: units, winding, mirror, UV, regions, checks."""

import numpy as np
import scipy.spatial

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face import FaceModel, constancy
from tf_nonlinear3dmm.face.build import relaxation
from tf_nonlinear3dmm.face.formats import maps
from tf_nonlinear3dmm.face.formats.raw import RawFace

UV_MAPS = ("source", "cylinder", "relaxed")
_HEIGHTS = (80.0, 500.0)  # mm, of anything from a face mask to a head with its neck
_TYPICAL_HEIGHT = 200.0
_LIMIT = 20.0  # mm, the paper's range of offsets


def finish(
    raw: RawFace,
    path: Path,
    uv: str = "source",
    units: float | None = None,
    name: str | None = None,
) -> tuple[FaceModel, list[str]]:
    """The checked `FaceModel` of a `RawFace`, in millimetres, and lines about what it lacks."""
    if uv not in UV_MAPS:
        raise ValueError(f"`uv` must be one of {', '.join(UV_MAPS)}, got `{uv}`")
    if not np.all(np.isfinite(raw.mean)):
        raise ValueError(f"{path}: the mean face must be finite, got NaN or infinite values")
    units = units or raw.units or _guess_units(raw.mean)
    mean = raw.mean * units
    _check_size(mean, path, units)
    _check_sides(mean, raw.landmarks, path)
    triangles = _outward(mean, raw.triangles)
    shape_basis, expression_basis = raw.shape_basis * units, raw.expression_basis * units
    regions = {"skin": np.ones(len(mean)), "constancy": raw.constancy}
    if raw.constancy is None:
        regions["constancy"] = _constancy(mean, raw.landmarks)
    limit = _limit(shape_basis, raw.shape_std, expression_basis, raw.expression_std)
    arrays = {
        "name": np.array(name or raw.name),
        "licence": np.array(raw.licence),
        "units": np.array(1.0),
        "mean_vertices": mean,
        "shape_scale": np.array(limit / 2),
        "triangles": triangles,
        "uv": _map(raw.uv, mean, triangles, uv, path),
        "landmarks": raw.landmarks,
        "mirror": _mirror(mean, raw.landmarks),
        "normal_triangles": np.ones(len(triangles), bool),
        "shape_basis": shape_basis,
        "shape_std": raw.shape_std,
        "expression_basis": expression_basis,
        "expression_std": raw.expression_std,
    }
    arrays |= {f"region_{key}": mask for key, mask in regions.items()}
    face = FaceModel.from_arrays(arrays, path)
    return face, _notes(face, raw)


def _guess_units(mean):
    """The metric unit in which the face is most nearly 200 mm tall."""
    choices = np.array([0.001, 1.0, 10.0, 100.0, 1000.0])  # um, mm, cm, dm, m
    height = np.ptp(mean[:, 1])
    return float(choices[np.abs(np.log(choices * max(height, 1e-30) / _TYPICAL_HEIGHT)).argmin()])


def _check_size(mean, path, units):
    height = np.ptp(mean[:, 1])
    if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        raise ValueError(
            f"{path}: the face is {height:.4g} mm tall at {units:g} mm a unit, which no face is; "
            "give its units"
        )


def _check_sides(mean, landmarks, path):
    """The frame shows in the eyes' outer corners, the nose and the chin."""
    right, left, tip, chin = (landmarks[k] for k in (36, 45, 30, 8))
    if min(right, left) >= 0 and mean[right, 0] >= mean[left, 0]:
        raise ValueError(f"{path}: x must grow to the subject's left; landmark 36 is left of 45")
    if min(tip, chin) >= 0 and mean[tip, 1] <= mean[chin, 1]:
        raise ValueError(f"{path}: y must grow upwards; the chin is above the tip of the nose")
    if min(tip, right, left) >= 0 and mean[tip, 2] <= mean[[right, left], 2].mean():
        raise ValueError(f"{path}: z must grow forwards; the tip of the nose is behind the eyes")


def _outward(mean, triangles):
    """Triangles turned so that the surface has its back to the face's middle."""
    corners = mean[triangles] - (mean.min(axis=0) + mean.max(axis=0)) / 2
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.sum(normal * corners.mean(axis=1)) > 0
    return triangles if outward else triangles[:, ::-1]


def _mirror(mean, landmarks):
    """`[V]`: the vertex nearest to each one's reflection about the middle of nose and chin."""
    middle = landmarks[[8, 27, 28, 29, 30, 33]]
    middle = middle[middle >= 0]
    at = np.median(mean[middle, 0]) if len(middle) else (mean[:, 0].min() + mean[:, 0].max()) / 2
    reflected = mean * [-1, 1, 1] + [2 * at, 0, 0]
    return scipy.spatial.cKDTree(mean).query(reflected)[1]


def _limit(shape_basis, shape_std, expression_basis, expression_std):
    """Largest offset in mm that the networks must reach: 3 deviations anywhere, at least 20."""
    variance = np.zeros(1)
    for basis, std in ((shape_basis, shape_std), (expression_basis, expression_std)):
        if len(basis):
            variance = variance + sum(
                (deviation * np.linalg.norm(mode, axis=1)) ** 2
                for mode, deviation in zip(basis, std, strict=True)
            )
    return float(max(_LIMIT, np.ceil(3 * np.sqrt(variance.max()))))


def _map(source, mean, triangles, kind, path):
    if kind == "source" and source is not None:
        return maps.oriented(source, mean)
    return maps.relaxed(mean, triangles, path) if kind == "relaxed" else maps.cylinder(mean)


def _constancy(mean, landmarks):
    """`[V]`: 1 on forehead, nose and cheeks, without the eyes and brows of the landmarks."""
    bare = constancy.region(mean, landmarks).astype(float)
    if np.any(landmarks[17:60] < 0):
        return bare
    marks = mean[landmarks]
    size = np.linalg.norm(marks[36:42].mean(axis=0) - marks[42:48].mean(axis=0))
    brows = [(marks[17:22], 0.10), (marks[22:27], 0.10)]
    for outline, margin in ((marks[48:60], 0.03), (marks[36:42], 0.04), (marks[42:48], 0.04)):
        front = mean[:, 2] > outline[:, 2].min() - 0.3 * size
        bare[_inside(mean, outline) & front] = 0
        brows.append((np.concatenate([outline, outline[:1]]), margin))
    for line, margin in brows:
        bare[_distance(mean, line) < margin * size] = 0
    return bare


def _inside(points, outline):
    """`[V]` bool: inside the outline seen from the front, where a ray to the right crosses it."""
    inside = np.zeros(len(points), bool)
    x, y, _ = points.T
    for (ax, ay, _), (bx, by, _) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if ay != by:
            beyond = ax + (y - ay) / (by - ay) * (bx - ax) > x
            inside ^= ((ay > y) != (by > y)) & beyond
    return inside


def _dense(line):
    """Points along a polyline, 8 to a segment."""
    t = np.linspace(0, 1, 8, endpoint=False)[:, None, None]
    return np.concatenate(
        [((1 - t) * line[:-1] + t * line[1:]).reshape(-1, line.shape[1]), line[-1:]]
    )


def _distance(points, line):
    return scipy.spatial.cKDTree(_dense(line)).query(points)[0]


def _notes(face, raw):
    """What a user should know."""
    notes = []
    missing = int(np.sum(face.landmarks < 0))
    if missing:
        notes.append(f"{missing} of 68 landmarks are unknown and will be masked")
    if len(face.expression_basis) == 0:
        notes.append("it has no expressions")
    if len(face.shape_std) and not np.any(face.shape_std):
        notes.append("the standard deviations of its shape modes are unknown and stored as 0")
    uv, triangles = face.uv.astype(np.float64) * [1, -1], face.triangles
    folded = int(np.sum(relaxation.signed_areas(uv, triangles) <= 0))
    if folded:
        notes.append(f"{folded} of {len(triangles)} triangles fold in its UV map; relaxed, none")
    if raw.units is None:
        notes.append("its unit was inferred from its size")
    return notes
