"""docs/retrain.md says what broken label files get, word for word; here each row is tried."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pqnlp
from pqnlp.errors import PqnlpError
from pqnlp.labels import LabelError, check_labels, read_labelled

DOC = (Path(__file__).parents[1] / "docs" / "retrain.md").read_text(encoding="utf-8")
SMALL = {"n_folds": 2, "min_df": 1, "max_iter": 20, "max_features": 500}
GOOD = pd.read_csv("data/repairs.csv", dtype=str, nrows=60)


def csv(frame: pd.DataFrame, **options) -> str:
    return frame.to_csv(index=False, **options)


def put(column: str, row: int, value, frame: pd.DataFrame = GOOD) -> pd.DataFrame:
    """Return the good rows with another value in a cell; rows count from 1."""
    frame = frame.copy()
    frame.loc[row - 1, column] = value
    return frame


def also(row: int, **changes) -> pd.DataFrame:
    """Return the good rows with one more, like one of them."""
    return pd.concat([GOOD, GOOD.iloc[[row - 1]].assign(id="more", **changes)], ignore_index=True)


SHIPPED = GOOD.assign(
    label=GOOD["label"].map({"fixed": "direct", "promised": "evasive", "refused": "policy_restating"})
)
SHIPPED = SHIPPED.drop(columns="reason")
CHOICES = [{"from_name": name, "type": "choices", "value": {"choices": ["a"]}} for name in ("mood", "tone")]

# What stands in the first column of the table: the content of a file of that name, and options of `pqnlp.train`.
BAD: dict[str, tuple] = {
    "lable.csv": (csv(GOOD.rename(columns={"label": "lable"})),),
    "reply.csv": (csv(GOOD.rename(columns={"answer": "answr"}).drop(columns="id")),),
    "labels_only.csv": (csv(GOOD[["label"]]),),
    "ids.csv": (csv(GOOD[["id", "label"]]),),
    "ids.csv with other --texts": (csv(GOOD[["id", "label"]]), {"texts": GOOD.iloc[2:]}),
    "empty_label.csv": (csv(put("label", 3, "")),),
    "no_answer.csv": (csv(put("answer", 3, "")),),
    "all_empty.csv": (csv(GOOD.assign(label="")),),
    "windows.csv": (csv(put("answer", 3, "It costs £5.")).encode("cp1252"),),
    "header.csv": (csv(GOOD.iloc[:0]),),
    "one_label.csv": (csv(GOOD.assign(label="fixed").drop(columns="reason")),),
    "rare.csv": (csv(put("label", 3, "lost").drop(columns="reason")),),
    "slip.csv": (csv(put("label", 2, "promissed").drop(columns="reason")),),
    "case.csv": (csv(put("label", 3, "Fixed")),),
    "shipped_slip.csv": (csv(put("label", 2, "evasiv", SHIPPED)),),
    "unknown.csv with --labels": (csv(put("label", 3, "lost")), {"labels": ["fixed", "promised", "refused"]}),
    "contradiction.csv": (csv(also(3, label="refused", reason="sold")),),
    "same_answer.csv": (csv(also(3, question="Is it safe?", label="refused", reason="sold")),),
    "repeated.csv": (csv(pd.concat([GOOD, GOOD.iloc[[2]]])),),
    "torn_reason.csv": (csv(put("reason", 3, "booked")),),
    "some_reasons.csv": (csv(put("reason", 3, "")),),
    "evidence.csv": (csv(put("evidence", 3, "Words that nobody wrote.")),),
    "dates.csv with --split-by answered": (csv(GOOD.assign(answered="soon")), {"split_by": "answered"}),
    "one_day.csv with --split-by answered": (csv(GOOD.assign(answered="2025-03-01")), {"split_by": "answered"}),
    "good.csv with --group-by bilding": (csv(GOOD), {"group_by": "bilding"}),
    "one_house.csv with --group-by building": (csv(GOOD.assign(building="Dock Row")), {"group_by": "building"}),
    "copies.csv": (csv(GOOD.assign(answer=GOOD["answer"][0], question=GOOD["question"] + GOOD["id"], evidence="")),),
    "controls.json": (
        json.dumps([{"data": {"question": "Why?", "answer": "So."}, "annotations": [{"result": CHOICES}]}]),
    ),
    "several.jsonl": ('{"text": "Why?\\n\\nSo.", "label": ["fixed", "refused"]}\n',),
    "unparted.jsonl": ('{"text": "We mended it.", "label": ["fixed"]}\n',),
    "cut.jsonl": ('{"text": "Why?\\n\\nSo.", "label": ["fixed"]}\n{"text": "Wh',),
    "unsubmitted.json": (json.dumps([{"data": {"question": "Why?", "answer": "So."}, "annotations": []}]),),
}


def rows() -> dict[str, str]:
    table = DOC.split("## What broken label files get")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.M)
    return {name.replace("`", "").strip(): text for name, text in found if name not in ("file", "---")}


def told(given: tuple, name: str, write, tmp_path) -> tuple[str, list[str]]:
    """Return the error, or "" and the notices."""
    file = write(name.split(" ")[0], given[0])
    options = {"parameters": SMALL, "from_scratch": name != "shipped_slip.csv"} | (given[1] if len(given) > 1 else {})
    if isinstance(options.get("texts"), pd.DataFrame):
        options["texts"] = options["texts"][["id", "question", "answer"]]
    try:
        done = pqnlp.train(str(file), output=tmp_path / "model", **options)
    except PqnlpError as error:
        assert not (tmp_path / "model").exists()
        return str(error).replace(f"{tmp_path}/", ""), []
    return "", [notice.replace(f"{tmp_path}/", "") for notice in done["notices"]]


@pytest.mark.parametrize("name", BAD)
def test_a_broken_file_gets_what_the_page_says(name, write, tmp_path):
    said = rows()[name]
    error, notices = told(BAD[name], name, write, tmp_path)
    told_as_notice = said.startswith("trained; ")
    pattern = ".*".join(map(re.escape, said.removeprefix("trained; ").split("…")))
    if told_as_notice:
        assert not error, error
        assert any(re.fullmatch(pattern, notice) for notice in notices), notices
    else:
        assert re.fullmatch(pattern, error), error or notices


def test_every_row_of_the_page_is_tried():
    assert set(rows()) == set(BAD)
    assert len(BAD) >= 15


def test_good_rows_get_no_notice():
    checked, notices = check_labels(read_labelled(GOOD))
    assert len(checked) == len(GOOD) and not notices


def test_names_of_labels_are_text_however_they_came(tmp_path):
    frame = pd.DataFrame({"question": "Why?", "answer": [f"So {k}." for k in range(4)], "label": [1.0, 2, None, 2.5]})
    assert read_labelled(frame)["label"].tolist()[:2] == ["1", "2"]
    assert read_labelled(frame)["problem"].tolist() == ["", "", "unlabelled", ""]
    assert read_labelled(frame)["label"][3] == "2.5"
    frame["label"] = [np.array(["a"]), ["b"], pd.NA, np.float32(3)]
    assert read_labelled(frame)["label"].fillna("").tolist() == ["a", "b", "", "3"]


def test_rows_are_counted_across_chunks_and_files(tmp_path):
    many = pd.DataFrame({"question": "Why?", "answer": [f"So {k} it is." for k in range(6000)], "label": "a"})
    many.loc[5999, "label"] = ""
    many.to_csv(tmp_path / "many.csv", index=False)
    GOOD.to_csv(tmp_path / "good.csv", index=False)
    labelled = read_labelled([tmp_path / "many.csv", tmp_path / "good.csv"])
    assert labelled["row"].tolist() == [*range(1, 6001), *range(1, 61)]
    assert labelled.loc[labelled["problem"].eq("unlabelled"), "row"].tolist() == [6000]
    assert labelled["id"][5999] == "6000"


def test_one_file_may_hold_texts_and_another_ids(tmp_path):
    labelled = read_labelled([GOOD.head(3), GOOD[["id", "label"]].tail(3)], texts=GOOD[["id", "question", "answer"]])
    assert labelled["answer"].tolist() == [*GOOD["answer"].head(3), *GOOD["answer"].tail(3)]


def test_a_list_of_dictionaries_is_a_table():
    assert read_labelled([{"question": "Why?", "answer": "So.", "label": "a"}])["label"].tolist() == ["a"]


def test_annotators_who_agree_count_once_and_others_are_named():
    twice = pd.concat([GOOD.assign(annotator="ada"), GOOD.assign(annotator="bob")], ignore_index=True)
    checked, notices = check_labels(read_labelled(twice))
    assert len(checked) == len(GOOD)
    assert notices == ["60 rows came again with the same label and count once."]
    twice.loc[60, ["label", "reason"]] = ["refused", "sold"]
    with pytest.raises(
        LabelError, match="1 pair under two labels .*the first .id repair-001. is 'fixed' and 'refused'"
    ):
        check_labels(read_labelled(twice))


@pytest.mark.parametrize("labels", [["ja", "nein"], ["是", "否"], ["a b/c > d", "x\ty"], ["😀", "😡"], ["0", "1"]])
def test_any_names_of_labels_will_do(labels, tmp_path):
    frame = GOOD.assign(label=GOOD["label"].map({"fixed": labels[0]}).fillna(labels[1])).drop(columns="reason")
    frame.to_csv(tmp_path / "t.csv", index=False)
    pqnlp.train(tmp_path / "t.csv", output=tmp_path / "model", parameters=SMALL)
    assert set(pqnlp.load(tmp_path / "model").manifest["labels"]) == set(labels)


@pytest.mark.parametrize(
    ("name", "words"), [("answr", "Is 'answr' the answer"), ("questions_", "Is 'questions_' the question")]
)
def test_a_column_of_texts_under_another_name_is_asked_after_though_there_are_ids(tmp_path, name, words):
    column = {"answr": "answer", "questions_": "question"}[name]
    frame = pd.DataFrame({"id": ["1"], "question": ["How many?"], "answer": ["Two."], "label": ["direct"]})
    frame.rename(columns={column: name}).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(LabelError, match=words):
        read_labelled(tmp_path / "mine.csv")


def test_a_column_of_dates_is_not_taken_for_the_answers(tmp_path):
    pd.DataFrame({"id": ["1"], "answered": ["2025-01-01"], "label": ["direct"]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(LabelError, match="holds ids only"):
        read_labelled(tmp_path / "a.csv")
