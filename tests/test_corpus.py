from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqnlp.corpus import COLUMNS, PROBLEMS, read, read_batches
from pqnlp.errors import ReadError

QUESTION = "To ask the Secretary of State for Transport, how many ferries sail to Lundy in the winter months."
ANSWER = "There are two ferries to Lundy in the winter months, and they sail on Tuesdays and on Fridays."
AT_255 = (QUESTION[:-1] + ", and how many of them have a bell that is rung in the fog" * 4)[:255]


def problems(question, answer):
    return read([(question, answer)])["problem"].tolist()


def test_every_row_has_the_documented_columns():
    frame = read([(QUESTION, ANSWER)])
    assert tuple(frame.columns) == COLUMNS
    assert frame.loc[0, ["id", "question", "answer", "problem"]].tolist() == ["1", QUESTION, ANSWER, ""]
    assert frame["is_holding"].dtype == bool


@pytest.mark.parametrize(
    ("question", "answer", "problem"),
    [
        (QUESTION, ANSWER, ""),
        (QUESTION, "Yes.", ""),
        (QUESTION, "No", ""),
        (QUESTION, "14", ""),
        (QUESTION, "", "unanswered"),
        (QUESTION, None, "unanswered"),
        (QUESTION, float("nan"), "unanswered"),
        (QUESTION, "<p>&nbsp;</p>", "unanswered"),
        ("", ANSWER, "empty_question"),
        (None, ANSWER, "empty_question"),
        # the list call cuts answers at 255 and adds three dots
        (QUESTION, "x y " * 63 + "end...", "truncated"),
        # and questions at 255 without a sign
        (AT_255, ANSWER, "truncated"),
        # with markup the answer came whole, and its length is chance
        (QUESTION, "<p>" + "The ferry sails to the isle. " * 8 + "So it is.</p>...", ""),
        (AT_255, f"<p>{ANSWER}</p>", ""),
        # a whole answer may end in three dots
        (QUESTION, ANSWER + "...", ""),
        (QUESTION, "<div>" * 3000 + ANSWER, "unreadable"),
        (QUESTION, "The boats are in the bay. " * 200_000, "too_long"),
        (QUESTION, "x" * 400_000, "not_text"),
        (QUESTION, "\x01\x02\x03\x04\x05 ok", "not_text"),
        (QUESTION, "---- ****", "not_text"),
        (
            QUESTION,
            "Les navires sont partis hier matin, mais nous ne savons pas encore quand ils pourront revenir au port.",
            "not_english",
        ),
        (QUESTION, "Корабли ушли вчера утром и пока не вернулись", "not_english"),
    ],
)
def test_rows_that_cannot_be_scored_say_why(question, answer, problem):
    assert problems(question, answer) == [problem]


def test_every_problem_is_documented():
    frame = pd.DataFrame(
        {"question": [QUESTION] * 3, "answer": [ANSWER, "", ANSWER], "isWithdrawn": [True, False, False]}
    )
    assert set(read(frame)["problem"]) - {""} <= set(PROBLEMS)


def test_withdrawn_questions_are_flagged_whatever_else_they_are():
    frame = pd.DataFrame({"question": [QUESTION, QUESTION], "answer": [None, ANSWER], "isWithdrawn": ["true", 1]})
    assert read(frame)["problem"].tolist() == ["withdrawn", "withdrawn"]


def test_second_row_with_an_id_is_flagged_and_kept():
    frame = pd.DataFrame({"id": [7, 7, 8], "question": [QUESTION] * 3, "answer": [ANSWER] * 3})
    assert read(frame)[["id", "problem"]].values.tolist() == [["7", ""], ["7", "duplicate_id"], ["8", ""]]


def test_a_table_that_was_read_reads_the_same_again():
    frame = pd.DataFrame({"question": [QUESTION] * 3, "answer": [ANSWER, "", "<p>It is <5 &amp; falling.</p>"]})
    once = read(frame)
    pd.testing.assert_frame_equal(read(once), once)


def test_problems_survive_a_second_reading():
    cut = "x y " * 63 + "end..."
    once = read([(QUESTION, "<div>" * 3000 + ANSWER), (QUESTION, cut)])
    assert read(once)["problem"].tolist() == ["unreadable", "truncated"]
    gone = read(pd.DataFrame({"question": [QUESTION] * 2, "answer": [None, ANSWER], "withdrawn": [True, True]}))
    assert read(gone)["problem"].tolist() == ["withdrawn", "withdrawn"]


@pytest.mark.parametrize(
    "names",
    [
        ("question", "answer"),
        ("questionText", "answerText"),
        ("Question Text", "Answer Text"),
        ("question_text", "answer_html"),
        ("QUESTION", "Reply"),
        ("q", "a"),
    ],
)
def test_usual_column_names_are_found(names):
    frame = read(pd.DataFrame([[QUESTION, ANSWER]], columns=list(names)))
    assert frame.loc[0, ["question", "answer"]].tolist() == [QUESTION, ANSWER]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-05-07T00:00:00", "2024-05-07"),
        ("2024-05-07", "2024-05-07"),
        ("07/05/2024", "2024-05-07"),
        ("7 May 2024", "2024-05-07"),
        (pd.Timestamp("2024-05-07"), "2024-05-07"),
        ("2024-13-45", None),
        ("99/99/9999", None),
        # without a year a parser would put in today's
        ("10", None),
        ("soon", None),
        ("", None),
        (pd.NaT, None),
    ],
)
def test_dates_become_iso_or_missing(given, expected):
    frame = read(
        pd.DataFrame({"question": [QUESTION], "answer": [ANSWER], "answered": pd.Series([given], dtype=object)})
    )
    got = frame["answered"].iloc[0]
    assert got == expected if expected else pd.isna(got)


@pytest.mark.parametrize(
    "answer",
    [
        "It has not proved possible to reply about the eels before Prorogation.",
        "It has not been possible to answer within the usual time period.",
    ],
)
def test_holding_replies_are_marked(answer):
    assert read([(QUESTION, answer)])["is_holding"].tolist() == [True]


@pytest.mark.parametrize(
    "cells",
    [
        {"question": [1, 2.5], "answer": [True, 7]},
        {"question": [b"To ask why", b"\xff\xfe"], "answer": [b"Because", None]},
        {"question": [["a"], {"b": 1}], "answer": [np.array([1, 2]), ("c",)]},
        {"question": [pd.NA, None], "answer": [pd.NaT, float("nan")], "id": [pd.NA, np.float32("nan")]},
        {"question": ["half \ud800", "\udfff"], "answer": ["\ud800", "x"], "department": ["\ud800", "\x1b[31mred"]},
        {"question": ["To ask", "To ask"], "answer": ["yes", "no"], "withdrawn": [[1], np.array([1, 2])]},
        {"question": pd.Categorical(["a", "b"]), "answer": pd.Categorical(["a", "b"])},
    ],
)
def test_odd_cells_become_text_and_can_be_written(cells, tmp_path):
    frame = read(pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()}))
    assert len(frame) == 2
    assert not frame[["id", "question", "answer"]].isna().any(axis=None)
    frame.to_parquet(tmp_path / "out.parquet")
    assert "\x1b" not in "".join(frame["department"].fillna(""))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.DataFrame(), "no rows"),
        (pd.DataFrame({"question": [], "answer": []}), "no rows"),
        ([], "no rows"),
        (pd.DataFrame({"query": ["a"], "answer": ["b"]}), "no column for the question.*Columns found: query, answer"),
        (pd.DataFrame({"question": ["a"], "text": ["b"]}), "no column for the answer"),
        ([("a", "b", "c")], "Item 1"),
        ([("a", "b"), "c"], "Item 2"),
        ([{"question": "a"}, ("a", "b")], "Item 1"),
        ({"question": ["a"], "answer": ["b"]}, "dictionary"),
        (None, "NoneType"),
        (5, "int"),
        (b"abc", "bytes"),
    ],
)
def test_tables_that_cannot_be_read_say_what_to_do(source, message):
    with pytest.raises(ReadError, match=message):
        read(source)


def test_batches_hold_the_same_rows_as_one_reading():
    pairs = [(QUESTION, f"{ANSWER} {k}") for k in range(25)]
    whole = read(pairs)
    batches = list(read_batches(pairs, batch_size=10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), whole)
    assert whole["id"].tolist() == [str(k) for k in range(1, 26)]


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), min_size=1, max_size=5))
def test_any_pairs_of_texts_can_be_read(pairs):
    frame = read(pairs)
    assert len(frame) == len(pairs)
    assert set(frame["problem"]) <= {"", *PROBLEMS}
