"""How well a model reconstructs faces it has not seen: one number per face and measure.

Two controls stand beside the model: the mean face with the predicted pose, and the mean face with
the best pose there is. A model that does not beat them has learned no faces.
"""

import functools

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import data, metrics
from tf_nonlinear3dmm.rendering import camera, lighting

MODEL, PREDICTED_POSE, BEST_POSE = "model", "mean face, predicted pose", "mean face, best pose"
MEAN_FACE = "mean face"
OFF = 0.1  # of the crop's side
OFF_MODEL = f"model, crops off by up to {OFF:.0%}".replace("%", " %")
NME, NME_REANNOTATED = "nme", "nme, re-annotated"
YAW, YAW_LABEL, YAW_KNOWN = "yaw", "yaw of the label", "yaw is known"
FEATURES = """image face_mask landmarks projection vertices albedo illumination yaw_deg
    landmarks_reannotated yaw_label_deg has_landmarks has_landmarks_reannotated has_projection
    landmark_visible has_vertices has_face_mask""".split()


class Measures:
    """Collects one number per face, and means per vertex.

    Attributes:
        faces: name of a measure, or (measure, method), -> list of `[B]` arrays.
        vertices: method -> sum of the skin's errors `[V]` in mm over `count` faces.
    """

    def __init__(self):
        self.faces, self.vertices, self.count = {}, {}, 0

    def add(self, values):
        for name, value in values.items():
            self.faces.setdefault(name, []).append(np.asarray(value, np.float64))

    def add_vertices(self, distances, good):
        """Adds the errors `[B, V]` in mm of a dict of methods, of faces that `good` `[B]` names."""
        self.count += int(np.sum(good))
        for method, distance in distances.items():
            self.vertices[method] = self.vertices.get(method, 0) + distance[good].sum(axis=0)

    def per_face(self):
        """Name -> `[N]`, NaN where a face lacks the label."""
        return {name: np.concatenate(values) for name, values in self.faces.items()}

    def per_vertex(self):
        """Method -> `[V]` mean error in mm; empty where no face had vertices."""
        return {method: total / self.count for method, total in self.vertices.items() if self.count}


def measure(model, batches, progress=lambda faces: None):
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
    graph = functools.partial(tf.function, input_signature=[tf.TensorSpec([None, size, size, 3])])
    reconstruct = graph(lambda images: model(images, training=False))
    locate = graph(lambda images: model(images, training=False, draw=False).landmarks)
    measures = Measures()
    for batch in batches:
        result = reconstruct(batch["image"])
        labels = {name: np.asarray(value) for name, value in batch.items()}
        errors, best_pose = _alignment(model.face, result, labels)
        measures.add(_yaw(labels, best_pose) | errors)
        if "landmarks_reannotated" in labels:
            again = {n: labels[f"{n}_reannotated"] for n in ("landmarks", "has_landmarks")}
            again["image"] = labels["image"]
            measures.add(_alignment(model.face, result, again, NME_REANNOTATED)[0])
        if f"image{data.OFF}" in labels:
            points = locate(batch[f"image{data.OFF}"])
            good, valid = _visible(model.face, labels)
            error = metrics.nme(points, batch[f"landmarks{data.OFF}"], valid)
            measures.add({(NME, OFF_MODEL): np.where(good, error, np.nan)})
        if "vertices" in labels:
            numbers, distances = _shape(model.face, result, labels)
            measures.add(numbers)
            measures.add_vertices(distances, _has(labels, "vertices"))
        measures.add(_appearance(model, result, labels))
        progress(len(labels["image"]))
    return measures


def _alignment(face, result, labels, name=NME):
    """(NME of the model and of the mean face in two poses, the best pose `[B, 2, 4]`)."""
    true, (good, valid) = labels["landmarks"], _visible(face, labels)
    points = face.mean_vertices[np.maximum(face.landmarks, 0)]
    poses = {PREDICTED_POSE: result.projection.numpy(), BEST_POSE: np.zeros([len(true), 2, 4])}
    poses[BEST_POSE][good] = metrics.best_pose(points, true[good], valid[good])
    shown = {MODEL: result.landmarks.numpy()}
    for method, projection in poses.items():
        projection = tf.constant(projection, tf.float32)
        shown[method] = camera.project(np.tile(points, [len(true), 1, 1]), projection)[..., :2]
    errors = {
        (name, method): np.where(good, metrics.nme(p, true.astype(np.float32), valid), np.nan)
        for method, p in shown.items()
    }
    return errors, poses[BEST_POSE]


def _visible(face, labels):
    """(`[B]` bool: which faces have landmarks, `[B, K]`: which of them count)."""
    exists = np.tile(face.landmarks >= 0, [len(labels["image"]), 1])
    if "landmark_visible" not in labels:
        return _has(labels, "landmarks"), exists
    return labels["landmark_visible"].any(axis=1), exists & labels["landmark_visible"]


def _shape(face, result, labels):
    """Errors of the skin's vertices and normals after rigid alignment, and `[B, V]` distances."""
    true, good = labels["vertices"], _has(labels, "vertices")
    skin = face.regions["skin"]
    weights = skin / skin.sum()
    scale = face.units / np.where(good, metrics.eye_distance(true, face.landmarks), 1)
    normals = lighting.vertex_normals(true, face.triangles, face.normal_triangles).numpy()
    numbers, distances = {}, {}
    mean_face = np.broadcast_to(face.mean_vertices, true.shape)
    for method, predicted in ((MODEL, result.vertices.numpy()), (MEAN_FACE, mean_face)):
        distance, turn = metrics.vertex_error(predicted, true, skin)
        own = lighting.vertex_normals(predicted, face.triangles, face.normal_triangles).numpy()
        angle = metrics.normal_angle(own @ turn.transpose(0, 2, 1), normals)
        distances[method] = distance * face.units
        error = np.where(good, distance @ weights, np.nan)
        numbers["vertex error (mm)", method] = error * face.units
        numbers["vertex error (% of the eye distance)", method] = 100 * error * scale / face.units
        numbers["normal angle (degrees)", method] = np.where(good, angle @ weights, np.nan)
    return numbers, distances


def _appearance(model, result, labels):
    """Colour errors in [0, 1] over the visible face and over the albedo map; light."""
    drawn = np.clip(result.image, 0, 1)
    mask = result.mask.numpy()
    if "face_mask" in labels:
        mask = mask * np.where(
            _has(labels, "face_mask")[:, None, None, None], labels["face_mask"], 1
        )
    numbers = {
        ("image L1 on the visible face", MODEL): metrics.masked_l1(drawn, labels["image"], mask)
    }
    if "albedo" in labels and model.config.lighting:
        albedo, true = result.albedo_map.numpy(), labels["albedo"]
        covered = (np.asarray(model.uv_layout.texel_triangle) >= 0)[None, :, :, None]
        gain = metrics.best_gain(albedo, true, covered)
        numbers["albedo L1", MODEL] = metrics.masked_l1(albedo, true, covered)
        numbers["albedo L1 up to colour gain", MODEL] = metrics.masked_l1(
            gain * albedo, true, covered
        )
    if "illumination" in labels and model.config.lighting:
        error = metrics.light_error(result.illumination, labels["illumination"])
        numbers["light error up to strength", MODEL] = error
    return numbers


def _yaw(labels, best_pose):
    """Yaw in degrees, `[B]`: the label's, or that of the mean face in its best pose.

    Beside it whether it is a label's, and the yaw that AFLW gives where a data set has it.
    """
    known = _has(labels, "projection")
    if "yaw_deg" in labels:
        yaw = labels["yaw_deg"]
    else:
        yaw = np.degrees(camera.decompose(tf.constant(labels["projection"]))[0])
    guess = np.degrees(camera.decompose(tf.constant(best_pose, tf.float32))[0])
    found = {YAW: np.where(known, yaw, guess), YAW_KNOWN: known}
    if "yaw_label_deg" in labels:  # -1 where it is not given
        label = labels["yaw_label_deg"]
        found[YAW_LABEL] = np.where(label >= 0, label, np.nan)
    return found


def _has(labels, name):
    """`[B]` bool: which examples have the label."""
    if f"has_{name}" in labels:
        return labels[f"has_{name}"].astype(bool)
    return np.full(len(labels["image"]), name in labels)
