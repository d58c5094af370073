"""The parts of the face before clipping: head skin, mouth sheet, eye caps, as one polygon mesh.

Labels: 0 skin, 1 mouth sheet, 2 left eye, 3 right eye.
"""

import numpy as np
import scipy.sparse

from tf_nonlinear3dmm.face.build.polygons import PolygonMesh, keep_vertices, rows_to_operator
from tf_nonlinear3dmm.face.build.source import BaseMesh

SKIN, SHEET, LEFT_EYE, RIGHT_EYE = range(4)
EYE_BASE = {LEFT_EYE: 14598, RIGHT_EYE: 14670}
EYE_RINGS = 9
LOWER_LIP = np.array(
    "7272 10377 7274 7275 7281 7280 7279 540 534 535 536 530 529 3709 527".split(), int
)
UPPER_LIP = np.array(
    "7272 7271 10398 7273 7269 7270 7278 11961 7277 7276 7283 7282 537 538 539 531 532 5359 533 "
    "525 524 528 3730 526 527".split(),
    int,
)
_PAIRED = [0, 1, 2, 4, 5, 8, 10, 12, 14, 16, 19, 20, 22, 23, 24]
_SHEET_ROWS = ((0.25, -0.05), (0.50, -0.07), (0.75, -0.05))  # from the upper lip; push in dm


def face_parts(base: BaseMesh) -> PolygonMesh:
    """The face's polygons on the sources [hm08 vertices; (0, 0, 1)], unused vertices dropped."""
    skin = base.quads[head_island(base)]
    rows, sheet, sheet_mirror = _mouth_sheet(len(base.vertices))
    polygons = [tuple(map(int, q)) for q in skin] + sheet
    labels = [SKIN] * len(skin) + [SHEET] * len(sheet)
    for label, first in EYE_BASE.items():
        cap = _eye_cap(base, first)
        polygons += cap
        labels += [label] * len(cap)
    hm08 = scipy.sparse.eye(len(base.vertices), len(base.vertices) + 1, format="csr")
    operator = scipy.sparse.vstack([hm08, rows]).tocsr()
    mirror = np.concatenate([base.mirror, sheet_mirror])
    original = np.append(np.arange(len(base.vertices)), np.full(len(sheet_mirror), -1))
    mesh = PolygonMesh(operator, polygons, np.array(labels), mirror, original)
    return keep_vertices(mesh, np.unique(np.concatenate([np.array(p) for p in polygons])))


def head_island(base: BaseMesh) -> np.ndarray:
    """Ids of the quads of the outer head skin: the UV island that holds the highest vertex."""
    body = np.flatnonzero(base.groups == "body")
    corners = base.quad_uv[body]
    edges = np.concatenate([corners[:, [i, (i + 1) % 4]] for i in range(4)])
    ones = np.ones(len(edges))
    graph = scipy.sparse.coo_matrix((ones, edges.T), shape=[len(base.uv)] * 2)
    _, island = scipy.sparse.csgraph.connected_components(graph, directed=False)
    heights = base.vertices[base.quads[body], 1].max(axis=1)
    return body[island[corners[:, 0]] == island[corners[heights.argmax(), 0]]]


def _mouth_sheet(count):
    """Three rows of 13 vertices between the lips, and the polygons around them."""
    columns = len(LOWER_LIP)
    upper = UPPER_LIP[_PAIRED]
    rows, ids = [], [upper]
    for t, push in _SHEET_ROWS:
        first = count + len(rows)
        for c in range(1, columns - 1):
            depth = push * np.sqrt(np.sin(np.pi * c / (columns - 1)))
            rows.append({int(upper[c]): 1 - t, int(LOWER_LIP[c]): t, count: float(depth)})
        inner = np.arange(first, count + len(rows))
        ids.append(np.concatenate([upper[:1], inner, upper[-1:]]))
    ids.append(LOWER_LIP)
    grid = np.stack(ids)  # [5, 15]; column 0 and 14 are the mouth's corners
    polygons = []
    for row in range(len(grid) - 1):
        for c in range(columns - 1):
            top = grid[row, c : c + 2]
            if row == 0:
                top = UPPER_LIP[_PAIRED[c] : _PAIRED[c + 1] + 1]
            ring = [*top, *grid[row + 1, c : c + 2][::-1]]
            polygons.append(tuple(int(v) for v in dict.fromkeys(ring)))
    inner = columns - 2
    within = np.arange(len(rows)).reshape(-1, inner)[:, ::-1].ravel()
    return rows_to_operator(rows, count + 1), polygons, count + within


def _eye_cap(base, first):
    """The quads of an eyeball that lids may uncover: rings 0 to 2, and 3 towards the corners."""
    ids = base.quads - first
    eye = np.flatnonzero(np.all((ids >= 0) & (ids < 8 * EYE_RINGS), axis=1))
    kept = []
    for quad in eye:
        meridian, ring = np.divmod(ids[quad], EYE_RINGS)
        corner = set(meridian) in ({7, 0}, {3, 4})
        if ring.max() <= 2 or (corner and ring.max() <= 3):
            kept.append(tuple(int(v) for v in base.quads[quad]))
    return kept
