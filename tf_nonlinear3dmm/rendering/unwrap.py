"""Image to UV texture: what the camera saw of the face, laid out flat."""

import tensorflow as tf

from tf_nonlinear3dmm.core import shapes
from tf_nonlinear3dmm.rendering import camera, rasterizer, sparse, uv_layout
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout


def unwrap(
    image: tf.Tensor,
    vertices: tf.Tensor,
    projection: tf.Tensor,
    layout: UVLayout,
    face_mask: tf.Tensor | None = None,
    tolerance: float = 0.01,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the colours of a face from its image into a UV map.

    Args:
        image: `[B, H, W, 3]` RGB.
        vertices: `[B, V, 3]` in the face frame.
        projection: `[B, 2, 4]`, face units to pixels of `image`.
        layout: `uv_layout.UVLayout` of (Hu, Wu).
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
    fragments = rasterizer.rasterize(points, layout.triangles, (height, width))
    rows, columns = layout.size
    flat = [tf.shape(image)[0], rows * columns]
    texels = tf.reshape(uv_layout.to_texels(points, layout), [*flat, 3])

    facing, slope = _facing(points, layout)
    candidates = facing & tf.reshape(layout.texel_triangle >= 0, [1, -1])
    shown = fragments.triangle_id >= 0
    if face_mask is not None:
        shown &= face_mask[..., 0] > 0.999
    hidden = fragments.depth.dtype.max / 8  # so near that nothing behind it counts as seen
    nearest = tf.where(shown, fragments.depth, hidden) - tolerance * max(height, width)
    pixels, weights = _visible(texels, slope, candidates, nearest)
    # Whole rows are chosen, so that what is not shown does not reach a sum, whatever it is.
    image = tf.reshape(image, [-1, 3])
    image = tf.raw_ops.Select(condition=tf.reshape(shown, [-1]), x=image, y=tf.zeros_like(image))
    colours, mask = _mean(image, pixels, tf.cast(weights, image.dtype))
    return (
        tf.reshape(colours, [-1, rows, columns, 3]),
        tf.reshape(mask, [-1, rows, columns, 1]),
    )


def _visible(texels, slope, candidates, nearest):
    """The pixels around texels, and their bilinear weights, 0 for those that do not see the texel.

    A pixel sees it where nothing is nearer: the texel's triangle is continued as a plane to the
    pixel's centre, so that a slanted surface does not hide itself.

    Args:
        texels: `[B, N, 3]` image points.
        slope: `[B, N, 2]` depth of the texel's triangle per pixel in x and y.
        candidates: `[B, N]` bool; the others, and those outside the image, have no pixel.
        nearest: `[B, H, W]` depth from which on a pixel sees.

    Returns:
        index `[4, B N]` into the images' pixels, and weights `[4, B N]`.
    """
    (_, height, width), (batch, count, _) = nearest.shape, tf.unstack(tf.shape(texels))
    x, y, depth = tf.unstack(tf.reshape(texels, [-1, 3]), axis=1)
    slope_x, slope_y = tf.unstack(tf.reshape(slope, [-1, 2]), axis=1)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    candidates = tf.reshape(candidates, [-1]) & inside
    first, nearest = tf.repeat(tf.range(batch) * (height * width), count), tf.reshape(nearest, [-1])
    pixels, weights = [], []
    for row, down, by_y in _neighbours(y, height):
        for column, across, by_x in _neighbours(x, width):
            pixels.append(first + row * width + column)
            own = depth + (slope_x * by_x + slope_y * by_y)
            visible = candidates & (own >= tf.gather(nearest, pixels[-1]))
            weights.append(tf.where(visible, across * down, tf.zeros_like(own)))
    return tf.stack(pixels), tf.stack(weights)


def _neighbours(x, size):
    """The pixels before and after `x` `[N]`, their bilinear weights, and how far they are after."""
    low = tf.floor(x)
    for step, weight in ((0, 1 - (x - low)), (1, x - low)):
        pixel = tf.clip_by_value(tf.cast(low, tf.int32) + step, 0, size - 1)
        yield pixel, weight, tf.cast(pixel, x.dtype) - x


def _mean(image, pixels, weights):
    """The mean colours `[N, 3]` of `pixels` `[4, N]`, and 1 where `weights` reach a half, `[N]`.

    Elsewhere both are 0. `image` is `[M, 3]`.
    """
    count = tf.shape(pixels)[1]
    pairs = sparse.pairs(tf.broadcast_to(tf.range(count), tf.shape(pixels)), pixels)
    layers = tf.concat([image, tf.ones_like(image[:, :1])], axis=1)
    sums = sparse.matmul(tf.reshape(pairs, [-1, 2]), tf.reshape(weights, [-1]), layers, count)
    *colours, total = tf.unstack(sums, axis=1)
    total = tf.where(total > 0.5, total, tf.zeros_like(total))
    colours = sparse.stack_columns([tf.math.divide_no_nan(colour, total) for colour in colours])
    return colours, tf.sign(total)


def _facing(points, layout):
    """Of the texels' triangles: whether they face the camera, and depth per pixel in x and y."""
    a, b, c = (tf.gather(points, layout.triangles[:, k], axis=1) for k in range(3))
    normal = tf.linalg.cross(b - a, c - a)
    slope = -tf.math.divide_no_nan(normal[..., :2], normal[..., 2:])
    triangle = tf.maximum(tf.reshape(layout.texel_triangle, [-1]), 0)
    return tf.gather(normal[..., 2] < 0, triangle, axis=1), tf.gather(slope, triangle, axis=1)
