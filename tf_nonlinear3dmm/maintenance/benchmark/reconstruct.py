"""Photo to face: the model's throughput beside the detector's."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import PIL.Image
import tensorflow as tf

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.configs import ModelConfig
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.maintenance.benchmark import tables, timing
from tf_nonlinear3dmm.maintenance.benchmark.setting import Setting
from tf_nonlinear3dmm.model import Nonlinear3DMM

BATCH = 16
PHOTO = (480, 640)  # (height, width)
WORK = (
    "Preset {preset}, weights at random, batches of {batch} crops of {size} px, uint8. encoder: "
    "camera, light and codes. mesh: also both decoders, vertices, image points, landmarks and "
    "texture. reconstruct: `model.reconstruct`, mesh and image. detector: `photos.detect` of "
    "one photo of {width} x {height} px. Median of {runs} runs, all in turn."
)


def measure(setting: Setting) -> Iterator[tables.Table]:
    """Yields one `Table`."""
    config = setting.config()
    data.prepare(config, setting.say)
    split = data.open_first(config, "test")
    crops = next(data.in_order(split, config.model.image_size, BATCH, ["image"]))["image"]
    images = tf.cast(tf.round(255 * crops), tf.uint8)
    functions = {n: functools.partial(f, images) for n, f in stages(config.model).items()}
    functions["detector"] = functools.partial(photos.detect, photograph(images[0].numpy()))
    times = timing.take_turns(functions, setting.runs, setting.say)
    batch = {name: 1 if name == "detector" else len(images) for name in functions}
    rows = [
        [name, batch[name], *times.ms(name), batch[name] / times.median(name)] for name in functions
    ]
    sizes = {"height": PHOTO[0], "width": PHOTO[1], "size": config.model.image_size}
    work = WORK.format(preset=config.preset, batch=BATCH, runs=setting.runs, **sizes)
    columns = ["what", "images", "ms", "minimum", "images a second"]
    yield tables.Table("Reconstruction", work, columns, rows)


def stages(config: ModelConfig) -> dict[str, Callable]:
    """Name -> function of uint8 images `[B, S, S, 3]`."""
    model = Nonlinear3DMM(config, *_everyday_cameras(config))

    def floats(images):
        return tf.cast(images, tf.float32) / 255

    return {
        "encoder": graphs.function(lambda images: model.encode(floats(images))),
        "mesh": graphs.function(lambda images: model(floats(images), draw=False)),
        "reconstruct": model.reconstruct,
    }


def _everyday_cameras(config: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation `[8]` of projections that fill the crop, for weights at random."""
    projections = crop.typical_projections(FaceModel.load(config.face_model), config.image_size)
    rows = projections.numpy().reshape(-1, 8)
    return rows.mean(axis=0), rows.std(axis=0)


def photograph(image: np.ndarray) -> np.ndarray:
    """A photo of `PHOTO` with the face `[S, S, 3]` in it, a third of its height."""
    photo = np.full([*PHOTO, 3], 90, np.uint8)
    side = PHOTO[0] // 3
    face = PIL.Image.fromarray(image).resize((side, side), PIL.Image.Resampling.BICUBIC)
    photo[side : 2 * side, side : 2 * side] = np.asarray(face)
    return photo
