"""A scored table is read back with its texts, whichever file it went through; `pqnlp findings` writes what is found in it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.cli.findings import Kind
from pqnlp.errors import ReadError
from pqnlp.findings import read_scored

PAIRS = pd.DataFrame(
    {
        "id": ["11", "12", "13"],
        "uin": ["901", "902", None],
        "answered": ["2025-02-03", "2025-02-10", None],
        "department": ["Department for Transport", None, None],
        "question": [
            "To ask the Secretary of State for Transport, when the harbour plan will be published.",
            "To ask the Secretary of State for Transport, how many berths were empty in Hull constituency in 2024.",
            "To ask the hon. Member for Grimsby, when the chapel will open.",
        ],
        "answer": [
            "We will publish the harbour plan in the spring.",
            "I refer the hon. Member to the answer given on 3 February 2025 to Question 901. Data on berths is not held centrally.",
            "It opens in May.",
        ],
    }
)


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    return pqnlp.score(pqnlp.read(PAIRS))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
def test_every_file_form_reads_the_same(scored, tmp_path, suffix):
    from pqnlp.output import write_table

    write_table(scored, tmp_path / f"scored.{suffix}")
    found = read_scored(tmp_path / f"scored.{suffix}")
    expected = read_scored(scored)
    for name in ("id", "uin", "department", "answered", "answer", "label", "reason", "p_direct", "unsure"):
        assert found[name].fillna("").tolist() == expected[name].fillna("").tolist(), name


def test_a_missing_department_is_read_from_the_question(scored):
    found = read_scored(scored)["department"]
    assert found.tolist()[:2] == ["Department for Transport"] * 2
    assert pd.isna(found[2])


def test_texts_are_found_by_id(scored):
    slim = scored[["id", "label", "reason"]].iloc[::-1]
    found = read_scored(slim, texts=PAIRS)
    assert found["id"].tolist() == ["13", "12", "11"]
    assert found["answer"].tolist() == scored["answer"].tolist()[::-1]
    with pytest.raises(ReadError, match="holds no texts .*--texts"):
        read_scored(slim)
    with pytest.raises(ReadError, match=r"1 of 3 scored ids have no text, the first 13 \(row 1\)"):
        read_scored(slim, texts=PAIRS.iloc[:2])
    assert read_scored(slim, texts=False)["answer"].tolist() == ["", "", ""]


def test_a_table_with_its_own_names_of_columns_is_understood():
    own = PAIRS.rename(columns={"question": "questionText", "answer": "answerText"})
    own["answerText"] = "<p>" + own["answerText"] + "</p>"
    assert read_scored(pqnlp.score(own))["answer"].tolist() == PAIRS["answer"].tolist()


def test_what_is_not_scored_is_named(tmp_path):
    with pytest.raises(ReadError, match="no column 'label': score it first"):
        read_scored(PAIRS)
    with pytest.raises(ReadError, match="no rows"):
        read_scored(PAIRS.assign(label="direct").iloc[:0])


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
def test_the_command_writes_each_finding(scored, tmp_path, kind):
    scored.to_parquet(tmp_path / "scored.parquet")
    out = tmp_path / "found.jsonl"
    result = CliRunner().invoke(
        app, ["findings", str(tmp_path / "scored.parquet"), "--kind", kind, "--output", str(out)]
    )
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    number = {"referral-chains": 1, "promises": 1, "data-gaps": 1, "stock-shares": 3}
    assert len(rows) == number.get(kind, 0)
    if kind == "referral-chains":
        assert rows[0]["end_id"] == "11"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "promises", "--at", "tomorrow"], "give a day as YYYY-MM-DD"),
        (["--kind", "policy-lines", "--unit", "word"], "choose 'sentence' or 'paragraph'"),
    ],
)
def test_bad_options_are_named(scored, tmp_path, arguments, message):
    scored.to_parquet(tmp_path / "scored.parquet")
    out = tmp_path / "found.csv"
    result = CliRunner().invoke(app, ["findings", str(tmp_path / "scored.parquet"), "--output", str(out), *arguments])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not out.exists()


def test_counted_gaps_are_a_row_for_each_thing_asked_for(scored, tmp_path):
    scored.to_parquet(tmp_path / "scored.parquet")
    out = tmp_path / "found.csv"
    arguments = [
        "findings",
        str(tmp_path / "scored.parquet"),
        "-k",
        "data-gaps",
        "--counted",
        "-o",
        str(out),
        "--quiet",
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert pd.read_csv(out).loc[0, ["measure", "asked"]].tolist() == ["number of berths were empty", 1]


def test_the_source_is_not_written_over(scored, tmp_path):
    path = tmp_path / "scored.parquet"
    scored.to_parquet(path)
    result = CliRunner().invoke(app, ["findings", str(path), "-k", "promises", "-o", str(path)])
    assert "is the input" in " ".join(result.output.split())
