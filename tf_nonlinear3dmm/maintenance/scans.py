"""How near fits come to scans of generated people that no training saw, by true vertices."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from tf_nonlinear3dmm import fitting, metrics
from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts
from tf_nonlinear3dmm.face import FaceModel, hair
from tf_nonlinear3dmm.fitting import icp
from tf_nonlinear3dmm.model import Nonlinear3DMM

LIMIT = "`fit_mesh` of the true vertices"
KINDS = {  # name -> (points, mm of noise, whether hair, neck, holes and a cut are there)
    "20,000 points": (20_000, 0.0, False),
    "20,000 points, noise of 0.5 mm": (20_000, 0.5, False),
    "2,000 points, noise of 0.5 mm": (2_000, 0.5, False),
    "hair, neck, holes, cut, noise of 0.5 mm": (20_000, 0.5, True),
    "the same as a mesh, without noise": (0, 0.0, True),
}
MEASURES = ("vertices (mm)", "scan to face (mm)", "covered (%)")
LANDMARKS, MISSING = 2.0, 0.1  # mm that they are off; part of them that is missing
HOLE, HOLES = 0.12, 3  # dm, number
CUT = 0.45  # dm from the middle: of one side the scan shows no more


class Scan(NamedTuple):
    """A scan, and the true similarity from the face frame to it.

    Attributes:
        points: `[N, 3]`.
        triangles: `[T, 3]`, or None.
        landmarks: `[68, 3]`, NaN where missing.
        pose: `icp.Pose`.
    """

    points: np.ndarray
    triangles: np.ndarray | None
    landmarks: np.ndarray
    pose: icp.Pose


def people(face: FaceModel, count: int) -> np.ndarray:
    """`[count, V, 3]`: the first people of the test split, each with an expression."""
    context = contexts.open_context(112, (96, 112), 0, face.name)
    who = [contexts.person(context, "test", person) for person in range(count)]
    randoms = [np.random.default_rng([11, person]) for person in range(count)]
    return context.people.apply_expression(context.people.neutral(who), randoms)[0]


def scan(face: FaceModel, vertices: np.ndarray, kind: str, random: np.random.Generator) -> Scan:
    """A `Scan` of `vertices` `[V, 3]`, one of `KINDS`."""
    count, noise, dirty = KINDS[kind]
    mesh = trimesh.Trimesh(vertices, face.triangles[face.normal_triangles], process=False)
    if dirty:
        mesh = _cut(trimesh.util.concatenate([mesh, *_others(random)]), vertices, random)
    points, triangles = mesh.vertices, mesh.faces
    if count:
        points, triangles = trimesh.sample.sample_surface(mesh, count, seed=random)[0], None
    points = points + random.normal(size=points.shape) * noise / face.units
    marks = vertices[face.landmarks]
    marks = marks + random.normal(size=marks.shape) * LANDMARKS / face.units
    marks[random.random(len(marks)) < MISSING] = np.nan
    turn = Rotation.random(random_state=random).as_matrix()
    pose = icp.Pose(np.exp(random.normal()) * turn, random.normal(size=3))
    return Scan(pose.apply(points), triangles, pose.apply(marks), pose)


def measure(
    model: Nonlinear3DMM, count: int, progress: Callable[[int], None] = lambda people: None
) -> dict[str, np.ndarray]:
    """Means over people: method -> one for each of `MEASURES`."""
    rows = {name: [] for name in (LIMIT, *KINDS)}
    for person, vertices in enumerate(people(model.face, count)):
        fit = fitting.fit_mesh(model, vertices[np.newaxis])
        error = _error(model, fit.vertices[0], vertices)
        rows[LIMIT].append([error, np.nan, 100])
        for kind in KINDS:
            given = scan(model.face, vertices, kind, np.random.default_rng([12, person]))
            rows[kind].append(_measures(model, given, vertices))
        progress(person + 1)
    return {name: np.mean(values, axis=0) for name, values in rows.items()}


def table(numbers: Mapping[str, np.ndarray]) -> str:
    """Lines of Markdown."""
    lines = [f"| | {' | '.join(MEASURES)} |", "| --- " * (1 + len(MEASURES)) + "|"]
    for name, values in numbers.items():
        lines.append(
            f"| {name} | " + " | ".join("" if v != v else f"{v:.3g}" for v in values) + " |"
        )
    return "\n".join(lines)


def _measures(model, given, vertices):
    fit = fitting.fit_scan(model, given.points, given.landmarks, given.triangles)
    skin = model.face.regions["skin"] > 0
    covered = np.isfinite(fit.residual[skin, 0]).mean()
    error = _error(model, given.pose.undo(fit.vertices), vertices)
    return [error, fit.distance, 100 * covered]


def _error(model, predicted, vertices):
    """Mean distance in mm of the skin, after rigid alignment."""
    return metrics.skin_error(model.face, predicted[np.newaxis], vertices[np.newaxis])[0][0]


def _cut(mesh, vertices, random):
    """A mesh without one side and without some places of `vertices`."""
    middles = mesh.triangles_center
    centres = random.permutation(vertices)[:HOLES]
    distance = np.linalg.norm(middles[:, np.newaxis] - centres, axis=-1).min(axis=1)
    kept = (distance > HOLE) & (random.choice([-1, 1]) * middles[:, 0] < CUT)
    return trimesh.Trimesh(mesh.vertices, mesh.faces[kept], process=False)


def _others(random):
    """Meshes of hair and neck."""
    cuts = hair.load_hair()
    cut = cuts[random.choice(sorted(cuts))]
    neck = trimesh.creation.cylinder(0.55, segment=[[0, -2.0, 0.0], [0, -0.6, 0.1]])
    return trimesh.Trimesh(cut.vertices, cut.triangles, process=False), neck.subdivide()
