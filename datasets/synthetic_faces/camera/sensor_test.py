"""Laws of the camera: what it may change, how often, and that it leaves no trace of its edge."""

import io

import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces.camera import sensor
from tf_nonlinear3dmm.data.builders.synthetic_faces.scene import background

SIDE = 40


@pytest.fixture(scope="module")
def photos():
    """2,000 photos of one colourful scene, and where each of them lies."""
    light = background.blur(np.random.default_rng(0).uniform(0, 1, size=(SIDE, SIDE, 3)), 2.0)
    light = np.maximum(0.5 + 6 * (light - 0.5), 0).astype(np.float32)
    images, insides = [], []
    for number in range(2000):
        random = np.random.default_rng([2, number])
        insides.append(sensor.edges(random, SIDE))
        photo = sensor.photograph(random, light, insides[-1])
        images.append(np.asarray(PIL.Image.open(io.BytesIO(photo))))
    return np.stack(images), np.stack(insides)


def test_a_fifth_of_the_photos_is_black_and_white(photos):
    images, _ = photos
    grey = np.ptp(images.astype(int), axis=-1).max(axis=(1, 2)) <= 3
    # four standard errors of a share of 0.2 among 2,000
    assert abs(grey.mean() - sensor.GREY) < 0.036


def test_some_photos_end_within_the_image_and_most_of_these_in_black(photos):
    images, insides = photos
    cut = ~insides.all(axis=(1, 2, 3))
    # the shallowest edges hide no pixel at this size
    assert abs(cut.mean() - sensor.CUT) < 0.03
    beyond = [p[~i[..., 0]].mean() for p, i in zip(images[cut], insides[cut], strict=True)]
    assert 0.5 < np.mean(np.array(beyond) < 20) < 0.9


def test_highlights_are_clipped_and_shadows_crushed_in_some_photos(photos):
    images, insides = photos
    whole = insides.all(axis=(1, 2, 3))
    clipped = (images >= 250).mean(axis=(1, 2, 3)) > 0.03
    crushed = (images <= 5).mean(axis=(1, 2, 3)) > 0.1
    assert 0.01 < clipped[whole].mean() < 0.5 and 0.01 < crushed[whole].mean() < 0.5
    assert 90 < np.median(images[whole].mean(axis=(1, 2, 3))) < 165


def test_grain_of_a_black_and_white_photo_has_no_colour():
    grey = np.full([SIDE, SIDE, 3], 120, np.uint8)
    for number in range(10):
        noisy = sensor.grain(np.random.default_rng(number), grey)
        assert noisy.std() > 0 and np.ptp(noisy, axis=-1).max() == 0


def test_a_shaken_image_keeps_its_light_and_loses_its_edges():
    stripes = np.zeros([SIDE, SIDE, 3], np.float32)
    stripes[::2, ::2] = 1
    shaken = sensor._shaken(np.random.default_rng(0), np.tile(stripes, (4, 4, 1)))
    assert abs(shaken.mean() - 0.25) < 0.02 and shaken.std() < 0.8 * stripes.std()
