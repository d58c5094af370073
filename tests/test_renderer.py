import numpy as np
import pytest
import reference
import scenes
import tensorflow as tf

from tf_nonlinear3dmm.face import FaceModel
from tf_nonlinear3dmm.rendering import camera, renderer, uv_layout

B, H, W, HU, WU = 2, 9, 11, 6, 8
SIZE = (H, W)
PATCH = scenes.patch()
LAYOUT = uv_layout.build(PATCH, (HU, WU))


def random_scene(seed=0, dtype=np.float64):
    """Vertices, albedo, projection and illumination of the patch, turned a little."""
    rng = np.random.default_rng(seed)
    vertices = PATCH.mean_vertices + rng.normal(0, 0.03, [B, *PATCH.mean_vertices.shape])
    angles = rng.uniform(-0.4, 0.4, [3, B])
    place = np.array([[5.3, 4.1], [4.6, 3.7]])
    projection = camera.compose(*angles, np.array([4.2, 3.6]), place).numpy()
    arrays = vertices, rng.random([B, HU, WU, 3]), projection, rng.normal(size=[B, 9, 3])
    return tuple(a.astype(dtype) for a in arrays)


def head(size, uv_size, yaw=0.0):
    """The embedded face from the front: `UVLayout`, vertices, projection."""
    face = FaceModel.load("makehuman")
    pose = (np.array([k], np.float32) for k in (yaw, 0, 0, size * 0.4))
    projection = camera.compose(*pose, np.full([1, 2], (size - 1) / 2, np.float32))
    return uv_layout.build(face, uv_size), face.mean_vertices[np.newaxis], projection


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_render_agrees_with_a_loop(dtype):
    scene = random_scene(dtype=dtype)
    found = renderer.render(*scene, LAYOUT, SIZE)
    for b in range(B):
        values = [s[b].astype(float) for s in scene]
        uv = PATCH.uv.astype(float)
        image, mask, texture = reference.render(*values, PATCH.triangles, uv, SIZE)
        assert 0.2 < mask.mean() < 0.9
        np.testing.assert_array_equal(found.mask[b, ..., 0], mask)
        np.testing.assert_allclose(found.texture[b], texture, atol=2e-6)  # float32 weights
        np.testing.assert_allclose(found.image[b], image, atol=2e-5)
    assert found.image.dtype == found.texture.dtype == found.mask.dtype == dtype


def test_a_flat_square_by_hand():
    # Four vertices at the pixels (1, 1) to (3, 3): the 3 x 3 texture lands on the pixels.
    uv = np.float32([[0, 0], [0, 1], [1, 1], [1, 0]])
    layout = uv_layout.UVLayout(
        *[np.int32([[0, 1, 2], [0, 2, 3]])] * 3, uv, np.zeros([3, 3], np.int32), *[None] * 4,
    )  # fmt: skip
    vertices = np.array([[[-1.0, 1, 0], [-1, -1, 0], [1, -1, 0], [1, 1, 0]]])
    projection = np.array([[[1.0, 0, 0, 2], [0, -1.0, 0, 2]]])
    texture = np.random.default_rng(0).random([1, 3, 3, 3])
    found = renderer.render(vertices, texture, projection, None, layout, (5, 6))
    expected = np.zeros([1, 5, 6, 3])
    expected[:, 1:4, 1:4] = texture
    np.testing.assert_allclose(found.image, expected, atol=1e-12)
    np.testing.assert_array_equal(found.mask[..., 0], expected[..., 0] > 0)
    np.testing.assert_array_equal(found.texture, texture)
    assert np.all(found.shading == 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_antialiased_silhouettes_keep_the_colour_and_thin_the_mask(dtype):
    scene = random_scene(dtype=dtype)
    hard, soft = (renderer.render(*scene, LAYOUT, SIZE, antialiased=k) for k in (False, True))
    for b in range(B):
        seen = hard.fragments.triangle_id[b].numpy(), hard.fragments.depth[b].numpy()
        points = hard.image_points[b].numpy().astype(float)
        layers = np.concatenate([hard.image[b], hard.mask[b]], axis=-1).astype(float)
        expected = reference.antialias(layers, *seen, points, PATCH.triangles)
        covered = soft.image[b] * soft.mask[b]
        np.testing.assert_allclose(covered, expected[..., :3], atol=2e-5)
        np.testing.assert_allclose(soft.mask[b], expected[..., 3:], atol=2e-5)
    share = soft.mask[..., 0].numpy()
    assert 0.1 < np.mean((share > 0) & (share < 1)) < 0.4 and share.min() == 0
    np.testing.assert_array_equal(soft.image[share == 0], 0)
    assert soft.image.dtype == soft.mask.dtype == dtype


@pytest.mark.parametrize("soft", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_render_gradients_are_the_finite_differences(soft):
    def run(vertices, albedo_map, projection, illumination):
        scene = vertices, albedo_map, projection, illumination
        found = renderer.render(*scene, LAYOUT, (6, 7), soft)
        return (found.image, found.mask) if soft else (found.image, found.texture)

    scene = list(random_scene())
    scene[2][:, :, 3] -= 1.7
    scenes.check_gradient(run, *scene, delta=1e-7, tolerance=1e-5)


def test_constant_light_on_a_constant_albedo_is_one_colour():
    vertices, albedo, projection, illumination = random_scene()
    illumination[:, 1:], albedo[:] = 0, 0.5
    found = renderer.render(vertices, albedo, projection, illumination, LAYOUT, SIZE)
    colour = 0.5 * illumination[:, :1, np.newaxis] * reference.sh_basis([0, 0, 1])[0]
    np.testing.assert_allclose(found.image, colour * found.mask, atol=1e-6)


def test_without_an_image_size_the_texture_is_the_same():
    scene = random_scene()
    found = renderer.render(*scene, LAYOUT, None)
    assert found.image is None and found.mask is None and found.fragments is None
    np.testing.assert_array_equal(found.texture, renderer.render(*scene, LAYOUT, SIZE).texture)


def test_the_image_follows_a_crop():
    vertices, albedo, projection, illumination = random_scene()
    wide = renderer.render(vertices, albedo, projection, illumination, LAYOUT, SIZE).image
    moved = camera.crop(projection, 2, 1, 1)
    part = renderer.render(vertices, albedo, moved, illumination, LAYOUT, (H - 1, W - 2)).image
    np.testing.assert_allclose(part, wide[:, 1:, 2:], atol=1e-9)


def test_the_mirrored_head_under_a_mirrored_texture_is_the_mirrored_image():
    layout, vertices, projection = head(40, (24, 28), yaw=0.0)
    texture = np.random.default_rng(0).random([1, 24, 28, 3]).astype(np.float32)
    one = renderer.render(vertices, texture, projection, None, layout, (40, 40))
    other = renderer.render(vertices, texture[:, :, ::-1], projection, None, layout, (40, 40))
    difference = np.abs(one.image - other.image[:, :, ::-1]).max(axis=-1)
    assert np.mean(difference < 0.05) > 0.97  # but for rounding at outlines
    assert np.abs(one.image - other.image).max() > 0.5


def test_blend_by_hand():
    rendering = renderer.render(*random_scene(), LAYOUT, SIZE)
    background = np.random.default_rng(1).random([B, H, W, 3])
    mask = rendering.mask.numpy()
    expected = np.where(mask > 0, rendering.image, background)
    np.testing.assert_allclose(renderer.blend(rendering, background), expected)
    hidden = np.zeros([B, H, W, 1])
    np.testing.assert_allclose(renderer.blend(rendering, background, hidden), background)


def test_degenerate_faces_have_finite_gradients():
    vertices, albedo, projection, illumination = random_scene(dtype=np.float32)
    vertices[0] = 0  # in one point
    vertices[1, :, 2], vertices[1, :, 0] = 0, 0  # on a line

    def run(*scene):
        found = renderer.render(*scene, LAYOUT, SIZE, antialiased=True)
        return found.image, found.mask, found.texture

    for gradient in scenes.gradients(run, vertices, albedo, projection, illumination):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("soft", [False, True])
def test_saved_model_of_unknown_batch_draws_the_same(tmp_path, soft):
    scene = random_scene(dtype=np.float32)
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, *s.shape[1:]], tf.float32) for s in scene])
    def run(vertices, albedo_map, projection, illumination):
        scene = vertices, albedo_map, projection, illumination
        found = renderer.render(*scene, LAYOUT, SIZE, soft)
        return {"image": found.image, "id": found.fragments.triangle_id}

    module.run = run
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    eager = renderer.render(*scene, LAYOUT, SIZE, soft)
    for batch in (B, 1, 0):
        found = loaded.run(*(s[:batch] for s in scene))
        np.testing.assert_array_equal(found["id"], eager.fragments.triangle_id[:batch])
        np.testing.assert_allclose(found["image"], eager.image[:batch], atol=1e-5)


def test_refusals():
    vertices, albedo, projection, illumination = random_scene()
    with pytest.raises(ValueError, match=r"`albedo_map` must have shape \[B, 6, 8, 3\].* got"):
        renderer.render(vertices, albedo[:, :-1], projection, illumination, LAYOUT, SIZE)
    with pytest.raises(ValueError, match=r"`projection` must have shape \[B, 2, 4\].* got"):
        renderer.render(vertices, albedo, projection[:, :, :3], illumination, LAYOUT, SIZE)
    with pytest.raises(ValueError, match=r"one floating-point type .* `vertices` float32, `alb"):
        renderer.render(np.float32(vertices), albedo, projection, illumination, LAYOUT, SIZE)
    with pytest.raises(ValueError, match=r"`illumination` must be floating-point .* int64"):
        renderer.render(vertices, albedo, projection, np.ones([B, 9, 3], int), LAYOUT, SIZE)
