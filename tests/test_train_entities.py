import json
import random

import pytest
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.entities.annotations import read_span_exports
from pqnlp.entities.train import EntityTrainingError, retrain
from pqnlp.exports import ExportError

TEXT = "The 🙂 minister met the Zorblax Consortium and the Brimley Otter Pact."
BODY = "Zorblax Consortium"
AT = TEXT.index(BODY)
SPAN = (AT, AT + len(BODY), "ORG")


def _utf16(at):
    return len(TEXT[:at].encode("utf-16-le")) // 2


EXPORTS = {
    "label-studio": [
        {
            "id": 1,
            "data": {"question": "Who met?", "answer": TEXT},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "from_name": "what",
                            "to_name": "answer",
                            "type": "labels",
                            "value": {"start": _utf16(AT), "end": _utf16(SPAN[1]), "text": BODY, "labels": ["Org"]},
                        }
                    ],
                },
                {"was_cancelled": True, "result": []},
            ],
        }
    ],
    "label-studio-min": [
        {
            "text": TEXT,
            "label": [{"start": AT, "end": SPAN[1], "text": BODY, "labels": ["ORG"]}],
            "annotation_id": 3,
            "lead_time": 2.5,
        }
    ],
    "doccano": [{"id": 1, "text": TEXT, "label": [[AT - 1, SPAN[1], "Organisation"], [0, 3, "Other"]]}],
    "doccano-entities": [
        {"id": 1, "text": TEXT, "entities": [{"id": 9, "start_offset": AT, "end_offset": SPAN[1], "label": "ORG"}]}
    ],
    "prodigy": [
        {"text": TEXT, "_task_hash": 5, "spans": [{"start": AT, "end": SPAN[1], "label": "ORG"}], "answer": "accept"},
        {"text": TEXT, "_task_hash": 6, "spans": [], "answer": "ignore"},
    ],
    "argilla": [
        {
            "id": "a",
            "fields": {"text": TEXT},
            "responses": {
                "names": [
                    {"value": [{"start": AT, "end": SPAN[1], "label": "ORG"}], "status": "submitted", "user_id": "u"},
                    {"value": [], "status": "discarded", "user_id": "v"},
                ]
            },
        }
    ],
    "argilla-flat": [
        {
            "id": "a",
            "text": TEXT,
            "names.responses": [[{"start": AT, "end": SPAN[1], "label": "ORG"}]],
            "names.responses.users": ["u"],
            "names.responses.status": ["submitted"],
        }
    ],
    "own": [{"text": TEXT, "spans": [[AT, SPAN[1], "ORG"]]}],
}


@pytest.mark.parametrize("form", EXPORTS)
def test_spans_are_read_from_what_each_tool_exports(form, tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(EXPORTS[form]), encoding="utf-8")
    (read,) = read_span_exports([path])
    assert read.text == TEXT and read.spans == [SPAN]


def test_spans_by_id_take_their_texts_from_a_table():
    rows = [{"id": 7, "question": [], "answer": [[AT, SPAN[1], "ORG"]]}]
    corpus = [{"id": 7, "question": "Who met?", "answer": TEXT}]
    question, answer = read_span_exports([rows], corpus=corpus)
    assert question.spans == [] and answer.spans == [SPAN] and answer.question == "Who met?"
    with pytest.raises(ExportError, match="--texts"):
        read_span_exports([rows])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "short", "spans": [[0, 9, "ORG"]]}, "record 1: the span from 0 to 9"),
        ({"note": "nothing here"}, "record 1 has no 'spans'"),
        ({"question": "a", "answer": "b", "spans": [[0, 1, "ORG"]]}, "in which text"),
        ({"text": "abc", "label": [[0, "ORG"]]}, "not of the shape"),
    ],
)
def test_a_faulty_record_is_named_with_the_mend(record, message):
    with pytest.raises(ExportError, match=message):
        read_span_exports([[record]])


def _marked_texts(count=90):
    """Texts on bodies with names that no list holds and whose shape says nothing."""
    rng = random.Random(1)
    heads = (
        "Zorblax",
        "Quindle",
        "Marvane",
        "Othrick",
        "Pellwin",
        "Sandrel",
        "Tolvick",
        "Umbrane",
        "Wexforth",
        "Yarrole",
    )
    verbs = ("built", "closed", "opened", "painted", "mended", "measured", "visited", "counted", "drew", "sold")
    things = (
        "a mill",
        "two barns",
        "the quay",
        "a ferry",
        "some wells",
        "a lighthouse",
        "the weir",
        "four kilns",
        "a mast",
    )
    rows = []
    for k in range(count):
        body = f"{rng.choice(heads)}{k % 9} Fellowmen"
        text = f"In {1900 + k} {body} {rng.choice(verbs)} {rng.choice(things)} near Upper {rng.choice(heads)} Lane number {k}."
        at = text.index(body)
        rows.append({"id": k, "text": text, "spans": [[at, at + len(body), "ORG"]]})
    return rows


def test_training_learns_names_of_ones_own_and_measures_them_held_out():
    result = retrain(read_span_exports([_marked_texts()]))
    assert result.after[2] > max(0.8, result.before[2])
    assert 0 < result.held_out < 90


def test_too_few_spans_are_refused():
    with pytest.raises(EntityTrainingError, match="at least"):
        retrain(read_span_exports([_marked_texts(5)]))


def test_the_command_writes_a_folder_that_serves_where_models_do(tmp_path):
    source = tmp_path / "spans.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in _marked_texts()), encoding="utf-8")
    folder = tmp_path / "mine"
    result = CliRunner().invoke(app, ["train-entities", str(source), "--output", str(folder)])
    assert result.exit_code == 0, result.output
    text = "In 1931 Quindle4 Fellowmen sold a ferry."
    mine = pqnlp.load(folder)
    assert [ent.text for ent in mine.nlp(text).ents if ent.label_ == "ORG"] == ["Quindle4 Fellowmen"]
    assert "Quindle4 Fellowmen" in pqnlp.entities([("Who?", text)], model=mine)["text"].tolist()
    assert mine.score([("Who?", text)])["label"].notna().all()
    # the weights travel with a saved pipeline, too
    import spacy

    mine.nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert [ent.text for ent in again(text).ents if ent.label_ == "ORG"] == ["Quindle4 Fellowmen"]
    listed = tmp_path / "mentions.csv"
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(json.dumps({"question": "Who?", "answer": text}) + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["entities", str(pairs), "--model", str(folder), "--output", str(listed)])
    assert result.exit_code == 0 and "Quindle4 Fellowmen" in listed.read_text(encoding="utf-8")


def test_a_changed_recogniser_is_refused(tmp_path):
    from pqnlp.entities.recogniser import OrganisationModel
    from pqnlp.errors import ModelError
    from pqnlp.model import add_recogniser

    scores = {"texts": 1, "spans": 1, "before": {"f1": 0.0}, "after": {"f1": 1.0}}
    folder = add_recogniser(pqnlp.load(), tmp_path / "mine", OrganisationModel({"": -1.0}), scores)
    (folder / "organisations.json").write_text('{"weights": {"": 9.0}}', encoding="utf-8")
    with pytest.raises(ModelError, match="organisations.json"):
        pqnlp.load(folder)
