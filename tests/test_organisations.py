"""Organisations: lists, acronyms, names that no list has."""

import pytest
import spacy

from pqnlp.entities import COLOURS, mentions
from pqnlp.entities.organisations import OrganisationTagger


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_organisations")
    return nlp


def names(nlp, text, question=""):
    doc = nlp.make_doc(text)
    doc._.pqnlp_question = question
    return [m["text"] for m in mentions(nlp(doc))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("staff of the Driver and Vehicle Standards Agency met", ["Driver and Vehicle Standards Agency"]),
        ("guidance that Ofcom and the Care Quality Commission gave", ["Ofcom", "Care Quality Commission"]),
        ("Ofcom's rules", ["Ofcom"]),
        ("letters from Sussex Police and Kent County Council", ["Sussex Police", "Kent County Council"]),
        # a foreign government is one, the British is not
        ("talks with the Kenyan Government and the Government of Peru", ["Kenyan Government", "Government of Peru"]),
        ("The Government and His Majesty's Government will act.", []),
        # names that no list has
        ("a contract with Brambleford Holdings Ltd for paper", ["Brambleford Holdings Ltd"]),
        ("care given by the Brambleford NHS Foundation Trust in May", ["Brambleford NHS Foundation Trust"]),
        ("students at the University of Brambleford", ["University of Brambleford"]),
        ("people held at HMP Brambleford", ["HMP Brambleford"]),
        ("the British Embassy in Lima", ["British Embassy in Lima"]),
        # programmes, places, people
        ("the Levelling Up Fund in Brambleford", []),
        ("Mr Rowan Tinker of North Brambleford", []),
        ("see https://www.ofcom.org.uk/Ofcom for more", []),
    ],
)
def test_what_is_marked(nlp, text, expected):
    assert names(nlp, text) == expected


def test_an_acronym_that_the_text_defines_is_marked_and_linked(nlp):
    doc = nlp("The Driver and Vehicle Standards Agency (DVSA) replied. DVSA staff agreed.")
    assert [m["id"] for m in mentions(doc)] == ["driver-and-vehicle-standards-agency"] * 3
    doc = nlp("The Brambleford Rivers Trust (BRTX) replied. BRTX staff agreed.")
    assert [m["text"] for m in mentions(doc)] == ["Brambleford Rivers Trust", "BRTX", "BRTX"]


def test_an_acronym_that_the_question_defines_holds_in_the_answer(nlp):
    question = "To ask whether the Brambleford Rivers Trust (BRTX) was paid."
    assert names(nlp, "We met BRTX.", question) == ["BRTX"]


def test_an_acronym_of_something_else_is_not_marked(nlp):
    assert "VAT" not in names(nlp, "Value Added Tax (VAT) is due. VAT rose.")


def test_the_gazetteer_alone_finds_listed_names_only():
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_organisations", config={"recogniser": "gazetteer"})
    assert names(nlp, "Ofcom wrote to the Brambleford Heritage Trust.") == ["Ofcom"]


def test_an_unknown_recogniser_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="'linear' or 'gazetteer'"):
        OrganisationTagger(recogniser="neural")


def test_a_higher_threshold_marks_no_more():
    text = "Brambleford Futures and the Brambleford Heritage Forum met Ofcom and Tinker Partners."
    counts = []
    for threshold in (-2.0, 0.0, 8.0):
        nlp = spacy.blank("en")
        nlp.add_pipe("pqnlp_organisations", config={"threshold": threshold})
        counts.append(len(names(nlp, text)))
    assert counts == sorted(counts, reverse=True)


def test_names_of_ones_own_are_marked_and_saved(tmp_path, nlp):
    tagger = OrganisationTagger()
    tagger.add_names({"gnomes of Brambleford": "x-1"})
    tagger.to_disk(tmp_path / "tagger")
    again = OrganisationTagger().from_disk(tmp_path / "tagger")
    doc = again(spacy.blank("en").make_doc("the gnomes of Brambleford met"))
    assert [(e.text, e.kb_id_) for e in doc.ents] == [("gnomes of Brambleford", "x-1")]


def test_displacy_shows_the_four_types():
    from spacy import displacy

    from pqnlp.pipeline import build_pipeline

    doc = build_pipeline()("The Home Office and Ofcom have enforced the Online Safety Act 2023 since July 2024.")
    html = displacy.render(doc, style="ent", options={"colors": COLOURS}, jupyter=False)
    assert {ent.label_ for ent in doc.ents} == set(COLOURS)
    assert all(colour in html for colour in COLOURS.values())
