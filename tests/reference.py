"""Slow twins of the renderer: loops that a reader can check by eye. One image, no batch."""

import math

import numpy as np


def project(vertices, projection):
    """`[V, 3]` image points of vertices `[V, 3]` by a projection `[2, 4]`."""
    row_x, row_y = projection[:, :3]
    norms = np.linalg.norm(row_x), np.linalg.norm(row_y)
    towards = np.cross(row_y / norms[1], row_x / norms[0])  # y runs down
    towards = towards / np.linalg.norm(towards) * np.mean(norms)
    return np.array(
        [
            [row_x @ v + projection[0, 3], row_y @ v + projection[1, 3], towards @ v]
            for v in vertices
        ]
    )


def weights(a, b, c, x, y):
    """Barycentrics of (x, y) in a triangle of either orientation; None outside or without area."""

    def cross(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    area, here = cross(a, b, c), (x, y)
    if not math.isfinite(area) or area == 0:
        return None
    found = cross(here, b, c) / area, cross(here, c, a) / area, cross(here, a, b) / area
    return found if min(found) >= 0 else None


def faces_away(a, b, c):
    return not (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) < 0


def rasterize(points, triangles, image_size):
    """Triangle ids `[H, W]`, barycentrics `[H, W, 3]`, depths `[H, W]` of `[V, 3]` points."""
    triangle_id = np.full(image_size, -1)
    barycentric = np.zeros([*image_size, 3])
    depth = np.zeros(image_size)
    points = np.asarray(points, float).tolist()
    for y, x in np.ndindex(*image_size):
        for t, (i, j, k) in enumerate(triangles):
            a, b, c = points[i], points[j], points[k]
            if faces_away(a, b, c):
                continue
            found = weights(a, b, c, x, y)
            if found is None:
                continue
            z = found[0] * a[2] + found[1] * b[2] + found[2] * c[2]
            if triangle_id[y, x] < 0 or z > depth[y, x]:  # a tie keeps the smaller id
                triangle_id[y, x], barycentric[y, x], depth[y, x] = t, found, z
    return triangle_id, barycentric, depth


def interpolate(attributes, triangles, triangle_id, barycentric):
    """`[H, W, C]` of vertex attributes `[V, C]`."""
    image = np.zeros([*triangle_id.shape, attributes.shape[1]])
    for y, x in np.ndindex(*triangle_id.shape):
        if triangle_id[y, x] >= 0:
            for k, vertex in enumerate(triangles[triangle_id[y, x]]):
                image[y, x] += barycentric[y, x, k] * attributes[vertex]
    return image


def bilinear(image, points):
    """Colours `[N, C]` of an image `[H, W, C]` at (x, y) points `[N, 2]`."""
    height, width, _ = image.shape
    colours = []
    for x, y in points:
        x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
        left, top = int(x), int(y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        upper = image[top, left] * (left + 1 - x) + image[top, right] * (x - left)
        lower = image[bottom, left] * (left + 1 - x) + image[bottom, right] * (x - left)
        colours.append(upper * (top + 1 - y) + lower * (y - top))
    return np.array(colours)


def vertex_normals(vertices, triangles):
    """Unit normals `[V, 3]`, triangles weighted by their area."""
    normals = np.zeros([len(vertices), 3])
    for i, j, k in triangles:
        area = np.cross(vertices[j] - vertices[i], vertices[k] - vertices[i])
        for vertex in (i, j, k):
            normals[vertex] += area
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(lengths > 0, lengths, 1)


def sh_basis(normal):
    """The nine harmonics of a normal `[3]`, Lambert's convolution included: 1, 2 pi/3, pi/4."""
    x, y, z = normal
    pi = math.pi
    zero, one = math.sqrt(1 / (4 * pi)), math.sqrt(3 / (4 * pi))
    two = math.sqrt(15 / (4 * pi))
    harmonics = [zero, one * z, one * y, one * x]
    harmonics += [two / (2 * math.sqrt(3)) * (2 * z * z - x * x - y * y)]
    harmonics += [two * y * z, two * x * z, two * x * y, two / 2 * (x * x - y * y)]
    factors = [1] + [2 * pi / 3] * 3 + [pi / 4] * 5
    return [h * f for h, f in zip(harmonics, factors, strict=True)]


def shade(albedo, normal, illumination):
    """The colour `[3]` of one point: `illumination` is `[9, 3]`."""
    light = np.zeros(3)
    for harmonic, colour in zip(sh_basis(normal), illumination, strict=True):
        light += harmonic * colour
    return albedo * light


def to_texels(attributes, triangles, uv, uv_size):
    """Vertex attributes `[V, C]` at the texels `[Hu, Wu, C]`; the layout must cover them all."""
    height, width = uv_size
    points = (uv * [width - 1, height - 1]).tolist()
    found = np.full([*uv_size, attributes.shape[1]], np.nan)
    for y, x in np.ndindex(*uv_size):
        for corners in reversed(triangles):
            inside = weights(*(points[k] for k in corners), x, y)
            if inside is not None:
                found[y, x] = inside @ attributes[corners]
    return found


def render(vertices, albedo_map, projection, illumination, triangles, uv, image_size):
    """Image `[H, W, 3]`, mask `[H, W]` and texture; rows of `projection` must be orthogonal."""
    uv_size = albedo_map.shape[:2]
    rows = projection[:, :3] / np.linalg.norm(projection[:, :3], axis=1, keepdims=True)
    right, up = rows[0], -rows[1]
    turn = np.stack([right, up, np.cross(right, up)])
    normals = vertex_normals(vertices, triangles) @ turn.T
    normal_map = to_texels(normals, triangles, uv, uv_size)
    texture = np.zeros(albedo_map.shape)
    for y, x in np.ndindex(*uv_size):
        texture[y, x] = shade(albedo_map[y, x], normal_map[y, x], illumination)

    points = project(vertices, projection)
    triangle_id, barycentric, _ = rasterize(points, triangles, image_size)
    texels = uv * [uv_size[1] - 1, uv_size[0] - 1]
    where = interpolate(texels, triangles, triangle_id, barycentric)
    mask = triangle_id >= 0
    image = np.zeros([*image_size, 3])
    image[mask] = bilinear(texture, where[mask])
    return image, mask, texture


def antialias(image, triangle_id, depth, points, triangles):
    """An image `[H, W, C]` antialiased: every pair of neighbouring pixels asks all edges."""
    points, outlines = np.asarray(points, float).tolist(), _outlines(points, triangles)
    for column in (False, True):
        before, image = image, image.copy()
        for near in np.ndindex(*triangle_id.shape):
            for step in (1, -1):
                far = (near[0] + step, near[1]) if column else (near[0], near[1] + step)
                if not all(0 <= k < n for k, n in zip(far, triangle_id.shape, strict=True)):
                    continue
                ends = [(points[a], points[b]) for a, b in outlines]
                found = [_passes(*end, near, step, column) for end in ends]
                shares = [
                    share
                    for share, z in filter(None, found)
                    if triangle_id[near] >= 0
                    and (triangle_id[far] < 0 or min(z, depth[near]) > depth[far])
                ]
                if shares:
                    more = max(shares) - 0.5
                    image[far if more > 0 else near] += more * (before[near] - before[far])
    return image


def _outlines(points, triangles):
    """Edges (from, to) of triangles that face the camera, beyond which no triangle does."""
    beside = {}
    for t, corners in enumerate(triangles):
        for k in range(3):
            beside.setdefault(frozenset((corners[k], corners[k - 1])), []).append(t)
    facing = [not faces_away(*points[corners]) for corners in triangles]
    found = []
    for t, corners in enumerate(triangles):
        for k in range(3):
            a, b = corners[k - 1], corners[k]
            others = [u for u in beside[frozenset((a, b))] if u != t]
            if facing[t] and not (len(others) == 1 and facing[others[0]]):
                found.append((a, b))
    return found


def _passes(a, b, near, step, column):
    """Share of the way from pixel `near` (row, column) to the next, and depth, or None."""
    (x, y, z), (to_x, to_y, to_z) = a, b
    row, col = near
    if column:  # a turn: what was the row is now minus the column
        x, y, to_x, to_y, row, col = y, -x, to_y, -to_x, -col, row
    run, rise = to_x - x, to_y - y
    if abs(rise) < abs(run) or (column and abs(rise) == abs(run)) or rise * step >= 0:
        return None
    if not min(y, to_y) <= row < max(y, to_y):
        return None
    share = (x + (row - y) / rise * run - col) * step
    return (share, z + (row - y) / rise * (to_z - z)) if 0 <= share < 1 else None
