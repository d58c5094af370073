"""Generated clips of one person whose vertices and cameras are known: still, and fast."""

import io
from typing import NamedTuple

import numpy as np
import PIL.Image

from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.data.builders.synthetic_faces.drawing import compositing
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import light, pose

KINDS = ("still", "fast")
RATE = 30.0  # frames a second
SIDE = 160  # pixels of the face's crop; the frame is `crop.STORED` times as wide
NOISE, QUALITY = 4.0, 85  # grey levels of the sensor's noise, and of JPEG


class GeneratedClip(NamedTuple):
    """A clip of a person whom no training saw.

    Attributes:
        frames: `[F, H, H, 3]` uint8.
        vertices: `[F, V, 3]` in the face frame.
        projection: `[F, 2, 4]` to pixels of the frame.
        neutral: `[V, 3]`.
    """

    frames: np.ndarray
    vertices: np.ndarray
    projection: np.ndarray
    neutral: np.ndarray


def generate(
    kind: str, count: int, person: int = 0, face_model: str = "makehuman"
) -> GeneratedClip:
    """A clip of `count` frames of the `person`-th person of the test split.

    Args:
        kind: "still": nothing but the sensor's noise changes; "fast": the head turns 35 degrees to
            either side and back in a second, nods, comes nearer, talks and blinks.
        count: of frames.
        person: number.
        face_model: one of the embedded.
    """
    context = contexts.open_context(SIDE, (96, 112), 0, face_model)
    who = contexts.person(context, "test", person)
    neutral = context.people.neutral([who])
    time = np.arange(count) / RATE if kind == "fast" else np.zeros(count)
    vertices = context.people.express(np.repeat(neutral, count, 0), _units(context, time))
    angles = np.stack([_wave(time, *wave) for wave in ((35, 1.0), (10, 1.4), (6, 0.7))], axis=1)
    projection = _cameras(context, neutral, angles, time)
    frames = [_frame(context, who, person, i, neutral, vertices, projection) for i in range(count)]
    return GeneratedClip(np.stack(frames), vertices, projection, neutral[0])


def _wave(time, size, frequency):
    return size * np.sin(2 * np.pi * frequency * time)


def _units(context, time):
    """Weights `[F, U]`: a mouth that talks at three syllables a second, blinks of 0.2 s."""
    units = np.zeros([len(time), len(context.people.unit_names)], np.float32)
    names = {name: i for i, name in enumerate(context.people.unit_names)}
    units[:, names["jawOpen"]] = 0.25 * np.square(np.sin(np.pi * 3 * time))
    units[:, names["mouthFunnel"]] = 0.4 * np.square(np.sin(np.pi * 1.3 * time))
    blink = np.maximum(1 - np.abs((time + 0.5) % 1 - 0.5) / 0.1, 0) * (time > 0.2)
    for side in ("Left", "Right"):
        units[:, names["eyeBlink" + side]] = blink
        units[:, names["mouthSmile" + side]] = 0.3 + 0.3 * np.sin(2 * np.pi * 0.5 * time)
    return units


def _cameras(context, neutral, angles, time):
    """Projections `[F, 2, 4]` of one size and about one place, but for what the head does."""
    ids = context.assets.landmarks
    points = np.repeat(neutral[:, ids[ids >= 0]], len(time), 0)
    front = pose.projections(points[:1], np.zeros([1, 3]), SIDE, context.stored_size)[0]
    turned = pose.projections(points, angles, SIDE, context.stored_size)
    scale = np.linalg.norm(front[0, :3]) * np.exp(_wave(time, 0.08, 0.8))
    turned[..., :3] *= (scale / np.linalg.norm(turned[:, 0, :3], axis=-1))[:, None, None]
    turned[..., 3] = front[:, 3] + np.stack([_wave(time, 8, 0.9), _wave(time, 5, 1.1)], axis=1)
    return turned.astype(np.float32)


def _frame(context, who, person, number, neutral, vertices, projection):
    """One frame `[H, H, 3]` uint8: the same scene every time, noise of its own."""
    scene, noise = np.random.default_rng([7, person]), np.random.default_rng([8, person, number])
    shown = vertices[number : number + 1]
    gap = generator.mouth_gaps(shown, context.assets.contours)[0]
    albedo = context.people.albedo(who, gap)
    shot = compositing.Shot(who.appearance, albedo, light.sample(scene), gap, scene)
    view = projection[number : number + 1]
    images, _ = compositing.render(
        context.assets, shown, neutral, view, np.zeros(1, np.float32), [shot], context.stored_size
    )
    pixels = 255 * np.clip(images[0], 0, 1) + NOISE * noise.normal(size=images[0].shape)
    buffer = io.BytesIO()
    pixels = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return np.asarray(PIL.Image.open(buffer).convert("RGB"))
