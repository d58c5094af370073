"""JSON of files that people write: whatever is wrong with it is one kind of error."""

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """The content of a JSON text, str or bytes in any UTF.

    Raises:
        ValueError: it is none, or nested deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
