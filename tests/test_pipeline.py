import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

import pqnlp
from pqnlp.entities import mentions
from pqnlp.entities.edges import TokenEdges
from pqnlp.pipeline import COMPONENTS, build_pipeline, find_mentions, tag_texts

TEXT = (
    "My hon. Friend met the Home Office on 4 July 2024. Under section 12 of the Online Safety Act 2023 Ofcom may act.\n"
    "• one item\n• another"
)


def _entities(doc):
    return [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents]


def test_model_has_the_pipeline():
    nlp = pqnlp.load().nlp
    assert nlp.pipe_names == list(COMPONENTS)
    doc = nlp(TEXT)
    assert {ent.label_ for ent in doc.ents} == {"DEPARTMENT", "DATE", "LEGISLATION"} | {
        ent.label_ for ent in doc.ents if ent.text == "Ofcom"
    }
    assert [sent.text.strip() for sent in doc.sents] == [
        "My hon. Friend met the Home Office on 4 July 2024.",
        "Under section 12 of the Online Safety Act 2023 Ofcom may act.",
        "• one item",
        "• another",
    ]


def test_stream_gives_what_single_calls_give():
    nlp = build_pipeline()
    texts = [TEXT, "", "The Department did not.", TEXT]
    assert [_entities(doc) for doc in nlp.pipe(texts)] == [_entities(nlp(text)) for text in texts]


def test_pipeline_survives_disk_and_another_process(tmp_path):
    nlp = build_pipeline()
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert _entities(again(TEXT)) == _entities(nlp(TEXT))
    docs = list(again.pipe([TEXT, "The Home Office."], n_process=2))
    assert [_entities(doc) for doc in docs] == [_entities(nlp(text)) for text in (TEXT, "The Home Office.")]
    assert [sent.start for sent in docs[0].sents] == [sent.start for sent in nlp(TEXT).sents]


def test_circumstances_decide_what_words_mean():
    nlp = build_pipeline()
    (doc,) = tag_texts(nlp, ["Her Department spoke of last year."], departments=["Home Office"], dates=["2025-03-04"])
    department, date = doc.ents
    assert department.kb_id_ == "home-office"
    assert (date._.pqnlp_from, date._.pqnlp_to) == ("2024-01-01", "2024-12-31")


# --- mentions without Docs --------------------------------------------------------------------------------------------

AWKWARD = [
    TEXT,
    "",
    "(Ofcom)/HMRC's Home-Office,2024-25;the Department…Act.",
    "pre-1 May2024 (see https://www.gov.uk/Home-Office.pdf): the DfT's/DfE's £5m;DWP’s",
    "The Secretary of State for Transport\nHer Department, in 2023/24. Last year(2022)",
    "NHS England&NHS Improvement, the Online Safety Act 2023(c. 50), s.12 of the Care Act2014...",
    "Under-Secretary of State at Defra:Natural England-led:4July 2024:) the Treasury:-(Ofsted)",
]


def _rows(nlp, texts, **circumstances):
    given = {name: circumstances.get(name, [None] * len(texts)) for name in ("departments", "dates", "questions")}
    docs = tag_texts(nlp, texts, **given)
    by_docs = [
        [(r["start"], r["end"], r["type"], r["id"], r["url"], r["from"], r["to"]) for r in mentions(d)] for d in docs
    ]
    plain = [
        [(m.start, m.end, m.type, *(value or None for value in (m.id, m.url, m.first, m.last))) for m in found]
        for found in find_mentions(nlp, texts, **given)
    ]
    return by_docs, plain


def test_mentions_found_without_docs_are_those_of_docs():
    by_docs, plain = _rows(
        build_pipeline(),
        AWKWARD,
        departments=["Home Office", None, "Treasury"] * 2 + [None],
        dates=["2025-03-04"] * len(AWKWARD),
        questions=[None, "To ask about the Care Act 2014 (CA)."] * 3 + [None],
    )
    assert plain == by_docs
    assert sum(map(len, plain)) > 20


PIECES = st.sampled_from(
    "Ofcom HMRC Home Office the Department Act 2024 4 July last year Treasury’s ( ) , . ; : - – / & ' ’ “ ” £5m e.g. can't U.S. :-) \n  ".split(
        " "
    )
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_any_text_gives_the_mentions_and_the_edges_of_its_doc(pieces):
    nlp = pqnlp.load().nlp
    text = " ".join("".join(pieces).split(" ")).strip()
    by_docs, plain = _rows(nlp, [text], dates=["2025-03-04"])
    assert plain == by_docs
    edges = TokenEdges(nlp.tokenizer)
    for token in nlp.tokenizer(text):
        for at in range(token.idx, token.idx + len(token)) if not token.is_space else ():
            assert edges.start(text, at) == token.idx
            assert edges.end(text, at + 1) == token.idx + len(token)


def _joining(nlp):
    nlp.tokenizer.add_special_case("Home Office", [{"ORTH": "Home Office"}])


def _ruled(nlp):
    nlp.add_pipe("entity_ruler", before=COMPONENTS[-1]).add_patterns([{"label": "BOAT", "pattern": "Kelp"}])


@pytest.mark.parametrize("change", [_joining, _ruled])
def test_a_changed_pipeline_says_what_its_docs_say(change):
    nlp = build_pipeline()
    change(nlp)
    by_docs, plain = _rows(nlp, ["The Home Office bought Kelp on 4 July 2024."])
    assert plain == by_docs
    with pytest.raises(ValueError, match="white space"):
        plain_english = spacy.blank("en")
        _joining(plain_english)
        TokenEdges(plain_english.tokenizer)
