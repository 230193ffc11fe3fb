"""Policy lines are what several answers say in nearly the same words; grouped answers are one answer."""

from __future__ import annotations

import pandas as pd
import pytest

from pqnlp.findings import find_line_uses, find_policy_lines, stock_shares

LINE = "The Government is building a network of covered bandstands so that every seaside town can hear brass music."
NEARLY = (
    "The Government is building a network of covered bandstands, so that every seaside town can hear good brass music."
)
OWN = (
    "Attendance at the Whitby bandstand rose to 4,200 last summer, the most since records began there.",
    "A survey of the Cromer bandstand found that its roof needs new slates before winter.",
    "The Skegness bandstand is leased to the district council until a date in the next decade.",
    "No bandstand has been proposed for Hunstanton, where the promenade is too narrow to hold one.",
)


def corpus(*rows: tuple) -> pd.DataFrame:
    """Return a scored table of (id, department, answered, answer, label)."""
    return pd.DataFrame(
        [
            {"id": i, "department": d, "answered": day, "question": f"To ask, what is done in {i}.", "answer": a, "label": label}
            for i, d, day, a, label in rows
        ]
    )  # fmt: skip


@pytest.fixture
def answers() -> pd.DataFrame:
    return corpus(
        ("1", "Department for Culture, Media and Sport", "2025-01-10", f"{OWN[0]} {LINE}", "direct"),
        ("2", "Department for Culture, Media and Sport", "2025-03-02", LINE, "policy_restating"),
        ("3", "Home Office", "2025-02-01", f"{OWN[1]}\n{NEARLY}", "direct"),
        ("4", "Home Office", "2025-02-01", f"{OWN[1]}\n{NEARLY}", "direct"),  # grouped with 3
        ("5", "Home Office", None, OWN[2], "evasive"),
    )


def test_a_line_is_listed_with_its_first_use_departments_and_months(answers):
    (line,) = find_policy_lines(answers).to_dict("records")
    assert line["text"] in (LINE, NEARLY)
    assert (line["uses"], line["answers"], line["wordings"]) == (3, 4, 2)
    assert line["departments"] == ["Department for Culture, Media and Sport", "Home Office"]
    assert (line["first_id"], line["first_answered"], line["last_answered"]) == ("1", "2025-01-10", "2025-03-02")
    assert line["months"] == ["2025-01", "2025-02", "2025-03"]
    assert (line["direct"], line["policy_restating"], line["evasive"]) == (3, 1, 0)
    assert line["ids"] == ["1", "2", "3", "4"]


def test_word_for_word_only_on_demand(answers):
    assert find_policy_lines(answers, threshold=1.0).empty
    assert find_policy_lines(answers, threshold=1.0, min_uses=2)["uses"].tolist() == [2]


def test_grouped_answers_are_one_use():
    grouped = corpus(*[(str(k), "Home Office", "2025-02-01", LINE, "direct") for k in range(6)])
    assert find_policy_lines(grouped, min_uses=2).empty
    later = corpus(*[(str(k), "Home Office", f"2025-02-0{k + 1}", LINE, "direct") for k in range(3)])
    assert find_policy_lines(later)["uses"].tolist() == [3]


def test_stock_share_is_the_part_of_the_words_that_lines_make_up(answers):
    shares = stock_shares(answers).set_index("id")
    assert shares.loc["2", "stock_share"] == 1
    assert shares.loc["5", "stock_share"] == 0
    assert shares.loc["1", "stock_share"] == pytest.approx(18 / (18 + 16), abs=0.03)
    assert shares.loc["3", "lines"] == [1]


def test_uses_found_once_serve_both(answers):
    uses = find_line_uses(answers)
    assert [answers.set_index("id").loc[i, "answer"][a:b] for i, a, b in uses[["id", "start", "end"]].values] == uses[
        "text"
    ].tolist()
    assert find_policy_lines(answers, uses=uses).equals(find_policy_lines(answers))
    assert stock_shares(answers, uses=uses).equals(stock_shares(answers))


def test_short_sentences_links_and_rows_of_tables_are_no_lines():
    link = "It is at https://www.example.org/a/very/long/address/of/a/page/that/many/answers/name-and-give/again"
    row = "Town | Bandstands built in 2023 | Bandstands built in 2024 | Bandstands built in all years"
    rows = corpus(
        *[(str(k), "Home Office", f"2025-02-0{k + 1}", f"I agree.\n{link}\n{row}", "direct") for k in range(4)]
    )
    assert find_policy_lines(rows).empty


def test_paragraphs_are_compared_whole():
    paragraph = f"{LINE} {OWN[3]}"
    rows = corpus(*[(str(k), "Home Office", f"2025-02-0{k + 1}", f"{OWN[k]}\n{paragraph}", "direct") for k in range(3)])
    assert find_policy_lines(rows, unit="paragraph")["text"].tolist() == [paragraph]
    assert len(find_policy_lines(rows)) == 2
    with pytest.raises(ValueError, match="sentence"):
        find_policy_lines(rows, unit="word")


def test_no_lines_give_an_empty_table_with_columns():
    rows = corpus(("1", "Home Office", None, "", "direct"), ("2", "Home Office", None, OWN[0], "direct"))
    assert find_policy_lines(rows).empty
    assert "months" in find_policy_lines(rows).columns
    shares = stock_shares(rows)["stock_share"]
    assert pd.isna(shares[0])
    assert shares[1] == 0
