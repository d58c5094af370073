import types

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm.evaluation import plots
from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, renderer, uv_layout, visualize

B, S, UV = 2, 32, (12, 14)
FACE = FaceModel.load("makehuman")
LAYOUT = uv_layout.build(FACE, UV)
VERTICES = tf.tile(tf.constant(FACE.mean_vertices, tf.float32)[None], [B, 1, 1])
RED = (np.array([255, 0, 0]) * np.ones([B, S, S, 1])).astype(np.uint8)


def reconstruction(albedo=0.5, light=2.0):
    zero = tf.zeros([B])
    centre = tf.fill([B, 2], (S - 1) / 2)
    projection = camera.compose(zero + [0.0, 0.5], zero, zero, zero + 14, centre)
    illumination = light * tf.one_hot([[0] * 3] * B, 9, axis=1)
    albedo_map = tf.fill([B, *UV, 3], albedo)
    drawn = renderer.render(VERTICES, albedo_map, projection, illumination, LAYOUT, (S, S))
    landmarks = drawn.image_points.numpy()[:, FACE.landmarks, :2]
    return types.SimpleNamespace(
        **drawn._asdict(),
        vertices=VERTICES,
        projection=projection,
        albedo_map=albedo_map,
        landmarks=landmarks,
    )


def tile(picture, row, column, size, gap=4, head=22):
    y, x = head + row * (size + gap), column * (size + gap)
    return picture[y : y + size, x : x + size]


def test_panel_has_a_row_per_face_and_a_column_per_picture():
    result = reconstruction()
    batch = {"landmarks": result.landmarks, "has_landmarks": np.array([True, False])}
    picture = visualize.panel(result.image.numpy(), result, batch, LAYOUT, tile=64)
    assert picture.dtype == np.uint8
    assert picture.shape == (22 + B * 68, len(visualize.COLUMNS) * 68 - 4, 3)


def test_panel_renders_over_the_input_where_the_face_is():
    result = reconstruction(albedo=0.5, light=2.0)
    blue = np.tile(np.array([0, 0, 1], np.float32), [B, S, S, 1])
    picture = visualize.panel(blue, result, None, LAYOUT, tile=64).astype(int)
    grey = int(0.5 * 2 * 0.28209479 * 255 + 0.5)
    render, albedo = tile(picture, 0, 1, 64), tile(picture, 0, 3, 64)
    assert render[32, 32] == pytest.approx([grey] * 3, abs=1)
    assert render[1, 1].tolist() == [0, 0, 255]
    assert albedo[32, 32] == pytest.approx([128] * 3, abs=1)
    assert albedo[1, 1].tolist() == [255] * 3
    assert tile(picture, 0, 4, 64)[32, 32] == pytest.approx([int(255 * 0.2821)] * 3, abs=2)


def test_overlay_puts_a_dot_on_the_middle_of_its_pixel():
    points = np.full([B, 68, 2], np.nan)
    points[:, 0] = [10, 20]
    for k in (1, 4):
        big = np.zeros([B, k * S, k * S, 3], np.uint8)
        drawn = visualize.overlay(big, points, k=k)[0, ..., 0]
        y, x = np.indices(drawn.shape)
        centre = [np.sum(drawn * a) / drawn.sum() for a in (x, y)]
        np.testing.assert_allclose(centre, k * (np.array([10, 20]) + 0.5) - 0.5, atol=0.15)


def test_overlay_draws_truth_only_where_there_is_one():
    points = np.full([B, 68, 2], 16.0)
    batch = {"landmarks": points + 8, "has_landmarks": np.array([True, False])}
    drawn = visualize.overlay(np.zeros([B, S, S, 3], np.uint8), points, batch)
    assert drawn[0, 24, 24].any() and not drawn[1, 24, 24].any()
    assert drawn[0, 16, 16].any() and drawn[1, 16, 16].any()


def test_overlay_leaves_its_argument_alone():
    picture = RED.copy()
    visualize.overlay(picture, np.full([B, 68, 2], 16.0))
    assert (picture == RED).all()


def test_frontal_fills_the_picture_whatever_the_turn():
    for yaw in (0, -60, 90):
        points = camera.project(VERTICES, visualize.frontal(VERTICES, 50, yaw))[0, :, :2].numpy()
        low, high = points.min(0), points.max(0)
        np.testing.assert_allclose(low + high, 49, atol=1e-3)
        assert low.min() > -0.5 and high.max() < 49.5


def test_mesh_is_lit_from_above_on_white():
    picture = visualize.mesh(VERTICES, visualize.frontal(VERTICES, 48), FACE, 48)[0].astype(int)
    assert picture.shape == (48, 48, 3) and (picture[0, 0] == 255).all()
    forehead, chin = picture[10, 24].sum(), picture[44, 24].sum()
    assert forehead > chin


def test_grid_places_tiles_row_by_row():
    tiles = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones([4, 5, 3], np.uint8)
    picture = visualize.grid(tiles, (), gap=1)
    assert picture[0, 0, 0] == 0 and picture[0, 6, 0] == 1 and picture[5, 12, 0] == 5
    assert picture[4, 0, 0] == 255


def test_to_uint8_clips_and_survives_nan():
    assert visualize.to_uint8(np.array([-1, 0, 0.5, 2, np.nan])).tolist() == [0, 0, 128, 255, 0]


def test_save_writes_what_it_was_given(tmp_path):
    from PIL import Image

    visualize.save(tmp_path / "a.png", RED[0])
    assert (np.asarray(Image.open(tmp_path / "a.png")) == RED[0]).all()


def test_heat_maps_colour_the_error():
    low, high = np.zeros(len(FACE.mean_vertices)), np.full(len(FACE.mean_vertices), 2.0)
    dark, bright = (plots.heat_maps({"a": e}, FACE, limit=2, tile=64) for e in (low, high))
    centre = (dark.shape[0] // 2, dark.shape[1] // 4)
    assert bright[centre][1] > dark[centre][1] + 60  # viridis: from violet to yellow
    assert plots.heat_maps({"a": low * np.nan, "b": high}, FACE, tile=64).dtype == np.uint8


def test_cumulative_and_curves_are_pictures():
    rng = np.random.default_rng(0)
    picture = plots.cumulative({"one": rng.gamma(2, size=50), "two": rng.gamma(4, size=50)})
    assert picture.shape[2] == 3 and picture.std() > 10
    records = [{"step": i, "stage": "pretrain", "nme": 10.0 / (i + 1)} for i in range(5)]
    records += [{"step": 4, "kind": "validation", "nme": 3.0}]
    picture = plots.curves(records)
    assert picture.dtype == np.uint8 and picture.std() > 10
    assert plots.curves([]).dtype == np.uint8
