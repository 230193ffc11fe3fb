import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.evaluation import intervals, reliability_table, selective_accuracy
from pqnlp.labels import LabelError, read_labelled
from pqnlp.splits import hold_out

REPAIRS = Path(__file__).parents[1] / "data" / "repairs.csv"


@pytest.fixture(scope="module")
def rows():
    return pd.read_csv(REPAIRS).head(120)


@pytest.fixture(scope="module")
def result(small_model, rows):
    return pqnlp.evaluate(small_model, rows)


@pytest.fixture
def run():
    runner = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"})
    return lambda *arguments: runner.invoke(app, list(map(str, arguments)))


# --- figures ----------------------------------------------------------------------------------------------------------


def test_every_figure_lies_in_its_interval(result):
    bounds = result["intervals"]
    for name in ("macro_f1", "accuracy", "kappa"):
        assert bounds[name][0] <= result[name] <= bounds[name][1]
    for label, of in result["per_class"].items():
        for name, (low, high) in bounds["per_class"][label].items():
            assert low <= of[name] <= high


def test_rows_repeated_with_other_ids_leave_the_intervals_as_they_are(small_model, rows):
    some = rows.tail(60)
    twice = pd.concat([some, some.assign(id=some["id"] + "x")])
    one, two = (pqnlp.evaluate(small_model, part) for part in (some, twice))
    assert two["n"] == 2 * one["n"] and two["groups"] == one["groups"]
    assert two["intervals"] == one["intervals"]


def test_without_draws_there_are_no_intervals(small_model, rows):
    assert "intervals" not in pqnlp.evaluate(small_model, rows.head(30), resamples=0)


def test_a_label_that_is_nowhere_has_no_interval():
    found = intervals(["a", "b"] * 20, ["a", "b"] * 20, ["a", "b", "c"], range(40), resamples=100)
    assert found["per_class"]["a"]["f1"] == [1, 1]
    assert found["macro_f1"] == pytest.approx([2 / 3, 2 / 3], abs=1e-3)


def test_probabilities_that_are_right_lie_on_the_diagonal():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.4, 1, 5000)
    table = reliability_table(p, rng.random(5000) < p)
    assert sum(row["n"] for row in table) == 5000
    assert [row["confidence"] for row in table] == sorted(row["confidence"] for row in table)
    inside = sum(row["interval"][0] <= row["confidence"] <= row["interval"][1] for row in table)
    assert inside >= 8


def test_where_all_are_right_the_interval_says_how_many_they_are():
    few, many = (reliability_table(np.full(n, 0.9), np.full(n, True), bins=1)[0]["interval"] for n in (10, 1000))
    assert few[0] < 0.75 and many[0] > 0.99 and few[1] == many[1] == 1


def test_copies_count_for_less_in_the_interval_of_a_share():
    right = np.arange(100) % 4 > 0
    alone = reliability_table(np.full(100, 0.9), right, bins=1)[0]["interval"]
    copies = reliability_table(np.full(100, 0.9), right, np.arange(100) // 10, bins=1)[0]["interval"]
    assert copies[0] < alone[0] and copies[1] > alone[1]


def test_the_surest_are_right_more_often():
    p = np.linspace(0.3, 1, 200)
    table = selective_accuracy(p, p > 0.5)
    accuracy = [row["accuracy"] for row in table]
    assert accuracy == sorted(accuracy, reverse=True) and accuracy[0] == 1
    assert table[-1]["coverage"] == 1 and table[-1]["accuracy"] == round(float((p > 0.5).mean()), 4)


def test_equal_probabilities_are_kept_together():
    table = selective_accuracy(np.array([0.9, 0.5, 0.5, 0.5]), np.array([True, True, False, False]))
    assert [(row["n"], row["accuracy"]) for row in table] == [(1, 1.0), (4, 0.5)]


# --- what a user should know ------------------------------------------------------------------------------------------


def test_rows_that_the_model_was_fitted_on_are_told_of(small_model, rows):
    everything = pqnlp.evaluate(small_model, rows, resamples=0)
    rest = pd.read_csv(REPAIRS)
    trained = rest["id"].isin(hold_out(read_labelled(rest)).rows.query("split == 'train'")["id"])
    some = int(rows["id"].isin(rest.loc[trained, "id"]).sum())
    assert any(f"fitted on the answers of {some} of these rows" in notice for notice in everything["notices"])
    again = pqnlp.evaluate(small_model, rest[trained], resamples=0)
    assert any("fitted on these very rows" in notice for notice in again["notices"])
    held_out = pqnlp.evaluate(small_model, rest[~trained], resamples=0)
    assert not any("fitted on" in notice for notice in held_out["notices"])


def test_an_answer_that_was_trained_on_is_known_under_another_id(small_model):
    rest = pd.read_csv(REPAIRS)
    trained = rest[rest["id"].isin(hold_out(read_labelled(rest)).rows.query("split == 'train'")["id"])].head(12)
    again = pqnlp.evaluate(small_model, trained.assign(id=[f"mine{k}" for k in range(12)]), resamples=0)
    assert any("fitted on these very rows" in notice for notice in again["notices"])


def test_rows_that_the_shipped_model_was_fitted_on_are_told_of(small_model, rows):
    splits = pd.read_csv(REPAIRS.parent / "splits.csv", dtype=str).set_index("split")["id"]
    for side, told in (("train", True), ("test", False)):
        some = rows.head(9).assign(id=splits[side].head(9).to_numpy(), label="direct", reason=None)
        notices = pqnlp.evaluate(None, some, resamples=0)["notices"]
        assert any("was fitted on these very rows" in notice for notice in notices) == told
    some = some.assign(label="fixed", answer=[f"New text {k}." for k in range(9)])
    assert not any("fitted on" in notice for notice in pqnlp.evaluate(small_model, some, resamples=0)["notices"])


def test_rows_without_a_label_are_left_out_and_told_of(small_model, rows):
    part = rows.head(20).copy()
    part["label"] = part["label"].astype(object)
    part.loc[3, "label"] = None
    done = pqnlp.evaluate(small_model, part, resamples=0)
    assert done["n"] == 19
    assert any("unlabelled: row 4" in notice for notice in done["notices"])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda rows: rows.assign(label="lost"), {}, r"does not know the labels \['lost'\] \(rows 1, 2"),
        (lambda rows: rows, {"ids": ["nowhere"]}, "has one of the ids asked for"),
        (lambda rows: rows.assign(label=None), {}, "120 unlabelled"),
        (lambda rows: pd.concat([rows, rows.assign(label="fixed")]), {}, "under two labels"),
    ],
)
def test_rows_that_nothing_can_be_measured_on(change, options, message, small_model, rows):
    with pytest.raises(LabelError, match=message):
        pqnlp.evaluate(small_model, change(rows), **options)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_shows_intervals_probabilities_and_the_surest(run, small_model):
    shown = run("evaluate", small_model, REPAIRS)
    assert shown.exit_code == 0, shown.stderr
    assert re.search(r"macro f1 +\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)", shown.stdout)
    assert "What its probabilities are worth" in shown.stdout and "How right the surest are" in shown.stdout


def test_json_holds_what_the_library_returns(run, small_model, rows, tmp_path, result):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    told = json.loads(run("evaluate", small_model, tmp_path / "rows.csv", "--json").stdout)
    assert len(told.pop("notices")) == len(result["notices"])  # these name the file
    assert told == json.loads(json.dumps({name: value for name, value in result.items() if name != "notices"}))


def test_the_page_needs_no_network_and_runs_nothing(run, small_model, tmp_path):
    page = tmp_path / "page.html"
    assert run("evaluate", small_model, REPAIRS, "--html", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 3 and "<script" not in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "Content-Security-Policy" in text


@pytest.mark.parametrize(("name", "message"), [("page.txt", "end the name"), ("nowhere/page.html", "no folder")])
def test_a_page_that_cannot_be_written_is_told_before_the_work(name, message, run, tmp_path):
    told = run("evaluate", tmp_path / "nomodel", REPAIRS, "--html", tmp_path / name)
    assert told.exit_code == 1 and message in told.stderr
