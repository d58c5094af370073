"""What several tests of this data set share."""

import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces import generator
from tf_nonlinear3dmm.face import load_population


@pytest.fixture(scope="session")
def studio():
    return generator.make_studio(32, (24, 28))


@pytest.fixture(scope="session")
def block(studio):
    """Sixteen records: four people, four pictures of each."""
    return generator.block(studio, "train", 0)


@pytest.fixture(scope="session")
def population():
    return load_population()
