"""The sliders of the page: names, ranges and what it writes beside them."""

import re
from collections.abc import Iterable
from typing import NamedTuple


class Slider(NamedTuple):
    """One slider of the page.

    Attributes:
        name: key in requests.
        label: what the page writes beside it.
        low, high, start: its range and where it starts.
        unit: written behind the value.
        often: whether it is shown before it is searched for.
    """

    name: str
    label: str
    low: float = -3.0
    high: float = 3.0
    start: float = 0.0
    unit: str = ""
    often: bool = True


Groups = list[tuple[str, list[Slider]]]  # (title, its sliders)

LIGHT = (
    Slider("light_ambient", "photo's light", 0.0, 2.0, 1.0),
    Slider("light_strength", "directional", 0.0, 3.0, 0.0),
    Slider("light_azimuth", "azimuth", -90.0, 90.0, 45.0, "°"),
    Slider("light_elevation", "elevation", -60.0, 90.0, 20.0, "°"),
)

_PARTS = {
    "Brows": ("brow",),
    "Eyes": ("eye",),
    "Mouth": ("mouth",),
    "Jaw, cheeks and nose": ("jaw", "cheek", "nose"),
}
_OFTEN = {
    *("browInnerUp", "browDownLeft", "browDownRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeWideLeft", "eyeWideRight"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthPucker", "mouthFunnel", "jawOpen", "cheekPuff"),
}


def of_expressions(names: Iterable[str]) -> Groups:
    """The sliders of expressions by ARKit's names, from 0 at rest to 1, by part of the face."""
    groups: dict[str, list[Slider]] = {title: [] for title in _PARTS}
    for name in names:
        title = next(t for t, starts in _PARTS.items() if name.startswith(starts))
        words = re.sub("([A-Z])", r" \1", name).lower()
        label = words if len(_PARTS[title]) > 1 else words.split(" ", 1)[1]
        groups[title].append(Slider(name, label, 0.0, 1.0, often=name in _OFTEN))
    return [(title, group) for title, group in groups.items() if group]
