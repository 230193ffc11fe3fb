"""Referrals lead where a reader would go: by number and day, to the end of the chain."""

from __future__ import annotations

import pandas as pd
import pytest

from pqnlp.findings import resolve_referrals
from pqnlp.findings.referrals import find_citations

ON = "2025-02-03"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            "I refer the hon. Member to the answer given on 20 January 2025 to Question 125287.",
            [("125287", "2025-01-20")],
        ),
        ("I refer my hon. Friend to the answer I gave on 20 December to PQ4411.", [("4411", "2024-12-20")]),
        ("I refer the noble Lord to my reply to HL 2044.", [("HL2044", None)]),
        (
            "I refer her to the answers I gave on 3 and 9 January 2025 to Questions 7100 and 7244 respectively.",
            [("7100", "2025-01-03"), ("7244", "2025-01-09")],
        ),
        (
            "I refer him to the answers given to Question UIN 88 on 2 January 2025, and UIN 9001 on 8 January 2025.",
            [("88", "2025-01-02"), ("9001", "2025-01-08")],
        ),
        ("I refer the hon. Member to the answer of 12 May 2024, Official Report, PQ 49752.", [("49752", "2024-05-12")]),
        ("I refer the hon. Member to my answer of 12 May 2024 (49752).", [("49752", "2024-05-12")]),
        ("Please see the response to UIN 32144. Ferries are inspected yearly.", [("32144", None)]),
        ("I have nothing further to add to my answer to Questions 61, 620 and 6200.", [(n, None) for n in ("61", "620", "6200")]),
        ("As set out in the answer to Question 5150 on 4 January 2025, the pier is safe.", [("5150", "2025-01-04")]),
        ("I refer the hon. Member to the answer I gave on 14 January 2025.", [(None, "2025-01-14")]),
        # No earlier answer to a question.
        ("I refer the hon. Member to the Written Statement of 21 November 2024 (HCWS244).", []),
        ("Offenders refer themselves to the service. In 2024 it answered 1200 calls.", []),
        ("Figures in the table refer to 2023, and the answer is 4,500.", []),
        ("I refer him to the answers given at oral questions on 3 March 2024.", []),
        ("", []),
    ],
)  # fmt: skip
def test_citations_are_read_with_their_days(answer, expected):
    assert [(c.uin, c.day) for c in find_citations(answer, ON)] == expected


def test_a_link_tells_the_day_of_tabling_and_is_not_counted_twice():
    answer = (
        "I refer the hon. Member to the answer given to Question UIN 88511 (https://questions-statements.parliament.uk/"
        "written-questions/detail/2025-01-06/88511) on 14 January 2025."
    )
    (found,) = find_citations(answer, ON)
    assert (found.uin, found.day, found.tabled) == ("88511", "2025-01-14", "2025-01-06")
    assert answer[found.start : found.end] == "88511"


def test_a_link_wrapped_by_a_mail_filter_is_read():
    answer = (
        "I refer the hon. Member to my previous answer (https://mail.example/?url=https%3A%2F%2Fquestions-statements.parliament.uk"
        "%2Fwritten-questions%2Fdetail%2F2025-01-06%2F88511&data=05)."
    )
    assert [(c.uin, c.tabled) for c in find_citations(answer, ON)] == [("88511", "2025-01-06")]


def corpus(*rows: tuple) -> pd.DataFrame:
    """Return a scored table of (id, uin, tabled, answered, answer[, question])."""
    return pd.DataFrame(
        [
            {
                "id": row[0], "uin": row[1], "house": "Commons", "department": "Department for Transport", "heading": None,
                "tabled": row[2], "answered": row[3], "question": row[5] if len(row) > 5 else "To ask, when the pier opens.",
                "answer": row[4], "is_holding": False, "problem": "", "label": "direct" if "refer" in row[4] else "evasive",
                "reason": "referral" if "refer" in row[4] else "deferred",
            }
            for row in rows
        ]
    )  # fmt: skip


def refer(number, day="") -> str:
    return f"I refer the hon. Member to the answer given {f'on {day} ' if day else ''}to Question {number}."


def test_a_chain_is_followed_to_its_end():
    found = resolve_referrals(
        corpus(
            ("a", "30", "2025-03-01", "2025-03-05", refer(20, "10 February 2025")),
            ("b", "20", "2025-02-01", "2025-02-10", refer(10, "9 January 2025")),
            ("c", "10", "2025-01-01", "2025-01-09", "The pier opens in due course."),
        )
    ).set_index("id")
    first = found.loc["a"]
    assert (first["status"], first["path"], first["steps"]) == ("reached", ["a", "b", "c"], 2)
    assert (first["cited_id"], first["end_id"], first["end_label"], first["end_reason"]) == (
        "b",
        "c",
        "evasive",
        "deferred",
    )
    assert first["agrees"]
    assert first["whole"]


def test_an_answer_that_says_something_itself_ends_the_chain():
    found = resolve_referrals(
        corpus(
            ("a", "30", "2025-03-01", "2025-03-05", refer(20)),
            ("b", "20", "2025-02-01", "2025-02-10", "The pier is closed while its deck is laid anew, and opens again when that is done. " + refer(10)),
            ("c", "10", "2025-01-01", "2025-01-09", "It opens in May."),
        )
    ).set_index("id")  # fmt: skip
    assert found.loc["a", "path"] == ["a", "b"]


def test_loops_and_dead_ends_are_marked():
    found = resolve_referrals(
        corpus(
            ("a", "30", "2025-03-01", "2025-03-05", refer(31)),
            ("b", "31", "2025-03-01", "2025-03-05", refer(30)),
            ("c", "40", "2025-03-01", "2025-03-05", refer(99)),
            ("d", "41", "2025-03-01", "2025-03-05", refer(40)),
            ("e", "42", "2025-03-01", "2025-03-05", refer(42)),
            ("f", "43", "2025-03-01", "2025-03-05", "I refer the hon. Member to the answer I gave on 14 January 2025."),
        )
    ).set_index("id")
    assert found["status"].to_dict() == {
        "a": "loop", "b": "loop", "c": "not_in_corpus", "d": "not_in_corpus", "e": "loop", "f": "unnumbered",
    }  # fmt: skip
    assert found.loc["d", "end_id"] == "c"
    assert pd.isna(found.loc["c", "end_id"])


def test_a_number_given_out_again_is_told_apart_by_the_day():
    both = [
        ("old", "500", "2024-01-08", "2024-01-15", "It opens in May."),
        ("new", "500", "2024-09-02", "2024-09-09", "It opens in June."),
    ]
    rows = [
        ("a", "900", "2024-02-01", "2024-02-08", refer(500, "15 January 2024")),
        ("b", "1900", "2024-10-01", "2024-10-08", refer(500)),
        ("c", "901", "2024-02-01", "2024-02-08", refer(500)),
    ]
    found = resolve_referrals(corpus(*both, *rows)).set_index("id")
    assert found["cited_id"].to_dict() == {"a": "old", "b": "new", "c": "old"}


def test_two_answers_that_fit_alike_are_not_chosen_between():
    found = resolve_referrals(
        corpus(
            ("x", "500", None, None, "It opens in May."),
            ("y", "500", None, None, "It opens in June."),
            ("a", "900", None, None, refer(500)),
        )
    ).set_index("id")
    assert found.loc["a", "status"] == "ambiguous"


def test_my_previous_answer_is_the_one_that_the_question_cites():
    question = "To ask the Secretary of State for Transport, pursuant to the Answer of 9 January 2025 to Question 10 on Piers, when it opens."
    found = resolve_referrals(
        corpus(
            ("a", "30", "2025-03-01", "2025-03-05", "I refer the hon. Member to my previous answer.", question),
            ("c", "10", "2025-01-01", "2025-01-09", "It opens in May."),
        )
    ).set_index("id")
    assert found.loc["a", "end_id"] == "c"


def test_several_earlier_answers_get_a_row_each():
    found = resolve_referrals(
        corpus(
            ("a", "30", "2025-03-01", "2025-03-05", "I refer him to the answers to Questions 10, 11 and 12."),
            ("c", "10", "2025-01-01", "2025-01-09", "It opens in May."),
            ("d", "12", "2025-01-01", "2025-01-09", "It opens in June."),
        )
    )
    assert found["cited_uin"].tolist() == ["10", "11", "12"]
    assert found["end_id"].fillna("").tolist() == ["c", "", "d"]


def test_a_table_without_referrals_gives_no_rows_and_all_columns():
    found = resolve_referrals(corpus(("c", "10", "2025-01-01", "2025-01-09", "It opens in May.")))
    assert found.empty
    assert {"path", "status", "end_label"} <= set(found.columns)
