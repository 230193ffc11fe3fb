"""docs/verdict.md is what docs/verdict.json says, and the latter's scores are those of its predictions."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

import pqnlp
from pqnlp.classifier import AnswerClassifier
from pqnlp.codebook import LABELS
from pqnlp.network import AnswerNetwork

ROOT = Path(__file__).resolve().parent.parent


def _loaded():
    spec = importlib.util.spec_from_file_location("verdict", ROOT / "benchmarks" / "verdict.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["verdict"] = module
    spec.loader.exec_module(module)
    return module


verdict = _loaded()
RESULTS = verdict.load_results()
PAGE = verdict.PAGE.read_text(encoding="utf-8")
PREDICTED = [row for row in RESULTS["results"] if "said" in row]


def test_tables_are_made_from_the_results():
    again = verdict.filled(PAGE, RESULTS)
    wrong = [line for line, other in zip(PAGE.splitlines(), again.splitlines(), strict=False) if line != other]
    assert again == PAGE, wrong[:3]


@pytest.mark.parametrize("row", PREDICTED, ids=[f"{row['part']}: {row['configuration']}" for row in PREDICTED])
def test_scores_are_those_of_the_predictions(row):
    true, _ = verdict._held_out(RESULTS)
    said = verdict.names(row["said"], LABELS)
    assert len(said) == len(true)
    if "macro_f1" in row:
        f1 = f1_score(true, said, average="macro", labels=list(LABELS), zero_division=0)
        assert row["macro_f1"] == pytest.approx(f1, abs=1e-4)
    if "accuracy" in row:
        assert row["accuracy"] == pytest.approx(accuracy_score(true, said), abs=1e-4)


def test_only_held_out_rows_were_scored():
    splits = pd.read_csv(ROOT / "data" / "splits.csv", dtype={"id": str})
    assert set(RESULTS["held_out"]["ids"]) <= set(splits.loc[splits["split"] == "test", "id"])
    assert f"on the {len(RESULTS['held_out']['ids'])} usable pairs" in PAGE


def test_figures_of_the_page_are_there():
    assert all((ROOT / "docs" / name).is_file() for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", PAGE))


def test_draws_of_a_line_have_its_slope():
    points = [(size, 0.1 * np.log2(size), np.full(5, 0.1 * np.log2(size))) for size in (100, 200, 800)]
    b, drawn = verdict.slope(points)
    assert b == pytest.approx(0.1)
    assert drawn == pytest.approx(0.1)


@pytest.fixture(scope="module")
def pairs():
    rows = pqnlp.read(ROOT / "data" / "sample_answers.jsonl")
    known = pd.read_json(ROOT / "data" / "sample_answers.jsonl", lines=True, dtype={"id": str}).set_index("id")
    rows = rows[rows["problem"].eq("")].join(known[["label", "reason", "evidence"]], on="id").dropna(subset=["label"])
    return rows.assign(group=range(len(rows)), roles=None, verdicts=None).reset_index(drop=True)


@pytest.mark.parametrize(
    "name",
    ["without frames", "without question n-grams", "document layer alone", "sentence layer alone", "without trees"],
)
def test_what_is_taken_out_has_no_say(pairs, name, tmp_path):
    kind, settings, _, _ = verdict.ABLATIONS[name]
    model, _ = verdict.fit(kind, pairs, n_folds=2, **settings)
    whole, _ = verdict.fit(verdict.Remembering, pairs, n_folds=2)
    if name == "without frames":
        assert model.features_.frames_.size == 1 < whole.features_.frames_.size
        return
    if name == "without trees":
        assert model.trees_share_ == 0
        return
    if name == "document layer alone":
        assert model.stack_.n_features_in_ == len(model.outcomes_)
        return
    if name == "sentence layer alone":
        n = len(model.outcomes_)
        columns = slice(3 * (n + 1), 4 * n + 3)
        assert not model.stack_.coef_[:, columns].any()
        assert whole.stack_.coef_[:, columns].any()
        return
    words, frames = model.features_.grams_.size, model.features_.frames_.size
    asked = slice(words + frames, 2 * words + frames)
    assert not model.documents_.coef_[:, asked].any()
    assert whole.documents_.coef_[:, asked].any()


@pytest.fixture
def _short(monkeypatch):
    """Networks of a few steps: how well they read is not looked at."""
    monkeypatch.setattr(AnswerClassifier, "_network", lambda self: AnswerNetwork(least_steps=6))


@pytest.mark.usefixtures("_short")
def test_the_network_alone_or_left_out(pairs):
    alone, _ = verdict.fit(verdict.NetworkAlone, pairs, n_folds=2, network_rows=0)
    assert alone.stack_.n_features_in_ == len(alone.outcomes_)
    kind, settings, *_ = verdict.ABLATIONS["without the network"]
    assert verdict.fit(kind, pairs, n_folds=2, **settings)[0].network_ is None


@pytest.mark.usefixtures("_short")
def test_fits_that_are_looked_up_are_the_same(pairs, tmp_path):
    settings = {"n_folds": 2, "network_rows": 0}
    first, _ = verdict.fit(verdict.Remembering, pairs, folder=tmp_path, **settings)
    count = len(list(tmp_path.iterdir()))
    again, _ = verdict.fit(verdict.Remembering, pairs, folder=tmp_path, **settings)
    plain, _ = verdict.fit(verdict.Remembering, pairs, **settings)
    assert count == len(list(tmp_path.iterdir())) == 3 * (2 + 1)
    for model in (again, plain):
        assert np.array_equal(first.predict_proba(pairs), model.predict_proba(pairs))
