from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

import pqnlp
from pqnlp.errors import ReadError
from pqnlp.schema import arrow_type, result_types
from pqnlp.tables import as_table

QUESTION = (
    "To ask the Secretary of State for Transport, how many ferries sailed to Lundy in 2023; and if he will visit."
)
ROWS = [
    {"Question": QUESTION, "Answer": "Twelve ferries sailed. The Secretary of State has no plans to visit.", "mine": 1, "on": date(2024, 1, 2)},
    {"Question": QUESTION, "Answer": None, "mine": 2, "on": None},
    {"Question": QUESTION, "Answer": "The Department for Transport keeps these matters under review.", "mine": 3, "on": date(2024, 1, 3)},
]  # fmt: skip
KINDS = result_types(["direct", "evasive", "policy_restating"], entities=True, asks=True)


def polars():
    return pytest.importorskip("polars").DataFrame(ROWS)


def arrow():
    return pa.Table.from_pylist(ROWS)


def pandas():
    return pd.DataFrame(ROWS, index=[7, 8, 9])


def records(table) -> list[dict]:
    rows = table.to_dict("records") if isinstance(table, pd.DataFrame) else pa.table(table).to_pylist()
    return [{name: None if value is pd.NA or value != value else value for name, value in row.items()} for row in rows]


@pytest.fixture(scope="module")
def expected():
    return records(pqnlp.score(pandas(), entities=True, asks=True))


@pytest.mark.parametrize("make", [polars, arrow, pandas])
def test_a_table_comes_back_as_the_kind_it_is(make, expected):
    table = make()
    scored = pqnlp.score(table, entities=True, asks=True)
    assert type(scored) is type(table)
    assert list(map(str, getattr(table, "column_names", None) or table.columns)) == ["Question", "Answer", "mine", "on"]
    assert records(scored) == expected
    assert expected[0]["label"] == "direct" and expected[1]["problem"] == "unanswered" and expected[1]["label"] is None


def test_pandas_keeps_its_index_and_types():
    scored = pqnlp.score(pandas(), asks=True)
    assert scored.index.tolist() == [7, 8, 9]
    assert scored["unsure"].dtype == "boolean" and scored["asks"].dtype == object
    assert scored["label"].dtype == scored["problem"].dtype == pqnlp.read(pandas())["answer"].dtype


@pytest.mark.parametrize("make", [polars, arrow])
def test_types_do_not_depend_on_what_was_found(make):
    table = make()
    scored = pa.table(pqnlp.score(table[1:2], entities=True, asks=True))  # its only row is not scored
    assert scored["entities"].to_pylist() == [[]]
    for name, kind in KINDS.items():
        found, declared = scored.schema.field(name).type, arrow_type(kind)
        if pa.types.is_list(declared):
            assert {f.name: f.type for f in found.value_type}.keys() == {f.name for f in declared.value_type}
        elif declared != pa.string():  # Polars has long strings, or views
            assert found == declared


@pytest.mark.parametrize("make", [polars, arrow, pandas])
def test_a_table_scored_before_is_scored_anew(make, expected):
    again = pqnlp.score(pqnlp.score(make(), entities=True, asks=True), entities=True, asks=True)
    assert records(again) == expected


def test_other_arrow_tables_become_arrow_tables(expected):
    duckdb = pytest.importorskip("duckdb")
    for table in (pa.RecordBatch.from_pylist(ROWS), arrow().to_reader(), duckdb.from_arrow(arrow())):
        scored = pqnlp.score(table, entities=True, asks=True)
        assert isinstance(scored, pa.Table)
        assert records(scored) == expected


@pytest.mark.parametrize("make", [polars, arrow])
def test_read_and_score_file_take_them_too(make, tmp_path):
    assert pqnlp.read(make()).equals(pqnlp.read(pd.DataFrame(ROWS)))
    assert pqnlp.score_file(make(), tmp_path / "out.csv", entities=False)["rows"] == 3


def test_several_processes_give_the_same(expected):
    assert records(pqnlp.score(arrow(), entities=True, asks=True, jobs=2)) == expected


def test_errors_say_what_to_do():
    with pytest.raises(ReadError, match="no column for the answer. Columns found: Question, x"):
        pqnlp.score(pa.table({"Question": ["a"], "x": ["b"]}))
    with pytest.raises(ReadError, match="two columns called 'mine'"):
        pqnlp.score(pd.concat([pandas(), pandas()[["mine"]]], axis=1))
    with pytest.raises(ReadError, match="has no rows"):
        pqnlp.score(arrow().slice(0, 0))
    with pytest.raises(ReadError, match=r"computed by polars: collect it first"):
        pqnlp.score(polars().lazy())


@pytest.mark.parametrize("thing", [None, "a.csv", [], {"a": 1}, 5, pd, pd.Series([1]), iter([])])
def test_other_things_are_no_tables(thing):
    assert as_table(thing) is None
