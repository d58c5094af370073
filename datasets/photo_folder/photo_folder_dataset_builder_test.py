"""The builder against `dummy_data`, and the rules of tfds."""

import tensorflow_datasets as tfds

from tf_nonlinear3dmm.data.builders.photo_folder import photo_folder_dataset_builder


class Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = photo_folder_dataset_builder.Builder
    EXAMPLE_DIR = photo_folder_dataset_builder.Builder.pkg_dir_path / "dummy_data"
    BUILDER_CONFIG_NAMES_TO_TEST = ["s32"]
    SPLITS = {"train": 1, "validation": 1}


if __name__ == "__main__":
    tfds.testing.test_main()
