"""A folder of what people give by mistake, and of earlier results that must stay as they are."""

import json
import os
import pathlib

import numpy as np
import PIL.Image

BOX = {"x": None, "y": 1, "width": 3, "height": 4}
DEEP = "[" * 100_000
LONG = "x" * 300
JSON = {  # landmarks or a box beside a photo of this name
    "deep": DEEP,
    "huge": json.dumps([[10**400, 0]] * 68),
    "null": json.dumps({"box": BOX}),
    "infinite": '{"box": [1e999, 0, 1, 1]}',
    "number": "5",
    "few": json.dumps([[1, 2]] * 67),
    "elsewhere": json.dumps([[1000 + n, 1000 - n] for n in range(68)]),
    "beyond": json.dumps([[1e30, n] for n in range(68)]),
    "fractions": json.dumps([[n / 68, n / 99] for n in range(68)]),  # of the photo's sides
    "point": json.dumps([[40, 40]] * 68),
    "outside": json.dumps({"box": [80, 80, 40, 40]}),
    "giant": json.dumps({"box": [-3e5, -3e5, 6e5, 6e5]}),
    "thin": json.dumps({"box": [10, 40, 60, 0.01]}),
    "empty": json.dumps({"faces": []}),
}
CONFIGS = {
    "list": "[]",
    "section": '{"model": 5}',
    "word": '{"model": {"width": "x"}}',
    "deep": DEEP,
    "number": '{"data": {"sources": 5}}',
    "misspelt": '{"model": {"widht": 3}}',
    "half": '{"pretrain": {"steps": 2.5}}',
    "negative": '{"train": {"batch_size": -1}}',
    "short": '{"model": {"uv_size": [1]}}',
    "nan": '{"pretrain": {"loss": {"shape": NaN}}}',
    "cut": '{"model": ',
}


def write(folder, weights):
    """Fills `folder`; `weights` are the bytes of a sound file of weights."""
    folder = pathlib.Path(folder)
    picture = np.random.default_rng(0).integers(0, 256, [80, 80, 3], np.uint8)
    for name in ("photo", "other", "capital", "beside", *JSON):
        PIL.Image.fromarray(picture).save(folder / f"{name}.png")
    for name, text in JSON.items():
        (folder / f"{name}.json").write_text(text)
    PIL.Image.fromarray(picture).save(folder / "whole.jpg")
    for name, source in {"cut.jpg": "whole.jpg", "cut.png": "photo.png"}.items():
        contents = (folder / source).read_bytes()
        (folder / name).write_bytes(contents[: len(contents) // 2])
    (folder / "good.npz").write_bytes(weights)
    (folder / "cut.npz").write_bytes(weights[: len(weights) // 2])
    middle = len(weights) // 2
    turned = bytes([weights[middle] ^ 255])
    (folder / "turned.npz").write_bytes(weights[:middle] + turned + weights[middle + 1 :])
    (folder / "empty.npz").touch()
    np.savez(folder / "other.npz", a=np.zeros(3))
    np.savez(folder / "pickle.npz", a=np.array([{}]))
    (folder / "text.txt").write_text("hello")
    (folder / "page.mat").write_text("<!DOCTYPE html><title>Sign in</title>")
    for name in ("other.pts", "capital.PTS"):
        (folder / name).write_text("1 2")
    (folder / "beside.pts").symlink_to("beside.pts")
    (folder / "frames").mkdir()
    (folder / "frames" / "1.png").write_text("no picture")
    (folder / "empty").mkdir()
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "loop").symlink_to("loop")
    for name, text in CONFIGS.items():
        (folder / f"config-{name}.json").write_text(text)
    for name, text in {"cut": "{", "list": "[1]"}.items():
        for task in ("ablate", "reproduce"):
            (folder / task / name).mkdir(parents=True)
            (folder / task / name / "parts.json").write_text(text)
    (folder / "results" / "1").mkdir(parents=True)
    for name in ("report.md", "model.npz", "weights.npz", "1/saved_model.pb"):
        (folder / "results" / name).write_bytes(b"what lay here before")


def contents(folder):
    """Name -> bytes of every file in `folder`."""
    paths = sorted(pathlib.Path(folder).rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if os.path.isfile(p)}
