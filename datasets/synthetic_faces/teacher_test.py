"""The linear model of 200 scans and the labels it gives."""

import numpy as np
import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces import teacher
from tf_nonlinear3dmm.data.builders.synthetic_faces.people import population
from tf_nonlinear3dmm.networks import linear


@pytest.fixture(scope="module")
def scanned():
    return population.MakeHumanPeople(0, (24, 28))


@pytest.fixture(scope="module")
def model(scanned):
    return teacher.scan_shapes(scanned)


@pytest.fixture(scope="module")
def faces(scanned):
    randoms = [np.random.default_rng([5, i]) for i in range(40)]
    neutral = scanned.neutral([scanned.person(random) for random in randoms])
    return scanned.apply_expression(neutral, randoms)[0]


def error(faces, fit):
    """Mean vertex distance after the fit's own alignment, over the distance of the eyes."""
    carried = fit.vertices @ fit.rotation.transpose(0, 2, 1) + fit.translation[:, np.newaxis]
    return np.linalg.norm(carried - faces, axis=-1).mean() / 0.58


def test_modes_are_orthonormal_within_their_kind_and_sorted(model):
    flat = model.modes.reshape(160, -1)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 1, rtol=1e-5)
    assert (np.diff(model.std) <= 0).all() and model.std[-1] > 0


def test_the_teacher_errs_as_a_model_of_few_similar_people_does(model, faces):
    errors = []
    for modes in (16, 64, 160):
        part = linear.truncate(model, modes)
        errors.append(error(faces, teacher.fit(faces, part, 100.0)))
    assert errors[0] > errors[1] > errors[2]
    np.testing.assert_allclose(errors, [0.0418, 0.0224, 0.0161], rtol=0.15)  # 40 other faces


def test_the_teacher_knows_its_own_people(scanned, model):
    own = scanned.neutral([scanned.subject(r) for r in teacher._streams(0, 20)])
    fit = teacher.fit(own, model, 100.0)
    assert error(own, fit) < 0.006


def test_teacher_projections_err_as_much_as_they_should(model, faces):
    faces = np.tile(faces[:1], (400, 1, 1))
    fit = teacher.fit(faces, model, 100.0)
    projection = np.tile(np.array([[[60.0, 0, 0, 70], [0, -60.0, 0, 70]]], np.float32), (400, 1, 1))
    randoms = [np.random.default_rng(i) for i in range(400)]
    seen = teacher.project(fit, projection, randoms, image_size=112)
    scale = np.linalg.norm(seen[:, 0, :3], axis=1)
    assert abs(scale.std() / scale.mean() - 0.01) < 0.002
    assert np.allclose(seen[:, :, 3].std(axis=0), 1.0, atol=0.15)  # a pixel
    roll = np.degrees(np.arctan2(seen[:, 0, 1], -seen[:, 1, 1]))
    assert abs(roll.std() - 1.5) < 0.25


def test_scan_200_has_a_texture_too():
    shape, texture = teacher.scan_200((24, 28), modes=20)
    assert shape.modes.shape == (20, 3016, 3)
    assert texture.mean.shape == (24, 28, 3) and texture.modes.shape == (40, 24, 28, 3)
    assert texture.mean.min() >= 0 and texture.mean.max() <= 1
    flat = texture.modes.reshape(40, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(40), atol=1e-4)
