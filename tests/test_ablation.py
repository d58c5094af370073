"""What each part of the method does: the rows and the table."""

import dataclasses

import numpy as np
import pytest

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.studies import ablation, ablation_report

SCALES = (ablation.full, ablation.quick, ablation.tiny)


def differences(one, other, prefix=""):
    """Dotted names of the fields in which two dicts differ."""
    found = set()
    for name in one:
        if isinstance(one[name], dict):
            found |= differences(one[name], other[name], f"{prefix}{name}.")
        elif one[name] != other[name]:
            found.add(prefix + name)
    return found


@pytest.mark.parametrize("scale", SCALES)
def test_a_row_differs_in_what_its_name_says_and_in_nothing_else(tmp_path, scale):
    config = scale(tmp_path, "data").config
    rows = ablation.rows(config)
    found = {n: differences(configs.to_dict(config), configs.to_dict(r)) for n, r in rows.items()}
    assert found.pop("full model") == set()
    assert found.pop("another seed") == {"train.seed"}
    assert found.pop("not alternating") == {"pretrain.alternating", "finetune.alternating"}
    assert found.pop("no finetuning") == {"pretrain.steps", "finetune.steps"}
    assert found.pop("silhouette gradient") == {"model.silhouette_gradient"}
    tone = ["tone"] if config.pretrain.loss.tone else []
    for term in ["symmetry", "constancy", "smoothness", "white_shading", *tone]:
        name = f"no {term.replace('_', ' ')}"
        assert found.pop(name) == {f"{stage}.loss.{term}" for stage in ("pretrain", "finetune")}
    assert found.pop("no local constancy") == {"finetune.loss.local_constancy"}
    for term in ("reconstruction", "local constancy"):
        assert found.pop(f"released form of {term}") == {"finetune.loss.form"}
    both = {"pretrain.loss.form", "finetune.loss.form"}
    assert found.pop("released form of white shading") == both
    assert found.pop("released form of all three") == both
    assert not found


@pytest.mark.parametrize("scale", SCALES)
def test_every_row_has_equally_many_steps(tmp_path, scale):
    rows = ablation.rows(scale(tmp_path, "data").config).values()
    assert len({row.pretrain.steps + row.finetune.steps for row in rows}) == 1


def test_what_the_full_model_lacks_has_no_row():
    config = configs.preset("cvpr18_small")
    assert not {"no symmetry", "no white shading"} & {*ablation.rows(config)}
    seen = dataclasses.replace(config.model, silhouette_gradient=True)
    rows = ablation.rows(dataclasses.replace(config, model=seen))
    assert "no silhouette gradient" in rows and "silhouette gradient" not in rows


def test_rows_share_a_pretraining_where_theirs_is_the_same(tmp_path):
    config = ablation.tiny(tmp_path, "data").config
    alike = ablation._pretraining(config)
    shared = {n for n, row in ablation.rows(config).items() if ablation._pretraining(row) == alike}
    assert shared == {
        "full model", "no local constancy", "silhouette gradient",
        "released form of reconstruction", "released form of local constancy",
    }  # fmt: skip


def test_differences_are_paired():
    spread = np.array([0.0, 10, 20, 30])  # of the faces: larger than any difference
    errors = {
        "full model": {"nme": 1 + spread, "albedo L1": 0.1 + spread},
        "worse": {"nme": 1.5 + spread, "albedo L1": 0.1 + spread + [0.1, -0.1, 0.1, -0.1]},
        "lacks a face": {"nme": np.array([np.nan, 11, 21, 31.4]), "albedo L1": 0 * spread},
    }
    found = ablation_report.compare(errors)
    assert found["worse"]["NME (%)"]["difference"] == pytest.approx([0.5, 0.5, 0.5])
    assert found["worse"]["NME (%)"]["mean"][0] == pytest.approx(16.5)
    assert found["lacks a face"]["NME (%)"]["difference"][0] == pytest.approx(0.4 / 3)
    rows = ablation_report.effect_rows(found)
    assert rows[0] == ["", "NME (%)", "albedo x 100"]
    assert rows[1][1].startswith("16.00 (")
    assert rows[2][1] == "**+0.50 (+0.50 to +0.50)**"
    assert rows[2][2].startswith("+0.00 (-10.00 to +10.00")


def test_a_row_that_does_not_exist_is_refused_with_the_nearest(tmp_path):
    study = ablation.tiny(tmp_path, "data")
    with pytest.raises(ValueError, match="did you mean `no symmetry`"):
        ablation.ablate(study, "it", only=["no symetry"])
