"""Like questions with answers of different kinds are found; like answers and holding replies are not taken for them."""

from __future__ import annotations

import pandas as pd
import pytest

from pqnlp.findings import find_inconsistencies

TO = {
    "Home Office": "To ask the Secretary of State for the Home Department, how much her Department spent on office plants in 2024.",
    "Department for Transport": "To ask the Secretary of State for Transport, how much their Department spent on office plants in 2024.",
    "Wales Office": "To ask the Secretary of State for Wales, how much the Department spent on office plants in 2024.",
}
FIGURE = "The Home Office spent £1,204 on plants for its offices in that year."
REFUSED = "This could be found only by asking each team, which would incur disproportionate cost."


def corpus(*rows: tuple, **more) -> pd.DataFrame:
    """Return a scored table of (id, department, answered, question, answer, label, probability of it)."""
    frame = pd.DataFrame(rows, columns=["id", "department", "answered", "question", "answer", "label", "p"])
    for label in ("direct", "evasive", "policy_restating"):
        frame[f"p_{label}"] = frame["p"].where(frame["label"].eq(label), (1 - frame["p"]) / 2)
    return frame.drop(columns="p").assign(**more)


def pair(**changed) -> pd.DataFrame:
    other = {
        "department": "Department for Transport",
        "answered": "2025-02-03",
        "answer": REFUSED,
        "label": "evasive",
        "p": 0.95,
    }
    other |= changed
    question = other.get("question", TO.get(other["department"]))
    return corpus(
        ("1", "Home Office", "2025-02-03", TO["Home Office"], FIGURE, "direct", 0.9),
        ("2", other["department"], other["answered"], question, other["answer"], other["label"], other["p"]),
    )


def test_one_question_to_two_departments_with_answers_of_two_kinds():
    (row,) = find_inconsistencies(pair()).to_dict("records")
    assert (row["n"], row["ids"], row["labels"]) == (2, ["1", "2"], ["direct", "evasive"])
    assert (row["differs"], row["a_id"], row["b_id"]) == ("departments", "1", "2")
    assert row["contrast"] == pytest.approx(1 - (0.9 * 0.025 + 0.05 * 0.95 + 0.05 * 0.025), abs=1e-4)
    assert row["question"] == TO["Home Office"]


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"department": "Home Office", "answered": "2025-05-06"}, "dates"),
        ({"answered": "2025-05-06"}, "both"),
        ({"department": "Home Office"}, "same_day"),
        ({"department": "Home Office", "answered": None}, "unknown"),
    ],
)
def test_what_the_answers_differ_in_is_told(changed, differs):
    assert find_inconsistencies(pair(**changed))["differs"].tolist() == [differs]


@pytest.mark.parametrize(
    "changed",
    [
        {"label": "direct"},
        {"answer": FIGURE.replace("Home Office", "Department")},  # the same answer: the model wavers, not the minister
        {"p": 0.4, "label": "evasive", "answer": "It spent little on plants for offices."},
        {"question": TO["Department for Transport"].replace("2024", "2023")},
        {"question": TO["Department for Transport"].replace("office plants", "Whitby plants")},
        {"answer": "I refer the hon. Member to the answer given on 3 February 2025 to Question 1."},
    ],
)
def test_what_is_no_inconsistency(changed):
    assert find_inconsistencies(pair(**changed), min_contrast=0.7).empty


def test_holding_replies_are_left_out():
    assert find_inconsistencies(
        pair(answer="It has not proved possible to answer in time.").assign(
            is_holding=[False, True], uin=None, house=None, heading=None, tabled=None, problem=""
        )
    ).empty


def test_a_table_without_probabilities_goes_by_its_labels():
    found = find_inconsistencies(pair().drop(columns=["p_direct", "p_evasive", "p_policy_restating"]))
    assert found["contrast"].tolist() == [1.0]
