"""Eyes, nose and mouth in the UV map: windows with smooth masks, for local decoders (CVPR 2019)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_nonlinear3dmm.core.types import Size
from tf_nonlinear3dmm.face import FaceModel

LANDMARKS = {  # of the 68: an eye has its brow, the mouth both lips
    "right_eye": [*range(17, 22), *range(36, 42)],
    "left_eye": [*range(22, 27), *range(42, 48)],
    "nose": [*range(27, 36)],
    "mouth": [*range(48, 68)],
}
MARGIN = 0.4  # of a part's mean side: as far beyond its landmarks its mask falls to 0


class Part(NamedTuple):
    """A window of the UV map.

    Attributes:
        name: of the part.
        corner: (row, column) of its first texel.
        mask: `[height, width, 1]` float32 in [0, 1]: how much of a texel the local decoder makes.
    """

    name: str
    corner: Size
    mask: np.ndarray

    @property
    def size(self) -> Size:
        """(height, width) of the window."""
        return self.mask.shape[:2]


def of_face(face: FaceModel, uv_size: Size) -> list[Part]:
    """The parts of a face in maps of `uv_size` (height, width).

    A mask is 1 in the box of the part's landmarks and falls to 0 along half a cosine. Where two
    parts would make more than all of a texel they share it.

    Raises:
        ValueError: the face model lacks all landmarks of a part.
    """
    masks = np.stack([_mask(face, name, uv_size) for name in LANDMARKS])
    masks /= np.maximum(masks.sum(axis=0), 1)
    return [_crop(name, mask) for name, mask in zip(LANDMARKS, masks, strict=True)]


def blend(whole: tf.Tensor, local: Sequence[tf.Tensor], parts: Sequence[Part]) -> tf.Tensor:
    """A map `[B, Hu, Wu, C]` in which parts are exchanged, softly at their borders.

    Args:
        whole: `[B, Hu, Wu, C]`, which keeps what the masks leave.
        local: a map `[B, height, width, C]` of the size of each part.
        parts: `Part`s.
    """
    masks = [_pad(part.mask[np.newaxis], part, whole) for part in parts]
    outputs = whole * (1 - tf.add_n(masks)) if parts else whole
    for part, pixels in zip(parts, local, strict=True):
        outputs += _pad(part.mask * pixels, part, whole)
    return outputs


def _mask(face, name, uv_size):
    """`[Hu, Wu, 1]` of one part alone."""
    points = face.landmarks[LANDMARKS[name]]
    points = face.uv[points[points >= 0]]
    if not len(points):
        raise ValueError(f"`global_local` needs the landmarks of `{name}`, {face.name} has none")
    places = points[:, ::-1] * np.subtract(uv_size, 1)  # (row, column)
    low, high = places.min(axis=0), places.max(axis=0)
    margin = max(MARGIN * np.mean(high - low), 1)
    ramps = []
    for k in range(2):
        texels = np.arange(uv_size[k])
        beyond = np.maximum(low[k] - texels, texels - high[k]) / margin
        ramps.append((1 + np.cos(np.pi * np.clip(beyond, 0, 1))) / 2)
    return np.outer(*ramps).astype(np.float32)[..., np.newaxis]


def _crop(name, mask):
    rows, columns = (np.flatnonzero(mask.any(axis=(1 - k, 2))) for k in range(2))
    window = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Part(name, (int(rows[0]), int(columns[0])), window)


def _pad(pixels, part, whole):
    """Zeros around a window `[B, height, width, C]`, so that it lies in its place in `whole`."""
    ends = zip(part.corner, part.size, whole.shape[1:3], strict=True)
    sides = [[first, full - first - size] for first, size, full in ends]
    return tf.pad(pixels, [[0, 0], *sides, [0, 0]])
