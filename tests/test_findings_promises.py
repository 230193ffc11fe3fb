"""Promises: what, by when, and whether the day has passed."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from pqnlp.findings import find_promises
from pqnlp.findings.promises import PROMISES, promises_in

ON = "2025-10-20"


@pytest.mark.parametrize(
    ("sentence", "promise", "what", "by", "due_from", "due_to"),
    [
        ("We will publish the ferry review in the spring.", "publish", "the ferry review", "in the spring", "2026-03-01", "2026-05-31"),
        ("The ferry review will be published by the end of the year.", "publish", "The ferry review", "by the end of the year", ON, "2025-12-31"),
        ("I will write to the hon. Member about the ferry.", "write", "the hon. Member about the ferry", None, None, None),
        ("My officials will shortly write to the harbour master.", "write", "the harbour master", "shortly", None, None),
        ("We will set out further details in due course.", "announce", "further details", "in due course", None, None),
        ("The Department plans to consult on berths later this year.", "consult", "on berths", "later this year", ON, "2025-12-31"),
        ("The Government intends to legislate when parliamentary time allows.", "legislate", "", "when parliamentary time allows", None, None),
        ("In the coming weeks, we will respond to the harbour report.", "respond", "to the harbour report", "In the coming weeks", None, None),
        ("A decision will be taken before June 2026.", "decide", "A decision", "before June 2026", ON, "2026-05-31"),
        ("The tug scheme will be launched in autumn 2026.", "launch", "The tug scheme", "in autumn 2026", "2026-09-01", "2026-11-30"),
        ("We will update the House on dredging next month.", "update", "the House on dredging", "next month", "2025-11-01", "2025-11-30"),
        ("The port plan is due to be published this summer.", "publish", "The port plan", None, None, None),
    ],
)  # fmt: skip
def test_a_promise_is_read_with_its_days(sentence, promise, what, by, due_from, due_to):
    found = promises_in(f"Ferries matter. {sentence}", ON)
    assert [p.promise for p in found] == [promise]
    (p,) = found
    assert (p.what, p.by, p.due_from, p.due_to) == (what, by, due_from, due_to)
    assert f"Ferries matter. {sentence}"[p.start : p.end] == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "There are no plans to publish the ferry review.",
        "We do not intend to consult on berths.",
        "The Department will not publish the minutes.",
        "The review was published in the spring.",
        "The strategy will set out how ports are lit.",  # what a text holds is no promise of it
        "Some 400 sailors are expected to start by June 2026.",
        "Prisoners who are due to be released are told of it.",
        "The port welcomes plans to update the charts next year.",
        "It is not known whether the council will publish its survey.",
        "Port | Ships that will be launched in 2027 | 4",
    ],
)
def test_what_is_no_promise_is_left_out(sentence):
    assert promises_in(sentence, ON) == []


def test_without_the_day_of_answer_relative_days_stay_open():
    (p,) = promises_in("We will publish the ferry review in the spring.")
    assert (p.by, p.due_from, p.due_to) == ("in the spring", None, None)
    (p,) = promises_in("We will publish the ferry review in spring 2026.")
    assert (p.due_from, p.due_to) == ("2026-03-01", "2026-05-31")


def test_every_kind_is_in_the_table_of_verbs():
    assert set(PROMISES) == {
        "write", "publish", "respond", "consult", "legislate", "announce", "update", "decide", "review", "launch",
    }  # fmt: skip


@pytest.fixture
def answers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "department": ["Home Office"] * 4,
            "answered": [ON, ON, "2026-01-05", None],
            "question": ["To ask, when it is ready."] * 4,
            "answer": [
                "We will publish the report next month.",
                "We will publish the report in summer 2026. I will write to the hon. Member.",
                "It is ready.",
                "We will publish the report this winter.",
            ],
            "label": ["evasive"] * 4,
        }
    )


def test_due_is_judged_at_a_day(answers):
    states = {at: find_promises(answers, at=at)["state"].tolist() for at in ("2025-10-30", "2025-11-30", "2026-07-01")}
    assert states == {
        "2025-10-30": ["coming", "coming", "undated", "undated"],
        "2025-11-30": ["due", "coming", "undated", "undated"],
        "2026-07-01": ["overdue", "due", "undated", "undated"],
    }
    assert find_promises(answers, at=date(2026, 7, 1))["state"].tolist() == states["2026-07-01"]


def test_without_a_day_the_last_answer_of_the_table_is_now(answers):
    found = find_promises(answers)
    assert found.attrs["at"] == "2026-01-05"
    assert found["state"].tolist()[0] == "overdue"


def test_a_bad_day_is_named(answers):
    with pytest.raises(ValueError, match="at is '1 July': give a day as YYYY-MM-DD"):
        find_promises(answers, at="1 July")
