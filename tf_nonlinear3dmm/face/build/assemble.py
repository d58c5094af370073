"""The whole embedded face, from an opened wheel to the arrays of assets/makehuman.npz."""

import io
import zipfile
from collections.abc import Callable, Mapping

import numpy as np

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.face.build import (
    clip,
    features,
    polygons,
    population,
    region,
    relaxation,
    source,
)
from tf_nonlinear3dmm.face.normals import vertex_normals

ORIGIN = np.array([0, 7.15, 0.45])  # dm, between the ears
UV_RINGS = (3, 6)


def build(wheel_path: Path) -> dict[str, np.ndarray]:
    """All arrays of the asset, as a dict; see `face.Population` for their meaning."""
    with source.open_wheel(wheel_path) as wheel:
        base = source.read_base(wheel)
        mean = population.mean_head(wheel, base.vertices)
        coarse = region.face_parts(base)
        meshes = [coarse, polygons.subdivide(coarse)]
        source_mean = _with_virtual(mean)
        meshes = [clip.clip(mesh, mesh.operator @ source_mean) for mesh in meshes]
        columns = np.unique(np.concatenate([mesh.operator.indices for mesh in meshes]))
        ids = columns[columns < len(mean)]
        arrays = _shared(wheel, base, mean, ids)
        for level, mesh in enumerate(meshes):
            facts = _level(wheel, base, mean, mesh, columns, UV_RINGS[level], arrays)
            arrays |= {_level_key(key, level): value for key, value in facts.items()}
    return arrays


def _level_key(key, level):
    head, _, tail = key.partition("_")
    return f"op{level}_{tail}" if head == "op" else f"{key}{level}"


def _with_virtual(vertices, value=1.0):
    """`[N, 3]` -> `[N + 1, 3]`: the row that holds the mouth sheet's depth."""
    return np.concatenate([vertices, [[0, 0, value]]])


def _shared(wheel, base, mean, ids):
    arrays = {
        "hm08_ids": ids.astype(np.uint16),
        "base": base.vertices[ids].astype(np.float32),
        "origin": ORIGIN.astype(np.float32),
        "lm_hm08": features.LANDMARKS.astype(np.int32),
        "lm_mirror": features.LANDMARK_MIRROR.astype(np.uint8),
    }
    for block, (names, paths) in population.target_paths(wheel).items():
        offsets = [population.as_int16(source.read_target(wheel, p)[ids]) for p in paths]
        arrays[f"{block}_names"] = np.array(names)
        arrays[block] = np.stack(offsets)
    table = population.sliders(wheel)
    arrays["slider_names"] = np.array([s.name for s in table])
    arrays["slider_neg"] = np.array([s.negative for s in table])
    arrays["slider_pos"] = np.array([s.positive for s in table])
    arrays["slider_sigma"] = np.array([s.sigma for s in table], np.float32)
    jaw_open = source.read_target(wheel, f"{source.FACE_UNITS}/jawOpen")
    hinge, angle = features.jaw_rotation(mean, jaw_open)
    centres, axes, radius = features.eye_spheres(mean)
    eyes = [(ids >= first) & (ids < first + 72) for first in region.EYE_BASE.values()]
    return arrays | {
        "jaw_hinge": (hinge - ORIGIN).astype(np.float32),
        "jaw_angle": np.float32(angle),
        "eye_ids": np.stack([np.flatnonzero(e) for e in eyes]).astype(np.uint16),
        "eye_centre": (centres - ORIGIN).astype(np.float32),
        "eye_axis": axes.astype(np.float32),
        "eye_radius": np.float32(radius),
    }


def _level(wheel, base, mean, mesh, columns, rings, shared):
    """Arrays of one level; `op_*` are the parts of its CSR operator on the kept columns."""
    points = mesh.operator @ _with_virtual(mean)
    triangles, labels = clip.triangulate(mesh, points)
    triangles, labels = clip.zip_eyes(triangles, labels, points, mesh.mirror)
    points = symmetric(points, mesh.mirror)
    operator = _symmetric_operator(mesh, columns, base.mirror)
    landmarks, contours = (
        np.array([np.flatnonzero(mesh.original == v)[0] for v in table])
        for table in (features.LANDMARKS, features.CONTOURS)
    )

    def moved(name):
        return mesh.operator @ _with_virtual(source.read_target(wheel, name), 0)

    jaw_open = moved(f"{source.FACE_UNITS}/jawOpen")
    facts = {
        "op_data": operator.data.astype(np.float32),
        "op_indices": operator.indices.astype(np.uint16),
        "op_indptr": operator.indptr.astype(np.int32),
        "tri": triangles.astype(np.uint16),
        "face_label": labels.astype(np.uint8),
        "mirror": mesh.mirror.astype(np.uint16),
        "hm08_of": mesh.original.astype(np.int32),
        "mean": (points - ORIGIN).astype(np.float32),
        "lm": landmarks.astype(np.uint16),
        "contours": contours.astype(np.uint16),
        "jaw_weight": features.jaw_weights(
            points, jaw_open, shared["jaw_hinge"] + ORIGIN, float(shared["jaw_angle"])
        ).astype(np.float16),
    }
    touched = np.zeros([6, len(points)], bool)
    for label in range(6):
        touched[label, triangles[labels == label]] = True
    anchors = touched[0] & (points[:, 2] > 0.75) & (points[:, 1] > 7.05)
    facts["anchor_ids"] = np.flatnonzero(anchors).astype(np.uint16)
    centres, axes = shared["eye_centre"] + ORIGIN, shared["eye_axis"]
    angles = features.eye_angles(points, touched[2:4], centres, axes)
    facts["eye_theta"] = angles.astype(np.float16)
    facts["sheet_t"] = _sheet_rows(mesh.operator, touched[1]).astype(np.float16)
    wing = moved(f"{source.MAKEHUMAN}/targets/ears/l-ear-wing-incr")
    masks = _masks(wheel, base, mesh, points, triangles, labels, contours, wing)
    facts |= {f"mask_{k}": np.round(255 * v).astype(np.uint8) for k, v in masks.items()}
    parted = open_face(points, lambda unit: moved(f"{source.FACE_UNITS}/{unit}"), mesh.mirror)
    facts["uv"] = uv_map(parted, triangles, labels, mesh.mirror, rings)
    return facts


def symmetric(points: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """The mean of a shape and its reflection; exact to the last bit."""
    result = (points + points[mirror] * [-1, 1, 1]) / 2
    result[mirror == np.arange(len(mirror)), 0] = 0
    return result


def open_face(
    points: np.ndarray, moved: Callable[[str], np.ndarray], mirror: np.ndarray
) -> np.ndarray:
    """The face with parted lips and wide eyes; `moved(unit)` is an expression unit's `[V, 3]`."""
    wide = moved("eyeWideLeft") + moved("eyeWideRight")
    return symmetric(points + 0.25 * moved("jawOpen") + wide, mirror)


def _symmetric_operator(mesh, columns, source_mirror):
    """The operator on the kept columns, equal on both sides to the last bit."""
    own = mesh.operator[:, columns].tocsr()
    place = np.full(len(source_mirror) + 1, -1)
    place[columns] = np.arange(len(columns))
    other = place[np.append(source_mirror, len(source_mirror))[columns]]
    flipped = own[mesh.mirror][:, other]
    result = ((own + flipped) / 2).tocsr()
    result.sort_indices()
    return result


def _sheet_rows(operator, on_sheet):
    """0 at the upper lip to 1 at the lower lip, from the weights of the two lips; -1 elsewhere."""
    lip = np.zeros([operator.shape[1], 2])
    lip[region.UPPER_LIP, 0] += 1
    lip[region.LOWER_LIP, 1] += 1
    upper, lower = (operator @ lip).T
    return np.where(on_sheet, lower / np.maximum(upper + lower, 1e-9), -1)


def _masks(wheel, base, mesh, points, triangles, labels, contours, wing):
    """Soft masks in [0, 1], equal on both sides: name -> `[V]`."""
    normals = vertex_normals(points, triangles[labels < 4])
    occlusion = features.ambient_occlusion(points, triangles, normals)
    occlusion = (occlusion + occlusion[mesh.mirror]) / 2
    island = region.head_island(base)
    masks = {
        name: features.texture_mask(
            base, island, mesh.operator, source.read_mask(wheel, f"mpfb_{name}")
        )
        for name in ("lips", "eyelids")
    }
    masks |= {
        "ear": features.ear_mask(points, triangles, wing, mesh.mirror),
        "nostril": features.nostril_mask(points, occlusion),
        "ao": occlusion,
        "brow": features.brow_mask(points, contours),
    }
    return {name: (mask + mask[mesh.mirror]) / 2 for name, mask in masks.items()}


def uv_map(
    points: np.ndarray, triangles: np.ndarray, labels: np.ndarray, mirror: np.ndarray, rings: int
) -> np.ndarray:
    """The relaxed map `[V, 2]`, v down, of the face with parted lips and wide eyes."""
    plane = relaxation.elevation(points, ORIGIN)
    free = relaxation.bad_vertices(plane, points, triangles, labels != region.SKIN, rings)
    gain = _texel_gain(points, triangles, labels)
    return relaxation.to_unit(relaxation.relax(plane, points, triangles, free, gain, mirror))


def _texel_gain(points, triangles, labels):
    """`[V]`: eyes and the skin around eyes and mouth want more texels, the mouth sheet fewer."""
    gain = np.ones(len(points))
    for seeds in ((1,), (2,), (3,)):
        part = points[np.unique(triangles[np.isin(labels, seeds)])]
        centre = part.mean(axis=0)
        radius = np.abs(part - centre).max()
        distance = np.linalg.norm(points - centre, axis=1) / radius
        gain *= 1 + 0.4 * np.clip(2 - distance, 0, 1)
    for label, own in ((1, 0.6), (2, 1.3), (3, 1.3)):
        gain[np.unique(triangles[labels == label])] *= own
    return gain


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the asset; the same arrays give the same bytes (no time stamps)."""
    with (
        array_files.replacing(path) as asset,
        zipfile.ZipFile(asset, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file,
    ):
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, buffer.getvalue())


def differences(path: Path, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Lines that say where a stored asset differs from `arrays`; empty if it does not.

    Whole numbers and names must agree exactly, except the byte masks (by 1); floats within 1e-5, so
    that another machine's linear algebra may round differently.
    """
    lines = []
    with np.load(path, allow_pickle=False) as stored:
        for name in sorted(set(stored.files) ^ set(arrays)):
            lines.append(f"{name}: only in {'the asset' if name in stored.files else 'the build'}")
        for name in sorted(set(stored.files) & set(arrays)):
            old, new = stored[name], np.asarray(arrays[name])
            if old.shape != new.shape or old.dtype != new.dtype:
                lines.append(f"{name}: {old.dtype}{list(old.shape)} is now {new.dtype}{new.shape}")
                continue
            if old.dtype.kind == "U":
                worst, allowed = float(np.sum(old != new)), 0
            else:
                worst = float(np.abs(old.astype(float) - new.astype(float)).max(initial=0))
                allowed = {"f": 1e-5, "u": 1 if name.startswith("mask") else 0}.get(
                    old.dtype.kind, 0
                )
                allowed = 1e-3 if old.dtype == np.float16 else allowed
            if worst > allowed:
                lines.append(f"{name}: differs by up to {worst}")
    return lines
