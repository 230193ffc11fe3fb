"""Whatever is read and scored gives rows or a clear error, never another exception.

A short search runs with the other tests. For a long one set how many examples each test tries, and stop it when you like;
what it finds is kept in .hypothesis and tried first the next time::

    PQNLP_FUZZ_EXAMPLES=1000000 timeout 600 python -m pytest tests/test_fuzz.py -x
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pqnlp
from pqnlp.corpus import PROBLEMS, read
from pqnlp.errors import PqnlpError
from pqnlp.formats import file_rows, file_tables
from pqnlp.text import clean_text

EXAMPLES = int(os.environ.get("PQNLP_FUZZ_EXAMPLES", "0"))


def search(short: int):
    """Return settings for a search of `short` examples, or as many as were asked for."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=EXAMPLES or short, deadline=None, suppress_health_check=checks)


# --- what texts are made of -------------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    """the of to and is for that are will not no 40 12.5% £3 million (a) (b) (i) 1. • – “ ” ’ ... ; : / | [1] Act 2010
    section 12(3) of the Online Safety Act 2023 regulations S.I. 2018/1355 Home Office DEFRA HMRC NHS her Department
    Secretary of State for Wales Minister hon. Member rt. UIN 12345 3 May 2024 last month since 31 February 30/02/2024
    2023-24 the next financial year how many whether what steps if he will To ask the plans and pursuant to answer""".split(
        " "
    )
)
MARKUP = st.sampled_from(
    """<p> </p> <b> </i> <ul><li> </li></ul> <table><tr><td> </td></tr></table> <br/> <br> &nbsp; &amp; &#0; &#x110000;
    &lt;p&gt; <!-- --> <a href="https://example.org/x?y=1"> </a> <a href=> <![CDATA[ ]]> <script> </style <svg/onload=>
    <p <<< >>> &#xD800; <sup>2</sup> </p></p></p> <?xml ?> <!DOCTYPE""".split()
)
ODD = st.sampled_from(
    ["\0", "\ud800", "\u202e", "\u2028", "\x85", "\ufeff", "\r", "\n\n", "\t", "e\u0301" * 9, "𝕏", "\x1b[31m"]
)
PIECES = st.one_of(WORDS, WORDS, WORDS, MARKUP, ODD, st.text(max_size=8))


@st.composite
def texts(draw):
    """Return a text in the manner of an answer, of markup, or of neither."""
    pieces = draw(st.lists(PIECES, max_size=60))
    text = draw(st.sampled_from([" ", "", ". ", "\n"])).join(pieces)
    return text * draw(st.sampled_from([1, 1, 1, 1, 2, 40]))


CELLS = st.one_of(texts(), st.none(), st.integers(), st.floats(), st.booleans(), st.binary(max_size=20), st.dates())

# --- readers ----------------------------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "id": range(1, 8),
        "department": ["Home Office"] * 7,
        "dateAnswered": ["2024-05-07"] * 7,
        "question": ["To ask how many boats, ferries and ships sank."] * 7,
        "answer": ["<p>Four sank, and “one” was raised for £3.</p>"] * 7,
    }
)


def parquet() -> bytes:
    out = io.BytesIO()
    TABLE.to_parquet(out, row_group_size=3)
    return out.getvalue()


LINES = TABLE.to_json(orient="records", lines=True).encode()
FILES = {
    ".parquet": parquet(),
    ".csv": TABLE.to_csv(index=False).encode(),
    ".tsv": TABLE.to_csv(index=False, sep="\t").encode(),
    ".jsonl": LINES,
    ".json": json.dumps({"totalResults": 7, "results": [{"value": row} for row in TABLE.to_dict("records")]}).encode(),
    ".xml": b'<publicwhip><major-heading id="a">Treasury</major-heading><minor-heading>Boats</minor-heading>'
    b'<ques id="uk.org.publicwhip/wrans/2024-05-07.70101.q0"><p qnum="70101">To ask why.</p></ques>'
    b'<reply id="x.r0"><p>Because &pound;3 <b>was</b> paid.</p></reply></publicwhip>',
    ".txt": b"Question to the Home Office:\nTo ask how many.\n\nTwelve.\n\nQuestion to the Treasury: To ask why.\n\nNo.\n",
    ".csv.gz": gzip.compress(TABLE.to_csv(index=False).encode()),
    ".jsonl.zst": pa.Codec("zstd").compress(LINES).to_pybytes(),
}


@st.composite
def damaged(draw, content: bytes):
    """Return a file with some of its bytes cut, changed, doubled or put elsewhere."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from("cut change insert double end".split()))
        if kind == "cut":
            del data[at : at + length]
        elif kind == "change":
            data[at : at + length] = draw(st.binary(max_size=length))
        elif kind == "insert":
            data[at:at] = draw(
                st.one_of(st.binary(max_size=12), PIECES.map(lambda p: p.encode("utf-8", "surrogatepass")))
            )
        elif kind == "double":
            data[at:at] = data[at : at + length]
        else:
            del data[at:]
    return bytes(data)


def check_reading(path: Path, encoding: str) -> None:
    for lenient in (False, True):
        try:
            tables = list(file_tables(path, encoding=encoding, skip_bad_lines=lenient))
        except PqnlpError as error:
            assert str(error).endswith((".", ")")) and "\n" not in str(error).strip()
            continue
        rows = sum(len(table) for table, _ in tables)
        assert file_rows(path, encoding=encoding, skip_bad_lines=lenient) == rows
    try:
        frame = read(path, encoding=encoding)
    except PqnlpError:
        return
    assert set(frame["problem"]) <= {"", *PROBLEMS}


@pytest.mark.parametrize("suffix", FILES)
@search(25)
@given(
    data=st.data(), encoding=st.sampled_from(["utf-8"] * 6 + ["cp1252", "utf-16", "utf-16-be", "latin-1", "shift_jis"])
)
def test_damaged_files_give_rows_or_a_clear_error(suffix, data, encoding):
    content = data.draw(damaged(FILES[suffix]))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("f" + suffix, "f"):  # the second is told by its first characters
            path = Path(folder) / name
            path.write_bytes(content)
            check_reading(path, encoding)


@search(40)
@given(
    st.dictionaries(
        st.sampled_from(
            ["id", "question", "answer", "Answer Text", "department", "answered", "problem", "withdrawn", "x"]
        ),
        st.lists(CELLS, min_size=3, max_size=3),
        min_size=1,
    )
)
def test_tables_of_any_cells_give_rows_or_a_clear_error(cells):
    table = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in cells.items()})
    try:
        frame = read(table)
    except PqnlpError:
        return
    assert len(frame) == 3
    # A text of escaped markup ("&lt;p&gt;") is markup when it is read a second time; what was wrong with a row stays.
    told = frame["problem"].isin(set(PROBLEMS) - {"duplicate_id", "failed", "killed"})
    assert read(frame)["problem"][told].tolist() == frame["problem"][told].tolist()


@search(100)
@given(texts())
def test_any_text_is_cleaned_and_stays_so(text):
    try:
        once = clean_text(text)
    except ValueError:
        return
    assert clean_text(once, markup=False) == once
    assert not set(once) & {"\0", "\x1b", "\r"}


# --- the whole scorer ---------------------------------------------------------------------------------------------------


@search(20)
@given(
    st.lists(st.tuples(texts(), texts(), st.sampled_from([None, "Home Office", "HM Treasury"])), min_size=1, max_size=6)
)
def test_any_pairs_are_scored_from_file_to_file(pairs):
    rows = [{"question": q, "answer": a, "department": d, "answered": "2024-05-07"} for q, a, d in pairs]
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        summary = pqnlp.score_file(source, output)
        out = [json.loads(line) for line in output.read_text(encoding="utf-8").split("\n") if line]
    assert "failed" not in summary["problems"]
    assert len(out) == len(rows)
    for row in out:
        assert (row["label"] is None) == (row["problem"] not in ("", "duplicate_id"))
        if row["label"] is None:
            continue
        assert sum(row[f"p_{label}"] for label in ("direct", "evasive", "policy_restating")) == pytest.approx(
            1, abs=1e-3
        )
        assert all(piece in row["answer"] for piece in row["evidence"].split(" […] "))
        for mention in row["entities"]:
            assert row[mention["field"]][mention["start"] : mention["end"]] == mention["text"] != ""
            assert not mention["from"] or not mention["to"] or mention["from"] <= mention["to"]


@search(15)
@given(texts(), texts())
def test_any_pair_is_explained_or_refused(question, answer):
    try:
        told = pqnlp.explain(question, answer, answered="2024-05-07")
    except PqnlpError:
        return
    json.dumps(told.to_dict())
    assert told.render(color=True)
