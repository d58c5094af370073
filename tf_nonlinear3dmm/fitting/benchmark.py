"""What a fit brings on generated faces: the encoder beside fits with several landmarks."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from tf_nonlinear3dmm import metrics
from tf_nonlinear3dmm.fitting import photo, places
from tf_nonlinear3dmm.model import Nonlinear3DMM

ENCODER = "encoder"
METHODS = {  # name -> (landmarks, whether they are the labels)
    "fit without landmarks": (None, False),
    "fit to detected landmarks": (photo.DETECTED, False),
    "fit to the labels' landmarks": (None, True),
}
MEASURES = ("NME, inner (%)", "NME (%)", "vertices (mm)", "albedo L1", "image L1")


def measure(
    model: Nonlinear3DMM,
    batches: Iterable[Mapping[str, npt.ArrayLike]],
    steps: int = photo.STEPS,
    residual: bool = False,
    progress: Callable[[int], None] = lambda faces: None,
) -> dict[str, np.ndarray]:
    """Measures encoder and fits.

    Args:
        model: `Nonlinear3DMM` on an embedded face.
        batches: dicts of `image`, `landmarks`, `vertices`, `albedo`, `face_mask`, as
            `data.in_order` gives them.
        steps: of the fits, on the pixels.
        residual: whether they have one, see `photo.fit`.
        progress: called with the number of faces after each batch.

    Returns:
        dict from method to `[N, 5]`, a column for each of `MEASURES`.
    """
    numbers = {name: [] for name in (ENCODER, *METHODS)}
    for batch in batches:
        labels = {name: np.asarray(value) for name, value in batch.items()}
        numbers[ENCODER].append(_errors(model, model.reconstruct(batch["image"]), labels))
        for name, (points, known) in METHODS.items():
            given = labels["landmarks"] if known else points
            fit = photo.fit(
                model, batch["image"], given, contour=known, steps=steps, residual=residual
            )
            numbers[name].append(_errors(model, fit.reconstruction, labels))
        progress(len(labels["image"]))
    return {name: np.concatenate(parts) for name, parts in numbers.items()}


def table(numbers: Mapping[str, np.ndarray]) -> str:
    """The means as lines of Markdown."""
    lines = [" | ".join(["| ", *MEASURES]) + " |", "| --- " * (1 + len(MEASURES)) + "|"]
    for name, values in numbers.items():
        cells = [f"{v:.3g}" for v in np.nanmean(values, axis=0)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _errors(model, result, labels):
    """`[B, 5]`: `MEASURES`."""
    points, true = result.landmarks.numpy(), labels["landmarks"].astype(np.float32)
    size = np.sqrt(np.prod(np.ptp(true, axis=1), axis=-1))
    distance = np.linalg.norm(points - true, axis=-1)[:, places.CONTOUR :]
    vertices, _, _ = metrics.skin_error(model.face, result.vertices, labels["vertices"])
    visible = result.mask.numpy() * labels["face_mask"]
    return np.stack(
        [
            distance.mean(axis=1) / size * 100,
            metrics.nme(points, true).numpy(),
            vertices,
            metrics.albedo_error(model.uv_layout, result.albedo_map, labels["albedo"]),
            metrics.masked_l1(np.clip(result.image, 0, 1), labels["image"], visible),
        ],
        axis=1,
    )
