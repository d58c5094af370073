"""What the tfds builders of photographs share: opening their files, and writing examples."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow_datasets as tfds

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.data import archive
from tf_nonlinear3dmm.data.photo_sets import layout, reading

LOG = logging.getLogger(__name__)


class PhotoSetBuilder(  # type: ignore[call-arg]  # tfds has no annotations
    tfds.core.GeneratorBasedBuilder, skip_registration=True
):
    """A builder that skips bad records and names them in the metadata of the data set."""

    def photo_set_info(
        self, own: dict[str, Any], textured: bool = False, **info: Any
    ) -> tfds.core.DatasetInfo:
        """The info of a data set with the features of every set of photographs and its `own`."""
        features = layout.features(self.builder_config, textured) | own
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(skipped=[]),
            **info,
        )

    def open_tree(
        self, path: Path, size: int | None = None, sha256: str = ""
    ) -> tuple[archive.Tree, reading.Skipped]:
        """Opens a folder or zip; warns where a file is not the published one of `size` bytes."""
        if size and (note := archive.differs(path, size, sha256)):
            LOG.warning("Not the published file, using it all the same: %s", note)
        tree, skipped = archive.Tree(path), reading.Skipped(self.builder_config.strict)
        for name, reason in tree.refused:
            skipped.add(f"{name}: {reason}")
        return tree, skipped

    def _generate_examples(
        self,
        split: str,
        tree: archive.Tree,
        names: Iterable[str],
        make: Callable[[str], list[tuple[Any, dict[str, Any]]]],
        skipped: reading.Skipped,
    ) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yields what `make` gives for each name: a list of (key, example)."""
        count = 0
        for _, examples in reading.each(names, make, skipped):
            for key, example in examples:
                self.progress(split, count)
                count += 1
                yield key, example
        self.info.metadata["skipped"] = skipped.reasons
        skipped.report(tree.path, count)

    def progress(self, split: str, index: int) -> None:
        """Called before each record is written; `data` listens here."""
