"""The builder against `dummy_data`, and the rules of tfds."""

import tensorflow_datasets as tfds

from tf_nonlinear3dmm.data.builders.aflw2000_3d import aflw2000_3d_dataset_builder


class Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = aflw2000_3d_dataset_builder.Builder
    EXAMPLE_DIR = aflw2000_3d_dataset_builder.Builder.pkg_dir_path / "dummy_data"
    BUILDER_CONFIG_NAMES_TO_TEST = ["s32"]
    SPLITS = {"test": 2}


if __name__ == "__main__":
    tfds.testing.test_main()
