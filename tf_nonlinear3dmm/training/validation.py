"""How well the averaged weights do on the validation split, in numbers and in a picture."""

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics, visualize

PANEL_FACES = 6
FEATURES = ["vertices", "has_landmarks", "has_vertices", "has_face_mask"]


class Validation:
    """Scores a model on a split.

    Args:
        model: `Nonlinear3DMM`.
        face: `FaceModel`.
        tensors: `renderer.FaceTensors`.
        split: `data.Split`.
        config: `Config`.
    """

    def __init__(self, model, face, tensors, split, config):
        self.face, self.tensors, self.split = face, tensors, split
        self.size, self.batch_size = config.model.image_size, config.train.batch_size
        self._reconstruct = tf.function(lambda images: model(images, training=False))

    def score(self):
        """(dict of means over the split, one number to choose by: lower is better).

        nme: percent of the landmarks' box; vertices: millimetres over the skin after rigid
        alignment; image: mean L1 over the face. The number is nme + vertices, or image where the
        split has no labels.
        """
        values = {"nme": [], "vertices": [], "image": []}
        for batch in self._batches():
            result = self._reconstruct(batch["image"])
            for name, errors in self._errors(batch, result).items():
                values[name].extend(errors)
        numbers = {name: float(np.mean(errors)) for name, errors in values.items() if errors}
        labelled = [numbers[name] for name in ("nme", "vertices") if name in numbers]
        return numbers, sum(labelled) if labelled else numbers["image"]

    def panel(self):
        """(uint8 `[H, W, 3]` picture of the first faces, name -> code values)."""
        batch = next(self._batches())
        result = self._reconstruct(batch["image"])
        first = tf.nest.map_structure(_first, (batch, result))
        picture = visualize.panel(first[0]["image"], first[1], first[0], self.tensors)
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
        }
        if "vertices" in batch:
            skin = self.face.regions["skin"]
            distance, _ = metrics.vertex_error(result.vertices, batch["vertices"], skin)
            errors["vertices"] = distance @ (skin / skin.sum()) * self.face.units
        for name, label in (("nme", "has_landmarks"), ("vertices", "has_vertices")):
            if name in errors and label in batch:
                errors[name] = errors[name][np.asarray(batch[label])]
        return {name: [float(v) for v in found if np.isfinite(v)] for name, found in errors.items()}


def _first(values):
    return None if values is None else values[:PANEL_FACES]  # a model without light has no light
