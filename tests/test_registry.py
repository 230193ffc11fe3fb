"""The tables in the package, and what the four components share."""

import csv
import importlib.metadata
import subprocess
import sys
from importlib import resources

import pytest
import spacy
from spacy.tokens import Span

from pqnlp.codebook import ENTITY_TYPES
from pqnlp.entities import COLOURS, mentions
from pqnlp.entities.dates import DateTagger
from pqnlp.entities.legislation import _check
from pqnlp.entities.tagger import EntityTagger  # noqa: F401  registers the component in a checkout
from pqnlp.registry import read_json, read_table

TEXT = (
    "To ask the Secretary of State for Transport, whether her Department met the Driver and Vehicle Standards Agency "
    "since July 2024 under section 5 of the Road Traffic Act 1988."
)
COMPONENTS = ("pqnlp_departments", "pqnlp_legislation", "pqnlp_organisations", "pqnlp_dates")


def build(names=COMPONENTS):
    nlp = spacy.blank("en")
    for name in names:
        nlp.add_pipe(name)
    return nlp


@pytest.mark.parametrize("name", ["legislation.csv", "organisations.csv", "organisations_govuk.csv"])
def test_tables_are_sorted_and_hold_no_row_twice(name):
    rows = list(csv.reader(resources.files("pqnlp.registries").joinpath(name).read_text(encoding="utf-8").splitlines()))
    assert len({tuple(r) for r in rows}) == len(rows)
    assert rows[1:] == sorted(rows[1:], key=lambda r: r[0]) or name == "legislation.csv"


def test_every_instrument_is_well_formed_and_has_a_number_of_its_own():
    rows = [_check(row, row["title"]) for row in read_table("legislation.csv")]
    assert len(rows) >= 500
    identities = [identity for _, identity in rows]
    assert len(set(identities)) == len(identities)
    assert len({title for title, _ in rows}) == len(rows)


def test_popular_names_of_laws_point_at_instruments_or_nowhere():
    for name, identity in read_json("legislation_short.json")["popular"].items():
        assert name and (identity == "" or identity.split("/")[0] in ("ukpga", "uksi", "eur", "eudr"))


def test_all_four_types_are_found_in_one_sentence():
    rows = mentions(build()(TEXT))
    assert {row["type"] for row in rows} == set(ENTITY_TYPES) == set(COLOURS)
    for row in rows:
        assert TEXT[row["start"] : row["end"]] == row["text"]
    assert [row["url"] for row in rows if row["type"] == "LEGISLATION"] == [
        "https://www.legislation.gov.uk/ukpga/1988/52/section/5"
    ]


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_component_works_alone_and_survives_saving(tmp_path, name):
    nlp = build([name])
    before = mentions(nlp(TEXT))
    assert before
    nlp.to_disk(tmp_path / "nlp")
    assert mentions(spacy.load(tmp_path / "nlp")(TEXT)) == before
    assert mentions(build([name]).from_bytes(nlp.to_bytes())(TEXT)) == before


def test_streams_and_processes_give_the_same():
    nlp = build()
    texts = [TEXT, "", "Ofcom met the Department in 2023.", "🙂 é İ Ofcom\n\nwrote in May 2024."]
    single = [mentions(nlp(text)) for text in texts]
    assert [mentions(doc) for doc in nlp.pipe(texts)] == single
    assert [mentions(doc) for doc in nlp.pipe(texts, n_process=2)] == single


def test_the_order_of_the_components_does_not_matter():
    assert mentions(build(COMPONENTS[::-1])(TEXT)) == mentions(build()(TEXT))


def test_a_doc_survives_bytes_with_links_and_days():
    from spacy.tokens import Doc

    nlp = build()
    doc = nlp(TEXT)
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert mentions(again) == mentions(doc)


def test_entities_of_others_are_kept_unless_a_longer_one_overlaps():
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PLACE", "pattern": "Leeds"}, {"label": "ANIMAL", "pattern": "Safety"}])
    for name in COMPONENTS:
        nlp.add_pipe(name)
    doc = nlp("In Leeds the Online Safety Act 2023 applies.")
    assert [(e.text, e.label_) for e in doc.ents] == [("Leeds", "PLACE"), ("Online Safety Act 2023", "LEGISLATION")]


def test_an_installed_package_offers_its_components_without_an_import():
    code = (
        "import spacy; nlp = spacy.blank('en'); nlp.add_pipe('pqnlp_legislation'); "
        "print([e.kb_id_ for e in nlp('the Care Act 2014').ents])"
    )
    try:
        importlib.metadata.distribution("pqnlp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("pqnlp runs from a checkout: it has no entry points")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "['ukpga/2014/23']", done.stderr


def test_a_doc_whose_tokens_were_merged_in_between_is_still_read_right():
    nlp = build(["pqnlp_departments"])
    doc = nlp("On 4 July 2024 it met Ofcom.")
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:4])
    DateTagger()(doc)
    assert [(e.text, e.start) for e in doc.ents if e.label_ == "DATE"] == [("4 July 2024", 1)]


def test_one_component_marks_what_the_four_mark():
    one = build(("pqnlp_entities",))
    assert mentions(one(TEXT)) == mentions(build()(TEXT))
    texts = [TEXT, "", "Ofcom met the Home Office in 2024.", TEXT] * 40  # more than one batch
    assert [mentions(doc) for doc in one.pipe(texts)] == [mentions(one(text)) for text in texts]


def test_one_component_keeps_what_others_marked_beside():
    nlp = build(("pqnlp_entities",))
    doc = nlp.make_doc("Ofcom met Robin Quill of the Home Office.")
    doc.set_ents([Span(doc, 2, 4, label="PERSON")])
    assert [(ent.text, ent.label_) for ent in nlp(doc).ents] == [
        ("Ofcom", "ORG"),
        ("Robin Quill", "PERSON"),
        ("Home Office", "DEPARTMENT"),
    ]


def test_a_text_that_fails_is_left_to_the_error_handler_and_the_others_come():
    nlp = build(("pqnlp_entities",))
    failed = []
    nlp.set_error_handler(lambda name, component, docs, error: failed.extend(doc.text for doc in docs))
    docs = [nlp.make_doc(text) for text in ("The Home Office.", "DCLG did.", "Ofcom did.")]
    docs[1]._.pqnlp_date = 5  # no date at all
    done = list(nlp.pipe(docs))
    assert failed == ["DCLG did."]
    assert [doc.text for doc in done] == ["The Home Office.", "Ofcom did."] and all(doc.ents for doc in done)


def test_its_settings_are_those_of_the_four(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_entities", config={"link_self_references": False, "recogniser": "gazetteer"})
    nlp.get_pipe("pqnlp_entities").taggers["organisations"].add_names({"Otter Trust": ""})
    nlp.to_disk(tmp_path / "nlp")
    doc = spacy.load(tmp_path / "nlp")("Her Department met the Otter Trust.")
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [("Her Department", ""), ("Otter Trust", "")]
