"""How well the averaged weights do on the validation split, in numbers and in a picture."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics
from tf_nonlinear3dmm.configs import Config
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.rendering import visualize
from tf_nonlinear3dmm.rendering.uv_layout import UVLayout

_PANEL_FACES = 6
FEATURES = ["vertices", "albedo", "has_landmarks", "has_vertices", "has_face_mask"]


class Validation:
    """Scores a model on a split.

    Args:
        model: `Nonlinear3DMM`.
        face: `FaceModel`.
        layout: `UVLayout`.
        split: `data.Split`.
        config: `Config`.
    """

    def __init__(
        self,
        model: Nonlinear3DMM,
        face: FaceModel,
        layout: UVLayout,
        split: data.Split,
        config: Config,
    ) -> None:
        self.face, self.uv_layout, self.split = face, layout, split
        self.size, self.batch_size = config.model.image_size, config.train.batch_size
        self.trains = {name: stage.trains for name, stage in config.stages()}
        self._reconstruct = graphs.function(lambda images: model(images, training=False))
        self._decode = graphs.function(
            lambda batch: model.decode_labels(batch["vertices"], batch["albedo"])
        )

    def score(self, stage: str) -> tuple[dict[str, float], float]:
        """(dict of means over the split, the score that selects weights: lower is better).

        nme: percent of the landmarks' box; vertices: millimetres over the skin after rigid
        alignment; albedo, image: mean L1 over the face. The score is nme + vertices, or image
        where the split has no labels. In a stage that trains the decoders alone, vertices and
        albedo are decoded from the labels' codes; the score is vertices + 100 albedo.

        Args:
            stage: its name.
        """
        values: dict[str, list[float]] = {}
        for batch in self._batches():
            if self.trains[stage] == "decoders":
                errors = self._map_errors(batch, self._decode(batch))
            else:
                errors = self._errors(batch, self._reconstruct(batch["image"]))
            for name, numbers in errors.items():
                values.setdefault(name, []).extend(numbers)
        numbers = {name: float(np.mean(errors)) for name, errors in values.items() if errors}
        if self.trains[stage] == "decoders":
            return numbers, numbers["vertices"] + 100 * numbers["albedo"]
        labelled = [numbers[name] for name in ("nme", "vertices") if name in numbers]
        return numbers, sum(labelled) if labelled else numbers["image"]

    def panel(self, stage: str) -> tuple[np.ndarray, dict[str, tf.Tensor]]:
        """(uint8 `[H, W, 3]` picture of the first faces, name -> code values)."""
        batch = next(self._batches())
        if self.trains[stage] == "decoders":
            albedos = batch["albedo"], self._decode(batch).albedo_map
            rows = [np.hstack(maps[:_PANEL_FACES]) for maps in albedos]
            return visualize.to_uint8(np.vstack(rows)), {}
        result = self._reconstruct(batch["image"])
        first = tf.nest.map_structure(_first, (batch, result))
        picture = visualize.panel(first[0]["image"], first[1], first[0], self.uv_layout)
        codes = {name: getattr(result, name) for name in ("shape_code", "albedo_code")}
        return picture, codes

    def _batches(self):
        features = [name for name in FEATURES if name in self.split]
        return data.in_order(self.split, self.size, self.batch_size, features)

    def _errors(self, batch, result):
        """Name -> list of one error per example that has the label."""
        exists = (self.face.landmarks >= 0).astype(np.float32)
        drawn = tf.clip_by_value(result.image, 0, 1)
        errors = {
            "nme": metrics.nme(result.landmarks, batch["landmarks"], exists).numpy(),
            "image": metrics.masked_l1(drawn, batch["image"], result.mask),
            **self._map_errors(batch, result),
        }
        for name, label in (("nme", "has_landmarks"), ("vertices", "has_vertices")):
            if name in errors and label in batch:
                errors[name] = errors[name][np.asarray(batch[label])]
        return {name: values[np.isfinite(values)].tolist() for name, values in errors.items()}

    def _map_errors(self, batch, result):
        """Name -> `[B]` errors of what the decoders give, where the split has the label."""
        errors = {}
        if "vertices" in batch:
            true = batch["vertices"]
            errors["vertices"], _, _ = metrics.skin_error(self.face, result.vertices, true)
        if "albedo" in batch:
            errors["albedo"] = metrics.albedo_error(
                self.uv_layout, result.albedo_map, batch["albedo"]
            )
        return errors


def _first(values):
    return None if values is None else values[:_PANEL_FACES]  # a model without light has no light
