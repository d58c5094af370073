"""Makes the data set in a folder, with a progress bar, from any script."""

import pathlib
import shutil
import time

import numpy as np
import tensorflow_datasets as tfds

from datasets.synthetic_faces import generator, synthetic_faces_dataset_builder

ABANDONED = 600  # seconds without a write after which half a data set has no maker any more


def prepare(folder, config="s112", progress=None, **changes):
    """The builder of a data set that is ready to be read; makes it where it is not there yet.

    Half-made data never looks whole: it is written beside its place and moved there at the end.
    What an interrupted run left behind is removed.

    Args:
        folder: where data sets lie; this one gets `synthetic_faces/<config>/<version>`.
        config: "s32", "s112" or "s224".
        progress: called with (records made, records in all) now and then; or None.
        **changes: fields of `SyntheticFacesConfig`: train_examples, validation_examples,
            test_examples, seed.

    Returns:
        a `tfds.core.DatasetBuilder`; `builder.as_dataset(split="train")` reads it.
    """
    chosen = synthetic_faces_dataset_builder.named_config(config, **changes)
    builder = synthetic_faces_dataset_builder.Builder(data_dir=str(folder), config=chosen)
    place = pathlib.Path(builder.data_path)
    if not place.exists():
        _sweep(place)
        if progress:
            builder.progress = _counter(progress, chosen)
        tfds.disable_progress_bar()
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False)
        )
    return builder


def _counter(progress, config):
    """What the builder calls for each record: counts over all splits."""
    counts = {split: getattr(config, f"{split}_examples") for split in generator.SPLITS}
    before = dict(zip(counts, np.cumsum([0, *counts.values()]).tolist(), strict=False))
    return lambda split, index: progress(before[split] + index + 1, sum(counts.values()))


def _sweep(place):
    """Removes what interrupted runs left beside `place`."""
    for left in place.parent.glob(f"incomplete*_{place.name}"):
        files = [path.stat().st_mtime for path in left.rglob("*")] + [left.stat().st_mtime]
        if time.time() - max(files) > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
