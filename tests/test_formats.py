from __future__ import annotations

import gzip
import io
import json
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pqnlp.corpus import read, used_columns
from pqnlp.errors import ReadError
from pqnlp.formats import SUFFIXES, count_rows, file_rows, file_tables, input_files

ROWS = [
    {"id": str(k), "question": f"To ask how many boats {k} left.", "answer_html": f"<p>{k} left.</p>"}
    for k in range(1, 41)
]
TABLE = pd.DataFrame(ROWS)


def parquet(frame=TABLE) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


# --- every form -------------------------------------------------------------------------------------------------------


def test_api_list_page(samples):
    frame = read(samples / "api_page.json").set_index("id")
    assert frame["problem"].to_dict() == {
        "1900001": "",
        "1900002": "truncated",
        "1900003": "truncated",
        "1900004": "",  # grouped: each question keeps its row
        "1900005": "",
        "1900006": "",  # a correction
        "1900007": "withdrawn",
        "1900008": "unanswered",
        "1900009": "",
    }
    assert frame.loc["1900009", ["house", "uin", "is_holding"]].tolist() == ["Lords", "HL901", True]
    assert frame.loc["1900001", ["department", "heading", "tabled", "answered"]].tolist() == [
        "Home Office",
        "Ferries: Kelp",
        "2024-05-07",
        "2024-05-14",
    ]
    assert "£1.4 million" in frame.loc["1900006", "answer"]


def test_api_single_question_is_whole(samples):
    frame = read(samples / "api_single.json")
    assert frame["problem"].tolist() == [""]
    assert frame.loc[0, "answer"].split("\n") == [
        "The kelp inspectorate visited nineteen harbours. The results are published here (https://www.example.gov.uk/kelp).",
        "Harbour | Visits",
        "Whitby | 3",
        "St Ives | 16",
        "• Two moorings were unsound",
        "• Both are under repair",
        "Details & costs are in note1.",
    ]


def test_several_single_questions_and_pages_together(samples):
    frame = read([samples / "api_singles.json", samples / "api_page.json"])
    assert len(frame) == 11
    assert (frame["problem"] == "duplicate_id").sum() == 1  # the other copy was cut, and says so


def test_theyworkforyou_xml(samples):
    frame = read(samples / "answers2024-05-14.xml")
    assert frame["uin"].tolist() == ["70101", "70102", "70103", "70104"]
    assert frame["department"].tolist() == ["Transport"] * 3 + ["Treasury"]
    assert frame.loc[0, "heading"] == "Ferries: Cafés"
    assert "how many cafés" in frame.loc[0, "question"] and "£3" in frame.loc[0, "question"]
    assert (
        frame.loc[0, "answer"].split("\n")[1]
        == "A cup of tea costs £2.40, as the menu (https://www.example.org/menu) says."
    )
    assert frame.loc[1, "answer"] == frame.loc[2, "answer"] == "All the buoys are yellow."
    assert frame["problem"].tolist() == ["", "", "", "unanswered"]
    assert set(frame["answered"]) == {"2024-05-14"} and set(frame["tabled"]) == {"2024-05-07"}


def test_lords_xml_is_told_by_its_name(samples, write):
    path = write("lordswrans2024-05-14.xml", (samples / "answers2024-05-14.xml").read_bytes())
    assert set(read(path)["house"]) == {"Lords"}


def test_csv_with_spaced_names_and_line_breaks(samples):
    frame = read(samples / "pairs.csv")
    assert frame["house"].tolist() == ["Commons", "Lords"]
    assert frame.loc[0, "answer"] == "In 2023, 4,120 were printed.\nThe figure for 2024 is not ready."
    assert frame["tabled"].tolist() == ["2024-05-07"] * 2 and frame["answered"].tolist() == ["2024-05-14"] * 2


def test_pasted_text(samples):
    frame = read(samples / "pasted.txt")
    assert frame["department"].tolist() == ["Home Office", "Department for Transport"]
    assert frame.loc[0, "question"].endswith("how many stamps for sea passes were printed in 2023.")
    assert frame.loc[0, "answer"] == "In 2023 the Home Office printed 4,120 stamps.\nThe figure for 2024 is not ready."
    assert frame.loc[1, ["uin", "tabled", "answered"]].tolist() == ["70004", "2024-05-07", "2024-05-14"]
    assert frame.loc[1, "answer"] == "The ferry sails on Sundays from May to September."


@pytest.mark.parametrize(
    "text",
    [
        "Question to the Home Office:\nTo ask how many.\n\nTwelve.\n",
        "Question to the Home Office: To ask how many.\nTwelve.",
        "To ask how many.\n\nTwelve.",
        "Question to the Home Office\r\n\r\nTo ask how many.\r\n\r\nAnswer:\r\n\r\nTwelve.\r\n",
    ],
)
def test_ways_of_pasting_one_pair(text, write):
    assert read(write("p.txt", text))[["question", "answer"]].values.tolist() == [["To ask how many.", "Twelve."]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.parquet", parquet()),
        ("t.csv", TABLE.to_csv(index=False)),
        ("t.tsv", TABLE.to_csv(index=False, sep="\t")),
        ("semicolon.csv", TABLE.to_csv(index=False, sep=";")),
        ("bom.csv", "\ufeff" + TABLE.to_csv(index=False)),
        ("t.jsonl", TABLE.to_json(orient="records", lines=True)),
        ("blank_lines.jsonl", TABLE.to_json(orient="records", lines=True).replace("\n", "\n\n")),
        ("t.json", json.dumps(ROWS)),
        ("t.csv.gz", gzip.compress(TABLE.to_csv(index=False).encode())),
        ("t.jsonl.gz", gzip.compress(TABLE.to_json(orient="records", lines=True).encode())),
        # without a suffix the first characters tell
        ("csv", TABLE.to_csv(index=False)),
        ("jsonl", TABLE.to_json(orient="records", lines=True)),
        ("json", json.dumps(ROWS)),
        ("parquet", parquet()),
    ],
)
def test_one_table_in_every_form(name, content, write):
    frame = read(write(name, content))
    assert frame["id"].tolist() == TABLE["id"].tolist()
    assert frame.loc[0, ["question", "answer"]].tolist() == ["To ask how many boats 1 left.", "1 left."]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "latin-1", "utf-16-le"])
def test_other_encodings_when_named(encoding, write):
    path = write("t.csv", "question,answer\nTo ask the cost,It is £5\n", encoding)
    assert read(path, encoding=encoding).loc[0, "answer"] == "It is £5"


def test_folder_and_glob_give_files_in_order_of_name(write, tmp_path):
    for name in ("b", "a"):
        write(f"in/{name}.csv", f"id,question,answer\n{name},To ask why,Because.\n")
    write("in/notes.md", "not a table")
    write("in/._a.csv", b"\0\5\x16\7")  # what other systems leave on shared disks
    assert read(tmp_path / "in")["id"].tolist() == ["a", "b"]
    assert read(str(tmp_path / "in" / "*.csv"))["id"].tolist() == ["a", "b"]


def test_standard_input_is_told_by_its_first_characters(monkeypatch):
    for content in (TABLE.to_csv(index=False), json.dumps(ROWS), TABLE.to_json(orient="records", lines=True)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert len(read("-")) == len(TABLE)


# --- what cannot be read ----------------------------------------------------------------------------------------------

GZ = gzip.compress(TABLE.to_csv(index=False).encode())
BAD_GZ = GZ[:40] + bytes(255 - b for b in GZ[40:60]) + GZ[60:]

BOMB = (
    '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {n} "{f"&{m};" * 10}">' for m, n in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><publicwhip><ques id='q'><p>To ask &i;</p></ques><reply><p>No &i; is.</p></reply></publicwhip>"
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.parquet", parquet()[:900], "not a whole Parquet file"),
        ("empty.parquet", b"", "not a whole Parquet file"),
        ("csv_named.parquet", b"id,question\n", "not a whole Parquet file"),
        ("cut.json", json.dumps(ROWS)[:-25], "not whole JSON.*line 1, column"),
        ("cut.jsonl", TABLE.to_json(orient="records", lines=True)[:-25], "line 40: not JSON"),
        ("cut.csv.gz", GZ[:-30], "not a whole .gz file"),
        ("bad.csv.gz", BAD_GZ, "not a whole .gz file"),
        ("plain.csv.gz", b"question,answer\n", "not a whole .gz file"),
        (
            "windows.csv",
            "question,answer\nTo ask – why,“No”\n".encode("cp1252"),
            r"not utf-8 at byte 23 \(line 2\).*cp1252",
        ),
        ("wide.csv", "question,answer\nTo ask,No\n".encode("utf-16"), "UTF-16.*--encoding utf-16"),
        ("wide_no_mark.csv", "question,answer\nTo ask,No\n".encode("utf-16-le"), "UTF-16"),
        ("binary.csv", bytes(range(256)) * 8, "not text: it has a NUL at byte 0"),
        ("sheet.xlsx", b"PK\x03\x04" + bytes(200), "spreadsheet"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        ("empty.csv", "", "empty"),
        ("blank.txt", " \n ", "empty"),
        ("empty.json", "", "not whole JSON"),
        ("empty.jsonl", "", "no rows"),
        ("empty.xml", "", "not well-formed XML"),
        ("header.csv", "id,question,answer\n", "no rows"),
        ("no_results.json", '{"totalResults": 0, "results": []}', "no rows"),
        ("columns.csv", "id,query,answer\n1,a,b\n", "no column for the question. Columns found: id, query, answer"),
        ("ragged.csv", "id,question,answer\n1,a,b\n2,a,b,c,d\n", "Expected 3 fields in line 3, saw 5"),
        ("all_ragged.csv", "id,question,answer\n1,a,b,c\n2,a,b,c\n", "more cells a row than the header"),
        ("open_quote.csv", 'question,answer\n"To ask,b\n', "double quotes"),
        ("number.json", "3", "not question-answer pairs"),
        ("other.json", '{"a": 1}', r"not of a known form \(keys: a\)"),
        ("list.json", '[["a", "b"]]', "item 1: expected an object"),
        ("null_value.json", '{"results": [{"value": null}]}', "no column for the question"),
        ("deep.json", "[" * 100_000, "nested too deeply"),
        ("deep.jsonl", '{"question":' * 100_000, "line 1: not JSON"),
        ("number.jsonl", "1\n", "line 1: expected an object"),
        ("cut.xml", "<publicwhip><ques>", "not well-formed XML"),
        ("other.xml", "<a/>", "no <ques> element"),
        ("page.html", "<!doctype html><html><p>Hello</p></html>", "not well-formed XML"),
        ("deep.xml", "<publicwhip><ques>" + "<b>" * 5000, "not well-formed XML"),
        ("letter.txt", "Dear Sir,\n", "line 1: expected 'Question to"),
        ("header.txt", "Question to \x01\x01", ""),  # a header and nothing after it: a row or an error, no traceback
    ],
)
def test_files_that_cannot_be_read_say_where_and_what_to_do(name, content, message, write):
    path = write(name, content)
    if not message:
        assert read(path)["problem"].tolist() == ["unanswered"]
        return
    with pytest.raises(ReadError, match=message) as error:
        read(path)
    assert name in str(error.value)


def test_entity_bombs_do_not_go_off(write):
    path = write("bomb.xml", BOMB)
    try:
        answer = read(path).loc[0, "answer"]
    except ReadError as error:  # newer libxml2 refuses the file
        answer = str(error)
    assert len(answer) < 1000


def test_files_outside_are_not_read_for_xml(write, tmp_path):
    secret = write("secret.txt", "the secret")
    head = f'<!DOCTYPE l [<!ENTITY a SYSTEM "file://{secret}">]>'
    path = write(
        "x.xml", head + "<publicwhip><ques id='q'><p>To ask &a;</p></ques><reply><p>&a;</p></reply></publicwhip>"
    )
    assert "the secret" not in read(path).to_json()


def test_half_characters_in_json_are_replaced(write):
    path = write(
        "half.json", '[{"id":"\\ud800","department":"\\ud800x","question":"To ask \\ud800","answer":"\\udc00 5"}]'
    )
    assert read(path).loc[0, ["id", "question", "answer"]].tolist() == ["\ufffd", "To ask \ufffd", "\ufffd 5"]


def test_short_rows_and_nul_bytes_in_csv_keep_their_row(write):
    path = write(
        "t.csv", "id,question,answer\n1,To ask what\n" + "2,To ask why,It is so\n" * 400 + "3,To\0 ask,It is\n"
    )
    frame = read(path)
    assert frame.loc[0, "problem"] == "unanswered"
    assert frame.loc[401, "question"] == "To ask"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.csv", "There is no file"),
        ("*.nothing", "No file matches"),
        ("a\0b", "There is no file"),
        ("To ask why.\nBecause.", "pass a list"),
        ("x" * 5000, "pass a list"),
    ],
)
def test_names_without_a_file(path, message):
    with pytest.raises(ReadError, match=message):
        read(path)


def test_folder_without_readable_files(tmp_path):
    with pytest.raises(ReadError, match="holds no file to read"):
        read(tmp_path)


def test_file_without_permission(write):
    path = write("t.csv", "question,answer\na,b\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(ReadError, match="No permission to read"):
        read(path)


def test_unknown_encoding(write):
    with pytest.raises(ReadError, match="Unknown encoding 'utf-9'"):
        read(write("t.csv", "question,answer\na,b\n"), encoding="utf-9")


def test_very_long_line(write):
    path = write("t.csv", "id,question,answer\n1,To ask why," + "x" * 5_000_000 + "\n2,To ask why,It is so.\n")
    assert read(path)["problem"].tolist() == ["too_long", ""]


PIECES = st.sampled_from(
    [
        *(
            b"id,question,answer\n",
            b"question\tanswer\n",
            b'{"question":',
            b'"answer":"',
            b'"',
            b"}",
            b"\n",
            b"[",
            b"{",
            b"]",
        ),
        *(
            b",",
            b'"results":',
            b'"value":',
            b"null",
            b"<publicwhip>",
            b"<ques id='q'>",
            b"<p>",
            b"</p>",
            b"</ques>",
            b"<reply>",
        ),
        *(
            b"</reply>",
            b"Question to the Home Office:",
            b"Answer:\n",
            b"To ask why.",
            b"UIN 1, tabled on 1 May 2024\n",
            b"PAR1",
        ),
        *(b"\xff\xfe", b"\0", b"\r", b"\\ud800", b"&#0;", b"<div>", b"NaN", b"1e999", b"\x1f\x8b", b"\xe2\x80\xae"),
    ]
)
BYTES = st.one_of(
    st.binary(max_size=200), st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=25).map(b"".join)
)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".csv.gz", ""])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=BYTES, encoding=st.sampled_from(["utf-8", "cp1252", "utf-16"]))
def test_random_bytes_give_rows_or_a_clear_error(suffix, content, encoding, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    try:
        frame = read(path, encoding=encoding)
    except ReadError:
        return
    assert len(frame)
    frame.to_parquet(io.BytesIO())


# --- counting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.parquet", parquet(), 40),
        ("t.jsonl", TABLE.to_json(orient="records", lines=True), 40),
        ("t.csv", 'question,answer\n"a\nb",c\nd,e\n', 2),
        ("t.json", json.dumps(ROWS), None),
        ("cut.parquet", parquet()[:500], None),
    ],
)
def test_rows_are_counted_where_that_is_cheap(name, content, expected, write):
    assert count_rows([str(write(name, content))]) == expected


# --- piece by piece ---------------------------------------------------------------------------------------------------


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content).to_pybytes()


MANY = [{"id": str(k), "question": "To ask “how many”\n boats.", "answer": f"{k} left, for £3."} for k in range(12_000)]


@pytest.mark.parametrize(
    ("name", "encoding", "pack"),
    [
        ("t.csv", "utf-8", bytes),
        ("t.csv", "cp1252", bytes),
        ("t.csv", "utf-16", bytes),
        ("t.csv.zst", "utf-8", zstd),
        ("t.csv.gz", "utf-8", lambda content: gzip.compress(content[:99]) + gzip.compress(content[99:])),
        ("t.jsonl", "cp1252", bytes),
        ("t.jsonl", "utf-16-le", bytes),
        ("t.jsonl.zst", "utf-8", lambda content: zstd(content[:99]) + zstd(content[99:])),
    ],
)
def test_large_files_come_in_pieces(name, encoding, pack, write):
    text = (
        pd.DataFrame(MANY).to_csv(index=False)
        if ".csv" in name
        else "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in MANY)
    )
    path = write(name, pack(text.encode(encoding)))
    pieces = [table for table, _ in file_tables(path, encoding=encoding)]
    assert [len(piece) for piece in pieces] == [5000, 5000, 2000]
    assert pd.concat(pieces).to_dict("records") == MANY
    assert file_rows(path, encoding=encoding) == file_rows(path, encoding=encoding, skip_bad_lines=True) == 12_000


def test_a_parquet_file_of_one_row_group_comes_in_pieces_and_without_unused_columns(write):
    path = write("t.parquet", parquet(pd.DataFrame(MANY).assign(mine=1)))
    pieces = [table for table, _ in file_tables(path, columns=used_columns)]
    assert [len(piece) for piece in pieces] == [5000, 5000, 2000]
    assert list(pieces[0].columns) == ["id", "question", "answer"]


@pytest.mark.parametrize("groups", [1, 60])
def test_memory_does_not_grow_with_what_was_read(groups, tmp_path):
    path = tmp_path / "t.parquet"
    letters = np.random.default_rng(0).integers(97, 123, (2000, 200), dtype=np.uint8)
    table = pa.table({"question": [row.tobytes().decode() for row in letters], "answer": ["There are none."] * 2000})
    whole = pa.concat_tables([table] * 60)
    pq.write_table(whole, path, row_group_size=len(whole) // groups, use_dictionary=["answer"])
    del whole
    before = pa.total_allocated_bytes()
    rows = most = 0
    for piece, _ in file_tables(path):
        rows += len(piece)
        most = max(most, pa.total_allocated_bytes() - before)
    assert rows == 120_000
    assert most < 20 * table.nbytes


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_bytes_that_cannot_be_decoded_are_named_wherever_they_stand(name, write):
    frame = pd.DataFrame(MANY)
    text = frame.to_csv(index=False) if name == "t.csv" else frame.to_json(orient="records", lines=True)
    content = text.encode()
    at = content.index(b"11000 left")
    line = content.count(b"\n", 0, at) + 1
    path = write(name, content[:at] + b"\xff" + content[at:])
    with pytest.raises(ReadError, match=rf"is not utf-8 at byte {at} \(line {line}\)"):
        list(file_tables(path))


def test_json_lines_are_handed_on_before_they_fill_the_memory(write):
    rows = [{"question": "To ask why.", "answer": "Because. " * 400_000}] * 5
    path = write("t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert [len(table) for table, _ in file_tables(path)] == [3, 2]


def test_a_field_that_later_json_lines_lack_is_missing_there(write):
    rows = [*ROWS[:3], *[{"id": str(k), "question": "To ask why."} for k in range(6000)]]
    path = write("t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    frame = read(path)
    assert len(frame) == 6003 and (frame["problem"] == "unanswered").sum() == 6000


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (json.dumps({"results": [{"value": row} for row in ROWS]}), 40),  # a page of the API on one line
        (json.dumps({"value": ROWS[0]}), 1),
        (json.dumps(ROWS[0], indent=1), 1),
        ("\n\n" + json.dumps(ROWS[0]) + "\n\n", 1),
        (json.dumps(ROWS[0]) + "\n" + json.dumps(ROWS[1]), 2),
    ],
)
def test_objects_without_a_suffix_are_told_apart(content, rows, write):
    assert len(read(write("data", content))) == rows


def test_lines_that_are_not_json_are_passed_over_if_asked_for(write):
    lines = [json.dumps(row).encode() for row in ROWS[:4]]
    path = write("t.jsonl", b"\n".join([lines[0], b"{", lines[1], b"\xff", b"[1]", lines[2]]))
    tables = [table for table, _ in file_tables(path, skip_bad_lines=True)]
    ids = [value for table in tables for value in table["id"]]
    assert ids == ["1", f"{path}:2", "2", f"{path}:4", f"{path}:5", "3"]
    assert file_rows(path, skip_bad_lines=True) == 6
    with pytest.raises(ReadError, match="line 1: not JSON"):
        list(file_tables(write("u.jsonl", b"{\n" + lines[0]), skip_bad_lines=True))


def test_files_are_listed_in_the_order_given_and_by_name(write, tmp_path):
    for name in ("in/b.csv", "in/a.csv", "in/deep/c.csv", "z.csv"):
        write(name, "question,answer\n")
    names = [str(path.relative_to(tmp_path)) for path in input_files([tmp_path / "z.csv", tmp_path / "in"])]
    assert names == ["z.csv", "in/a.csv", "in/b.csv"]
    assert len(input_files([str(tmp_path / "**" / "*.csv")])) == 4
    assert len(input_files([str(tmp_path / "**")])) == 4
