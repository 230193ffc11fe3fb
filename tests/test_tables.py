from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

import pqnlp
from pqnlp.errors import ReadError
from pqnlp.schema import arrow_type, table_types
from pqnlp.tables import as_table

QUESTION = (
    "To ask the Secretary of State for Transport, how many ferries sailed to Lundy in 2023; and if he will visit."
)
ROWS = [
    {"Question": QUESTION, "Answer": "Twelve ferries sailed. The Secretary of State has no plans to visit.", "mine": 1, "on": date(2024, 1, 2)},
    {"Question": QUESTION, "Answer": None, "mine": 2, "on": None},
    {"Question": QUESTION, "Answer": "The Department for Transport keeps these matters under review.", "mine": 3, "on": date(2024, 1, 3)},
]  # fmt: skip
KINDS = table_types(["direct", "evasive", "policy_restating"], entities=True, asks=True)


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


@pytest.mark.parametrize("make", [polars, arrow, pandas])
def test_columns_of_the_users_own_are_kept_beside_the_results(make):
    own = {"label": ["gold", "b", "c"], "evidence": ["page 3", "", ""]}
    table = make()
    if isinstance(table, pa.Table):
        for name, cells in own.items():
            table = table.append_column(name, [cells])
    elif isinstance(table, pd.DataFrame):
        table = table.assign(**own)
    else:
        table = table.with_columns(**{name: table.to_series(0).__class__(name, cells) for name, cells in own.items()})
    first = pqnlp.score(table)
    for scored in (records(first), records(pqnlp.score(first))):
        assert list(scored[0])[:6] == ["Question", "Answer", "mine", "on", "given_label", "given_evidence"]
        assert [(row["given_label"], row["given_evidence"]) for row in scored] == list(zip(*own.values(), strict=True))
        assert scored[0]["label"] == "direct"
        assert any(said in scored[0]["evidence"] for said in ("Twelve ferries sailed.", "no plans to visit."))


def test_a_column_that_cannot_be_kept_is_told_before_the_work():
    frame = pandas().assign(label="gold", given_label="older")
    with pytest.raises(ReadError, match="columns 'label' and 'given_label', .* rename or drop one"):
        pqnlp.score(frame)


@pytest.mark.parametrize("make", [polars, arrow, pandas])
def test_offsets_count_in_the_clean_texts_that_come_with_them(make):
    table = make()
    if isinstance(table, pd.DataFrame):
        table["Answer"] = "<p>The  Department&nbsp;for Transport sailed <b>twelve</b> ferries in 2023.</p>"
    scored = records(pqnlp.score(table, entities=True, asks=True))
    for row in scored:
        for mention in row["entities"]:
            assert row[f"clean_{mention['field']}"][mention["start"] : mention["end"]] == mention["text"]
        for ask in row["asks"]:
            found = ask["evidence"]
            assert found is None or row["clean_answer"][found["start"] : found["end"]] in row["clean_answer"]
    assert any(row["entities"] for row in scored)
    assert not {"clean_question", "clean_answer"} & set(records(pqnlp.score(make()))[0])


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
