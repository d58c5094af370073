"""Image to UV texture: what the camera saw of the face, laid out flat."""

import tensorflow as tf

from tf_nonlinear3dmm import camera, packing, rasterizer, renderer, shapes


def unwrap(image, vertices, projection, face, face_mask=None, tolerance=0.01):
    """Reads the colours of a face from its image into a UV map.

    Args:
        image: `[B, H, W, 3]` RGB.
        vertices: `[B, V, 3]` in the face frame.
        projection: `[B, 2, 4]`, face units to pixels of `image`.
        face: `renderer.FaceTensors`.
        face_mask: `[B, H, W, 1]` in [0, 1], 1 where the image shows the face unoccluded; or None.
        tolerance: how far behind the nearest surface a texel may lie and still count as seen, as
            a fraction of the image's longer side.

    Returns:
        texture: `[B, Hu, Wu, 3]`, 0 where unseen.
        texture_mask: `[B, Hu, Wu, 1]`, 1 where the texel lies in the layout, faces the camera,
            and more than half of the bilinear weight of its place is on pixels that see this part
            of the face and lie in `face_mask`. Its colour is the mean over those pixels.

    Raises:
        ValueError: if a static shape differs from the above.
    """
    sizes = shapes.check(
        image=(image, "B H W 3"), vertices=(vertices, "B V 3"), projection=(projection, "B 2 4")
    )
    height, width = sizes["H"], sizes["W"]
    points = camera.project(vertices, projection)
    fragments = rasterizer.rasterize(points, face.triangles, (height, width))
    rows, columns = face.texel_triangle.shape
    flat = [tf.shape(image)[0], rows * columns]
    texels = tf.reshape(renderer.to_texels(points, face), [*flat, 3])

    facing, slope = _facing(points, face)
    shown = fragments.triangle_id >= 0
    if face_mask is not None:
        shown &= face_mask[..., 0] > 0.999
    hidden = fragments.depth.dtype.max / 8  # so near that nothing behind it counts as seen
    nearest = tf.where(shown, fragments.depth, hidden)
    tolerance = tolerance * max(height, width)
    colours, weight = _visible_mean(image, nearest, texels, slope, tolerance)
    seen = facing & tf.reshape(face.texel_triangle >= 0, [1, -1]) & (weight > 0.5)
    limits = tf.constant([width - 1, height - 1], texels.dtype)
    seen &= tf.reduce_all((texels[..., :2] >= 0) & (texels[..., :2] <= limits), axis=-1)
    seen = tf.cast(seen, image.dtype)[..., tf.newaxis]
    colours = tf.math.multiply_no_nan(colours, seen)
    return (
        tf.reshape(colours, [-1, rows, columns, 3]),
        tf.reshape(seen, [-1, rows, columns, 1]),
    )


def _visible_mean(image, nearest, texels, slope, tolerance):
    """Bilinear colours at the texels' points `[B, N, 3]`, from the pixels that see them alone.

    A pixel counts where nothing is nearer than it: the texel's triangle is continued as a plane, of
    depth `slope` `[B, N, 2]` per pixel, to the pixel's centre, so that a slanted surface does not
    hide itself; `nearest` `[B, H, W]` is the depth there. Returns the colours `[B, N, 3]`, 0 where
    no pixel counts, and the bilinear weight `[B, N]` of the pixels that do.
    """
    shape, (height, width) = tf.shape(texels), nearest.shape[1:]
    x, y, depth = packing.columns(tf.reshape(texels, [-1, 3]))
    by_x, by_y = packing.columns(tf.reshape(slope, [-1, 2]))
    image, nearest = tf.reshape(image, [-1, 3]), tf.reshape(nearest, [-1])
    first = tf.repeat(tf.range(shape[0]) * (height * width), shape[1])
    colours, total = 0.0, 0.0
    for row, down in _neighbours(y, height):
        for column, across in _neighbours(x, width):
            pixel = first + row * width + column
            own = by_x * (tf.cast(column, x.dtype) - x) + by_y * (tf.cast(row, y.dtype) - y)
            visible = depth + own >= tf.gather(nearest, pixel) - tolerance
            weight = tf.where(visible, across * down, tf.zeros_like(across))
            weight = tf.cast(weight, image.dtype)
            colours += tf.math.multiply_no_nan(tf.gather(image, pixel), weight[:, tf.newaxis])
            total += weight
    colours = tf.math.divide_no_nan(colours, total[:, tf.newaxis])
    return tf.reshape(colours, shape), tf.reshape(total, shape[:2])


def _neighbours(x, size):
    """The two pixels around `x` `[N]` among `size`, each with its bilinear weight."""
    low = tf.floor(x)
    pixel = tf.cast(low, tf.int32)
    yield tf.clip_by_value(pixel, 0, size - 1), 1 - (x - low)
    yield tf.clip_by_value(pixel + 1, 0, size - 1), x - low


def _facing(points, face):
    """Of the texels' triangles: whether they face the camera, and depth per pixel in x and y."""
    a, b, c = (tf.gather(points, face.triangles[:, k], axis=1) for k in range(3))
    normal = tf.linalg.cross(b - a, c - a)
    slope = -tf.math.divide_no_nan(normal[..., :2], normal[..., 2:])
    triangle = tf.maximum(tf.reshape(face.texel_triangle, [-1]), 0)
    return tf.gather(normal[..., 2] < 0, triangle, axis=1), tf.gather(slope, triangle, axis=1)
