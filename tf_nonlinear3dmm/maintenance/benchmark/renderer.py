"""The whole renderer, projection to image, at the sizes of presets."""

from collections.abc import Iterator

import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.maintenance.benchmark import tables, timing
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.rendering import renderer, uv_layout

COLUMNS = ["preset", "image", "UV", "batch", "forward ms", "minimum", "with gradient ms", "minimum"]
WORK = (
    "Normals, light, camera, rasterizer and texture of the mean face at everyday poses, each "
    "filling its crop (yaw of 30 degrees standard deviation), batch {batch}. With gradient: L1 to "
    "random images, and the gradients of vertices, albedo, projection and illumination. Median of "
    "{runs} runs, all in turn."
)
BATCH = 16


class Work:
    """Faces to draw.

    Args:
        config: `ModelConfig`: sizes, face, and whether there are light and antialiasing.
        batch: faces.

    Attributes:
        arguments: vertices, albedo_map, projection and illumination for `renderer.render`.
    """

    def __init__(self, config: configs.ModelConfig, batch: int) -> None:
        face = FaceModel.load(config.face_model)
        size, uv_size = config.image_size, config.uv_size
        self.constants = uv_layout.build(face, uv_size), (size, size)
        self.antialiased = config.silhouette_gradient
        vertices = tf.constant(face.mean_vertices, tf.float32)[tf.newaxis]
        light = tf.random.stateless_normal([batch, 9, 3], [0, 2]) * 0.1
        self.arguments = [
            tf.tile(vertices, [batch, 1, 1]),
            tf.random.stateless_uniform([batch, *uv_size, 3], [0, 1]),
            crop.typical_projections(face, size, batch),
            light + 3.0 * tf.one_hot(0, 9)[:, tf.newaxis] if config.lighting else None,
        ]
        self.target = tf.random.stateless_uniform([batch, size, size, 3], [0, 3])
        self._graphs = graphs.function(self._image), graphs.function(self._gradients)

    def forward(self) -> tf.Tensor:
        """The images."""
        return self._graphs[0](self.arguments)

    def step(self) -> list[tf.Tensor]:
        """The gradients of the arguments."""
        return self._graphs[1](self.arguments)

    def _image(self, arguments):
        return renderer.render(*arguments, *self.constants, self.antialiased).image

    def _gradients(self, arguments):
        loss = tf.reduce_mean(tf.abs(self._image(arguments) - self.target))
        return tf.gradients(loss, [a for a in arguments if a is not None])


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields one `Table`."""
    presets = dict.fromkeys([setting.preset] if setting.quick else [setting.preset, "paper"])
    work = {name: Work(configs.preset(name).model, BATCH) for name in presets}
    functions = {}
    for name in presets:
        functions |= {("forward", name): work[name].forward, ("step", name): work[name].step}
    times = timing.take_turns(functions, setting.runs, setting.say)
    rows = []
    for name in presets:
        config = configs.preset(name).model
        sizes = [config.image_size, "{} x {}".format(*config.uv_size), BATCH]
        rows.append([name, *sizes, *times.ms(("forward", name)), *times.ms(("step", name))])
    text = WORK.format(batch=BATCH, runs=setting.runs)
    yield tables.Table("Renderer, projection to image", text, COLUMNS, rows)
