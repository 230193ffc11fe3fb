from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.codebook import LABELS

SAMPLE = Path(__file__).parents[1] / "data" / "sample_answers.jsonl"
COMMANDS = ("score", "explain", "entities", "train", "evaluate", "compare", "agree", "suggest", "fetch")
QUESTION = "To ask the Secretary of State for Transport, how many ferries sail to Lundy in winter."
ANSWER = "There are two ferries to Lundy in winter. They sail on Tuesdays."


@pytest.fixture
def run():
    """Return a function that runs a command line and gives its result."""
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    return lambda *arguments, stdin=None: runner.invoke(app, list(map(str, arguments)), input=stdin)


@pytest.fixture
def ten(tmp_path):
    """Return a file of ten pairs of the sample."""
    path = tmp_path / "ten.jsonl"
    path.write_text("".join(SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)[:10]), encoding="utf-8")
    return path


# --- help and errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, run):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: pqnlp {command}" in " ".join(result.stdout.split())


def test_help_lists_every_command(run):
    result = run("--help")
    assert all(command in result.stdout for command in COMMANDS)


def test_version(run):
    assert run("--version").stdout == f"pqnlp {pqnlp.__version__}\n"


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from pqnlp.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print('HEAVY', [m for m in ('spacy', 'sklearn', 'pandas', 'pyarrow', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "HEAVY []"


def test_python_dash_m_runs_the_same_program():
    out = subprocess.run(
        [sys.executable, "-m", "pqnlp", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert out.startswith("pqnlp ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "{tmp}/nowhere.csv", "-o", "{tmp}/out.csv"], "There is no file"),
        (["score", "{tmp}", "-o", "{tmp}/out.csv"], "holds no file to read"),
        (["score", "{bad}", "-o", "{tmp}/out.csv"], "no column for the question"),
        (["score", "{good}", "-o", "{tmp}/out.json"], "end its name in one of .csv"),
        (["score", "{good}", "-o", "{tmp}/missing/out.csv"], "There is no folder"),
        (["score", "{good}", "-o", "{tmp}"], "is a folder"),
        (["score", "{good}", "-o", "{good}"], "is the input"),
        (["score", "{good}", "-", "-o", "{tmp}/out.csv"], "Standard input"),
        (["score", "{good}", "-o", "{tmp}/out.csv", "--encoding", "utf-9"], "Unknown encoding"),
        (["score", "{good}", "-o", "{tmp}/out.csv", "--model", "{tmp}/nomodel"], "nomodel"),
        (["explain", "{good}", "--row", "5"], "There is no row 5"),
        (["explain", "{good}", "--id", "x9"], "There is no id 'x9'"),
        (["explain", "{unanswered}"], "there is no answer yet"),
        (["explain", "{good}", "-q", "a", "-a", "b"], "not both"),
        (["explain", "-q", "a"], "both --question and --answer"),
        (["entities", "{bad}", "-o", "{tmp}/out.csv"], "no column for the question"),
        (["train", "{good}", "-o", "{tmp}/model"], "no column 'label'"),
        (["evaluate", "{tmp}/nomodel", "{good}"], "nomodel"),
        (["fetch", "--ids", "{bad}", "-o", "{tmp}/out.csv"], "no column 'id'"),
        (["fetch", "--ids", "{tmp}/nowhere.csv", "-o", "{tmp}/out.csv"], "There is no file"),
        (["fetch", "--ids", "{good}", "-o", "{tmp}/out.csv", "--from", "{tmp}/nowhere.csv"], "There is no file"),
    ],
)
def test_errors_are_one_line_and_exit_code_1(arguments, message, run, write, tmp_path):
    places = {
        "tmp": tmp_path,
        "good": write("in/good.csv", f'id,question,answer\n1,"{QUESTION}","{ANSWER}"\n'),
        "bad": write("in/bad.csv", "query,answer\na,b\n"),
        "unanswered": write("in/unanswered.csv", f'question,answer\n"{QUESTION}",\n'),
    }
    before = places["good"].read_bytes()
    result = run(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: ")
    assert message in lines[0]
    assert places["good"].read_bytes() == before
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device", "out.csv"), PermissionError(13, "Permission denied", "x")]
)
def test_errors_of_the_system_are_one_line(error, run, ten, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(pqnlp, "score_file", fail, raising=False)
    result = run("score", ten, "-o", tmp_path / "out.csv")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {error.strerror}: {error.filename}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["score"],
        ["score", "x.csv"],
        ["score", "x.csv", "-o", "y.csv", "--jobs", "0"],
        ["score", "x.csv", "-o", "y.csv", "--jobs", "two"],
        ["score", "x.csv", "-o", "y.csv", "--unsure-below", "2"],
        ["explain", "x.csv", "--row", "0"],
        ["fetch", "--ids", "x.csv", "-o", "y.csv", "--rate", "0"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, run):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


# --- score ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_score_writes_a_row_a_pair_and_a_summary(name, run, ten, tmp_path):
    result = run("score", ten, "--output", tmp_path / name)
    assert result.exit_code == 0, result.stderr
    read = {"csv": pd.read_csv, "jsonl": lambda p: pd.read_json(p, lines=True), "parquet": pd.read_parquet}[
        name.split(".")[1]
    ]
    frame = read(tmp_path / name)
    assert len(frame) == 10
    assert set(frame["label"]) <= set(LABELS)
    assert frame[[f"p_{label}" for label in LABELS]].sum(axis=1).round(2).eq(1).all()
    mentions = frame["entities"].map(json.loads if name == "out.csv" else list)
    assert any(m["type"] == "DEPARTMENT" for row in mentions for m in row)
    assert "10 pairs, 10 scored" in result.stdout
    assert f"{(frame['label'] == 'direct').mean():.1%}" in result.stdout
    assert "Written" in result.stdout


def test_score_of_the_whole_sample_says_what_was_left_out(run, tmp_path):
    result = run("score", SAMPLE, "-o", tmp_path / "out.jsonl", "--no-entities", "--jobs", "1")
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(SAMPLE.read_text(encoding="utf-8").splitlines())
    assert "entities" not in rows[0]
    for row in rows:
        assert (row["label"] is None) == (row["problem"] not in ("", "duplicate_id"))
    problems = {row["problem"] for row in rows} - {""}
    assert problems and all(problem in result.stdout for problem in problems)


def test_score_reads_standard_input_and_writes_standard_output(run, ten):
    result = run("score", "-", "-o", "-", "--no-entities", stdin=ten.read_text(encoding="utf-8"))
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 10 and all(row["label"] in LABELS for row in rows)
    assert "10 pairs, 10 scored" in result.stderr


def test_score_takes_several_files(run, ten, samples, tmp_path):
    result = run(
        "score",
        ten,
        samples / "api_single.json",
        samples / "pasted.txt",
        "-o",
        tmp_path / "o.csv",
        "-q",
        "--no-entities",
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert len(pd.read_csv(tmp_path / "o.csv")) == 13


def test_unsure_below_one_makes_all_but_certain_labels_unsure(run, ten, tmp_path):
    assert run("score", ten, "-o", tmp_path / "o.csv", "--unsure-below", "1", "--no-entities").exit_code == 0
    assert pd.read_csv(tmp_path / "o.csv")["unsure"].mean() > 0.9


def test_two_jobs_give_what_one_gives(run, ten, tmp_path):
    for jobs in ("1", "2"):
        result = run("score", ten, "-o", tmp_path / f"{jobs}.csv", "--jobs", jobs)
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_progress_moves_by_the_rows_done(run, ten, tmp_path, monkeypatch):
    import tqdm

    bars = []

    class Bar(tqdm.tqdm):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **{**options, "delay": 0, "mininterval": 0})
            bars.append(self)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    result = run("score", ten, "-o", tmp_path / "o.csv", "--progress", "--no-entities")
    assert [(bar.n, bar.total) for bar in bars] == [(10, 10)]
    assert "10/10" in result.stderr and "pairs/s" in result.stderr


def test_no_progress_without_a_terminal(run, ten, tmp_path):
    assert run("score", ten, "-o", tmp_path / "o.csv", "--no-entities", "-q").stderr == ""


def test_a_reader_that_has_seen_enough_is_no_error(ten):
    command = f"{sys.executable} -m pqnlp score {ten} -o - --no-entities -q | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.stdout.startswith('{"id"')
    assert done.stderr == ""


# --- explain ----------------------------------------------------------------------------------------------------------


def test_explain_marks_the_deciding_sentence(run):
    result = run("explain", "-q", QUESTION, "-a", ANSWER)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split()[0] in LABELS
    marked = [line for line in result.stdout.splitlines() if line.startswith(">")]
    assert marked and any(sentence in line for line in marked for sentence in ANSWER.split(". "))


def test_explain_in_json_points_into_the_answer_as_read(run):
    result = run(
        "explain", "-q", QUESTION, "-a", f"<p>{ANSWER}</p>", "--json", "--department", "Department for Transport"
    )
    told = json.loads(result.stdout)
    assert set(told) == {
        "label",
        "reason",
        "probabilities",
        "unsure",
        "evidence",
        "asks",
        "sentences",
        "entities",
        "model",
    }
    assert told["label"] in LABELS
    assert told["evidence"] and all(ANSWER[e["start"] : e["end"]] == e["text"] for e in told["evidence"])


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [([], "stamps for sea passes"), (["--row", "2"], "Sark ferry"), (["--id", "2"], "Sark ferry")],
)
def test_explain_takes_a_pair_of_a_file(arguments, asked, run, samples):
    result = run("explain", samples / "pasted.txt", *arguments)
    assert result.exit_code == 0, result.stderr
    assert asked in " ".join(result.stdout.split())


def test_explain_reads_standard_input(run, samples):
    pasted = (samples / "pasted.txt").read_text(encoding="utf-8")
    assert run("explain", stdin=pasted).stdout == run("explain", "-", stdin=pasted).stdout != ""


def test_explain_is_coloured_where_colours_are_asked_for(run, monkeypatch):
    assert "\x1b[" not in run("explain", "-q", QUESTION, "-a", ANSWER).stdout
    coloured = CliRunner(env={"FORCE_COLOR": "1", "NO_COLOR": ""}).invoke(
        app, ["explain", "-q", QUESTION, "-a", ANSWER]
    )
    assert "\x1b[" in coloured.stdout


# --- the other commands -----------------------------------------------------------------------------------------------


def test_entities_are_listed_a_row_each(run, samples, tmp_path):
    result = run("entities", samples / "api_page.json", "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "out.csv")
    assert {"DEPARTMENT", "DATE"} <= set(table["type"])
    pairs = pqnlp.read(samples / "api_page.json")
    for _, mention in table.iterrows():
        assert pairs.loc[mention["row"], mention["field"]][mention["start"] : mention["end"]] == mention["text"]
    assert f"{len(table)} mentions in 9 pairs" in result.stdout


def test_fetch_from_a_file_reports_what_is_missing(run, samples, write, tmp_path):
    ids = write("ids.csv", "id,label\n1900001,direct\n5,evasive\n")
    result = run("fetch", "--ids", ids, "-o", tmp_path / "out.parquet", "--from", samples / "api_page.json")
    assert result.exit_code == 0, result.stderr
    assert "1 of 2 ids" in result.stdout
    assert "Missing: 1 ids (5)" in result.stderr
    assert pqnlp.read(tmp_path / "out.parquet")["id"].tolist() == ["1900001"]


def test_train_and_evaluate_pass_on_what_they_are_given(run, monkeypatch, write, tmp_path):
    seen = {}
    scores = {
        "n": 6,
        "macro_f1": 0.5,
        "kappa": 0.25,
        "accuracy": 0.5,
        "per_class": {label: {"precision": 0.1, "recall": 0.2, "f1": 0.3, "support": 2} for label in LABELS},
        "confusion": [[2, 0, 0], [0, 2, 0], [1, 1, 0]],
    }

    def train(labelled, **options):
        seen["train"] = (labelled, options)
        left_out = pd.DataFrame({"id": ["1"], "problem": ["truncated"]})
        return {"scores": scores, "baselines": {"majority": scores}, "rows": 12, "left_out": left_out, "output": "m"}

    def evaluate(model, labelled, **options):
        seen["evaluate"] = (model, labelled, options)
        return {"model": "m 1.0", **scores}

    monkeypatch.setattr(pqnlp, "train", train, raising=False)
    monkeypatch.setattr(pqnlp, "evaluate", evaluate, raising=False)
    splits = write("splits.csv", "id,split,group\n1,train,0\n2,test,1\n")

    result = run("train", "a.csv", "b.csv", "-o", "m", "--texts", "t.parquet", "--splits", splits)
    assert result.exit_code == 0, result.stderr
    labelled, options = seen["train"]
    assert labelled == ["a.csv", "b.csv"] and options["texts"] == "t.parquet" and options["output"] == "m"
    assert "0.500" in result.stdout and "majority" in result.stdout and "Left out: 1 truncated" in result.stdout

    result = run("evaluate", "m", "a.csv", "--texts", "t.parquet", "--splits", splits)
    assert result.exit_code == 0, result.stderr
    assert seen["evaluate"] == ("m", "a.csv", {"texts": "t.parquet", "ids": ["2"], "encoding": "utf-8"})
    assert "macro f1" in result.stdout and "0.300" in result.stdout

    assert json.loads(run("evaluate", "m", "a.csv", "--json").stdout)["n"] == 6
    assert run("evaluate", "m", "a.csv", "--splits", write("s.csv", "id\n1\n")).exit_code == 1


def test_output_to_a_closed_folder(run, ten, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write everywhere")
    result = run("score", ten, "-o", closed / "out.csv")
    assert result.exit_code == 1 and "No permission to write in" in result.stderr
