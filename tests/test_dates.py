"""Dates and periods: what is marked, where it starts and ends, and which days it means."""

import pytest
import spacy

from pqnlp.entities import mentions
from pqnlp.entities.dates import find_dates

ON = "2025-11-20"


def found(text, on=ON):
    return [(text[m.start : m.end], m.first, m.last) for m in find_dates(text, on)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # calendar dates
        ("The centre opened on 4 July 2024.", ("4 July 2024", "2024-07-04", "2024-07-04")),
        ("a letter of the 9th of May 2023", ("9th of May 2023", "2023-05-09", "2023-05-09")),
        ("seen on 03/02/2024 by staff", ("03/02/2024", "2024-02-03", "2024-02-03")),
        ("between 4 and 8 July 2024", ("4 and 8 July 2024", "2024-07-04", "2024-07-08")),
        # months, also short ones in table heads and in capitals
        ("published in March 2025", ("March 2025", "2025-03-01", "2025-03-31")),
        ("Area | Oct-24 | total", ("Oct-24", "2024-10-01", "2024-10-31")),
        ("| APRIL'25 |", ("APRIL'25", "2025-04-01", "2025-04-30")),
        ("January to March 2024", ("January to March 2024", "2024-01-01", "2024-03-31")),
        ("October and November 2025", ("October and November 2025", "2025-10-01", "2025-11-30")),
        # a yearless date lies in the past unless the words look ahead
        ("On 12 June we met the board.", ("12 June", "2025-06-12", "2025-06-12")),
        ("The scheme will open in March.", ("March", "2026-03-01", "2026-03-31")),
        ("made in July this year", ("July this year", "2025-07-01", "2025-07-31")),
        ("last October", ("last October", "2025-10-01", "2025-10-31")),
        # quarters, seasons
        ("in Q1 2024", ("Q1 2024", "2024-01-01", "2024-03-31")),
        ("in Q1 2024-25", ("Q1 2024-25", "2024-04-01", "2024-06-30")),
        ("the summer of 2023", ("summer of 2023", "2023-06-01", "2023-08-31")),
        ("in autumn 2024", ("autumn 2024", "2024-09-01", "2024-11-30")),
        # financial, academic and tax years
        ("spent in 2023-24", ("2023-24", "2023-04-01", "2024-03-31")),
        ("in FY 25/26", ("FY 25/26", "2025-04-01", "2026-03-31")),
        ("the 2022/23 academic year", ("2022/23 academic year", "2022-09-01", "2023-08-31")),
        ("the 2024-25 tax year", ("2024-25 tax year", "2024-04-06", "2025-04-05")),
        ("the end of the 2022-23 financial year", ("end of the 2022-23 financial year", "2022-04-01", "2023-03-31")),
        ("2024-25 to 2026-27", ("2024-25 to 2026-27", "2024-04-01", "2027-03-31")),
        ("from 2019 to 2023", ("2019 to 2023", "2019-01-01", "2023-12-31")),
        ("between 2020 and 2024", ("between 2020 and 2024", "2020-01-01", "2024-12-31")),
        ("the year ending March 2024", ("year ending March 2024", "2023-04-01", "2024-03-31")),
        ("the 12 months to June 2024", ("12 months to June 2024", "2023-07-01", "2024-06-30")),
        # periods that end on the day of reading, exactly as long as they say
        ("in each of the last five years", ("in each of the last five years", "2020-11-21", "2025-11-20")),
        ("over the past 18 months", ("past 18 months", "2024-05-21", "2025-11-20")),
        ("the last three financial years", ("last three financial years", "2022-04-01", "2025-03-31")),
        ("the last financial year for which data is available", ("last financial year", "2024-04-01", "2025-03-31")),
        ("over the next two years", ("next two years", "2025-11-20", "2027-11-19")),
        ("last month", ("last month", "2025-10-01", "2025-10-31")),
        ("this financial year", ("this financial year", "2025-04-01", "2026-03-31")),
        ("three weeks ago", ("three weeks ago", "2025-10-30", "2025-10-30")),
        # since
        ("since July 2024", ("since July 2024", "2024-07-01", ON)),
        ("each year since 2019", ("each year since 2019", "2019-01-01", ON)),
        ("each year from 2019 to 2023", ("each year from 2019 to 2023", "2019-01-01", "2023-12-31")),
        ("since the General Election", ("since the General Election", "2024-07-04", ON)),
        ("since its launch, the fund", ("since its launch", "", "")),
        ("since its establishment in 2012 to help", ("since its establishment in 2012", "2012-01-01", ON)),
        # Parliaments and sessions
        ("during this Parliament", ("this Parliament", "2024-07-09", "")),
        ("in the last Parliament", ("last Parliament", "2019-12-17", "2024-05-30")),
        ("the current session", ("current session", "2024-07-09", "")),
        ("the 2022-23 Session", ("2022-23 Session", "2022-05-10", "2023-10-26")),
        # modifiers stay in the span
        ("by the end of March 2026", ("end of March 2026", "2026-03-01", "2026-03-31")),
        ("by the end of the financial year", ("end of the financial year", "2025-04-01", "2026-03-31")),
        ("in early 2026", ("early 2026", "2026-01-01", "2026-12-31")),
        ("before the summer recess", ("summer recess", "", "")),
    ],
)
def test_a_date_has_its_span_and_its_days(text, expected):
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "He has since left the industry.",
        "They have since moved to another office.",
        "pursuant to Question 2024 on Roads",  # a question number
        "some 2,024 homes",
        "2024 people were seen",
        "a 12-week course of 30 hours per year",  # a duration and a rate
        "He may be asked again.",
        "the spring term and the winter fuel payment",
        "savings over five years",
        "£2025 a head",
        "this is so since it costs more",  # since = because
    ],
)
def test_what_is_no_date_is_not_marked(text):
    assert found(text) == []


def test_without_a_day_of_reading_relative_periods_have_no_days():
    assert found("since July 2024, and in each of the last five years", on="") == [
        ("since July 2024", "2024-07-01", ""),
        ("in each of the last five years", "", ""),
    ]


def test_29_february_of_a_common_year_does_not_stop_the_text():
    assert found("on 29 February 2023 and on 1 March 2023")[-1] == ("1 March 2023", "2023-03-01", "2023-03-01")


def test_component_reads_the_day_from_the_doc_and_gives_iso_days():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_dates")
    doc = nlp.make_doc("How many were sold last month?")
    doc._.pqnlp_date = "2025-03-31"
    (row,) = mentions(nlp(doc))
    assert (row["text"], row["from"], row["to"]) == ("last month", "2025-02-01", "2025-02-28")


def test_a_date_in_an_address_is_left_alone():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_dates")
    doc = nlp("See https://www.gov.uk/report-2023-24 and www.gov.uk/2024 for 2025.")
    assert [ent.text for ent in doc.ents] == ["2025"]
