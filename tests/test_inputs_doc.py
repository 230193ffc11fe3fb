"""docs/inputs.md says what bad input gets, word for word; here each row is tried."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from pqnlp.corpus import _ALIASES, COLUMNS, PROBLEMS, read
from pqnlp.errors import ReadError
from pqnlp.formats import SUFFIXES

DOC = (Path(__file__).parents[1] / "docs" / "inputs.md").read_text(encoding="utf-8")
PAIR = {"id": "1", "question": "To ask how many boats sank.", "answer": "Four boats sank."}
CSV = "id,question,answer\n1,To ask how many boats sank.,Four boats sank.\n"


def parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame([PAIR] * 50).to_parquet(out)
    return out.getvalue()


def answer(text: str) -> list[tuple[str, str]]:
    return [(PAIR["question"], text)]


# What stands in the first column of the table, and the input itself: bytes or text for a file of that name, else as is.
BAD = {
    "cut.parquet": parquet()[:1000],
    "cut.json": json.dumps([PAIR])[:-30],
    "cut.jsonl": json.dumps(PAIR) + "\n" + json.dumps(PAIR)[:40],
    "cut.csv.gz": gzip.compress((CSV * 500).encode())[:-20],
    "windows.csv": CSV.replace("Four", "“Four”").encode("cp1252"),
    "wide.csv": CSV.encode("utf-16"),
    "picture.csv": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "book.xlsx": b"PK\x03\x04" + bytes(100),
    "empty.csv": "",
    "header.csv": "id,question,answer\n",
    "no_results.json": '{"totalResults": 0, "results": []}',
    "columns.csv": "id,query,answer\n1,a,b\n",
    "ragged.csv": CSV + "2,a,b,c,d\n",
    "surplus.csv": "id,question,answer\n1,a,b,c\n",
    "open_quote.csv": 'id,question,answer\n1,"To ask,b\n',
    "other.json": '{"name": "x"}',
    "deep.json": "[" * 100_000,
    "list.json": '[["a", "b"]]',
    "cut.xml": "<publicwhip><ques>",
    "other.xml": "<a/>",
    "letter.txt": "Dear Sir,\nno.",
    "a folder without such files": None,
    "a name without a file": "nowhere.csv",
    "a pattern that fits nothing": "*.nothing",
    "--encoding utf-9": CSV,
    "an empty list": [],
    "a triple in a list": [("a", "b"), ("a", "b", "c")],
    "a dictionary": {"question": ["a"], "answer": ["b"]},
    "bytes": b"abc",
    "an answer of 5 MB": answer("The boats came home. " * 250_000),
    "500 kB without a space": answer("x" * 500_000),
    "HTML nested 5,000 deep": answer("<div>" * 5000 + "Four."),
    "unclosed HTML": answer("<p>Four <b>boats <i>sank"),
    "half a million entities": answer("<p>" + "&#65; " * 100_000 + "</p>"),
    "control characters in text": answer("Four\x00 boats\x1b sank in the storm that came over the harbour in May."),
    "mostly control characters": answer("\x01\x02\x03\x04\x05\x06 four"),
    "half characters (\\ud800)": answer("Four \ud800 boats sank."),
    "direction overrides": answer("Four \u202eboats\u202c sank."),
    "None, NaN, empty answers": [(PAIR["question"], None), (PAIR["question"], float("nan")), (PAIR["question"], "")],
    "no question": [("", "Four boats sank.")],
    "numbers for texts": [(12, 4.5)],
    "an answer in another language": answer(
        "Quatre bateaux ont sombré pendant la tempête, mais les marins sont tous rentrés sains et saufs au port."
    ),
    "two rows with one id": pd.DataFrame([PAIR, PAIR]),
    "a CSV row with too few cells": CSV + "2,To ask why.\n",
}


def rows() -> dict[str, str]:
    table = DOC.split("## What bad input gets")[1]
    found = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.M)
    return {name.strip("` ").replace("\\|", "|"): text for name, text in found if name not in ("input", "---")}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_what_the_page_says(name, write, tmp_path):
    said = rows()[name]
    given, options = BAD[name], {}
    if name.startswith("--encoding"):
        options["encoding"] = "utf-9"
        given = write("t.csv", CSV)
    elif "." in name and " " not in name:
        given = write(name, given)
    elif given is None:
        given = tmp_path
    elif name.startswith("a CSV row"):
        given = write("t.csv", given)
    try:
        frame = read(given, **options)
    except ReadError as error:
        message = str(error).replace(f"{tmp_path}/", "").replace(str(tmp_path), "FOLDER")
        pattern = ".*".join(map(re.escape, said.split("…")))  # what other libraries say is left open
        assert re.fullmatch(pattern, message), message
    else:
        problems = {problem or "scored" for problem in frame["problem"]}
        assert problems == set(re.findall(r"`(\w+)`", said.split(":")[0])) or (
            problems == {"scored"} and "scored" in said
        )


def test_every_row_of_the_page_is_tried():
    assert set(rows()) == set(BAD)
    assert len(BAD) >= 20


def test_the_page_names_every_column_problem_and_suffix():
    assert all(f"`{name}`" in DOC for name in (*COLUMNS, *PROBLEMS, *SUFFIXES))
    assert all(f"`{alias}`" in DOC for aliases in _ALIASES.values() for alias in aliases)
