"""How fast examples come: from photographs, from prepared data sets, from the generator."""

import dataclasses
import os
import tempfile

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data
from tf_nonlinear3dmm.data import augment, crop, degrade, draws
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.maintenance.benchmark import tables, timing

PHOTO, QUALITY = 450, 92  # pixels of a photograph's side, and of the JPEG
PHOTO_GOAL, FACE_GOAL = 700, 40
JITTER, SHIFT, COLOUR = 0.10, 0.08, 0.5
WORK = (
    "photographs: JPEG files in memory of {photo} x {photo} px ({kilobytes:.0f} kB each; generated "
    "faces, enlarged), decoded, jittered, cropped to {size} px around their landmarks, mirrored "
    "by half, recoloured, and batched, with their landmarks, in tf.data. batches: what training "
    "reads from a prepared data set, all labels, augmented. faces: generated and written as tfds "
    "records by the call that training makes, all maps and both label sets. Median of {runs} runs."
)


def measure(setting):
    """Yields one `Table`."""
    config = setting.config()
    count = 64 if setting.quick else 512
    data.prepare(config, setting.say)
    batches, _ = data.open_training(config, FaceModel.load(config.model.face_model))
    files, landmarks = photographs(config, 16 if setting.quick else 64)
    size, steps = config.model.image_size, count // config.train.batch_size
    crops = photograph_batches(files, landmarks, size, count, config.train.batch_size)
    prepared = batches.dataset(0, steps)
    times = timing.take_turns(
        {"photographs": lambda: consume(crops), "batches": lambda: consume(prepared)},
        setting.runs,
        setting.say,
    )
    generated = generate(config, 16 if setting.quick else 256, min(3, setting.runs), setting.say)
    rates = {name: speeds(times.seconds[name], count) for name in ("photographs", "batches")}
    rates["faces"] = speeds(*generated)
    goals = {"photographs": PHOTO_GOAL, "faces": FACE_GOAL}
    rows = [
        [name, size, *rate, goals.get(name, ""), rate[0] >= goals[name] if name in goals else ""]
        for name, rate in rates.items()
    ]
    kilobytes = np.mean([len(file) for file in files]) / 1000
    work = WORK.format(photo=PHOTO, kilobytes=kilobytes, size=size, runs=setting.runs)
    columns = ["what", "px", "a second", "fastest run", "goal, at least", "met"]
    yield tables.Table("Data", work, columns, rows)


def speeds(seconds, count):
    """Median and best of `count` things a second."""
    return [float(count / np.median(seconds)), count / min(seconds)]


def photographs(config, count):
    """`count` JPEG files of `PHOTO` pixels, and landmarks `[count, 68, 2]` in them."""
    split = data.open_split(data.requests(config)[0][0], config, "train")
    rows = split.rows[np.arange(count) % len(split)]
    images, landmarks = split["image"][rows], np.asarray(split["landmarks"][rows])
    k = PHOTO / images.shape[1]
    large = tf.image.resize(images, [PHOTO, PHOTO], method="bicubic")
    large = tf.cast(tf.clip_by_value(tf.round(large), 0, 255), tf.uint8)
    files = [tf.io.encode_jpeg(image, quality=QUALITY).numpy() for image in large]
    return files, k * (landmarks + 0.5) - 0.5


def photograph_batches(files, landmarks, size, count, batch_size):
    """tf.data of `count` images of `files`, cropped and augmented, in batches."""

    def cut(number, contents, landmarks):
        square = crop.jitter(crop.square(landmarks), JITTER, SHIFT, [0, number])
        return crop.jpeg(contents, square, size) / 255, moved(landmarks, square)

    def moved(landmarks, square):
        square = crop.Square(*(part[tf.newaxis] for part in square))
        return crop.points(landmarks[tf.newaxis], square, size)[0]

    def colour(images, landmarks):
        flip = tf.random.uniform([batch_size]) < 0.5
        images = tf.where(flip[:, None, None, None], tf.reverse(images, [2]), images)
        mirrored = tf.gather(landmarks, augment.LANDMARK_MIRROR, axis=1) * [-1.0, 1.0]
        mirrored += [size - 1.0, 0.0]
        landmarks = tf.where(flip[:, None, None], mirrored, landmarks)
        seed = tf.random.uniform([], maxval=2**31, dtype=tf.int64)
        draw = draws.Draws(batch_size, tf.range(batch_size), 0, seed)
        colours = degrade.random_colour(COLOUR, draw)
        return degrade.recolour({"image": images}, colours)["image"], landmarks

    files = tf.data.Dataset.from_tensor_slices((files, landmarks)).cache().repeat()
    numbered = tf.data.Dataset.zip((tf.data.Dataset.range(count), files))
    numbered = numbered.map(lambda number, pair: (tf.cast(number, tf.int32), *pair))
    crops = numbered.map(cut, num_parallel_calls=os.cpu_count())
    return crops.batch(batch_size, drop_remainder=True).map(colour).prefetch(2)


def consume(dataset):
    """Reads all of it."""
    for _ in dataset:
        pass


def generate(config, count, runs, say):
    """(seconds of each run, faces of a run): data sets that are made anew."""
    seconds = []
    for number in range(runs + 1):
        with tempfile.TemporaryDirectory() as folder:
            changes = {"train_examples": count, "validation_examples": 16, "test_examples": 16}
            own = dataclasses.replace(config.data, folder=folder, **changes)
            with timing.stopwatch() as clock:
                data.prepare(dataclasses.replace(config, data=own), lambda line: None)
        say(f"generated {count + 32} faces: {clock.seconds:.1f} s")
        seconds += [clock.seconds] if number else []
    return seconds, count + 32
