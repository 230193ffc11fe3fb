"""Departments: names, offices, self-references, their day and their heirs."""

import pytest
import spacy

from pqnlp.entities import mentions
from pqnlp.entities.departments import resolve_department, successors
from pqnlp.registry import read_json

ROWS = read_json("departments.json")
NEW_MHCLG = "ministry-of-housing-communities-local-government"
OLD_MHCLG = "ministry-of-housing-communities-and-local-government"
DLUHC = "department-for-levelling-up-housing-and-communities"
DCLG = "department-for-communities-and-local-government"


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_departments")
    return nlp


def tagged(nlp, text, *, department="", date="", question=""):
    doc = nlp.make_doc(text)
    doc._.pqnlp_department, doc._.pqnlp_date, doc._.pqnlp_question = department, date, question
    return mentions(nlp(doc))


@pytest.mark.parametrize("row", ROWS, ids=[r["id"] for r in ROWS])
def test_every_department_is_found_in_its_example(nlp, row):
    day = row["end"] or "2026-01-15"
    ids = {m["id"] for m in tagged(nlp, row["examples"][0], date=day)}
    assert row["id"] in ids


def test_the_registry_is_whole():
    known = {row["id"] for row in ROWS}
    assert len(known) == len(ROWS)
    for row in ROWS:
        assert row["source"] and row["kind"] in ("ministerial", "non-ministerial", "devolved")
        assert (row["start"] or "") <= (row["end"] or "9999")
        assert set(row["successors"]) <= known
        assert not (row["successors"] and row["end"] is None), "a department with heirs has an end"


@pytest.mark.parametrize(
    ("name", "date", "slug"),
    [
        ("Treasury", None, "hm-treasury"),
        ("HM Treasury", None, "hm-treasury"),
        ("Department of Health and Social Care", None, "department-of-health-and-social-care"),
        ("Department for Environment, Food & Rural Affairs", None, "department-for-environment-food-rural-affairs"),
        ("Women and Equalities", "2025-03-01", "office-for-equality-and-opportunity"),
        ("Leader of the House", None, "the-office-of-the-leader-of-the-house-of-commons"),
        ("Church Commissioners", None, None),
        ("To ask the Secretary of State for the Home Department, how many were sent.", None, "home-office"),
        ("To ask Mr Chancellor of the Exchequer, what he spent.", None, "hm-treasury"),
        ("To ask the Secretary of State, when he will reply.", None, None),
        ("To ask the Member for Bath, representing the Church Commissioners, what they own.", None, None),
        # one name, four bodies in turn: the department of the day
        ("DCLG", "2017-06-01", DCLG),
        ("DCLG", "2019-06-01", OLD_MHCLG),
        ("DCLG", "2022-06-01", DLUHC),
        ("DCLG", "2025-06-01", NEW_MHCLG),
        ("MHCLG", "2019-06-01", OLD_MHCLG),
        ("MHCLG", "2022-06-01", DLUHC),
        ("MHCLG", "2025-06-01", NEW_MHCLG),
        ("DLUHC", "2025-06-01", NEW_MHCLG),
        ("DLUHC", "2024-07-08", DLUHC),
        ("DFID", "2021-01-01", "foreign-commonwealth-development-office"),
        ("DCMS", "2016-01-01", "department-for-culture-media-sport"),
        ("DCMS", "2020-01-01", "department-for-digital-culture-media-sport"),
        ("DCMS", "2024-01-01", "department-for-culture-media-and-sport"),
        # its work went to three departments: none of them is the department of the day
        ("BEIS", "2024-01-01", "department-for-business-energy-and-industrial-strategy"),
        ("", None, None),
    ],
)
def test_resolve_department(name, date, slug):
    assert resolve_department(name, date) == slug


def test_heirs_of_a_split_department_are_all_named():
    assert successors("department-for-business-energy-and-industrial-strategy", "2024-01-01") == [
        "department-for-business-and-trade",
        "department-for-energy-security-and-net-zero",
        "department-for-science-innovation-and-technology",
    ]
    assert successors("home-office", "2024-01-01") == ["home-office"]


def test_self_references_link_to_the_answering_department(nlp):
    rows = tagged(nlp, "The Department and my Department agree.", department="Department for Transport")
    assert [(m["text"], m["id"]) for m in rows] == [
        ("Department", "department-for-transport"),
        ("my Department", "department-for-transport"),
    ]


def test_self_references_fall_back_to_the_question(nlp):
    text = "To ask the Secretary of State for Education, what her Department spent."
    assert [(m["text"], m["id"]) for m in tagged(nlp, text)] == [
        ("Secretary of State for Education", "department-for-education"),
        ("her Department", "department-for-education"),
    ]
    assert tagged(nlp, "The Department spent nothing.", question=text)[0]["id"] == "department-for-education"


def test_self_references_can_stay_unlinked():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_departments", config={"link_self_references": False})
    rows = tagged(nlp, "The Department agreed with the Home Office.", department="Department for Transport")
    assert [(m["text"], m["id"]) for m in rows] == [("Department", None), ("Home Office", "home-office")]


def test_a_former_department_names_its_successor(nlp):
    doc = nlp.make_doc("a paper by BEIS")
    doc._.pqnlp_date = "2022-05-01"
    (ent,) = nlp(doc).ents
    assert ent.kb_id_ == "department-for-business-energy-and-industrial-strategy"
    assert "department-for-business-and-trade" in ent._.pqnlp_successor.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a department store in the emergency department", []),
        ("the US Treasury and other government departments", []),
        ("The Scottish and Welsh Governments agreed.", ["Scottish and Welsh Governments"]),
        ("the Secretary of State for Magic and Owls", ["Secretary of State for Magic and Owls"]),
        ("Home Officers met", []),
        ("the Department's plan", ["Department"]),
    ],
)
def test_what_is_marked(nlp, text, expected):
    assert [m["text"] for m in tagged(nlp, text)] == expected
