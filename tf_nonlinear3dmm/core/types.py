"""Types that many signatures share.

`tf.Tensor` stands for all that TensorFlow computes with, `npt.ArrayLike` for all that NumPy does.
"""

import os

Path = str | os.PathLike[str]
Size = tuple[int, int]  # (height, width)
