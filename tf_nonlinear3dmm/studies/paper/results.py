"""Measurements of the parts as files, from which a report can be made at any time."""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from tf_nonlinear3dmm.core import array_files
from tf_nonlinear3dmm.studies.study import Study


def save(study: Study, part: str, rows: Mapping[str, Mapping[int, np.ndarray]]) -> None:
    """Writes the errors that a part has measured.

    Args:
        study: `Study`.
        part: `<kind>/<name>`; kinds are the tables "shape", "albedo" and "photo".
        rows: model -> code size -> errors `[N]` of the faces.
    """
    lists = {
        model: {str(size): np.asarray(errors).tolist() for size, errors in by_size.items()}
        for model, by_size in rows.items()
    }
    study.write_json(f"results/{part}.json", lists)


def table(study: Study, kind: str, models: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    """Model -> code size (a string, rising) -> errors `[N]`, of all parts of a kind.

    `models` says which rows come in which order; those that nothing has measured are left out.
    """
    rows = {}
    for path in sorted((study.folder / "results" / kind).glob("*.json")):
        for model, by_size in json.loads(path.read_text()).items():
            rows.setdefault(model, {}).update(by_size)
    return {
        model: {size: np.array(rows[model][size]) for size in sorted(rows[model], key=int)}
        for model in models
        if model in rows
    }


def save_maps(study: Study, model: str, size: int, maps: np.ndarray) -> None:
    """Writes the maps `[N, Hu, Wu, C]` in [0, 1] by which a model represents the figure's faces."""
    path = study.file(f"results/maps/{model}/{size:04d}.npy")
    with array_files.replacing(path) as file:
        np.save(file, np.clip(maps, 0, 1).astype(np.float16))


def read_maps(study: Study, models: Sequence[str]) -> dict[str, np.ndarray]:
    """Model -> its maps of `save_maps` at the largest code size, where it has any."""
    files = {m: sorted((study.folder / "results/maps" / m).glob("*.npy")) for m in models}
    return {m: np.load(paths[-1]).astype(np.float32) for m, paths in files.items() if paths}
