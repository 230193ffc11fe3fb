"""Exports of annotation tools: small samples in each tool's own shape, and round trips of what is written for them."""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqnlp.errors import PqnlpError
from pqnlp.exports import FORMS, ExportError, labelling_config, read_export, write_export
from pqnlp.labels import read_labelled

SAMPLES = {  # file: what else than three labelled rows is in it
    "label_studio.json": {"skipped": 1, "unlabelled": 1},
    "label_studio_min.json": {},
    "doccano.jsonl": {"unlabelled": 1},
    "doccano_intent.jsonl": {},
    "prodigy.jsonl": {"rejected": 1, "skipped": 1},
    "argilla.json": {"unlabelled": 1},
    "argilla_flat.json": {"skipped": 1},
}
EVIDENCE = {
    "fixed": "The lift was repaired on Tuesday 4 March.",
    "promised": "The hedge will be cut in the first week of June.",
}


@pytest.fixture
def pairs():
    """Return twelve labelled pairs with the offsets of their deciding sentence, one of them with odd characters."""
    frame = pd.read_csv("data/repairs.csv", dtype=str, nrows=12)
    frame.loc[0, "answer"] = "😀 Grüße,\n\n“yes” & <no>: " + frame.loc[0, "answer"]
    starts = [answer.index(words) for answer, words in zip(frame["answer"], frame["evidence"], strict=True)]
    frame["evidence_spans"] = [
        [(start, start + len(words))] for start, words in zip(starts, frame["evidence"], strict=True)
    ]
    return frame


@pytest.mark.parametrize("name", SAMPLES)
def test_a_tool_s_own_export_is_read(name, samples):
    rows = read_labelled(samples / "exports" / name)
    good = rows[rows["problem"].eq("")]
    told = good.drop_duplicates(["question", "answer"])
    assert told["label"].tolist() == ["fixed", "promised", "refused"]
    assert told["reason"].tolist() == ["repaired", "booked", "tenant"]
    assert told["answer"].str.contains("Answer:").sum() == 0
    assert told["question"].str.endswith("?").all()
    assert rows.loc[rows["problem"].ne(""), "problem"].value_counts().to_dict() == SAMPLES[name]
    assert rows.loc[rows["problem"].ne("") & rows["problem"].ne("skipped"), "label"].isna().all()
    if name != "doccano.jsonl":  # a project of text classification marks no spans
        for label, words in EVIDENCE.items():
            assert words in set(told.loc[told["label"].eq(label), "evidence"])


def test_every_annotator_s_row_is_kept(samples):
    for name, annotators in (("label_studio.json", {"1", "b@example.org"}), ("argilla.json", None)):
        rows = read_labelled(samples / "exports" / name)
        first = rows[rows["answer"].str.contains("lift")]
        assert len(first) == 2 and first["annotator"].nunique() == 2
        assert annotators is None or set(first["annotator"]) == annotators


def test_fields_that_a_tool_carried_along_can_be_kept(samples):
    for name in ("label_studio.json", "doccano.jsonl", "prodigy.jsonl", "argilla.json", "argilla_flat.json"):
        rows = read_labelled(samples / "exports" / name, keep=["building"])
        assert set(rows["building"]) == {"Dock Row"}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_is_read_back(form, pairs, tmp_path):
    path = write_export(pairs, tmp_path / ("out.csv" if form == "csv" else "out.json"), form)
    rows = read_labelled(path, keep=["building"])
    assert rows["problem"].eq("").all()
    for column in ("label", "reason", "evidence", "building"):
        assert rows[column].tolist() == pairs[column].tolist(), column
    assert rows["question"].tolist() == pairs["question"].tolist()
    assert rows["id"].tolist() == pairs["id"].tolist()
    if form != "csv":
        exported = read_export(path)
        assert exported["answer"].tolist() == pairs["answer"].tolist()
        assert exported["evidence_spans"].tolist() == pairs["evidence_spans"].tolist()


@pytest.mark.parametrize("form", [form for form in FORMS if form != "doccano"])
def test_guesses_are_no_labels_until_someone_has_said_so(form, pairs, tmp_path):
    path = write_export(
        pairs.assign(score=0.7),
        tmp_path / ("out.csv" if form == "csv" else "out.json"),
        form,
        guessed=True,
        agent="m 1.0",
    )
    assert "repaired" in path.read_text(encoding="utf-8")
    assert set(read_labelled(path)["problem"]) == {"unlabelled"}


def test_guesses_are_shown_where_the_tool_shows_them(pairs, tmp_path):
    one = pairs.head(1).assign(score=0.7)
    label, reason = one["label"][0], one["reason"][0]

    def written(form):
        text = write_export(one, tmp_path / form, form, guessed=True, agent="m 1.0").read_text(encoding="utf-8")
        return json.loads(text)[0] if text.startswith("[") else json.loads(text)

    prediction = written("label-studio")["predictions"][0]
    assert (prediction["model_version"], prediction["score"]) == ("m 1.0", 0.7)
    assert [result["value"].get("choices") for result in prediction["result"]] == [[label], [reason], None]
    assert written("argilla")["suggestions"]["label"] == {"value": label, "score": 0.7, "agent": "m 1.0"}
    task = written("prodigy")
    assert task["accept"] == [f"{label} > {reason}"] and "answer" not in task
    start, end = one["evidence_spans"][0][0]
    assert task["text"][task["spans"][0]["start"] : task["spans"][0]["end"]] == one["answer"][0][start:end]


def test_an_export_may_be_compressed_or_lie_in_a_folder(samples, tmp_path):
    import gzip

    data = (samples / "exports" / "prodigy.jsonl").read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    assert len(read_labelled(tmp_path / "a.jsonl.gz")) == 5
    (tmp_path / "b.jsonl").write_bytes(data)
    assert len(read_labelled(tmp_path)) == 10


def test_doccano_s_archive_is_read_with_its_annotators(samples, tmp_path):
    data = (samples / "exports" / "doccano.jsonl").read_bytes()
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("ada.jsonl", data)
        archive.writestr("bob.jsonl", data)
    rows = read_labelled(tmp_path / "export.zip")
    assert rows["annotator"].value_counts().to_dict() == {"ada": 4, "bob": 4}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("all.jsonl", data)
    assert read_labelled(tmp_path / "all.zip")["annotator"].isna().all()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (None, "is not a whole zip archive"),
        ({}, "holds no JSON"),
        ({"a.jsonl": '{"a": 1}'}, "a.jsonl is not the export of a known tool"),
        ({"a.json": b"\xff"}, "a.json is not the export of a known tool in utf-8"),
    ],
)
def test_archives_that_hold_no_export_are_told(members, words, tmp_path):
    if members is None:
        (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 cut")
    else:
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    with pytest.raises(PqnlpError, match=words):
        read_labelled(tmp_path / "x.zip")


def test_offsets_of_a_browser_give_way_to_the_words(samples):
    tasks = json.loads((samples / "exports" / "label_studio.json").read_text())
    region = tasks[0]["annotations"][0]["result"][2]["value"]
    region["start"], region["end"] = region["start"] + 2, region["end"] + 2  # as where it counts an emoji twice
    assert read_export(tasks)["evidence"][0] == EVIDENCE["fixed"]


def test_the_ground_truth_alone_counts_where_there_is_one(samples):
    tasks = json.loads((samples / "exports" / "label_studio.json").read_text())
    tasks[0]["annotations"][1] |= {"ground_truth": True}
    assert read_export(tasks[:1])["annotator"].tolist() == ["b@example.org"]


PAIR = {"question": "Why?", "answer": "Because."}


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{"text": "Why?\n\nSo.", "label": ["a", "b"]}], "1 record with several labels (1)"),
        ([{"text": "One line", "label": ["a"]}], "record 1: the text is not parted into question and answer"),
        ([{"text": "x", "accept": ["a"], "answer": "accept"}, "no object"], "not parted"),
        ([{"data": {"body": "x"}, "annotations": []}], "has no question and answer (fields: body)"),
        (
            [{"data": PAIR, "annotations": [{"result": [
                {"from_name": "mood", "value": {"choices": ["a"]}}, {"from_name": "tone", "value": {"choices": ["b"]}}]}]}],
            "several controls with choices (mood, tone): call the one that holds the label 'label'",
        ),
        ([{"fields": PAIR, "responses": {"x": [{"value": "a"}], "y": [{"value": "b"}]}}], "several questions with choices (x, y)"),
    ],
)  # fmt: skip
def test_exports_that_cannot_be_read(records, words):
    with pytest.raises(ExportError) as error:
        read_export(records)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "record",
    [
        {"text": None, "label": ["a"], "question": "Why?", "answer": "So."},
        {"data": PAIR, "annotations": [None, {"result": None}, {"result": [{"value": None}, 3]}]},
        {"data": PAIR, "annotations": None, "predictions": []},
        {"fields": PAIR, "responses": {"label": [{"value": None, "user_id": None}]}},
        {"fields": PAIR, "responses": {"label": None}, "suggestions": None},
        {"text": "Why?\n\nSo.", "accept": None, "answer": "accept", "_task_hash": 1, "spans": None, "meta": None},
        {"text": "Why?\n\nSo.", "cats": [None, ""], "entities": None},
        {"text": "Why?\n\nSo.", "cats": ["a"], "entities": [[None, "x", "evidence"], [5, 2, "evidence"], [0, 10**9, "evidence"]]},
    ],
)  # fmt: skip
def test_odd_records_do_not_end_in_a_traceback(record):
    rows = read_export([record])
    assert len(rows) >= 1 and rows["problem"].isin(("", "unlabelled", "skipped")).all()


def test_a_plain_table_is_no_export(tmp_path):
    (tmp_path / "t.jsonl").write_text(json.dumps(PAIR | {"label": "a"}) + "\n")
    assert read_export(tmp_path / "t.jsonl") is None
    assert read_labelled(tmp_path / "t.jsonl")["label"].tolist() == ["a"]


def test_doccano_s_csv_is_read(tmp_path):
    (tmp_path / "all.csv").write_text('id,text,label\n7,"Why?\n\nAnswer:\nBecause.",fixed\n')
    row = read_labelled(tmp_path / "all.csv").iloc[0]
    assert (row["question"], row["answer"], row["label"]) == ("Why?", "Because.", "fixed")


@pytest.mark.parametrize(
    ("change", "form", "words"),
    [
        (lambda f: f, "brat", "Unknown form 'brat': expected one of label-studio, doccano"),
        (lambda f: f.drop(columns="answer"), "csv", "no column 'answer'"),
    ],
)
def test_what_cannot_be_written_is_told(change, form, words, pairs, tmp_path):
    with pytest.raises(ExportError, match=words):
        write_export(change(pairs), tmp_path / "out", form)
    with pytest.raises(ExportError, match="Cannot write"):
        write_export(pairs, tmp_path / "nowhere" / "out.csv", "csv")


def test_missing_values_are_not_written(tmp_path):
    frame = pd.DataFrame(
        {"id": [1], "question": ["Why?"], "answer": ["So."], "label": [None], "department": [float("nan")]}
    )
    for form in FORMS:
        text = write_export(frame, tmp_path / form, form).read_text()
        assert "NaN" not in text and "None" not in text


def test_label_studio_s_configuration_is_xml_with_every_label():
    import xml.etree.ElementTree as tree

    root = tree.fromstring(labelling_config(["fixed", 'a "b" & <c>'], ["repaired"]))
    assert [c.get("value") for c in root.iter("Choice")] == ["fixed", 'a "b" & <c>', "repaired"]


WORDS = st.sampled_from(
    ["text", "data", "question", "answer", "annotations", "result", "value", "choices", "labels", "label", "from_name", "start",
     "end", "cats", "entities", "accept", "spans", "meta", "fields", "responses", "label.responses", "label.responses.status",
     "user_id", "evidence", "reason", "was_cancelled", "completed_by", "lead_time", "annotation_id", "pair", "Why?\n\nSo."]
)  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers(-5, 30) | st.floats(allow_nan=True) | WORDS | st.text(max_size=8)
ANYTHING = st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(WORDS, part, max_size=6), max_leaves=20
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(WORDS, ANYTHING, min_size=1, max_size=8), min_size=1, max_size=3))
def test_no_record_ends_in_a_traceback(records):
    try:
        rows = read_export(records)
    except PqnlpError:
        return
    assert rows is None or {"question", "answer", "label", "evidence", "problem"} <= set(rows.columns)
