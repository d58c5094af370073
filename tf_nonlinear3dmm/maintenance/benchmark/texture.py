"""How well the texture of a mesh is completed, on generated faces, whose own texture is known."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.data import crop
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.data.splits import Split
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import renderer
from tf_nonlinear3dmm.serving import completion, portraits, textures

FEATURES = ("image", "texture", "texture_mask", "albedo", "illumination", "vertices", "projection")
WAYS = ("the model alone", "the photo over the model", "completed")
MEASURES = ("visible, L1", "hidden, L1", "step at the seam")
LEAST = 0.15  # share of the map that a photo must show: less is hair or the back of a head


def measure(model: Nonlinear3DMM, split: Split, rows: Iterable[int]) -> dict[str, np.ndarray]:
    """Measures textures of 0 to 1.

    Args:
        model: `Nonlinear3DMM`.
        split: `Split` of generated faces.
        rows: ids of its records.

    Returns:
        dict from each of `WAYS` to `[N, 3]`, a column for each of `MEASURES`. Hidden places are
        compared with the label's albedo times light, in colours as the image has them: the best
        linear map of those where it shows the face.
    """
    split.prepare(FEATURES)
    numbers = {way: [] for way in WAYS}
    for row in rows:
        labels = {name: np.asarray(split[name][[row]]) for name in FEATURES}
        visible = labels["texture_mask"][0, ..., 0] > 127
        if visible.mean() > LEAST:
            for way, values in _errors(model, labels, visible).items():
                numbers[way].append(values)
    return {way: np.array(values) for way, values in numbers.items()}


def table(numbers: dict[str, np.ndarray]) -> str:
    """The means as lines of Markdown."""
    lines = ["| " + " | ".join(["", *MEASURES]) + " |", "| --- " * (1 + len(MEASURES)) + "|"]
    for way, values in numbers.items():
        cells = [f"{v:.3f}" for v in values.mean(axis=0)]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _errors(model, labels, visible):
    """dict from each of `WAYS` to `[3]`."""
    photo, margin = labels["image"][0], crop.margin(model.config.image_size)
    size = model.config.image_size
    square = crop.Square(*(tf.constant(float(k)) for k in (margin, margin, size)))
    face = faces.PhotoFace(np.array([margin, margin, size, size]), 1.0, square)
    portrait = portraits.portrait(model, photo, face)
    own = textures.maps(portrait, photo, model)
    seen = textures.unwrapped(portrait, photo, model)
    pasted = np.where(seen.visible > 0, seen.colours, own["lit"])
    maps = dict(zip(WAYS, (own["lit"], pasted, own["photo"]), strict=True))
    truth = np.where(
        visible[..., None], labels["texture"][0] / 255, _hidden(model, labels, visible)
    )
    covered = model.uv_layout.texel_triangle >= 0
    edge = seen.visible[:, 1:, 0] != seen.visible[:, :-1, 0]
    errors = {}
    for way, texture in maps.items():
        coarse, _ = completion.cells(texture, np.ones([*texture.shape[:2], 1]))
        distance = np.abs(coarse - truth).mean(axis=-1)
        steps = np.abs(np.diff(texture, axis=1)).mean(axis=-1)
        errors[way] = [f(distance) for f in (_mean(visible), _mean(covered & ~visible))]
        errors[way].append(steps[edge].mean())
    return errors


def _mean(where):
    return lambda values: values[where].mean()


def _hidden(model, labels, visible):
    """The label's albedo times light `[Hu, Wu, 3]` in the colours of the image."""
    parts = (tf.constant(labels[n]) for n in ("vertices", "projection", "illumination"))
    shading = renderer.shading_map(*parts, model.uv_layout)[0].numpy()
    lit = np.clip(labels["albedo"][0] / 255 * shading, 0, 1)
    lit = np.concatenate([lit, np.ones_like(lit[..., :1])], axis=-1)
    source, target = lit[visible], labels["texture"][0][visible] / 255
    kept = np.ones(len(source), bool)
    for _ in range(4):  # without hair and what else hides the face
        to_image = np.linalg.lstsq(source[kept], target[kept], rcond=None)[0]
        distance = np.abs(source @ to_image - target).sum(axis=-1)
        kept = distance <= np.quantile(distance, 0.7)
    return np.clip(lit @ to_image, 0, 1)
