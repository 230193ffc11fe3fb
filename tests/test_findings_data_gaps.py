"""Data gaps: what was asked for, where and when, and why there is no figure."""

from __future__ import annotations

import pandas as pd
import pytest

from pqnlp.findings import count_data_gaps, find_data_gaps
from pqnlp.findings.data_gaps import gaps_in


@pytest.mark.parametrize(
    ("answer", "gap"),
    [
        ("The information requested is not held centrally.", "not_held"),
        ("My Department does not hold data on lost kites.", "not_held"),
        ("Figures on lost kites are not available.", "not_held"),
        ("It is not possible to separate kites from balloons.", "not_held"),
        ("Data on kites does not form part of official statistics.", "not_held"),
        ("The Department does not collect information on kites.", "not_collected"),
        ("Data on kites is not recorded by the coastguard.", "not_collected"),
        ("It could be provided only at disproportionate cost.", "cost"),
        ("This is not held centrally and could be obtained only at disproportionate cost.", "cost"),
        ("A manual search of all records would be required, at a cost to the taxpayer.", "cost"),
    ],
)
def test_sentences_that_say_why_there_is_no_figure(answer, gap):
    assert [g.gap for g in gaps_in(f"Kites are popular. {answer}")] == [gap]


@pytest.mark.parametrize(
    "answer",
    [
        "We do not hold a position on kites.",
        "Ministers are not held to account for kites.",
        "I am not in a position to comment on data about kites.",
        "The data on kites is not yet available.",
        "There were 412 kites lost in 2024.",
        "The council will not collect waste on Monday.",
        "Previous governments did not have data on kites.",
        "",
    ],
)
def test_sentences_that_say_something_else(answer):
    assert gaps_in(answer) == []


def corpus(*rows: tuple) -> pd.DataFrame:
    """Return a scored table of (question, answer)."""
    return pd.DataFrame(
        [
            {"id": str(k), "department": "Home Office", "answered": "2025-06-02", "question": q, "answer": a, "label": "evasive"}
            for k, (q, a) in enumerate(rows, 1)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "measure", "places", "period", "days"),
    [
        (
            "how many kites were lost in Leeds constituency in 2024",
            "number of kites were lost", ["Leeds constituency"], "2024", ("2024-01-01", "2024-12-31"),
        ),
        (
            "how much was spent on kites in each local authority in each of the last two financial years",
            "amount was spent on kites", ["each local authority"], "in each of the last two financial years", ("2023-04-01", "2025-03-31"),
        ),
        (
            "what information her Department holds on the number of kites lost in England and Wales",
            "number of kites lost", ["England and Wales"], None, (None, None),
        ),
        (
            "what estimate he has made of the cost of kites (a) sold and (b) lost in (i) 2022 and (ii) 2023",
            "cost of kites sold and lost", [], "2022 and (ii) 2023", ("2022-01-01", "2023-12-31"),
        ),
        (
            "how many kites were seized under the Kite Safety Act 1996 by region",
            "number of kites were seized under the Kite Safety Act 1996", ["each region"], None, (None, None),
        ),
        ("what the average price of a kite is", "average price of a kite is", [], None, (None, None)),
    ],
)  # fmt: skip
def test_measure_place_and_period_are_told_apart(ask, measure, places, period, days):
    found = find_data_gaps(
        corpus((f"To ask the Secretary of State for the Home Department, {ask}.", "The information is not held."))
    )
    (row,) = found.to_dict("records")
    assert row["measure"] == measure
    assert row["places"] == places
    assert (row["period"] if isinstance(row["period"], str) else None) == period
    assert tuple(v if isinstance(v, str) else None for v in (row["period_from"], row["period_to"])) == days


def test_the_ask_is_the_one_that_the_sentence_is_about():
    question = "To ask the Secretary of State for the Home Department, how many kites were sold in 2024; how many balloons burst; and if she will ban balloons."
    answer = "In 2024 4,000 kites were sold. My Department does not collect data on balloons that burst. We have no plans to ban them."
    (row,) = find_data_gaps(corpus((question, answer))).to_dict("records")
    assert (row["measure"], row["gap"]) == ("number of balloons burst", "not_collected")
    assert question[row["ask_start"] : row["ask_end"]] == row["ask"] == "how many balloons burst"
    assert answer[row["start"] : row["end"]] == row["sentence"]


def test_information_requested_means_every_ask_for_data():
    question = (
        "To ask the Secretary of State for the Home Department, how many kites were sold; and how much balloons cost."
    )
    found = find_data_gaps(corpus((question, "The information requested is not held.")))
    assert found["kind"].tolist() == ["how_many", "how_much"]


def test_questions_for_no_data_have_no_gap():
    question = "To ask the Secretary of State for the Home Department, what steps she is taking to make kites safe."
    assert find_data_gaps(corpus((question, "Data on kites is not held centrally."))).empty


def test_like_measures_are_counted_together():
    start = "To ask the Secretary of State for the Home Department, "
    gaps = find_data_gaps(
        corpus(
            (f"{start}how many box kites were confiscated by wardens in Kent constituency.", "This information is not held."),
            (f"{start}how many box kites wardens confiscated in Essex constituency in 2024.", "The data is not collected."),
            (f"{start}what the cost of the harbour lantern is.", "That figure is available only at disproportionate cost."),
        )
    )  # fmt: skip
    counted = count_data_gaps(gaps)
    assert counted["asked"].tolist() == [2, 1]
    first = counted.iloc[0]
    assert (first["not_held"], first["not_collected"], first["cost"]) == (1, 1, 0)
    assert first["places"] == ["Kent constituency", "Essex constituency"]
    assert first["ids"] == ["1", "2"]


def test_no_gaps_give_an_empty_table_with_columns():
    gaps = find_data_gaps(corpus(("To ask, how many kites there are.", "There are 412.")))
    assert gaps.empty
    assert {"measure", "topic"} <= set(gaps.columns)
    assert count_data_gaps(gaps).empty
