import dataclasses
import json
import pathlib
import runpy
import sys

import numpy as np
import PIL.Image
import pytest

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.maintenance import benchmark
from tf_nonlinear3dmm.maintenance.benchmark import (
    memory,
    process,
    rasterizer,
    scenes,
    tables,
    timing,
)

SCRIPT = pathlib.Path(__file__).parents[1] / "scripts" / "maintenance" / "benchmark.py"


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """The smallest work there is; data sets are made once."""
    folder = tmp_path_factory.mktemp("benchmark")
    return benchmark.Setting("tiny", str(folder), runs=1, quick=True, say=lambda line: None)


def measured(section, setting):
    """The section's tables, after what is true of every one of them."""
    found = list(benchmark.run([section], setting))
    for table in found:
        lines = benchmark.markdown(table).splitlines()
        assert lines[0] == f"### {table.title}" and table.rows
        assert all(len(row) == len(table.columns) for row in table.rows)
        numbers = [value for row in table.rows for value in row if isinstance(value, float)]
        assert np.all(np.isfinite(numbers)) and json.dumps(benchmark.as_dict(table))
    return found


def column(table, name):
    return [row[table.columns.index(name)] for row in table.rows]


def test_the_rasterizer_is_timed_along_every_axis(setting):
    (table,) = measured("rasterizer", setting)
    for axis in rasterizer.AXES:
        sizes = [size for size, _ in rasterizer.along(table.rows, axis, "step")]
        assert len(sizes) == 2 and sizes[0] < sizes[1]
    assert min(column(table, "forward ms") + column(table, "step ms")) > 0
    assert len(table.notes) == 3


def test_the_renderer_is_timed(setting):
    (table,) = measured("renderer", setting)
    assert column(table, "preset") == ["tiny"]


@pytest.mark.slow
def test_a_step_is_timed_in_parts(setting):
    parts, goals = measured("step", setting)
    ms = dict(zip(column(parts, "part"), column(parts, "ms"), strict=True))
    assert ms["finetune step"] > ms["optimizer"] > 0 and ms["networks"] > ms["optimizer"]
    assert 0 <= goals.rows[3][1] <= 100 and goals.rows[4][1] > 1


@pytest.mark.slow
def test_data_is_timed(setting):
    (table,) = measured("data", setting)
    assert column(table, "what") == ["batches", "faces"]


@pytest.mark.slow
def test_reconstruction_is_timed(setting):
    (table,) = measured("reconstruct", setting)
    assert column(table, "images") == [16, 16, 16, 1]


@pytest.mark.slow
def test_memory_is_measured(setting):
    peak, growth = measured("memory", setting)
    assert 0.3 < column(peak, "peak GB")[0] < 10
    assert column(growth, "steps") == [24] and min(growth.rows[0][2:6]) > 100


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_growth_is_the_exponent(power):
    sizes = np.array([3, 10, 70])
    assert timing.growth(sizes, 0.2 * sizes**power) == pytest.approx(power)


def test_functions_take_turns_after_a_warm_up():
    calls = []
    times = timing.take_turns({n: lambda n=n: calls.append(n) for n in "ab"}, runs=3)
    assert calls == list("ab") * 4
    assert {name: len(seconds) for name, seconds in times.seconds.items()} == {"a": 3, "b": 3}


def test_medians_minima_and_ratios():
    times = timing.Times({"a": [2.0, 8.0, 3.0], "b": [1.0, 2.0, 3.0]})
    assert times.ms("a", 2) == [1500, 1000] and times.ratio("a", "b") == 2


def test_a_split_mesh_is_the_same_surface():
    vertices, triangles = scenes.mesh("3k")
    fine, parts = scenes.split(vertices, triangles)

    def area(vertices, triangles):
        a, b, c = np.moveaxis(np.float64(vertices)[triangles], 1, 0)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2

    whole = area(fine, parts).reshape(4, -1).sum(axis=0)
    np.testing.assert_allclose(whole, area(vertices, triangles), rtol=1e-4, atol=1e-9)
    assert len(parts) == 4 * len(triangles) and len(np.unique(parts)) == len(fine)


def test_faces_are_drawn_whole_and_as_high_as_told():
    vertices, _ = scenes.mesh("3k")
    points = scenes.poses(5, 60, vertices).numpy()[..., :2]
    assert points.min() > 0 and points.max() < 59
    upright = np.ptp(points[..., 1], axis=1) / 60
    assert np.all(np.abs(upright / scenes.FILLED - 1) < 0.35)


def test_quarters_are_medians_of_the_steps():
    assert memory.quarters({step: step for step in range(1, 9)}) == [1.5, 3.5, 5.5, 7.5]
    assert memory.quarters({10: 1.0, 1000: 2.0}) == [1.0, 2.0, 2.0, 2.0]


def test_a_table_as_markdown():
    table = tables.Table("T", "Work.", ["a", "long"], [["x", 1.23456], [True, 1234.5]], ["End."])
    assert tables.markdown(table) == (
        "### T\n\nWork.\n\n| a   | long |\n| --- | ---- |\n| x   | 1.23 |\n| yes | 1234 |\n\nEnd."
    )


def test_an_unknown_section_is_refused_before_any_work(setting):
    with pytest.raises(ValueError, match="did you mean `rasterizer`.*got 'rasteriser'"):
        next(benchmark.run(["renderer", "rasteriser"], setting))


def test_flags_describe_the_configuration():
    config = configs.preset("tiny")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, folder="x y"))
    flags = process.flags(config, finetune_steps=3, train_panel_every=7)
    pairs = dict(zip(flags[::2], flags[1::2], strict=True))
    assert pairs["--preset"] == "tiny" and pairs["--data.folder"] == "x y"
    assert pairs["--finetune.steps"] == "3" and pairs["--train.panel_every"] == "7"


@pytest.mark.slow
def test_a_run_that_ends_is_told():
    with process.train(["--preset", "none"]) as run:
        with pytest.raises(
            RuntimeError, match="the training ended with code 2: .*`preset` must be one of"
        ):
            run.wait_for(lambda: False)
    assert not run.folder.exists()


def test_the_script_prints_and_writes_tables_and_draws(tmp_path, monkeypatch, capsys):
    flags = ["rasterizer", "--quick", "--runs", "1"]
    flags += ["--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *flags])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "a.json").read_text())
    assert "TensorFlow" in found["device"] and found["device"] in printed
    assert "### Rasterizer" in printed and found["tables"][0]["title"] == "Rasterizer"
    picture = np.asarray(PIL.Image.open(tmp_path / "a.png"))
    assert picture.shape[2] == 3 and picture.std() > 10


def test_the_script_refuses_what_it_does_not_know(monkeypatch, capsys):
    for flags, message in (
        (["rastrizer"], "did you mean `rasterizer`"),
        (["--preset", "smal"], "did you mean `small`"),
        (["renderer", "--quick", "--plot", "x.png"], "--plot needs the section `rasterizer`"),
    ):
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *flags])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        assert end.value.code == 2 and message in capsys.readouterr().err
