from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pqnlp
from pqnlp import shards
from pqnlp.errors import PqnlpError, ReadError
from pqnlp.output import WriteError
from pqnlp.run import RunError

QUESTION = "To ask the Secretary of State for Transport, how many ferries sailed to Lundy in 2023."
COUNTS = {"rows", "scored", "labels", "problems", "unsure", "copied", "resumed", "unread", "notices", "seconds"}


def rows(count: int, first: int = 1) -> list[dict]:
    return [
        {"id": str(k), "question": QUESTION, "answer": f"{k} ferries sailed. The Government is committed to ferries."}
        for k in range(first, first + count)
    ]


def lines(items: list[dict]) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


class Stop(Exception):
    pass


def stop_after(parts: int):
    """Return a function to report progress to, which ends the run after so many parts."""
    left = [parts]

    def progress(done):
        left[0] -= 1
        if not left[0]:
            raise Stop

    return progress


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "_FEWEST_ROWS", 5)


@pytest.fixture
def source(write):
    """Return a file of twenty pairs, four shards."""
    return write("in/pairs.jsonl", lines(rows(20)))


@pytest.fixture
def score(tmp_path):
    """Return a function that scores to a file in a fresh folder, without entities."""
    return lambda source, name="out.jsonl", **options: pqnlp.score_file(
        source, tmp_path / name, **{"entities": False, **options}
    )


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.csv", "out.tsv.zst", "out.jsonl.gz", "out.parquet"])
def test_a_run_that_was_ended_goes_on_and_gives_the_same_bytes(name, source, score, tmp_path):
    score(source, "whole-" + name)
    for parts in (1, 3, 4):
        with pytest.raises(Stop):
            score(source, name, progress=stop_after(parts), entities=False)
        assert not (tmp_path / name).exists()
        started = []
        summary = score(source, name, on_start=lambda total, done: started.append((total, done)))  # noqa: B023
        assert started == [(20, 5 * parts)]
        assert summary["resumed"] == 5 * parts and summary["rows"] == summary["scored"] == 20
        assert (tmp_path / name).read_bytes() == (tmp_path / ("whole-" + name)).read_bytes()
        assert not (tmp_path / (name + ".parts")).exists()
        (tmp_path / name).unlink()


def test_counts_are_those_of_an_undisturbed_run(source, score):
    whole = score(source, "whole.jsonl")
    with pytest.raises(Stop):
        score(source, progress=stop_after(2))
    again = score(source)
    assert set(again) == COUNTS
    assert {k: again[k] for k in COUNTS - {"resumed", "seconds"}} == {
        k: whole[k] for k in COUNTS - {"resumed", "seconds"}
    }


def test_any_number_of_processes_gives_and_goes_on_to_the_same_bytes(source, score, tmp_path):
    score(source, "whole.csv")
    with pytest.raises(Stop):
        score(source, "out.csv", progress=stop_after(1))
    score(source, "out.csv", jobs=2)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("damage", ["cut journal", "other part", "no part"])
def test_parts_that_are_not_whole_are_made_again(damage, source, score, tmp_path):
    score(source, "whole.csv")
    with pytest.raises(Stop):
        score(source, "out.csv", progress=stop_after(3))
    folder = tmp_path / "out.csv.parts"
    if damage == "cut journal":
        journal = folder / "journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-9])
    elif damage == "other part":
        (folder / "part-000001").write_bytes(b"x")
    else:
        (folder / "part-000001").unlink()
    assert score(source, "out.csv")["resumed"] == 10
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_killed_process_goes_on(source, score, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_FEWEST_ROWS", 250)  # as in the other process
    source.write_text(lines(rows(500)), encoding="utf-8")
    output = tmp_path / "out.csv"
    command = [sys.executable, "-m", "pqnlp", "score", str(source), "-o", str(output), "-q", "--no-entities"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    while not (tmp_path / "out.csv.parts" / "journal.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert score(source, "out.csv")["resumed"] == 250
    score(source, "whole.csv")
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["in", "out.csv", "whole.csv"]


def test_an_interrupted_command_says_that_it_can_go_on(source, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from pqnlp.cli import app

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pqnlp, "score_file", interrupt, raising=False)
    result = CliRunner().invoke(app, ["score", str(source), "-o", str(tmp_path / "out.csv")])
    assert result.exit_code == 130 and "Nothing was done yet" in result.stderr
    (tmp_path / "out.csv.parts").mkdir()
    result = CliRunner().invoke(app, ["score", str(source), "-o", str(tmp_path / "out.csv")])
    assert result.exit_code == 130 and "the same command goes on" in result.stderr


def test_the_bar_leaves_rows_of_an_earlier_run_out_of_its_rate(source, score, tmp_path, monkeypatch):
    import tqdm
    from typer.testing import CliRunner

    from pqnlp.cli import app

    bars = []

    class Bar(tqdm.tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            bars.append(self)

    with pytest.raises(Stop):
        score(source, "out.csv", progress=stop_after(3))
    monkeypatch.setattr(tqdm, "tqdm", Bar)
    command = ["score", str(source), "-o", str(tmp_path / "out.csv"), "--no-entities", "--progress"]
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, command)
    assert result.exit_code == 0, result.stderr
    # Nor is the first shard, before which the model is opened.
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(20, 20, 20)]
    assert "(15 were done before)" in result.stdout


def test_the_rate_begins_when_every_process_has_started(monkeypatch):
    from pqnlp.cli.score import _Bar

    clock = [1000.0]
    for place in ("time.time", "tqdm.std.time"):
        monkeypatch.setattr(place, lambda: clock[0])
    bar = _Bar(True, 2)
    bar.start(1000, 100)
    for seconds in (60, 0, 1, 0):  # a minute to start, then two shards of 100 rows a second
        clock[0] += seconds
        bar.advance(100)
    told = bar._bar.format_dict
    bar.close()
    assert (told["n"], told["initial"], told["elapsed"]) == (500, 300, 1)


# --- refusing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": 21}, "other input .pairs.jsonl changed since.*--restart"),
        ({"unsure_below": 0.3}, "other options .unsure_below .*, not 0.3"),
        ({"limit": 12}, "other options .limit None, not 12"),
        ({"entities": True}, "other options .entities False, not True"),
        ({"model": "other"}, "another model .default"),
    ],
)
def test_other_input_model_or_options_do_not_go_on(change, message, source, score, tmp_path, monkeypatch):
    with pytest.raises(Stop):
        score(source, progress=stop_after(2))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out.jsonl.parts").iterdir()}
    change = dict(change)
    if change.pop("source", None):
        source.write_text(lines(rows(21)), encoding="utf-8")
    if change.pop("model", None):
        model = pqnlp.load()
        monkeypatch.setitem(model.manifest, "version", "0.0")
    with pytest.raises(RunError, match=message):
        score(source, **change)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out.jsonl.parts").iterdir()} == before
    assert score(source, **change, restart=True)["resumed"] == 0
    assert not (tmp_path / "out.jsonl.parts").exists()


def test_input_of_another_name_is_told_by_both_names(source, score, tmp_path):
    with pytest.raises(Stop):
        score(source, progress=stop_after(2))
    other = source.rename(source.with_name("moved.jsonl"))
    with pytest.raises(RunError, match=r"other input .pairs.jsonl, not moved.jsonl\)"):
        score(other)


def test_two_runs_do_not_write_one_file(source, score):
    def second(done):
        with pytest.raises(RunError, match="Another run is writing"):
            score(source)
        raise Stop

    with pytest.raises(Stop):
        score(source, progress=second)
    assert score(source)["resumed"] == 5


def test_a_folder_of_that_name_is_left_alone(source, score, tmp_path):
    (tmp_path / "out.jsonl.parts").mkdir()
    (tmp_path / "out.jsonl.parts" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="in the way"):
        score(source)
    assert os.listdir(tmp_path / "out.jsonl.parts") == ["mine.txt"]


@pytest.mark.parametrize("way", ["append", "replace"])
def test_an_input_that_changes_under_way_ends_the_run(way, source, score, tmp_path):
    (tmp_path / "out.jsonl").write_text("old")

    def change(done):
        text = source.read_text(encoding="utf-8") + lines(rows(1, first=99))
        if way == "replace":
            new = source.with_name("new")
            new.write_text(text, encoding="utf-8")
            os.replace(new, source)
        else:
            source.write_text(text, encoding="utf-8")

    with pytest.raises(RunError, match="pairs.jsonl was changed while"):
        score(source, progress=change)
    assert sorted(os.listdir(tmp_path)) == ["in", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    ("name", "content"),
    [("empty.csv", "question,answer\n"), ("bad.jsonl", "To ask\n"), ("columns.csv", "a,b\n1,2\n")],
)
def test_what_cannot_be_read_leaves_nothing(name, content, write, score, tmp_path):
    with pytest.raises(ReadError):
        score(write(name, content))
    assert os.listdir(tmp_path) == [name]


# --- rows and files that are bad --------------------------------------------------------------------------------------


def test_bad_lines_are_rows_that_say_so(write, score, tmp_path):
    items = lines(rows(6)).splitlines(keepends=True)
    source = write("in.jsonl", "".join([*items[:3], '{"id": "x", "ques\n', "17\n", *items[3:]]))
    assert score(source)["problems"] == {"bad_line": 2}
    out = read(tmp_path / "out.jsonl")
    assert [row["problem"] for row in out] == ["", "", "", "bad_line", "bad_line", "", "", ""]
    assert out[3]["id"] == f"{source}:4" and out[3]["label"] is None
    again = score(tmp_path / "out.jsonl", "again.jsonl")  # the problem stays with the row
    assert again["problems"] == {"bad_line": 2}


def test_strict_names_the_first_bad_row_and_keeps_nothing(write, score, tmp_path):
    items = rows(12)
    items[7]["answer"] = items[9]["answer"] = ""
    source = write("in.jsonl", lines(items))
    assert score(source)["problems"] == {"unanswered": 2}
    (tmp_path / "out.jsonl").unlink()
    for jobs in (1, 2):
        with pytest.raises(RunError, match=r"Row 8 \(id 8, in .*in.jsonl\).*no answer yet \(unanswered\)"):
            score(source, strict=True, jobs=jobs)
        assert os.listdir(tmp_path) == ["in.jsonl"]
    with pytest.raises(ReadError, match="line 2: not JSON"):
        score(write("bad.jsonl", lines(items[:1]) + "{\n"), strict=True)


def test_strict_minds_no_row_beyond_the_limit(write, score, tmp_path):
    bad = write("bad.jsonl", lines(rows(1)) + "{\n")
    assert score(bad, strict=True, limit=1)["rows"] == 1
    with pytest.raises(RunError, match="Row 2 .id .*bad_line"):
        score(bad, "two.jsonl", strict=True, limit=2)


def test_the_output_is_no_input(source, write, score, tmp_path, monkeypatch):
    folder = source.parent
    monkeypatch.chdir(folder)
    for given in (".", "*", "**", folder):
        for notices in ([], ["all.csv is the output, and was left out of the input."]):
            summary = pqnlp.score_file(given, "all.csv", entities=False)
            assert (summary["rows"], summary["notices"]) == (20, notices)
        with pytest.raises(Stop):
            pqnlp.score_file(given, "all.csv", entities=False, progress=stop_after(2))
        assert pqnlp.score_file(given, "all.csv", entities=False)["resumed"] == 10
        (folder / "all.csv").unlink()
    pqnlp.score_file(".", "all.csv", entities=False)
    source.unlink()
    for given, words in ((".", "holds no file to read but the output"), ("*.csv", "No file matches .* but the output")):
        with pytest.raises(ReadError, match=words):
            pqnlp.score_file(given, "all.csv", entities=False)


def test_results_among_the_input_and_columns_that_are_not_kept_are_told(source, write, score, tmp_path):
    own = write("in/own.csv", "id,question,answer,label,coder\na,To ask why,Because it is so.,gold,me\n")
    (told,) = score(own)["notices"]
    assert "These columns of the input are not kept in out.jsonl: label, coder." in told
    score(source, "in/scored.csv")
    first, second = score(source.parent, "all.csv")["notices"]
    assert "scored.csv was scored before, other files of the input were not" in first
    assert "label, coder." in second
    assert score(tmp_path / "in" / "scored.csv", "again.csv")["notices"] == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("output", ["out.jsonl", "-"])
def test_a_pipe_is_read_once(output, source, score, tmp_path, capfdbinary):
    import threading

    score(source, "whole.jsonl")
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()), daemon=True).start()
    if output == "-":
        pqnlp.score_file(pipe, output, entities=False)
        assert len(capfdbinary.readouterr().out.splitlines()) == 20
    else:
        assert score(pipe)["rows"] == 20
        assert (tmp_path / output).read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_one_bad_file_among_several_is_a_row(write, score, tmp_path):
    write("in/a.csv", "id,question,answer\na,To ask why,Because it is so.\n")
    bad = write("in/b.csv", "id,question,answer\nb,To ask why,Because it is so.\nc,too,many,cells\n")
    write("in/c.json", "{")
    write("in/d.csv", "a,b\n1,2\n")
    write("in/e.jsonl", lines(rows(1)))
    summary = score(tmp_path / "in")
    out = read(tmp_path / "out.jsonl")
    assert [row["problem"] for row in out] == ["", "bad_file", "bad_file", "bad_file", ""]
    assert out[1]["id"] == str(bad)
    assert len(summary["unread"]) == 3 and "b.csv is not a well-formed CSV file" in summary["unread"][0]
    with pytest.raises(ReadError, match="b.csv is not a well-formed"):
        score(tmp_path / "in", strict=True)
    with pytest.raises(ReadError, match="c.json is not whole JSON"):  # all are bad: the first one's error tells more
        score([tmp_path / "in" / "c.json", tmp_path / "in" / "d.csv"])


def test_rows_that_raise_errors_are_flagged_and_the_others_scored(source, score, tmp_path, monkeypatch):
    whole = pqnlp.scoring._score_rows

    def fail(columns, model, settings):
        if any(answer.startswith(("7 ", "13 ", "14 ")) for answer in columns["answer"]):
            raise RecursionError("too deep")
        return whole(columns, model, settings)

    monkeypatch.setattr(pqnlp.scoring, "_score_rows", fail)
    assert score(source)["problems"] == {"failed": 3}
    assert [row["id"] for row in read(tmp_path / "out.jsonl") if row["label"] is None] == ["7", "13", "14"]
    with pytest.raises(RunError, match=r"Row 7 .*raised an error.*\(failed\)"):
        score(source, "strict.jsonl", strict=True)
    monkeypatch.undo()
    assert score(tmp_path / "out.jsonl", "mended.jsonl")["problems"] == {}  # they are judged anew


def test_an_error_of_every_row_is_no_fault_of_the_rows(source, score, monkeypatch):
    def fail(columns, model, settings):
        raise LookupError("a file of the installation is gone")

    monkeypatch.setattr(pqnlp.scoring, "_score_rows", fail)
    with pytest.raises(LookupError, match="installation"):
        score(source)
    with pytest.raises(LookupError, match="installation"):
        pqnlp.score([(QUESTION, "Four.")])


# --- sources and places -------------------------------------------------------------------------------------------------


def test_limit_takes_the_first_rows(source, score, tmp_path):
    assert score(source, limit=7)["rows"] == 7
    assert [row["id"] for row in read(tmp_path / "out.jsonl")] == list("1234567")
    assert score(source, limit=700)["rows"] == 20
    with pytest.raises(ValueError, match="limit is 0"):
        score(source, limit=0)


def test_standard_input_goes_on_if_the_same_is_given_again(source, score, tmp_path, monkeypatch):
    score(source, "whole.jsonl")
    for stop in (stop_after(2), None):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
        if stop:
            with pytest.raises(Stop):
                score("-", progress=stop)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
    assert score("-")["resumed"] == 10
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_tables_in_memory_are_scored_and_leave_nothing_behind(score, tmp_path):
    frame = pd.DataFrame(rows(12))
    with pytest.raises(Stop):
        score(frame, progress=stop_after(1))
    assert os.listdir(tmp_path) == []
    assert score(frame)["resumed"] == 0
    assert len(read(tmp_path / "out.jsonl")) == 12


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.zst", pa.Codec("zstd").compress(pd.DataFrame(rows(20)).to_csv(index=False).encode()).to_pybytes()),
        ("t.jsonl.gz", gzip.compress(lines(rows(20)).encode())),
        ("t.parquet", pd.DataFrame(rows(20)).to_parquet()),
        ("t.csv", pd.DataFrame(rows(20)).to_csv(index=False)),
    ],
)
def test_every_form_gives_the_same_rows(name, content, source, write, score, tmp_path):
    score(source, "a.jsonl")
    score(write(name, content), "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_device_is_told(source, score, tmp_path):
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    with pytest.raises(WriteError, match="No space left"):
        score(source, "full.jsonl")


def test_a_full_disk_keeps_what_is_done(source, score, tmp_path, monkeypatch):
    from pqnlp import run

    score(source, "whole.jsonl")
    write_whole, left = run._write_whole, [4]  # the manifest and three parts

    def full(path, data):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device", str(path))
        write_whole(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(run, "_write_whole", full)
        with pytest.raises(WriteError, match="No space left to write .*15 rows are done and kept in .*out.jsonl.parts"):
            score(source)
    assert score(source)["rows"] == 20
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


# --- updating -----------------------------------------------------------------------------------------------------------


def test_update_scores_new_and_changed_pairs_and_copies_the_rest(write, score, tmp_path, monkeypatch):
    score(write("old.jsonl", lines(rows(20))), "old.parquet", entities=True)
    items = [*rows(22)[2:], *rows(3)[:1]]
    items[4]["answer"] = "I refer the hon. Member to the answer given on 3 March."
    items[5]["department"] = "Department for Transport"  # entities read it
    new = write("new.jsonl", lines(items))
    asked = []
    whole = pqnlp.scoring._score_rows
    monkeypatch.setattr(pqnlp.scoring, "_score_rows", lambda c, *rest: asked.extend(c["answer"]) or whole(c, *rest))
    summary = score(new, "new.parquet", entities=True, update=tmp_path / "old.parquet")
    assert summary["copied"] == 17 and len(asked) == 4
    score(new, "anew.parquet", entities=True)
    assert (tmp_path / "new.parquet").read_bytes() == (tmp_path / "anew.parquet").read_bytes()
    # in place, and for fewer columns than the old file has
    assert score(new, "old.parquet", update=tmp_path / "old.parquet")["copied"] == 17
    assert "entities" not in pq.read_schema(tmp_path / "old.parquet").names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unsure_below": 0.3}, "unsure below .* then, 0.3 now.*score everything anew"),
        ({"entities": True}, "without entities: use --no-entities"),
        ({"update": "plain.parquet"}, "does not say which model"),
        ({"update": "nowhere.parquet"}, "There is no file"),
        ({"update": "in/pairs.jsonl"}, "does not say which model"),
        ({"version": "0.0"}, "its version .* then, 0.0 now"),
    ],
)
def test_updates_that_would_not_fit_are_refused(change, message, source, score, tmp_path, monkeypatch):
    score(source, "old.parquet")
    pd.DataFrame(rows(3)).to_parquet(tmp_path / "plain.parquet")
    change = dict(change)
    if "version" in change:
        monkeypatch.setitem(pqnlp.load().manifest, "version", change.pop("version"))
        monkeypatch.setattr(pqnlp.load(), "version", "0.0")
    update = tmp_path / change.pop("update", "old.parquet")
    with pytest.raises(PqnlpError, match=message):
        score(source, "new.parquet", update=update, **change)
    assert not (tmp_path / "new.parquet.parts").exists()


def test_a_parquet_file_says_what_scored_it(source, score, tmp_path):
    score(source, "out.parquet")
    papers = json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[b"pqnlp"])
    assert papers["pqnlp"] == pqnlp.__version__ and papers["entities"] is False
    assert set(papers["model"]) == {"name", "version", "digest"}
