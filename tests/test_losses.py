import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_nonlinear3dmm import configs, losses
from tf_nonlinear3dmm.model import LabelCodes
from tf_nonlinear3dmm.rendering import camera

B, H, W, V, K = 2, 5, 6, 4, 3
RNG = np.random.default_rng(0)
SEED = [3, 4]


def random(*shape):
    return tf.constant(RNG.random(shape))  # float64


def assert_gradient(function, *arguments):
    exact, numeric = tf.test.compute_gradient(function, arguments, delta=1e-6)  # clear of kinks
    for a, b in zip(exact, numeric, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
        assert np.abs(a).max() > 0


def test_projection_by_hand():
    label = np.zeros([B, 2, 4])
    predicted = label.copy()
    predicted[0, 1, 2] = 6  # the seventh of eight, of std 3
    std = np.float64([1, 1, 1, 1, 1, 1, 3, 1])
    assert float(losses.projection(predicted, label, std, np.float64([1, 1]))) == pytest.approx(
        0.5 * 4 / 16
    )
    assert float(losses.projection(predicted, label, std, np.float64([1, 0]))) == pytest.approx(
        0.5 * 4 / 8
    )
    assert losses.projection(predicted, label, std, np.float64([0, 0])) == 0


def test_shape_is_in_units_of_10_mm():
    label = np.zeros([B, V, 3])
    predicted = label.copy()
    predicted[1, 2, 0] = 0.3  # decimetres: 30 mm
    loss = losses.shape(predicted, label, 100.0, np.float64([1, 1]))
    assert float(loss) == pytest.approx(0.5 * 9 / (B * V * 3))
    assert float(loss) == pytest.approx(
        float(losses.shape(predicted * 100, label, 1.0, np.float64([1, 1])))
    )


def test_texture_is_the_mean_over_the_mask_in_the_range_of_two():
    label, mask = np.zeros([B, H, W, 3]), np.zeros([B, H, W, 1])
    predicted = np.full([B, H, W, 3], 9.0)
    predicted[0, 1, 2], predicted[1, 3, 4] = [0.1, 0.2, 0.3], [0.4, 0.4, 0.4]
    mask[0, 1, 2] = mask[1, 3, 4] = 1
    assert float(losses.texture(predicted, label, mask)) == pytest.approx(2 * (0.2 + 0.4) / 2)
    assert losses.texture(predicted, label, 0 * mask) == 0


def test_outlines_are_gained_where_the_face_explains_a_pixel_better_than_chance():
    label, mask = np.full([B, H, W, 3], 0.5), np.ones([B, H, W, 1])
    image = label.copy()
    image[0] += 0.05  # 0.1 in [-1, 1]: pixels are gained below 0.1 log 10 = 0.23
    image[0, 1, 2], image[0, 1, 3] = 0.5 + 0.11, 0.5 + 0.12
    mask[0, 1, 2] = mask[0, 1, 3] = 0.3  # soft: values do not matter to the rule
    with tf.GradientTape() as tape:
        mask = tf.constant(mask)
        tape.watch(mask)
        loss = losses.reconstruction(image, label, mask)
    distance = 2 * np.abs(image - label).mean(axis=-1)
    means = (mask[..., 0] * distance).numpy().sum(axis=(1, 2)) / mask.numpy().sum(axis=(1, 2, 3))
    means = np.maximum(means, losses.FLOOR)[:, None, None]
    expected = (distance + means * np.log(means)) / mask.numpy().sum()
    gradient = tape.gradient(loss, mask)[..., 0].numpy()
    np.testing.assert_allclose(gradient, expected, atol=1e-12)
    assert gradient[0, 1, 2] < 0 < gradient[0, 1, 3] and np.all(gradient[1] < 0)
    assert float(loss) == losses.texture(image, label, mask)


def test_reconstruction_released_is_a_third():
    image, label, mask = random(B, H, W, 3), random(B, H, W, 3), tf.round(random(B, H, W, 1))
    fixed = losses.reconstruction(image, label, mask)
    released = losses.reconstruction(image, label, mask, form="released")
    # The released code: mean |I' - I| with both masked, over sum(mask of 3 channels) / (B H W).
    mask3 = np.tile(mask, [1, 1, 1, 3])
    by_code = np.mean(np.abs(2 * (image - label)) * mask3) / (np.sum(mask3) / (B * H * W))
    assert float(released) == pytest.approx(by_code)
    assert float(fixed) == pytest.approx(3 * by_code)


def test_landmarks_are_in_pixels_of_a_224_image():
    label = np.zeros([B, K, 2])
    predicted = label.copy()
    predicted[0, 1] = [3, 4]
    mask = np.ones([B, K])
    assert float(losses.landmarks(predicted, label, mask, 224)) == pytest.approx(25 / (B * K) / 100)
    assert float(losses.landmarks(predicted, label, mask, 112)) == pytest.approx(
        100 / (B * K) / 100
    )
    mask[0, 1] = 0
    assert losses.landmarks(predicted, label, mask, 112) == 0


def test_the_distance_of_landmarks_is_in_pixels_of_a_224_image():
    label = np.zeros([B, K, 2])
    predicted = label.copy()
    predicted[0, 1] = [30, 40]
    mask = np.zeros([B, K])
    mask[0, 1] = 1
    assert float(losses.landmark_distance(predicted, label, mask, 224)) == pytest.approx(5)
    assert float(losses.landmark_distance(predicted, label, mask, 112)) == pytest.approx(10)
    mask[:] = 1
    share = 1 / (B * K)
    expected = 5 * share + 0.001 * (1 - share)  # a floor of a hundredth of a pixel
    assert float(losses.landmark_distance(predicted, label, mask, 224)) == pytest.approx(expected)
    mask[:] = 0
    assert losses.landmark_distance(predicted, label, mask, 112) == 0


def test_symmetry_has_a_floor_and_sees_the_mirror_image():
    albedo = np.full([1, 2, 4, 3], 0.5)
    assert float(losses.symmetry(albedo)) == pytest.approx(0.05)
    albedo[0, 0, 0] += 0.2  # and its partner: two of eight texels differ by 0.4 of the range 2
    assert float(losses.symmetry(albedo)) == pytest.approx((2 * 0.4 + 6 * 0.05) / 8)
    albedo[0, 0, 3] += 0.2
    assert float(losses.symmetry(albedo)) == pytest.approx(0.05)


def test_constancy_looks_at_skin_alone():
    albedo = random(B, H, W, 3).numpy()
    skin = np.array([1, 8, 20], np.int32)
    albedo.reshape(B, -1, 3)[:, skin] = 0.3
    assert float(losses.constancy(albedo, skin, SEED)) == pytest.approx(0.05)
    albedo.reshape(B, -1, 3)[:, skin[0]] = 0.5
    loss = float(losses.constancy(albedo, skin, SEED))
    share = (loss - 0.05) / (0.4 - 0.05)  # of the pairs, those of the first and another texel
    assert share * B * losses.PAIRS == pytest.approx(round(share * B * losses.PAIRS))
    assert 0.2 < share < 0.7  # 4 / 9 on average


def test_constancy_draws_the_same_pairs_from_the_same_seed():
    albedo, skin = random(B, H, W, 3), np.arange(H * W, dtype=np.int32)
    first, again, other = (losses.constancy(albedo, skin, s) for s in (SEED, SEED, [3, 5]))
    assert first == again != other


def local_constancy_by_loops(albedo, label, mask):
    total = 0.0
    for down, right in [(0, 1), (1, 0)]:
        distances, weights = [], []
        for b in range(B):
            for i in range(H - down):
                for j in range(W - right):
                    p, q = (b, i, j), (b, i + down, j + right)
                    c = [label[t] / label[t].sum() for t in (p, q)]
                    distances.append(np.linalg.norm(2 * (albedo[p] - albedo[q])) ** 0.8)
                    weight = np.exp(-15 * np.linalg.norm(c[0] - c[1]))
                    weights.append(weight * mask[p][0] * mask[q][0])
        total += np.average(distances, weights=weights)
    return total


def test_local_constancy_weighs_by_chromaticity_and_visibility():
    albedo, label = random(B, H, W, 3).numpy(), random(B, H, W, 3).numpy()
    mask = np.round(random(B, H, W, 1).numpy() + 0.2)
    loss = losses.local_constancy(albedo, label, mask)
    assert float(loss) == pytest.approx(local_constancy_by_loops(albedo, label, mask))


def test_local_constancy_released_ignores_its_weights():
    albedo, mask = random(B, H, W, 3), tf.round(random(B, H, W, 1))
    one, other = (
        losses.local_constancy(albedo, random(B, H, W, 3), mask, form="released") for _ in range(2)
    )
    even = tf.ones([B, H, W, 1], tf.float64)
    assert one == other
    assert float(one) == pytest.approx(
        float(losses.local_constancy(albedo, tf.ones_like(albedo), even))
    )


def test_smoothness_by_hand_on_the_published_grid():
    shape_map = np.zeros([1, 192, 224, 3])
    shape_map[0, 50, 60, 1] = 0.1  # decimetres: one unit of 10 mm
    loss = losses.smoothness(shape_map, 100.0)
    assert float(loss) == pytest.approx(0.5 * (1 + 4 / 16) / (190 * 222 * 3))


def test_smoothness_means_the_same_at_every_size():
    def bowl(height, width):
        y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
        return np.stack([x * 0, x**2, y**2 + 2 * x**2], -1)[np.newaxis]

    coarse, fine = (losses.smoothness(bowl(h, w), 1.0) for h, w in [(96, 112), (192, 224)])
    assert float(coarse) == pytest.approx(
        float(fine), rel=0.05
    )  # texels are 1 / (n - 1) apart, not 1 / n


def test_white_shading_by_hand():
    coverage = np.zeros([H, W, 1], np.float32)
    coverage[1:4, 2:4] = 1
    shading = np.where(coverage, 1.09, 7.0) * np.ones([B, H, W, 3])
    assert float(losses.white_shading(shading, coverage)) == pytest.approx(0.5 * 0.01)
    assert float(losses.white_shading(shading * [1, 1, 1.19 / 1.09], coverage)) == pytest.approx(
        0.5 * (0.01 + 0.01 + 0.04) / 3
    )


def test_white_shading_released_divides_by_another_maps_coverage():
    coverage = np.ones([H, W, 1], np.float32)
    shading = np.full([B, H, W, 3], 0.5)
    loss = losses.white_shading(shading, coverage, form="released")
    assert float(loss) == pytest.approx(0.5 * (0.5 * 16384 / 10379 - 0.99) ** 2)


def test_tone_by_hand():
    skin = np.int32([8, 9])  # of row 1
    albedo, shading = np.full([B, H, W, 3], 0.5), RNG.random([B, H, W, 3])
    shading[0, 1, 2:4], shading[1, 1, 2:4] = 0.6, [0.6, 0.6, 1.0]  # blue: 0.8 -+ 0.2
    assert float(losses.tone(shading, albedo, skin)) == pytest.approx(0.5 * 0.2**2 / 3)
    albedo[0, 1, 2:4], albedo[1, 1, 2:4] = 0.9, 0.3  # 0.6 -+ 0.3, in [-1, 1] twice as much
    assert float(losses.tone(shading, albedo, skin)) == pytest.approx(0.5 * (0.2**2 / 3 + 0.6**2))
    assert float(losses.tone(shading + 7, albedo + 7, skin)) == pytest.approx(
        float(losses.tone(shading, albedo, skin))
    )


def test_tone_prefers_to_share_what_the_product_leaves_open():
    skin = np.arange(H * W, dtype=np.int32)
    image = np.ones([B, H, W, 3]) * np.reshape([0.4, 0.6], [B, 1, 1, 1])

    def split(share):  # of the differences that is skin's
        albedo = 0.5 * (2 * image) ** share
        return float(losses.tone(image / albedo, albedo, skin))

    assert split(0.5) < 0.6 * min(split(0.0), split(1.0))


def test_least_squares_adversary():
    assert float(losses.adversarial(np.full([B, 2, 2, 1], 0.4))) == pytest.approx(0.5 * 0.36)
    ones = tf.ones([B, 2, 2, 1])
    loss = float(losses.discrimination(ones, 0.2 * ones, 0.4 * ones, SEED))
    noise = loss * 4 - 0.5 * (0.04 + 0.16)
    assert 0 < noise < 0.01  # twice half the mean square of noise in (-0.1, 0.1): 1 / 300


def test_perceptual_by_hand():
    features = [np.zeros([B, 4, 4, 2]), np.zeros([B, 2, 2, 3])]
    others = [features[0] + 2, features[1] + 9]
    assert float(losses.perceptual(features, others, (2.0, 3.0))) == pytest.approx(
        0.5 * (1 + 9) / 2
    )


@pytest.mark.parametrize("form", ["fixed", "released"])
def test_gradients_are_the_finite_differences(form):
    mask = np.round(random(B, H, W, 1).numpy() + 0.3)
    image, label = random(B, H, W, 3), random(B, H, W, 3)
    coverage = mask[0].astype(np.float32)
    assert_gradient(lambda x: losses.reconstruction(x, label, mask, form), image)
    assert_gradient(lambda x: losses.local_constancy(x, label, mask, form), image)
    assert_gradient(lambda x: losses.white_shading(x, coverage, form), image)
    if form == "fixed":
        skin = np.arange(H * W, dtype=np.int32)
        assert_gradient(losses.symmetry, image)
        assert_gradient(lambda x: losses.constancy(x, skin, SEED), image)
        assert_gradient(lambda x: losses.smoothness(x, 100.0), image)
        assert_gradient(lambda x, y: losses.tone(x, y, skin), image, label)
        points = random(B, K, 2)
        assert_gradient(
            lambda x: losses.landmarks(x, 0 * points, np.ones([B, K]), 112), random(B, K, 2)
        )
        assert_gradient(
            lambda x: losses.landmark_distance(x, 0 * points, np.ones([B, K]), 112),
            random(B, K, 2),
        )


@pytest.mark.parametrize("form", ["fixed", "released"])
def test_equal_colours_have_a_finite_gradient(form):
    albedo = tf.ones([B, H, W, 3]) * 0.4
    mask = tf.ones([B, H, W, 1])
    terms = [
        lambda x: losses.local_constancy(x, x * 0, mask, form),
        lambda x: losses.reconstruction(x, albedo, mask, form),
        losses.symmetry,
        lambda x: losses.constancy(x, np.arange(4, dtype=np.int32), SEED),
        lambda x: losses.smoothness(x, 100.0),
        lambda x: losses.texture(x, albedo, 0 * mask),
    ]
    for term in terms:
        with tf.GradientTape() as tape:
            tape.watch(albedo)
            loss = term(albedo)
        assert np.isfinite(loss) and np.isfinite(tape.gradient(loss, albedo)).all()


def test_local_constancy_of_nearly_equal_colours_has_a_moderate_gradient():
    albedo = tf.constant(0.4 + 1e-6 * RNG.random([B, H, W, 3]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(albedo)
        loss = losses.local_constancy(albedo, albedo, tf.ones([B, H, W, 1]))
    assert np.abs(tape.gradient(loss, albedo)).max() < 10


def test_reprojection_is_the_mean_distance_in_pixels_of_224():
    label = camera.compose(*(np.float64([a, a]) for a in (0.3, -0.2, 0.1, 20)), np.zeros([2, 2]))
    moved = label + np.float64([[[0, 0, 0, 3], [0, 0, 0, 4]], [[0, 0, 0, 0], [0, 0, 0, 50]]])
    vertices = random(2, 7, 3)
    one = losses.reprojection(moved, label, vertices, 112, np.float64([1, 0]))
    assert float(one) == pytest.approx(2 * 5 / 10, abs=1e-4)
    same = losses.reprojection(label, label, vertices, 112, np.float64([1, 1]))
    assert float(same) == pytest.approx(0, abs=2e-3)
    assert_gradient(
        lambda p: losses.reprojection(p, label, vertices, 112, np.float64([1, 1])), moved
    )


def test_albedo_is_the_mean_colour_distance_on_the_face_in_minus_1_to_1():
    label = random(B, H, W, 3)
    coverage = np.zeros([H, W, 1])
    coverage[:2] = 1
    off = label + np.where(coverage, 0.1, 0.7)
    both = losses.albedo(off, label, coverage, np.float64([1, 1]))
    one = losses.albedo(off * np.float64([1, 3])[:, None, None, None], label, coverage, [1.0, 0.0])
    assert float(both) == pytest.approx(0.2) and float(one) == pytest.approx(0.2)


def test_code_weighs_squares_by_what_they_decode_to():
    label = np.zeros([B, 3])
    predicted = np.float64([[1, 2, 0], [5, 5, 5]])
    weights = np.float64([1, 0.5, 7])
    one = losses.code(predicted, label, weights, np.float64([1, 0]))
    assert float(one) == pytest.approx(0.5 * (1 + 0.5 * 4))
    assert_gradient(lambda p: losses.code(p, label, weights, np.float64([1, 1])), predicted)


@pytest.mark.parametrize(
    "term, message",
    [
        (lambda: losses.texture(*[np.zeros([B, H, W, 3])] * 3), r"`mask` .* B, H, W, 1\].* got"),
        (lambda: losses.symmetry(np.zeros([B, H, W, 4])), r"`albedo_map` must .* got \[2, 5, 6, 4"),
        (
            lambda: losses.landmarks(*[np.zeros([B, K, 2])] * 2, np.ones([B, K + 1]), 112),
            r"`mask` must have shape \[B, K\] with B = 2, K = 3, got \[2, 4\]",
        ),
    ],
)
def test_refusals(term, message):
    with pytest.raises(ValueError, match=message.replace(".* B", ".*B")):
        term()


# The sum of the terms


class Reconstructed:
    """What `losses.total` reads of a reconstruction."""

    def __init__(self):
        self.projection, self.vertices = random(B, 2, 4), random(B, V, 3)
        self.landmarks, self.shape_map = random(B, K, 2), random(B, H, W, 3)
        self.albedo_map, self.texture = random(B, H, W, 3), random(B, H, W, 3)
        self.shading = random(B, H, W, 3)
        self.shape_code, self.albedo_code = random(B, 4), random(B, 5)
        self.image, self.mask = random(B, 8, 8, 3), tf.round(random(B, 8, 8, 1))


def example_batch():
    batch = {
        "image": random(B, 8, 8, 3),
        "face_mask": tf.round(random(B, 8, 8, 1)),
        "landmarks": random(B, K, 2),
        "projection": random(B, 2, 4),
        "vertices": random(B, V, 3),
        "texture": random(B, H, W, 3),
        "texture_mask": tf.round(random(B, H, W, 1)),
        "albedo": random(B, H, W, 3),
        "label_codes": LabelCodes(random(B, 4), random(B, 5), random(4), random(5)),
    }
    labels = ("face_mask", "landmarks", "projection", "vertices", "texture", "albedo")
    return batch | {f"has_{label}": tf.constant([True, True]) for label in labels}


CONSTANTS = losses.Constants(
    projection_std=np.ones(8),
    units=100.0,
    landmark_exists=np.array([1.0, 0.0, 1.0]),
    coverage=np.ones([H, W, 1]),
    skin_texels=np.arange(9, dtype=np.int32),
    camera_vertices=np.array([0, 2], np.int32),
    image_size=8,
)


def critic(images):
    return images[:, ::4, ::4, :1]


def features(images):
    return [images], (2.0,)


def all_weights(value=1.0):
    weights = {f.name: value for f in dataclasses.fields(configs.LossConfig) if f.type is float}
    return configs.LossConfig(**weights)


def total(config, reconstructed, batch):
    return losses.total(config, reconstructed, batch, CONSTANTS, SEED, critic, features)


def test_total_is_the_weighted_sum_of_every_term():
    reconstructed, batch = Reconstructed(), example_batch()
    config = all_weights()
    loss, terms = total(config, reconstructed, batch)
    named = {f.name for f in dataclasses.fields(config) if f.type is float}
    assert set(terms) == named - {"residual"}  # which a model with proxies has
    assert float(loss) == pytest.approx(sum(float(t) for t in terms.values()))
    for name in terms:
        changed, _ = total(dataclasses.replace(config, **{name: 3.0}), reconstructed, batch)
        assert float(changed) == pytest.approx(float(loss + 2 * terms[name])), name


@pytest.mark.parametrize("form", ["released", *configs.DEFECTS])
def test_a_released_form_changes_its_terms_and_no_other(form):
    reconstructed, batch = Reconstructed(), example_batch()
    config = all_weights()
    _, fixed = total(config, reconstructed, batch)
    _, terms = total(dataclasses.replace(config, form=form), reconstructed, batch)
    changed = {name for name in fixed if terms[name] != fixed[name]}
    assert changed == ({*configs.DEFECTS} if form == "released" else {form})


def test_a_term_without_weight_is_not_computed():
    reconstructed, batch = Reconstructed(), example_batch()
    reconstructed.image = reconstructed.mask = None
    pretrain = configs.Config().pretrain.loss
    _, terms = losses.total(pretrain, reconstructed, batch, CONSTANTS, SEED)
    assert set(terms) == {
        "projection", "shape", "texture", "landmarks", "symmetry", "constancy", "smoothness",
        "white_shading",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["reconstruction", "adversarial", "perceptual"])
def test_a_term_that_lacks_what_it_needs_is_refused(name):
    reconstructed = Reconstructed()
    reconstructed.image = None
    with pytest.raises(ValueError, match=f"`{name}` needs a drawn image"):
        total(dataclasses.replace(all_weights(0.0), **{name: 1.0}), reconstructed, example_batch())


@pytest.mark.parametrize("label", ["landmarks", "projection", "vertices", "texture", "albedo"])
def test_an_absent_label_counts_for_nothing(label):
    reconstructed, batch = Reconstructed(), example_batch()
    config = all_weights()
    batch[f"has_{label}"] = tf.constant([True, False])
    _, terms = total(config, reconstructed, batch)
    absent = np.reshape([1.0, 0.0], [2] + [1] * (batch[label].shape.rank - 1))
    _, same = total(config, reconstructed, batch | {label: batch[label] * absent})
    assert {k: float(v) for k, v in terms.items()} == {k: float(v) for k, v in same.items()}
    batch[f"has_{label}"] = tf.constant([False, False])
    _, terms = total(config, reconstructed, batch)
    name = {"vertices": "shape"}.get(label, label)
    assert terms[name] == 0 and np.isfinite([float(t) for t in terms.values()]).all()


def test_a_landmark_that_the_face_lacks_counts_for_nothing():
    reconstructed, batch = Reconstructed(), example_batch()
    _, terms = total(all_weights(), reconstructed, batch)
    moved = batch["landmarks"] + [[0], [5], [0]]
    _, same = total(all_weights(), reconstructed, batch | {"landmarks": moved})
    assert terms["landmarks"] == same["landmarks"] > 0


def test_occluded_pixels_count_only_where_the_label_knows_them():
    reconstructed, batch = Reconstructed(), example_batch()
    seen = losses.visible(reconstructed, batch)
    np.testing.assert_array_equal(seen, reconstructed.mask * batch["face_mask"])
    batch["has_face_mask"] = tf.constant([True, False])
    np.testing.assert_array_equal(losses.visible(reconstructed, batch)[1], reconstructed.mask[1])
    blended = losses.blend(reconstructed, batch)
    hidden = np.broadcast_to(losses.visible(reconstructed, batch) == 0, blended.shape)
    np.testing.assert_array_equal(blended[hidden], batch["image"][hidden])


def test_outlines_are_felt_by_the_reconstruction_and_not_by_critics():
    reconstructed, batch = Reconstructed(), example_batch()
    reconstructed.mask = random(B, 8, 8, 1)

    def slope(function):
        with tf.GradientTape() as tape:
            tape.watch(reconstructed.mask)
            value = function()
        return tape.gradient(value, reconstructed.mask)

    assert slope(lambda: losses.blend(reconstructed, batch)) is None
    config = dataclasses.replace(all_weights(0.0), reconstruction=1.0)
    felt = slope(lambda: total(config, reconstructed, batch)[0])
    np.testing.assert_array_equal(felt != 0, batch["face_mask"] > 0)


def test_graph_equals_eager():
    reconstructed, batch = Reconstructed(), example_batch()
    eager, _ = total(all_weights(), reconstructed, batch)
    graph = tf.function(lambda batch: total(all_weights(), reconstructed, batch)[0])(batch)
    assert float(graph) == pytest.approx(float(eager), rel=1e-12)
