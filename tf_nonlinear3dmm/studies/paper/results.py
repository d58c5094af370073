"""What parts have measured, kept until the report is written: whatever is there can be reported."""

import json

import numpy as np

from tf_nonlinear3dmm.core import array_files


def keep(study, part, rows):
    """Keeps errors of a part.

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


def table(study, kind, models):
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


def keep_maps(study, model, size, maps):
    """Keeps the maps `[N, Hu, Wu, C]` in [0, 1] that a model of a code size makes of some faces."""
    path = study.file(f"results/maps/{model}/{size:04d}.npy")
    with array_files.replacing(path) as file:
        np.save(file, np.clip(maps, 0, 1).astype(np.float16))


def maps(study, models):
    """Model -> what `keep_maps` kept at its largest code size, of those that have some."""
    files = {m: sorted((study.folder / "results/maps" / m).glob("*.npy")) for m in models}
    return {m: np.load(paths[-1]).astype(np.float32) for m, paths in files.items() if paths}
