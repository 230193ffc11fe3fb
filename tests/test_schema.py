from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pqnlp
from pqnlp import schema
from pqnlp.run import RunError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
LABELS = ["direct", "evasive", "policy_restating"]
PAIRS = [
    {
        "id": "1",
        "department": "Department for Transport",
        "question": "To ask the Secretary of State for Transport, how many ferries sailed to Lundy in 2023; and when she will visit.",
        "answer": "The information requested is not held centrally and could be obtained only at disproportionate cost.",
    },
    {
        "id": "2",
        "department": "Home Office",
        "question": "To ask the Secretary of State for the Home Department, what steps she is taking on 𝒸arts.",
        "answer": "The Government is committed to safe 𝒸arts. The Online Safety Act 2023 sets out our approach.",
    },
    {
        "id": "3",
        "department": "Home Office",
        "question": "To ask the Home Secretary, when she will reply.",
        "answer": None,
    },
]


def told(text: str) -> dict[str, str]:
    """Return the first two cells of each row of a table on the page."""
    out = {}
    for names, kind in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+?) \|", text, re.MULTILINE):
        out |= dict.fromkeys(re.findall(r"`(\w+)`", names), kind)
    return out


def in_words(kind) -> str:
    return "list of struct" if isinstance(kind, list) else "struct" if isinstance(kind, dict) else kind


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    path = tmp_path_factory.mktemp("scored") / "scored.parquet"
    pqnlp.score_file(ROOT / "data" / "sample_answers.jsonl", path)
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "scored.parquet"
    source = path.with_name("pairs.jsonl")
    source.write_text("".join(json.dumps(row) + "\n" for row in PAIRS), encoding="utf-8")
    pqnlp.score_file(source, path)
    return path


# --- what is declared -------------------------------------------------------------------------------------------------


def test_a_scored_file_has_the_declared_schema(scored):
    assert pq.read_schema(scored).remove_metadata().equals(schema.arrow_schema(LABELS))


@pytest.mark.parametrize("wanted", [{"asks": False}, {"entities": False}, {"asks": False, "entities": False}])
def test_columns_that_are_not_wanted_are_not_there(wanted, write, tmp_path):
    source = write("pairs.jsonl", json.dumps(PAIRS[0]))
    pqnlp.score_file(source, tmp_path / "out.parquet", **wanted)
    found = pq.read_schema(tmp_path / "out.parquet")
    assert found.remove_metadata().equals(schema.arrow_schema(LABELS, **wanted))
    papers = json.loads(found.metadata[b"pqnlp"])
    assert {name: papers[name] for name in wanted} == wanted


def test_types_hold_where_nothing_was_found(write, tmp_path):
    source = write("pairs.jsonl", json.dumps(PAIRS[2]))
    pqnlp.score_file(source, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.remove_metadata().equals(schema.arrow_schema(LABELS))
    assert table.column("asks").to_pylist() == table.column("entities").to_pylist() == [[]]


def test_the_page_tells_the_declared_columns_and_version(scored):
    columns, ask, entity = re.split(
        r"^An ask is|^and an entity", PAGE.split("## In other forms")[0], flags=re.MULTILINE
    )
    assert told(columns) == {name: in_words(kind) for name, kind in schema.types(LABELS).items()}
    assert told(ask) == {name: in_words(kind) for name, kind in schema.ASK.items()}
    assert told(entity) == {name: in_words(kind) for name, kind in schema.ENTITY.items()}
    assert int(re.search(r"Version of the schema: \*\*(\d+)\*\*", PAGE)[1]) == schema.VERSION
    papers = json.loads(pq.read_schema(scored).metadata[b"pqnlp"])
    assert papers["schema"] == schema.VERSION and papers["asks"] is papers["entities"] is True


def test_every_engine_is_told_the_same_types():
    nw = pytest.importorskip("narwhals")
    assert schema.narwhals_type([schema.ASK]) == nw.List(
        nw.Struct(
            {"start": nw.Int64, "end": nw.Int64, "kind": nw.String, "verdict": nw.String,
             "evidence": nw.Struct({"start": nw.Int64, "end": nw.Int64})}
        )
    )  # fmt: skip
    assert schema.spark_type([{"from": "string", "p": "float64", "of": {"n": "int64", "b": "bool"}}]) == (
        "array<struct<`from`: string, `p`: double, `of`: struct<`n`: bigint, `b`: boolean>>>"
    )


# --- asks -------------------------------------------------------------------------------------------------------------


def test_asks_point_into_question_and_answer(pairs):
    rows = pq.read_table(pairs).to_pylist()
    for row, given in zip(rows, PAIRS, strict=True):
        whole = pqnlp.explain(given["question"], given["answer"]).to_dict() if given["answer"] else {"asks": []}
        assert len(row["asks"]) == len(whole["asks"])
        for ask, explained in zip(row["asks"], whole["asks"], strict=True):
            assert row["question"][ask["start"] : ask["end"]] == explained["text"]
            assert (ask["kind"], ask["verdict"]) == (explained["kind"], explained["verdict"])
            if explained["evidence"] is None:
                assert ask["evidence"] is None
            else:
                sentence = whole["sentences"][explained["evidence"]]
                assert ask["evidence"] == {"start": sentence["start"], "end": sentence["end"]}
    assert [len(row["asks"]) for row in rows][2] == 0 and len(rows[0]["asks"]) == 2


def test_asks_are_in_forms_that_nest_and_in_others_when_asked_for(write, tmp_path):
    source = write("pairs.jsonl", json.dumps(PAIRS[0]))
    pqnlp.score_file(source, tmp_path / "out.jsonl")
    pqnlp.score_file(source, tmp_path / "out.csv")
    pqnlp.score_file(source, tmp_path / "with.csv", asks=True)
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert [ask["kind"] for ask in row["asks"]] == ["how_many", "when"]
    assert "asks" not in pd.read_csv(tmp_path / "out.csv")
    assert json.loads(pd.read_csv(tmp_path / "with.csv")["asks"][0]) == row["asks"]
    frame = pqnlp.score([PAIRS[0]], asks=True)
    assert frame["asks"][0] == row["asks"] and "asks" not in pqnlp.score([PAIRS[0]])


def test_an_update_copies_asks_and_refuses_a_file_without(pairs, write, tmp_path):
    source = write("pairs.jsonl", "".join(json.dumps(row) + "\n" for row in PAIRS))
    summary = pqnlp.score_file(source, tmp_path / "new.parquet", update=pairs)
    assert summary["copied"] == 2
    assert pq.read_table(tmp_path / "new.parquet").equals(pq.read_table(pairs))
    pqnlp.score_file(source, tmp_path / "old.parquet", asks=False)
    with pytest.raises(RunError, match="without asks: use --no-asks"):
        pqnlp.score_file(source, tmp_path / "new.parquet", update=tmp_path / "old.parquet")


# --- DuckDB -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ask_duckdb():
    duckdb = pytest.importorskip("duckdb")

    def run(query: str, path: Path) -> list[tuple]:
        return duckdb.sql(query.replace("scored.parquet", str(path))).fetchall()

    return run


def test_the_page_has_three_queries():
    assert len(QUERIES) == 3


@pytest.mark.parametrize("query", QUERIES)
def test_queries_run_on_a_scored_file(query, ask_duckdb, scored):
    ask_duckdb(query, scored)


def test_queries_answer_what_they_say(ask_duckdb, scored, pairs):
    rows = pq.read_table(scored).to_pylist()
    unanswered, acts, declined = (ask_duckdb(query, scored) for query in QUERIES)
    asks = [(row["department"], ask) for row in rows for ask in row["asks"]]
    assert sum(count for _, count, _ in unanswered) == len(asks)
    for department, count, share in unanswered:
        own = [ask["verdict"] == "not_addressed" for name, ask in asks if name == department]
        assert (len(own), round(sum(own) / len(own), 3)) == (count, pytest.approx(share))
    wanted = [
        mention["id"]
        for row in rows
        for mention in row["entities"]
        if row["label"] == "policy_restating" and mention["type"] == "LEGISLATION" and mention["field"] == "answer"
    ]
    assert sum(count for *_, count in acts) == len(wanted)
    numbers = [(row, ask) for row in rows for ask in row["asks"] if ask["kind"] in ("how_many", "how_much")]
    expected = [
        (
            row["id"],
            row["question"][a["start"] : a["end"]],
            row["answer"][a["evidence"]["start"] : a["evidence"]["end"]],
        )
        for row, a in numbers
        if a["verdict"] == "declined" and a["evidence"]
    ]
    assert expected and sorted(declined) == sorted(expected)
    assert [row[0] for row in ask_duckdb(QUERIES[2], pairs)] == ["1"]


def test_offsets_count_characters_in_duckdb_too(ask_duckdb, pairs):
    rows = ask_duckdb(
        'SELECT substring(question, ask.start + 1, ask."end" - ask.start) FROM (SELECT question, id, unnest(asks) AS ask '
        "FROM 'scored.parquet') WHERE id = '2'",
        pairs,
    )
    assert rows == [("what steps she is taking on 𝒸arts",)]


def test_arrow_types_are_pyarrows_own():
    assert schema.arrow_type({"a": "int64"}) == pa.struct([("a", pa.int64())])
