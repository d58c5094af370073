"""What several tests of this data set share."""

import pytest

from datasets.synthetic_faces import generator
from tf_nonlinear3dmm import face_model


@pytest.fixture(scope="session")
def studio():
    return generator.make_studio(32, (24, 28))


@pytest.fixture(scope="session")
def block(studio):
    """Sixteen records: four people, four pictures of each."""
    return generator.block(studio, "train", 0)


@pytest.fixture(scope="session")
def population():
    return face_model.load_population()
