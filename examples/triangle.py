"""A triangle, drawn by the rasterizer alone, and a gradient through it: triangle.png.

python examples/triangle.py
"""

import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm.rendering import rasterizer

# One batch of three vertices, (x, y, depth) in pixels with y down, counter-clockwise on the screen.
image_points = tf.Variable([[[16.0, 108.0, 0.0], [112.0, 108.0, 0.0], [64.0, 20.0, 0.0]]])
triangles = tf.constant([[0, 1, 2]])  # [T, 3]
colours = tf.constant([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])  # [B, V, 3] RGB

with tf.GradientTape() as tape:
    fragments = rasterizer.rasterize(image_points, triangles, image_size=(128, 128))
    image = rasterizer.interpolate(colours, triangles, fragments)  # [B, H, W, 3], 0 outside
    redness = tf.reduce_sum(image[..., 0])
gradient = tape.gradient(redness, image_points)  # where red flows as the vertices move

covered = int(tf.reduce_sum(tf.cast(fragments.triangle_id >= 0, tf.int32)))
print(f"{covered} pixels covered; the triangle's area is {(112 - 16) * (108 - 20) / 2:.0f}")
print("d redness / d (x, y, depth) of each vertex:", *gradient[0].numpy().round(1), sep="\n")
PIL.Image.fromarray(tf.cast(255 * image[0], tf.uint8).numpy()).save("triangle.png")
