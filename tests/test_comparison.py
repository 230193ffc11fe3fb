import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.comparison import CHANGES, paired_differences, paired_test
from pqnlp.labels import LabelError

REPAIRS = Path(__file__).parents[1] / "data" / "repairs.csv"


@pytest.fixture(scope="module")
def compared(small_model, smaller_model):
    return pqnlp.compare(smaller_model, small_model, REPAIRS)


def test_the_better_model_is_found_to_be_better(compared):
    assert compared["new"]["macro_f1"] > compared["old"]["macro_f1"] + 0.03
    assert compared["differences"]["macro_f1"]["interval"][0] > 0
    assert compared["test"]["p"] < 0.05
    assert compared["verdict"].startswith("The new model is better")


def test_differences_are_new_less_old(compared):
    for name in ("macro_f1", "accuracy", "kappa"):
        value = compared["new"][name] - compared["old"][name]
        assert compared["differences"][name]["value"] == pytest.approx(value, abs=2e-4)


def test_the_other_way_round_all_signs_turn(compared, small_model, smaller_model):
    back = pqnlp.compare(small_model, smaller_model, REPAIRS)
    assert back["differences"]["macro_f1"]["value"] == -compared["differences"]["macro_f1"]["value"]
    assert back["changes"]["right to wrong"] == compared["changes"]["wrong to right"]
    assert back["test"]["p"] == compared["test"]["p"]
    assert back["verdict"].startswith("The new model is worse")


def test_changed_pairs_are_those_that_the_test_counts(compared):
    changed = compared["changed"]
    assert (changed["old"] != changed["new"]).all()
    assert (changed["change"] == "wrong to right").sum() == compared["test"]["new_only"]
    assert (changed["change"] == "right to wrong").sum() == compared["test"]["old_only"]
    assert (changed.query("change == 'wrong to right'").eval("new == label")).all()
    order = changed["change"].map({CHANGES[1]: 0, CHANGES[0]: 1, CHANGES[2]: 2})
    assert order.is_monotonic_increasing


def test_a_model_is_as_good_as_itself(small_model):
    same = pqnlp.compare(small_model, small_model, REPAIRS, resamples=200)
    assert same["differences"]["macro_f1"] == {"value": 0, "interval": [0, 0]}
    assert same["test"] == {"old_only": 0, "new_only": 0, "p": 1.0}
    assert same["changed"].empty
    assert same["verdict"].startswith("These pairs do not tell")


def test_mcnemar_is_exact():
    # 12 coins, 10 heads: 2 * (1 + 12 + 66) / 4096
    old, new = np.array([True] * 2 + [False] * 10 + [True] * 50), np.array([False] * 2 + [True] * 60)
    assert paired_test(old, new) == {"old_only": 2, "new_only": 10, "p": pytest.approx(158 / 4096, abs=1e-4)}


def test_what_is_hard_for_both_cancels_out():
    rng = np.random.default_rng(0)
    true = rng.choice(list("ab"), 400)
    hard = rng.random(400) < 0.4
    flip = np.where(true == "a", "b", "a")
    old = np.where(hard, flip, true)
    new = np.where(hard & (np.arange(400) % 20 > 0), flip, true)
    found = paired_differences(true, old, new, list("ab"), np.arange(400))["accuracy"]
    assert 0 < found["interval"][0] < found["value"] < found["interval"][1] < 0.06


def test_labels_that_one_model_lacks_count_against_it(small_model, tmp_path):
    rows = pd.read_csv(REPAIRS)
    pqnlp.train(
        rows[rows["label"] != "promised"], output=tmp_path / "two",
        parameters={"n_folds": 2, "min_df": 1, "max_iter": 20, "max_features": 300},
    )  # fmt: skip
    found = pqnlp.compare(tmp_path / "two", small_model, rows, resamples=200)
    assert any("has no label 'promised'" in notice for notice in found["notices"])
    assert found["differences"]["f1"]["promised"]["value"] == found["new"]["per_class"]["promised"]["f1"]
    with pytest.raises(LabelError, match="Neither model knows"):
        pqnlp.compare(tmp_path / "two", small_model, rows.assign(label="lost"))


def test_few_answers_are_told_of(small_model, smaller_model):
    few = pqnlp.compare(small_model, smaller_model, pd.read_csv(REPAIRS).head(30), resamples=100)
    assert any("are few" in notice for notice in few["notices"])


def test_the_command_shows_writes_and_draws(small_model, smaller_model, compared, tmp_path):
    runner = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"})
    arguments = ["compare", str(smaller_model), str(small_model), str(REPAIRS)]
    shown = runner.invoke(app, [*arguments, "-o", str(tmp_path / "c.csv"), "--html", str(tmp_path / "c.html")])
    assert shown.exit_code == 0, shown.stderr
    assert "The new model is better" in shown.stdout and "right to wrong" in shown.stdout
    assert len(pd.read_csv(tmp_path / "c.csv")) == len(compared["changed"])
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4 and page.count("<details>") == len(compared["changed"])
    told = json.loads(runner.invoke(app, [*arguments, "--json"]).stdout)
    assert told["verdict"] == compared["verdict"]
    assert len(told["changed"]) == len(compared["changed"])


def test_texts_of_the_page_are_not_markup(small_model, smaller_model, tmp_path):
    from pqnlp.reporting.quality import write_quality

    found = pqnlp.compare(smaller_model, small_model, REPAIRS, resamples=50)
    found["changed"].loc[0, "answer"] = "<img src=x onerror=alert(1)>"
    write_quality(found, tmp_path / "c.html")
    assert "<img" not in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_pairs_of_one_label_tell_nothing_of_two_models(small_model, smaller_model):
    one = pd.read_csv(REPAIRS).query("label == 'fixed'")
    assert "All pairs have the label 'fixed'" in pqnlp.compare(smaller_model, small_model, one)["verdict"]


def test_a_model_that_knows_none_of_the_labels_is_named(small_model):
    with pytest.raises(LabelError, match="default knows none of the labels of these rows"):
        pqnlp.compare(None, small_model, REPAIRS)
