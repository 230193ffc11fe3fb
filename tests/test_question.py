import pytest

from pqnlp.codebook import ASK_KINDS
from pqnlp.question import parse_question

TO = "To ask the Secretary of State for Transport, "


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        (TO + "how many buses ran late in 2024.", [("how_many", "how many buses ran late in 2024")]),
        # Limbs take the kind of their stem; a tail that they share goes to the last.
        (
            TO + "how much was spent on (a) fuel, (b) repairs and (c) tyres in each of the last two years.",
            [
                ("how_much", "(a) fuel"),
                ("how_much", "(b) repairs"),
                ("how_much", "(c) tyres in each of the last two years"),
            ],
        ),
        # Crossed limbs are listed by the outer ones.
        (
            TO
            + "what assessment she has made of the adequacy of (a) lighting and (b) signs in (i) towns and (ii) villages.",
            [("assessment", "(a) lighting"), ("assessment", "(b) signs in (i) towns and (ii) villages")],
        ),
        # Limbs that are questions themselves keep their own kinds.
        (
            TO + "(a) when the bridge will open and (b) how much it has cost.",
            [("when", "(a) when the bridge will open"), ("how_much", "(b) how much it has cost")],
        ),
        # Letters may run on from ask to ask.
        (
            TO
            + "how many (a) vans and (b) lorries were stopped; and what proportion of (c) vans and (d) lorries were unsafe.",
            [
                ("how_many", "(a) vans"),
                ("how_many", "(b) lorries were stopped"),
                ("how_much", "(c) vans"),
                ("how_much", "(d) lorries were unsafe"),
            ],
        ),
        # A list without marks is one ask; "and whether" begins another.
        (
            TO
            + "what steps she is taking to help towns, villages and ports; and whether she plans to visit Seaham Bay.",
            [
                ("steps", "what steps she is taking to help towns, villages and ports"),
                ("plans", "whether she plans to visit Seaham Bay"),
            ],
        ),
        # The formula at the end is no ask.
        (
            TO + "if she will publish the report; and if she will make a statement.",
            [("publish", "if she will publish the report")],
        ),
        # The reference before the ask is none either; the span starts at the question word.
        (
            TO
            + "pursuant to the Answer of 3 March 2025 to Question 31234 on Railways: Fares, by what date she will reply.",
            [("when", "what date she will reply")],
        ),
        ("To ask His Majesty's Government why the line closed.", [("why", "why the line closed")]),
        (
            TO + "which firms tendered, and who chose between them.",
            [("which", "which firms tendered"), ("who", "who chose between them")],
        ),
        (TO + "if she will extend the scheme to Wales.", [("if_will", "if she will extend the scheme to Wales")]),
        (
            TO + "whether her officials have had discussions with Harbour Rail.",
            [("discussions", "whether her officials have had discussions with Harbour Rail")],
        ),
        # Roman limbs without brackets on the left.
        (
            TO + "how many i) cars and ii) bikes were sold.",
            [("how_many", "i) cars"), ("how_many", "ii) bikes were sold")],
        ),
    ],
)
def test_asks_and_kinds(question, asks):
    parsed = parse_question(question)
    assert [(ask.kind, ask.text) for ask in parsed.asks] == asks
    assert all(question[ask.start : ask.end] == ask.text for ask in parsed.asks)


def test_addressee_and_back_reference():
    parsed = parse_question(
        "To ask the Secretary of State for Environment, Food and Rural Affairs, pursuant to the Answer of 3 March 2025 to "
        "Question 31234 on Rivers: Pollution, how many samples were taken."
    )
    assert parsed.addressee == "Secretary of State for Environment, Food and Rural Affairs"
    (reference,) = parsed.references
    assert (reference.kind, reference.date, reference.uin, reference.heading) == (
        "answer",
        "3 March 2025",
        "31234",
        "Rivers: Pollution",
    )


def test_document_reference_is_not_an_answer():
    parsed = parse_question(
        TO + "with reference to the report entitled Moving On, published on 2 May 2025, what she has done."
    )
    assert [reference.kind for reference in parsed.references] == ["reference"]
    assert [ask.text for ask in parsed.asks] == ["what she has done"]


@pytest.mark.parametrize("text", ["", "???", "Buses.", "(a)", "To ask", "a) b) c)", "how", "(a) (b) (c) what"])
def test_odd_text_is_survived(text):
    for ask in parse_question(text).asks:
        assert ask.kind in ASK_KINDS
        assert text[ask.start : ask.end] == ask.text
