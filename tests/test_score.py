import json

import pandas as pd
import pytest

import pqnlp
from pqnlp.errors import PqnlpError

QUESTION = (
    "To ask the Secretary of State for Business and Trade, how many times (a) Ministers and (b) officials met "
    "Acme Metals plc since 4 July 2024."
)
ANSWER = (
    "<p>The Government is committed to a thriving steel industry.</p><p>No meetings have taken place with Acme Metals plc "
    "since then, under section 12 of the Online Safety Act 2023 or otherwise.</p>"
)
KEYS = {"label", "reason", "probabilities", "unsure", "evidence", "asks", "sentences", "entities", "model"}


@pytest.fixture(scope="module")
def explanation():
    return pqnlp.explain(QUESTION, ANSWER, answered="2025-03-04")


def test_explanation_has_the_promised_shape(explanation):
    data = explanation.to_dict()
    assert set(data) == KEYS
    json.dumps(data)
    assert set(data["probabilities"]) == {"direct", "evasive", "policy_restating"}
    assert sum(data["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert data["label"] == max(data["probabilities"], key=data["probabilities"].get)
    assert isinstance(data["unsure"], bool)
    assert set(data["evidence"][0]) == {"start", "end", "text"}
    assert all(set(ask) == {"start", "end", "text", "kind", "verdict", "evidence"} for ask in data["asks"])
    assert all(set(one) == {"start", "end", "role", "p"} for one in data["sentences"])
    fields = {"field", "start", "end", "text", "type", "id", "url", "from", "to"}
    assert data["entities"] and all(set(one) == fields for one in data["entities"])
    assert set(data["model"]) == {"name", "version"}


def test_offsets_count_the_text_as_read(explanation):
    data = explanation.to_dict()
    for row in data["evidence"]:
        assert explanation.answer[row["start"] : row["end"]] == row["text"]
    for row in data["asks"]:
        assert explanation.question[row["start"] : row["end"]] == row["text"]
    for row in data["entities"]:
        assert getattr(explanation, row["field"])[row["start"] : row["end"]] == row["text"]


def test_asks_point_at_sentences(explanation):
    data = explanation.to_dict()
    assert [ask["kind"] for ask in data["asks"]] == ["how_many", "how_many"]
    for ask in data["asks"]:
        assert ask["verdict"] in ("supplied", "declined", "not_addressed")
        assert ask["evidence"] is None or 0 <= ask["evidence"] < len(data["sentences"])


def test_entities_are_linked_and_dated(explanation):
    found = {(row["type"], row["text"]): row for row in explanation.to_dict()["entities"]}
    act = found["LEGISLATION", "section 12 of the Online Safety Act 2023"]
    assert act["url"] == "https://www.legislation.gov.uk/ukpga/2023/50/section/12"
    department = found["DEPARTMENT", "Secretary of State for Business and Trade"]
    assert department["id"] == "department-for-business-and-trade"
    assert found["DATE", "since 4 July 2024"]["from"] == "2024-07-04"


def test_explanation_prints_with_the_deciding_sentence_marked(explanation):
    lines = str(explanation).splitlines()
    assert explanation.label in lines[0]
    assert any(line.startswith("> ") for line in lines)
    assert "\x1b[" in explanation.render(color=True)
    assert "\x1b[" not in explanation.render(color=False)


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        (QUESTION, "", "unanswered"),
        ("", ANSWER, "empty_question"),
        (QUESTION, "x" * 255 + "...", "truncated"),
    ],
)
def test_what_cannot_be_explained_says_why(question, answer, words):
    with pytest.raises(PqnlpError, match=words):
        pqnlp.explain(question, answer)


def test_explaining_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="expected a string"):
        pqnlp.explain(QUESTION, None)


def test_frame_comes_back_with_its_own_columns_and_index():
    frame = pd.DataFrame({"question": [QUESTION] * 2, "answer": [ANSWER, ""], "mine": [1, 2]}, index=[7, 9])
    out = pqnlp.score(frame)
    assert out.index.tolist() == [7, 9]
    assert out["mine"].tolist() == [1, 2]
    assert out["answer"].tolist() == [ANSWER, ""]  # not replaced by the text as read
    assert list(frame.columns) == ["question", "answer", "mine"]  # the caller's frame is left alone
    assert out["problem"].tolist() == ["", "unanswered"]
    assert out["label"].isna().tolist() == [False, True]
    row = out.iloc[0]
    assert row[["p_direct", "p_evasive", "p_policy_restating"]].sum() == pytest.approx(1, abs=1e-3)
    assert row["evidence"]


def test_list_of_pairs_and_explain_agree():
    out = pqnlp.score([(QUESTION, ANSWER)])
    told = pqnlp.explain(QUESTION, ANSWER)
    assert out.label[0] == told.label
    assert out.p_direct[0] == pytest.approx(told.probabilities["direct"], abs=1e-4)


def test_repeated_ids_are_flagged_and_scored():
    out = pqnlp.score(pd.DataFrame({"id": [1, 1], "question": [QUESTION] * 2, "answer": ["Yes.", "There were 12."]}))
    assert out["problem"].tolist() == ["", "duplicate_id"]
    assert out["label"].notna().all()


def test_threshold_moves_unsure():
    never = pqnlp.load(unsure_below=0.0).score([(QUESTION, ANSWER)])
    always = pqnlp.load(unsure_below=1.0).score([(QUESTION, ANSWER)])
    assert not never.unsure[0]
    assert always.unsure[0]
    with pytest.raises(ValueError, match="between 0 and 1"):
        pqnlp.load(unsure_below=2)


def test_entities_table_has_a_row_for_each_mention():
    table = pqnlp.entities([(QUESTION, ANSWER)])
    assert {"LEGISLATION", "DEPARTMENT", "DATE"} <= set(table["type"])
    assert table["field"].isin(["question", "answer"]).all()
    assert table.columns.tolist() == "row id_pair field start end text type id url from to".split()


def test_the_entities_package_can_be_called_and_has_members():
    assert len(pqnlp.entities([(QUESTION, ANSWER)])) == len(pqnlp.scoring.entities_table([(QUESTION, ANSWER)]))
    assert set(pqnlp.entities.COLOURS) == {"DEPARTMENT", "ORG", "LEGISLATION", "DATE"}


def test_import_is_cheap():
    import subprocess
    import sys

    code = "import sys, pqnlp; print([m for m in ('spacy', 'sklearn', 'pandas', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("at_work", [True, False])
def test_the_garbage_collector_is_left_as_it_was(at_work, monkeypatch):
    import gc

    from pqnlp import scoring

    seen = []
    whole = scoring._score_rows
    monkeypatch.setattr(scoring, "_score_rows", lambda *rest: seen.append(gc.isenabled()) or whole(*rest))
    was = gc.isenabled()
    try:
        (gc.enable if at_work else gc.disable)()
        pqnlp.score([(QUESTION, ANSWER)])
        assert gc.isenabled() is at_work
    finally:
        (gc.enable if was else gc.disable)()
    assert seen == [False]
