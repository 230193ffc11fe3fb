from __future__ import annotations

import gzip
import json
import os
import stat

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pqnlp import output
from pqnlp.output import TableWriter, WriteError, encode, first_rows, join_parts, output_form, write_table

MENTION = {
    "field": "answer",
    "start": 3,
    "end": 9,
    "text": "Eel Act",
    "type": "LEGISLATION",
    "id": None,
    "url": None,
    "from": None,
    "to": None,
}
FIRST = pd.DataFrame(
    {"id": ["1", "2"], "department": [None, None], "p": [0.25, np.nan], "unsure": [True, False], "entities": [[], []]}
)
SECOND = pd.DataFrame(
    {"id": ["3"], "department": ["Home Office"], "p": [1 / 3], "unsure": [True], "entities": [[MENTION]]}
)


def in_batches(path):
    with TableWriter(path) as writer:
        writer.write(FIRST)
        writer.write(SECOND)
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.jsonl.gz"])
def test_json_lines_keep_nested_cells_and_full_figures(name, tmp_path):
    opener = gzip.open if name.endswith(".gz") else open
    with opener(in_batches(tmp_path / name), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    assert rows[0] == {"id": "1", "department": None, "p": 0.25, "unsure": True, "entities": []}
    assert rows[1]["p"] is None
    assert rows[2] == {"id": "3", "department": "Home Office", "p": 1 / 3, "unsure": True, "entities": [MENTION]}


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ","), ("t.tsv", "\t"), ("t.csv.gz", ",")])
def test_csv_has_one_header_and_json_in_nested_cells(name, separator, tmp_path):
    frame = pd.read_csv(in_batches(tmp_path / name), sep=separator)
    assert frame["id"].tolist() == [1, 2, 3]
    assert json.loads(frame.loc[2, "entities"]) == [MENTION]
    assert frame.loc[2, "p"] == pytest.approx(1 / 3, abs=1e-15)


def test_parquet_fits_batches_whose_first_has_no_values(tmp_path):
    table = pq.read_table(in_batches(tmp_path / "t.parquet"))
    assert table.column("department").to_pylist() == [None, None, "Home Office"]
    assert table.column("entities").to_pylist() == [[], [], [MENTION]]
    assert table.column("unsure").to_pylist() == [True, False, True]


def test_cells_with_commas_quotes_and_lines_come_back_from_csv(tmp_path):
    frame = pd.DataFrame({"answer": ['He said "no", twice.\nThen he left.', " spaced ", "é£–"]})
    write_table(frame, tmp_path / "t.csv")
    assert pd.read_csv(tmp_path / "t.csv")["answer"].tolist() == frame["answer"].tolist()


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_half_characters_do_not_stop_the_writing(name, tmp_path):
    write_table(pd.DataFrame({"a": pd.Series(["half \ud800"], dtype=object)}), tmp_path / name)
    assert first_rows(tmp_path / name).loc[0, "a"].startswith("half ")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_an_empty_table_can_be_written(name, tmp_path):
    write_table(FIRST.iloc[:0], tmp_path / name)
    assert len(first_rows(tmp_path / name)) == 0


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl.gz", "t.parquet"])
def test_a_failure_leaves_the_old_file_and_nothing_else(name, tmp_path):
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), TableWriter(path) as writer:
        writer.write(FIRST)
        raise RuntimeError("midway")
    assert os.listdir(tmp_path) == [name]
    assert path.read_text() == "old"


def test_nothing_is_seen_before_the_end(tmp_path):
    path = tmp_path / "t.csv"
    with TableWriter(path) as writer:
        writer.write(FIRST)
        assert not path.exists()
    assert os.listdir(tmp_path) == ["t.csv"]


def test_a_link_stays_and_its_target_is_renewed_with_the_old_permissions(tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_table(FIRST, link)
    assert link.is_symlink() and target.read_text().startswith("id,")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_same_table_gives_same_bytes(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        write_table(FIRST, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


def test_standard_output_gets_json_lines(capfdbinary):
    write_table(SECOND, "-")
    assert json.loads(capfdbinary.readouterr().out)["id"] == "3"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.json", "end its name in one of .csv"),
        ("table", "end its name in one of .csv"),
        ("t.parquet.gz", "end its name in one of .csv"),
        ("missing/t.csv", "There is no folder"),
        (".", "is a folder"),
    ],
)
def test_bad_places_are_told_before_the_work(name, message, tmp_path):
    with pytest.raises(WriteError, match=message):
        TableWriter(tmp_path / name)


def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(WriteError, match="No permission to write in"):
        TableWriter(tmp_path / "t.csv")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl.gz", "t.parquet"])
def test_full_disk(name, tmp_path):
    (tmp_path / name).symlink_to("/dev/full")
    big = pd.DataFrame({"a": [os.urandom(50).hex() for _ in range(3000)]})
    with pytest.raises(WriteError, match="No space left"):
        write_table(big, tmp_path / name)


def test_rows_of_other_columns_are_refused(tmp_path):
    with pytest.raises(WriteError, match="Row 3 .* columns differ in odd"), TableWriter(tmp_path / "t.csv") as writer:
        writer.write(FIRST)
        writer.write(FIRST.assign(odd=1))
    assert os.listdir(tmp_path) == []


def test_columns_in_another_order_are_put_right(tmp_path):
    with TableWriter(tmp_path / "t.csv") as writer:
        writer.write(FIRST)
        writer.write(SECOND[SECOND.columns[::-1]])
    assert pd.read_csv(tmp_path / "t.csv").loc[2, "department"] == "Home Office"


def test_a_column_that_changes_its_type_is_refused_in_parquet(tmp_path):
    with pytest.raises(WriteError, match="rows from 2 on do not fit"), TableWriter(tmp_path / "t.parquet") as writer:
        writer.write(pd.DataFrame({"a": [1]}))
        writer.write(pd.DataFrame({"a": ["x"]}))


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("-", ("jsonl", "")),
        ("A.CSV", ("csv", "")),
        ("a.b.jsonl.gz", ("jsonl", ".gz")),
        ("a.tsv.ZST", ("tsv", ".zst")),
        ("x.parquet", ("parquet", "")),
    ],
)
def test_the_suffix_tells_the_form(path, form):
    assert output_form(path) == form


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.jsonl.gz", "t.parquet"])
def test_first_rows_are_read_back(name, tmp_path):
    assert first_rows(in_batches(tmp_path / name), 2)["id"].tolist() == ["1", "2"]


@pytest.mark.parametrize("name", ["t.jsonl.zst", "t.tsv.zst"])
def test_zstd_is_written_and_read_back(name, tmp_path):
    path = in_batches(tmp_path / name)
    assert path.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    assert first_rows(path)["id"].tolist() == ["1", "2", "3"]
    assert first_rows(path, 2)["id"].tolist() == ["1", "2"]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.jsonl.zst", "t.parquet"])
def test_parts_joined_are_one_table(name, tmp_path):
    form, packing = output_form(name)
    parts = [tmp_path / "0", tmp_path / "1"]
    for part, frame in zip(parts, (FIRST, SECOND), strict=True):
        part.write_bytes(encode(frame, form, packing))
    join_parts(parts, tmp_path / name, form, packing, columns=list(FIRST.columns), metadata={"k": "v"})
    assert first_rows(tmp_path / name)["id"].tolist() == ["1", "2", "3"]
    if form == "parquet":
        assert pq.read_table(tmp_path / name).column("entities").to_pylist() == [[], [], [MENTION]]
        assert pq.read_schema(tmp_path / name).metadata == {b"k": b"v"}


def test_row_groups_are_of_one_size_whatever_the_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "ROW_GROUP_ROWS", 10)
    parts = []
    for number, size in enumerate([3, 14, 2, 25, 1]):
        parts.append(tmp_path / str(number))
        parts[-1].write_bytes(encode(pd.DataFrame({"id": [str(k) for k in range(size)]}), "parquet"))
    join_parts(parts, tmp_path / "t.parquet", "parquet", columns=["id"])
    groups = pq.ParquetFile(tmp_path / "t.parquet").metadata
    assert [groups.row_group(k).num_rows for k in range(groups.num_row_groups)] == [10, 10, 10, 10, 5]
