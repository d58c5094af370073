import types

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.model import Reconstruction
from tf_nonlinear3dmm.rendering import uv_layout
from tf_nonlinear3dmm.studies import decoder_comparison as comparison

FACE, CONFIG = FaceModel.load("makehuman"), configs.tiny().model
LAYOUT = uv_layout.build(FACE, CONFIG.uv_size)
RANDOM = np.random.default_rng(0)
VERTICES = FACE.mean_vertices + 0.01 * RANDOM.normal(size=[5, 1, 3])
BATCH = {
    "vertices": VERTICES.astype(np.float32),
    "albedo": RANDOM.random([5, *CONFIG.uv_size, 3], np.float32),
}


def measured(decode):
    """The measures of a model that decodes labels by a function of (vertices, albedo)."""

    def decode_labels(vertices, albedo):
        vertices, albedo = decode(vertices, albedo)
        return Reconstruction(vertices=vertices, albedo_map=albedo)

    model = types.SimpleNamespace(
        face=FACE, config=CONFIG, uv_layout=LAYOUT, decode_labels=decode_labels
    )
    numbers, (vertices, _) = comparison.measure(model, [BATCH, BATCH])
    assert numbers.shape == (10, len(comparison.MEASURES)) and len(vertices) == 5
    return numbers.T


def test_the_label_itself_has_no_error():
    *errors, length = measured(lambda vertices, albedo: (vertices, albedo))
    np.testing.assert_allclose(errors, 0, atol=1e-4)
    np.testing.assert_allclose(length, 1)


def test_a_flat_albedo_has_no_gradient_and_a_moved_face_no_error():
    shape, _, albedo, _, error, length = measured(lambda v, a: (v + 0.3, 0 * a + 0.5))
    np.testing.assert_allclose(shape, 0, atol=1e-3)  # mm, after alignment
    np.testing.assert_allclose(albedo, 25, atol=2)  # uniform colours
    np.testing.assert_allclose(error, 1)
    np.testing.assert_allclose(length, 0)


def test_what_is_wrong_beside_the_parts_does_not_count_for_them():
    def decode(vertices, albedo):
        corner = tf.pad(tf.ones([3, 3]), [[0, 21], [12, 13]])[..., tf.newaxis]  # forehead
        return vertices, albedo + corner

    _, _, albedo, of_parts, error, _ = measured(decode)
    assert albedo.min() > 1
    np.testing.assert_array_equal((of_parts, error), 0)


def test_rows_differ_from_the_presets_in_what_they_say_alone():
    base, small = configs.cvpr19(), configs.small()
    both, plain = (comparison.config_of(row, base) for row in ("CVPR 2019: both", "TPAMI 2019"))
    assert (both.model, both.decoders) == (base.model, base.decoders)
    assert (plain.model, plain.decoders) == (small.model, small.decoders)
    assert both.total_steps == plain.total_steps == small.decoders.steps
    for row in comparison.ROWS:
        assert "," not in row  # the script's list of rows
        assert comparison.config_of(row, base).decoders.loss.shape == small.decoders.loss.shape


def test_the_table_counts_weights():
    numbers = {"some": np.full([4, len(comparison.MEASURES)], 1.23456)}
    assert "| some | 1,234,567 | 1.235 | 1.235 | 1.23 |" in comparison.table(
        numbers, {"some": 1_234_567}
    )


def test_pictures_have_a_column_for_each():
    model = types.SimpleNamespace(uv_layout=LAYOUT)
    faces = {name: [BATCH["vertices"][:2], BATCH["albedo"][:2]] for name in ("a", "b", "c")}
    picture = comparison.picture(model, faces, size=20)
    assert picture.shape == (22 + 4 * 24, 3 * 24 - 4, 3)
    assert picture[22:].min() < 200  # faces on white
