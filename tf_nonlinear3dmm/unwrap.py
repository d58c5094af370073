"""Image to UV texture: what the camera saw of the face, laid out flat."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import camera, rasterizer, renderer, shapes


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
    image_mask = tf.ones_like(image[..., :1]) if face_mask is None else face_mask
    layers = tf.concat([image, tf.cast(image_mask > 0.999, image.dtype)], axis=-1)
    tolerance = tolerance * max(height, width)
    colours, weight = _visible_mean(layers, texels, slope, fragments, tolerance)
    seen = facing & tf.reshape(face.texel_triangle >= 0, [1, -1]) & (weight > 0.5)
    limits = tf.constant([width - 1, height - 1], texels.dtype)
    seen &= tf.reduce_all((texels[..., :2] >= 0) & (texels[..., :2] <= limits), axis=-1)
    seen = tf.cast(seen, image.dtype)[..., tf.newaxis]
    colours = tf.math.multiply_no_nan(colours, seen)
    return (
        tf.reshape(colours, [-1, rows, columns, 3]),
        tf.reshape(seen, [-1, rows, columns, 1]),
    )


def _visible_mean(layers, texels, slope, fragments, tolerance):
    """Bilinear colours at the texels' points `[B, N, 3]`, from the pixels that see them alone.

    A pixel counts where the last of `layers` `[B, H, W, 4]` is 1 and nothing nearer covers it: the
    texel's triangle is continued as a plane, of depth `slope` `[B, N, 2]` per pixel, to the pixel's
    centre, so that a slanted surface does not hide itself. Returns the colours `[B, N, 3]`, 0 where
    no pixel counts, and the bilinear weight `[B, N]` of the pixels that do.
    """
    height, width = fragments.triangle_id.shape[1:]
    limits = tf.constant([width - 1, height - 1])
    corner = tf.floor(texels[..., :2])
    fraction = texels[..., :2] - corner
    nothing = fragments.depth.dtype.max / 8  # an empty pixel counts as hidden: no background
    nearest = tf.where(fragments.triangle_id < 0, nothing, fragments.depth)
    nearest = tf.reshape(nearest, [tf.shape(nearest)[0], -1])
    layers = tf.reshape(layers, [tf.shape(layers)[0], -1, 4])
    colours, total = 0.0, 0.0
    for step in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        pixel = tf.clip_by_value(tf.cast(corner, tf.int32) + step, 0, limits)
        offset = tf.cast(pixel, texels.dtype) - texels[..., :2]
        own = texels[..., 2] + tf.reduce_sum(slope * offset, axis=-1)
        index = pixel[..., 1] * width + pixel[..., 0]
        found = tf.gather(layers, index, batch_dims=1)
        weight = tf.reduce_prod(tf.where(np.array(step) == 1, fraction, 1 - fraction), axis=-1)
        weight = tf.cast(weight, layers.dtype) * found[..., 3]
        visible = own >= tf.gather(nearest, index, batch_dims=1) - tolerance
        weight = tf.where(visible, weight, tf.zeros_like(weight))
        colours += tf.math.multiply_no_nan(found[..., :3], weight[..., tf.newaxis])
        total += weight
    return tf.math.divide_no_nan(colours, total[..., tf.newaxis]), total


def _facing(points, face):
    """Of the texels' triangles: whether they face the camera, and depth per pixel in x and y."""
    a, b, c = (tf.gather(points, face.triangles[:, k], axis=1) for k in range(3))
    normal = tf.linalg.cross(b - a, c - a)
    slope = -tf.math.divide_no_nan(normal[..., :2], normal[..., 2:])
    triangle = tf.maximum(tf.reshape(face.texel_triangle, [-1]), 0)
    return tf.gather(normal[..., 2] < 0, triangle, axis=1), tf.gather(slope, triangle, axis=1)
