"""`benchmarks/agreement.py` on invented annotations, and the figures that the data's page gives from it."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from pathlib import Path

import pytest

from pqnlp.errors import PqnlpError
from pqnlp.labels import annotations

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def agreement():
    spec = importlib.util.spec_from_file_location("agreement", ROOT / "benchmarks" / "agreement.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def annotation(identity: int, number: int, roles: str = "answer policy", verdicts: str = "supplied declined") -> dict:
    return {
        "id": identity,
        "digest": f"digest{identity}",
        "pass": number,
        "asks": [
            {"start": 10 * k, "end": 10 * k + 8, "kind": ("how_many", "when")[k % 2], "verdict": verdict}
            for k, verdict in enumerate(verdicts.split())
        ],
        "sentences": [{"start": 9 * k, "end": 9 * k + 8, "role": role} for k, role in enumerate(roles.split())],
        "evidence": 0,
    }


def twice(*ids: int) -> list[dict]:
    return [annotation(identity, number) for identity in ids for number in (1, 2)]


def test_equal_passes_agree_wholly(agreement):
    figures = agreement.measure(agreement.paired(twice(1, 2, 3)))
    assert set(figures.values()) == {1.0}


def test_kappa_is_what_chance_leaves(agreement):
    # Four sentences, three of them the same; by chance half would be: (0.75 - 0.5) / 0.5.
    one, two = annotation(1, 1, "answer answer policy policy"), annotation(1, 2, "answer answer policy answer")
    figures = agreement.measure(agreement.paired([one, two]))
    assert figures["role_same"] == 0.75
    assert figures["role_kappa"] == pytest.approx(0.5)


def test_verdicts_and_kinds_are_compared_on_equal_spans_only(agreement):
    rows = twice(1)
    rows[1]["asks"][0] |= {"end": 7, "kind": "why", "verdict": "not_addressed"}
    figures = agreement.measure(agreement.paired(rows))
    assert figures["verdict_same"] == figures["kind_same"] == 1.0
    assert figures["span_f1"] == figures["span_kind_f1"] == 0.5


def test_another_kind_counts_against_spans_with_kind_alone(agreement):
    rows = twice(1)
    rows[1]["asks"][0]["kind"] = "why"
    figures = agreement.measure(agreement.paired(rows))
    assert (figures["span_f1"], figures["span_kind_f1"]) == (1.0, 0.5)


def test_span_f1_counts_asks_that_one_pass_lacks(agreement):
    rows = twice(1)
    del rows[1]["asks"][1]
    assert agreement.measure(agreement.paired(rows))["span_f1"] == pytest.approx(2 / 3)


def test_decisive_sentence(agreement):
    rows = twice(1, 2)
    rows[3]["evidence"] = 1
    assert agreement.measure(agreement.paired(rows))["evidence_same"] == 0.5


def test_rows_annotated_once_are_passed_over(agreement):
    assert [one["id"] for one, _ in agreement.paired([annotation(9, 1), *twice(4)])] == [4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop(), "No pair was annotated twice"),
        (lambda rows: rows.append(copy.deepcopy(rows[0])), "two annotations of pass 1"),
        (lambda rows: rows[1].update(digest="other"), "not of the same sentences"),
        (lambda rows: rows[1]["sentences"].pop(), "not of the same sentences"),
    ],
)
def test_rows_that_cannot_be_compared_are_told(change, message, agreement):
    rows = twice(1)
    change(rows)
    with pytest.raises(PqnlpError, match=message):
        agreement.paired(rows)


def test_command_prints_json(agreement, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(agreement, "RESAMPLES", 20)
    path = tmp_path / "asks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in twice(1, 2)), encoding="utf-8")
    assert agreement.main([str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pairs"] == 2
    assert told["intervals"]["role_kappa"] == [1.0, 1.0]


def test_command_names_a_file_that_is_none(agreement, tmp_path, capsys):
    assert agreement.main([str(tmp_path / "nowhere.jsonl")]) == 1
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_documented_figures_are_those_measured(agreement):
    pairs = agreement.paired(annotations(ROOT / "data" / "asks.jsonl"))
    figures = agreement.measure(pairs)
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (\d\.\d{3}) \|", page, re.MULTILINE))
    assert told == {name: f"{value:.3f}" for name, value in figures.items()}
    assert f"{len(pairs)} pairs" in page
