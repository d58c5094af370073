import numpy as np
import pytest
import reference
import scenes
import tensorflow as tf
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

from tf_nonlinear3dmm.face import normals as numpy_normals
from tf_nonlinear3dmm.rendering import lighting

B, H, W = 2, 3, 5
FACE = scenes.patch()
TRIANGLES = FACE.triangles
# Degree and order of our nine harmonics, and the factor beside the orthonormal ones.
ORDERS = [(0, 0), (1, 0), (1, -1), (1, 1), (2, 0), (2, -1), (2, 1), (2, -2), (2, 2)]
FACTORS = [1.0] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5


def random_vertices(seed=0, dtype=np.float64):
    noise = np.random.default_rng(seed).normal(0, 0.2, [B, *FACE.mean_vertices.shape])
    return (FACE.mean_vertices + noise).astype(dtype)


def random_light(seed=0, dtype=np.float64):
    """Albedo, unit normals, illumination."""
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=[B, H, W, 3])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    arrays = rng.random([B, H, W, 3]), normals, rng.normal(size=[B, 9, 3])
    return tuple(a.astype(dtype) for a in arrays)


def sphere(count=4000):
    """Evenly spread unit vectors `[count, 3]`."""
    k = np.arange(count) + 0.5
    z, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=-1)


def test_vertex_normals_by_hand():
    vertices = [[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3], [9, 9, 9]]]
    triangles = np.int32([[0, 1, 2], [0, 3, 1]])  # areas 1/2 along z and 3/2 along y
    found = lighting.vertex_normals(np.array(vertices), triangles)[0]
    both = np.array([0, 3, 1]) / 10**0.5
    np.testing.assert_allclose(found, [both, both, [0, 0, 1], [0, 1, 0], [0, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vertex_normals_agree_with_a_loop(dtype):
    vertices = random_vertices(dtype=dtype)
    expected = [reference.vertex_normals(v, TRIANGLES) for v in vertices.astype(float)]
    found = lighting.vertex_normals(vertices, TRIANGLES)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=50 * np.finfo(dtype).eps)


def test_vertex_normals_are_those_of_mesh_files():
    vertices = random_vertices()
    expected = [numpy_normals.vertex_normals(v, TRIANGLES) for v in vertices]
    np.testing.assert_allclose(lighting.vertex_normals(vertices, TRIANGLES), expected, atol=1e-10)


def test_vertex_normals_agree_with_tensorflow_graphics():
    normals = pytest.importorskip("tensorflow_graphics.geometry.representation.mesh.normals")
    vertices = random_vertices()
    indices = np.broadcast_to(TRIANGLES, [B, *TRIANGLES.shape])
    expected = normals.vertex_normals(vertices, indices, clockwise=True)
    found = lighting.vertex_normals(vertices, TRIANGLES)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_vertex_normals_turn_with_the_mesh_and_ignore_its_place_and_size():
    vertices = random_vertices()
    turn = Rotation.from_euler("xyz", [0.3, -1.0, 2.0]).as_matrix()
    found = lighting.vertex_normals(7 * vertices @ turn.T + [1.0, 2, 3], TRIANGLES)
    np.testing.assert_allclose(
        found, lighting.vertex_normals(vertices, TRIANGLES) @ turn.T, atol=1e-10
    )


def test_vertex_normals_of_a_patch_point_out_and_of_a_flipped_one_in():
    vertices = FACE.mean_vertices[np.newaxis]
    assert np.all(lighting.vertex_normals(vertices, TRIANGLES)[..., 2] > 0)
    assert np.all(lighting.vertex_normals(vertices, TRIANGLES[:, ::-1])[..., 2] < 0)


def test_vertex_normals_count_the_chosen_triangles_alone():
    counted = np.arange(len(TRIANGLES)) % 3 > 0
    vertices = random_vertices()
    found = lighting.vertex_normals(vertices, TRIANGLES, counted)
    expected = [reference.vertex_normals(v, TRIANGLES[counted]) for v in vertices]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("size", [1e-12, 1e-4, 1.0, 1e6])
def test_vertex_normals_are_unit_at_any_size(size):
    found = lighting.vertex_normals(size * random_vertices(), TRIANGLES)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, rtol=1e-12)


def test_vertex_normals_gradient_is_the_finite_difference():
    scenes.check_gradient(lambda v: lighting.vertex_normals(v, TRIANGLES), random_vertices())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vertex_normals_of_degenerate_triangles_are_0_with_finite_gradients(dtype):
    vertices = np.zeros([1, 6, 3], dtype)
    vertices[0, 3:] = [[1, 1, 1], [2, 2, 2], [4, 4, 4]]  # three in one place, three in line
    triangles = np.int32([[0, 1, 2], [3, 4, 5], [0, 0, 3]])
    assert np.all(lighting.vertex_normals(vertices, triangles) == 0)
    gradient = scenes.gradients(lambda v: lighting.vertex_normals(v, triangles), vertices)
    assert np.isfinite(gradient[0]).all()


def test_sh_basis_by_hand():
    found = lighting.sh_basis(np.array([[0.0, 0, 1], [1, 0, 0], [0, 0, 0]]))
    zero, one, two = 0.28209479, 1.02332671, 0.24770796  # (1, 2 pi/3, pi/4) times the usual
    three = 0.42904275
    expected = [[zero, one, 0, 0, 2 * two, 0, 0, 0, 0]]
    expected += [[zero, 0, 0, one, -two, 0, 0, 0, three], [zero] + [0] * 8]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_sh_basis_agrees_with_a_loop():
    _, normals, _ = random_light()
    expected = [reference.sh_basis(n) for n in normals.reshape(-1, 3)]
    found = lighting.sh_basis(normals).numpy().reshape(-1, 9)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_sh_basis_is_scipys_times_lambert():
    normals = sphere(100)
    polar, around = np.arccos(normals[:, 2]), np.arctan2(normals[:, 1], normals[:, 0])
    found = lighting.sh_basis(normals).numpy()
    for k, (degree, order) in enumerate(ORDERS):
        harmonic = sph_harm_y(degree, abs(order), polar, around)
        sign = (-1) ** order * 2**0.5  # real ones, without the sign of Condon and Shortley
        real = {0: harmonic.real, 1: sign * harmonic.real, -1: sign * harmonic.imag}
        np.testing.assert_allclose(found[:, k], FACTORS[k] * real[np.sign(order)], atol=1e-12)


def test_sh_basis_agrees_with_tensorflow_graphics():
    module = pytest.importorskip("tensorflow_graphics.math.spherical_harmonics")
    normals = sphere(50)
    polar, around = np.arccos(normals[:, 2:]), np.arctan2(normals[:, 1:2], normals[:, :1])
    degrees, orders = (np.tile(k, [50, 1]) for k in np.array(ORDERS).T)
    theirs = module.evaluate_spherical_harmonics(degrees, orders, polar, around)
    sign = np.array([(-1.0) ** order for _, order in ORDERS])  # theirs: Condon and Shortley's
    found = lighting.sh_basis(normals) / (np.array(FACTORS) * sign)
    np.testing.assert_allclose(found, theirs, atol=1e-6)  # theirs are good to float32


def test_sh_basis_is_orthogonal_over_the_sphere():
    basis = lighting.sh_basis(sphere(20_000)).numpy() / FACTORS
    product = 4 * np.pi * basis.T @ basis / len(basis)
    np.testing.assert_allclose(product, np.eye(9), atol=1e-3)  # of the sum over points


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shade_agrees_with_a_loop(dtype):
    albedo, normals, illumination = random_light(dtype=dtype)
    expected = np.zeros([B, H, W, 3])
    for b, y, x in np.ndindex(B, H, W):
        expected[b, y, x] = reference.shade(albedo[b, y, x], normals[b, y, x], illumination[b])
    found = lighting.shade(albedo, normals, illumination)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=50 * np.finfo(dtype).eps)


def test_constant_light_shades_all_normals_alike():
    albedo, normals, illumination = random_light()
    illumination[:, 1:] = 0
    expected = albedo * (illumination[:, 0] * lighting.SH_CONSTANTS[0])[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(lighting.shade(albedo, normals, illumination), expected, atol=1e-14)


def test_shading_is_linear_in_the_light_and_takes_vertices_or_maps():
    albedo, normals, illumination = random_light()
    other = random_light(seed=1)[2]
    total = lighting.shading(normals, illumination) + 2 * lighting.shading(normals, other)
    np.testing.assert_allclose(
        lighting.shading(normals, illumination + 2 * other), total, atol=1e-12
    )
    flat = lighting.shading(normals.reshape(B, -1, 3), illumination)
    found = lighting.shading(normals, illumination).numpy()
    np.testing.assert_array_equal(flat, found.reshape(B, -1, 3))


def test_directional_is_the_best_fit_of_a_far_light():
    towards, normals = np.array([[1.0, 2, 2], [0, 0, -5]]), sphere(20_000)
    light = lighting.directional(towards, 3.0)
    found = lighting.shading(np.stack([normals, normals]), light).numpy()
    units = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    exact = 3 * np.maximum(units @ normals.T, 0)[..., np.newaxis]
    assert np.abs(found - exact).max() < 3 * 0.1
    rest = lighting.sh_basis(normals).numpy().T @ (found - exact) / len(normals)
    np.testing.assert_allclose(rest, 0, atol=1e-3)  # nothing left that nine harmonics could fit


def test_ambient_light_falls_on_every_normal_alike():
    towards, normals = np.array([[1.0, 2, 2]]), sphere(50)[np.newaxis]
    alone, both = (lighting.directional(towards, 3.0, ambient) for ambient in (0.0, 0.4))
    difference = lighting.shading(normals, both) - lighting.shading(normals, alone)
    np.testing.assert_allclose(difference, np.full_like(normals, 0.4), atol=1e-12)


def test_directional_has_the_colour_of_its_strength():
    light = lighting.directional(np.array([[0.0, 0, 1]]), np.array([[1.0, 0.5, 0]]))
    np.testing.assert_allclose(light[..., 1], light[..., 0] * 0.5)
    assert np.all(light[..., 2] == 0)


def test_light_gradients_are_the_finite_differences():
    albedo, normals, illumination = random_light()
    scenes.check_gradient(lighting.sh_basis, normals)
    scenes.check_gradient(lighting.shade, albedo, normals, illumination)
    scenes.check_gradient(lighting.directional, normals[:, 0, 0])


def test_light_gradients_at_the_poles_and_at_0_are_finite():
    normals = np.array([[[0.0, 0, 1], [0, 0, -1], [0, 1, 0], [0, 0, 0]]])
    albedo, illumination = np.ones([1, 4, 3]), np.ones([1, 9, 3])
    for gradient in scenes.gradients(lighting.shade, albedo, normals, illumination):
        assert np.isfinite(gradient).all()
    assert np.isfinite(scenes.gradients(lighting.directional, normals[0])[0]).all()


def test_graph_of_unknown_batch_is_eager():
    def run(vertices, illumination):
        normals = lighting.vertex_normals(vertices, TRIANGLES)
        return lighting.shade(tf.ones_like(vertices), normals, illumination)

    vertices, illumination = random_vertices(), random_light()[2]
    specs = [tf.TensorSpec([None, *a.shape[1:]], tf.float64) for a in (vertices, illumination)]
    graph = tf.function(run, input_signature=specs)
    for batch in (B, 1, 0):
        arguments = vertices[:batch], illumination[:batch]
        np.testing.assert_allclose(graph(*arguments), run(*arguments), atol=1e-14)


def test_refusals():
    albedo, normals, illumination = random_light()
    with pytest.raises(ValueError, match=r"`vertices` must have shape \[B, V, 3\], got"):
        lighting.vertex_normals(albedo, TRIANGLES)
    with pytest.raises(ValueError, match=r"`triangles` must have shape \[T, 3\] .* got"):
        lighting.vertex_normals(random_vertices(), TRIANGLES[:, :2])
    with pytest.raises(ValueError, match=r"`normals` must have shape \[..., 3\], got"):
        lighting.sh_basis(normals[..., :2])
    with pytest.raises(ValueError, match=r"`illumination` must have shape \[B, 9, 3\] .* got"):
        lighting.shade(albedo, normals, illumination[:, :4])
    with pytest.raises(ValueError, match=r"`albedo` must have shape \[..., 3\], got"):
        lighting.shade(albedo[..., :1], normals, illumination)
    with pytest.raises(ValueError, match=r"`towards` must have shape \[B, 3\], got"):
        lighting.directional(normals)
