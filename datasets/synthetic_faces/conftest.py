"""What several tests of this data set share."""

import pytest

from tf_nonlinear3dmm.data.builders.synthetic_faces import contexts, generator
from tf_nonlinear3dmm.face import load_population


@pytest.fixture(scope="session")
def context():
    return contexts.open_context(32, (24, 28))


@pytest.fixture(scope="session")
def block(context):
    """Sixteen records: four people, four images of each."""
    return generator.block(context, "train", 0)


@pytest.fixture(scope="session")
def population():
    return load_population()
