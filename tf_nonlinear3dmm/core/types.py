"""Types that many signatures share. Tensors are `tf.Tensor`; arrays of any kind, `npt.ArrayLike`."""

import os

Path = str | os.PathLike[str]
Size = tuple[int, int]  # (height, width)
