"""How well a model reconstructs faces it has not seen: one number per face and measure."""

import functools
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics
from tf_nonlinear3dmm.core import graphs
from tf_nonlinear3dmm.evaluation import errors
from tf_nonlinear3dmm.evaluation.errors import MODEL, NME, NME_REANNOTATED, Labels, PerFace
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Nonlinear3DMM

OFF = 0.1  # of the crop's side
OFF_MODEL = f"model, crops off by up to {OFF:.0%}".replace("%", " %")
FEATURES = """image face_mask landmarks projection vertices albedo illumination yaw_deg
    landmarks_reannotated yaw_label_deg has_landmarks has_landmarks_reannotated has_projection
    landmark_visible has_vertices has_face_mask""".split()


class Measures:
    """Collects one number per face, and means per vertex.

    Attributes:
        faces: name of a measure, or (measure, method), -> list of `[B]` arrays.
        vertices: method -> sum of the skin's errors `[V]` in mm over `count` faces.
    """

    def __init__(self) -> None:
        self.faces: dict[str | tuple[str, str], list[np.ndarray]] = {}
        self.vertices: dict[str, np.ndarray] = {}
        self.count = 0

    def add(self, values: Mapping) -> None:
        """Adds a dict of `[B]` numbers."""
        for name, value in values.items():
            self.faces.setdefault(name, []).append(np.asarray(value, np.float64))

    def add_geometry(
        self,
        face: FaceModel,
        labels: Labels,
        landmarks: Mapping[str, np.ndarray | tf.Tensor],
        projection: np.ndarray | tf.Tensor | None = None,
        vertices: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Adds the errors of landmarks and vertices, beside the controls, and the yaw.

        Args:
            face: `FaceModel`.
            labels: see `errors`.
            landmarks: method -> `[B, 68, 2]` pixels.
            projection: `[B, 2, 4]` whose pose the first control takes, if there is one.
            vertices: method -> `[B, V, 3]`, of the methods that predict them.
        """
        values, best_pose = errors.landmarks(face, labels, landmarks, projection)
        self.add(errors.yaw(labels, best_pose) | values)
        if "vertices" in labels:
            values, distances = errors.shape(face, labels, vertices or {})
            self.add(values)
            good = errors.has(labels, "vertices")
            self.count += int(np.sum(good))
            for method, distance in distances.items():
                total = self.vertices.get(method, 0)
                self.vertices[method] = total + distance[good].sum(axis=0)

    def per_face(self) -> PerFace:
        """Name -> `[N]`, NaN where a face lacks the label."""
        return {name: np.concatenate(values) for name, values in self.faces.items()}

    def per_vertex(self) -> dict[str, np.ndarray]:
        """Method -> `[V]` mean error in mm; empty where no face had vertices."""
        return {method: total / self.count for method, total in self.vertices.items() if self.count}


def measure(
    model: Nonlinear3DMM,
    batches: Iterable[Mapping[str, tf.Tensor]],
    progress: Callable[[int], None] = lambda faces: None,
) -> Measures:
    """Measures a model.

    Args:
        model: `Nonlinear3DMM`.
        batches: iterable of dicts as `data.in_order` gives them; absent labels are left out, and
            so are crops that are off.
        progress: called with the number of faces after each batch.

    Returns:
        `Measures`.
    """
    size = model.config.image_size
    graph = functools.partial(
        graphs.function, input_signature=[tf.TensorSpec([None, size, size, 3])]
    )
    reconstruct = graph(lambda images: model(images, training=False))
    locate = graph(lambda images: model(images, training=False, draw=False).landmarks)
    measures = Measures()
    for batch in batches:
        result = reconstruct(batch["image"])
        labels = {name: np.asarray(value) for name, value in batch.items()}
        landmarks, vertices = {MODEL: result.landmarks}, {MODEL: result.vertices.numpy()}
        measures.add_geometry(model.face, labels, landmarks, result.projection, vertices)
        if "landmarks_reannotated" in labels:
            again = {n: labels[f"{n}_reannotated"] for n in ("landmarks", "has_landmarks")}
            parts = landmarks, result.projection, NME_REANNOTATED
            measures.add(errors.landmarks(model.face, again, *parts)[0])
        if f"image{data.OFF}" in labels:
            points = locate(batch[f"image{data.OFF}"])
            good, valid = errors.visible(model.face, labels)
            error = metrics.nme(points, batch[f"landmarks{data.OFF}"], valid)
            measures.add({(NME, OFF_MODEL): np.where(good, error, np.nan)})
        measures.add(errors.appearance(model, result, labels))
        progress(len(labels["image"]))
    return measures
