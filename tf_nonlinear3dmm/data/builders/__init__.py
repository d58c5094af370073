"""The tfds builders: packaged here in a wheel, in the top-level folder `datasets` of a checkout.

`datasets` itself is never imported by that name, which belongs to Hugging Face's package.
"""

import pathlib

_CHECKOUT = pathlib.Path(__file__).resolve().parents[3] / "datasets"
if (_CHECKOUT / "synthetic_faces").is_dir():
    __path__.append(str(_CHECKOUT))
