import spacy

import pqnlp
from pqnlp.pipeline import COMPONENTS, build_pipeline, tag_texts

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
