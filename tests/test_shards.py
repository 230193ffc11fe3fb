from __future__ import annotations

import functools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from pqnlp import shards
from pqnlp.shards import cut_shards, map_shards, rows_per_shard


def pieces(*sizes, where="t.csv", answer="Four."):
    """Return one piece of rows for each size."""
    return [
        ({"question": ["To ask how many."] * size, "answer": [answer] * size}, size, f"{number}/{where}")
        for number, size in enumerate(sizes)
    ]


# Functions that other processes import from here.


def row_ids(shard):
    return shard.columns()["id"]


def process_of(shard):
    return os.getpid()


def end_once(shard, marker):
    """End the process at shard 2, the first time."""
    if shard.index == 2 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return row_ids(shard)


def end_at_poison(shard):
    """End the process at every row whose answer is poison, unless it is marked."""
    columns = shard.columns()
    for answer, problem in zip(columns["answer"], columns["problem"], strict=True):
        if answer == "poison" and problem != "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    return columns["problem"]


def end_at_many(shard):
    """End the process at more than one row, as a lack of memory might."""
    if shard.rows > 1:
        os.kill(os.getpid(), signal.SIGKILL)


def fail(shard):
    raise LookupError(f"shard {shard.index}")


# --- cutting ----------------------------------------------------------------------------------------------------------


def test_shards_run_over_the_borders_of_files_and_number_their_rows():
    cut = list(cut_shards(pieces(3, 1, 4), shard_rows=3))
    assert [shard.rows for shard in cut] == [3, 3, 2]
    assert [shard.first_row for shard in cut] == [1, 4, 7]
    assert [cut[1].where(k) for k in range(3)] == ["1/t.csv", "2/t.csv", "2/t.csv"]
    assert [row for shard in cut for row in row_ids(shard)] == [str(k) for k in range(1, 9)]


def test_shards_are_bounded_by_characters_and_a_long_answer_stands_alone(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_CHARACTERS", 100)
    rows = {"question": ["?"] * 6, "answer": ["a" * 30, "a" * 30, "a" * 5000, "a" * 30, "a" * 30, "a" * 50]}
    assert [shard.rows for shard in cut_shards([(rows, 6, "t")])] == [2, 1, 2, 1]


def test_texts_that_are_too_long_are_cut_before_they_travel():
    rows = {"question": ["?"], "answer": ["boat " * 1_000_000]}
    (shard,) = cut_shards([(rows, 1, "t")])
    assert len(shard.segments[0].fields["answer"][0]) == 1_000_001
    assert shard.columns()["problem"] == ["too_long"]


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1]), (4, [3, 1]), (6, [3, 3]), (50, [3, 3, 2])])
def test_limit_takes_the_first_rows(limit, sizes):
    assert [shard.rows for shard in cut_shards(pieces(5, 3), shard_rows=3, limit=limit)] == sizes


def test_ids_are_told_again_over_any_distance():
    rows = [{"id": [str(k)], "question": ["?"], "answer": ["Four."]} for k in (*range(200), 7, 300, 199, 300)]
    flags = [flag for shard in cut_shards([(row, 1, "t") for row in rows], shard_rows=9) for flag in shard.again]
    assert [k for k, flag in enumerate(flags) if flag] == [200, 202, 203]


def test_a_part_of_a_shard_is_the_shard_of_those_rows():
    (shard,) = cut_shards(pieces(3, 4))
    part = shard.part(2, 5)
    assert row_ids(part) == ["3", "4", "5"]
    assert part.first_row == 3
    assert [part.where(k) for k in range(3)] == ["0/t.csv", "1/t.csv", "1/t.csv"]


@pytest.mark.parametrize(("total", "rows"), [(None, 2500), (10, 250), (20_000, 500), (10**6, 2500)])
def test_small_inputs_are_cut_small_enough_for_several_processes(total, rows):
    assert rows_per_shard(total) == rows


# --- working ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordered", [True, False])
def test_several_processes_give_what_one_gives(ordered):
    one = dict(map_shards(row_ids, cut_shards(pieces(40), shard_rows=3)))
    two = list(map_shards(row_ids, cut_shards(pieces(40), shard_rows=3), jobs=2, ordered=ordered))
    assert dict(two) == one
    if ordered:
        assert [index for index, _ in two] == list(range(14))


@pytest.mark.parametrize("ordered", [True, False])
def test_a_process_that_ends_costs_no_row(ordered, tmp_path):
    work = functools.partial(end_once, marker=str(tmp_path / "ended"))
    results = list(map_shards(work, cut_shards(pieces(30), shard_rows=3), jobs=2, ordered=ordered))
    assert (tmp_path / "ended").exists()
    assert sorted(index for index, _ in results) == list(range(10))
    assert [row for _, rows in sorted(results) for row in rows] == [str(k) for k in range(1, 31)]


def test_rows_that_end_their_process_are_found_and_flagged():
    good = {"question": ["To ask how many."] * 5, "answer": ["Four."] * 5}
    rows = [good, {**good, "answer": ["Four.", "poison", "Four.", "poison", "Four."]}, good]
    results = dict(map_shards(end_at_poison, cut_shards([(row, 5, "t") for row in rows], shard_rows=5), jobs=2))
    assert {index: problems.count("killed") for index, problems in results.items()} == {0: 0, 1: 2, 2: 0}
    assert [k for k, problem in enumerate(results[1]) if problem == "killed"] == [1, 3]


def test_killed_rows_keep_their_text_as_it_came():
    rows = {"question": ["To ask why."] * 3, "answer": ["<p>Four.</p>", "<b>Five.</b>", None]}
    (shard,) = cut_shards([(rows, 3, "t")])
    columns = replace(shard, killed=frozenset({1, 2})).columns()
    assert columns["answer"] == ["Four.", "<b>Five.</b>", ""]
    assert columns["problem"] == ["", "killed", "killed"]


def test_a_shard_that_no_row_explains_says_so():
    with pytest.raises(shards.ShardError, match="rows 1 to 2 of 0/t.csv .* fewer --jobs"):
        list(map_shards(end_at_many, cut_shards(pieces(2)), jobs=2, apart=True))


@pytest.mark.parametrize(("rows", "processes"), [(9, 3), (6, 2), (3, 1)])
def test_no_more_processes_are_started_than_there_are_shards(rows, processes, monkeypatch):
    import joblib

    asked = []

    class Parallel(joblib.Parallel):
        def __init__(self, *, n_jobs, **options):
            asked.append(n_jobs)
            super().__init__(n_jobs=n_jobs, **options)

    monkeypatch.setattr(joblib, "Parallel", Parallel)
    results = list(map_shards(process_of, cut_shards(pieces(rows), shard_rows=3), jobs=1000, ordered=True))
    assert [index for index, _ in results] == list(range(rows // 3))
    assert asked == ([processes] if processes > 1 else [])
    assert all((process == os.getpid()) == (processes == 1) for _, process in results)


def test_a_single_shard_that_may_end_its_process_is_worked_on_apart():
    ((_, process),) = map_shards(process_of, cut_shards(pieces(3)), jobs=2, apart=True)
    assert process != os.getpid()


@pytest.mark.parametrize("jobs", [0, -2])
def test_what_is_no_number_of_processes_is_refused(jobs, tmp_path):
    import pqnlp

    pair = [("To ask how many.", "Four.")]
    for call in (pqnlp.score, functools.partial(pqnlp.score_file, output=tmp_path / "out.csv")):
        with pytest.raises(ValueError, match=f"{jobs} is not a number of processes: give 1 or more, or -1"):
            call(pair, jobs=jobs)


@pytest.mark.parametrize("jobs", [1, 2])
def test_errors_of_the_work_and_of_the_source_come_out(jobs):
    def source():
        yield from pieces(*[1] * 9)
        raise OSError("gone")

    with pytest.raises(LookupError, match="shard 0"):
        list(map_shards(fail, cut_shards(pieces(1)), jobs=jobs))
    with pytest.raises(OSError, match="gone"):
        list(map_shards(row_ids, cut_shards(source(), shard_rows=1), jobs=jobs))
