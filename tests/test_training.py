import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import pqnlp
from pqnlp.evaluation import calibration_error, evaluate_predictions, kept_at_accuracy, unsure_threshold
from pqnlp.labels import LabelError, add_asks, digest, read_labelled
from pqnlp.sentences import split_sentences
from pqnlp.text import clean_text

SMALL = {"n_folds": 2, "min_df": 1, "max_iter": 50}


@pytest.fixture(scope="module")
def sample():
    rows = pd.read_json("data/sample_answers.jsonl", lines=True, dtype={"id": str, "uin": str})
    return rows[rows["label"].notna()].reset_index(drop=True)


@pytest.fixture
def texts(sample, tmp_path):
    path = tmp_path / "texts.jsonl"
    sample[["id", "question", "answer"]].to_json(path, orient="records", lines=True)
    return path


def test_train_on_texts_then_load_and_score(sample, tmp_path):
    done = pqnlp.train(sample, output=tmp_path / "mine", parameters=SMALL)
    model = pqnlp.load(tmp_path / "mine")
    assert model.name == "mine"
    assert done["rows"] + done["scores"]["n"] == len(sample)
    assert model.score(sample[["question", "answer"]].head(3)).label.notna().all()
    card = (tmp_path / "mine" / "README.md").read_text()
    assert f"{done['scores']['macro_f1']:.3f}" in card


def test_labels_by_id_are_the_same_as_labels_with_texts(sample, texts, tmp_path):
    ids = tmp_path / "labels.csv"
    sample[["id", "label", "reason"]].to_csv(ids, index=False)
    by_id = read_labelled(ids, texts=texts)
    whole = read_labelled(sample[["id", "question", "answer", "label", "reason"]])
    assert by_id[["id", "question", "answer", "label", "reason"]].equals(
        whole[["id", "question", "answer", "label", "reason"]]
    )


def test_trained_twice_is_the_same_to_the_digit(sample, tmp_path):
    probabilities = []
    for name in ("one", "two"):
        pqnlp.train(sample, output=tmp_path / name, name="same", parameters=SMALL)
        probabilities.append(pqnlp.load(tmp_path / name).classifier.predict_proba(sample))
    assert np.array_equal(*probabilities)


def test_copies_of_an_answer_stay_on_one_side(sample, tmp_path):
    from pqnlp.training import split_rows

    twice = pd.concat([sample, sample.assign(id=sample["id"] + "-copy")], ignore_index=True)
    rows = split_rows(read_labelled(twice), None)
    sides = rows.assign(base=rows["id"].str.removesuffix("-copy")).groupby("base")["split"].nunique()
    assert (sides == 1).all()
    assert set(rows["split"]) == {"train", "test"}


def test_given_split_is_kept(sample, tmp_path):
    splits = tmp_path / "splits.csv"
    held_out = sample["id"].iloc[::5]
    pd.DataFrame(
        {
            "id": sample["id"],
            "split": np.where(sample["id"].isin(held_out), "test", "train"),
            "group": range(len(sample)),
        }
    ).to_csv(splits, index=False)
    done = pqnlp.train(sample, output=tmp_path / "m", splits=splits, parameters=SMALL)
    assert done["scores"]["n"] == len(held_out)


def test_evidence_offsets_hold_only_for_the_text_they_were_made_on(sample, texts, tmp_path):
    answers = [clean_text(a) for a in sample["answer"]]
    spans = [split_sentences(a)[-1] for a in answers]
    table = pd.DataFrame(
        {"id": sample["id"], "label": sample["label"], "evidence_start": [s for s, _ in spans], "evidence_end": [e for _, e in spans],
         "digest": [digest(a) for a in answers]}
    )  # fmt: skip
    table.loc[0, "digest"] = "000000000000"  # as if the answer had been corrected since
    rows = read_labelled(table, texts=texts)
    assert rows["evidence"].isna().tolist() == [True] + [False] * (len(rows) - 1)
    assert rows["evidence"][1] == answers[1][slice(*spans[1])]


def test_asks_are_added_where_they_fit(sample, tmp_path):
    rows = read_labelled(sample)
    spans = split_sentences(rows["answer"][0])
    record = {
        "id": rows["id"][0], "digest": digest(rows["answer"][0]), "asks": [{"start": 3, "end": 9, "kind": "what", "verdict": "supplied"}],
        "sentences": [{"start": s, "end": e, "role": "answer"} for s, e in spans],
    }  # fmt: skip
    path = tmp_path / "asks.jsonl"
    path.write_text(json.dumps(record) + "\n")
    out = add_asks(rows, path)
    assert out["roles"][0] == ["answer"] * len(spans)
    assert out["verdicts"][0] == [(3, 9, "supplied")]
    assert out["roles"][1] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="label"), "no column 'label'"),
        (lambda f: f.assign(label=["", *f["label"][1:]]), "1 row without a label (row 1 of the table)"),
        (lambda f: f.assign(label="direct"), "only one label"),
        (lambda f: f.assign(label=["rare", *f["label"][1:]]).drop(columns="reason"), "rare (1)"),
        (lambda f: f[["id", "label"]], "say where their texts are"),
        (lambda f: f[["label"]], "neither texts"),
        (
            lambda f: pd.concat(
                [f, f.assign(label=f["label"].map({"direct": "evasive", "evasive": "direct"}).fillna("direct"))]
            ),
            "under two labels",
        ),
    ],
)
def test_labels_that_cannot_be_trained_on(sample, tmp_path, change, words):
    with pytest.raises(LabelError) as error:
        pqnlp.train(change(sample), output=tmp_path / "m", parameters=SMALL)
    assert words in str(error.value)
    assert not (tmp_path / "m").exists()


def test_ids_without_texts_are_counted(sample, texts):
    with pytest.raises(LabelError, match="1 of 2 labelled ids have no text, the first nowhere"):
        read_labelled(pd.DataFrame({"id": ["nowhere", "sample-001"], "label": ["direct", "direct"]}), texts=texts)


def test_evaluation_of_the_shipped_model_on_the_sample(sample):
    result = pqnlp.evaluate(None, sample)
    predicted = pqnlp.score(sample[["question", "answer"]]).label
    assert result["macro_f1"] == pytest.approx(f1_score(sample["label"], predicted, average="macro"), abs=1e-3)
    assert result["n"] == len(sample)
    assert np.sum(result["confusion"]) == len(sample)


def test_evaluation_refuses_labels_that_the_model_does_not_know(sample):
    with pytest.raises(LabelError, match="does not know the labels"):
        pqnlp.evaluate(None, sample.assign(label="other"))


def test_calibration_error_of_a_perfect_and_an_overconfident_forecast():
    p = np.column_stack([np.full(1000, 0.8), np.full(1000, 0.2)])
    right = np.arange(1000) % 5 != 0
    rng = np.random.default_rng(0)
    rng.shuffle(right)
    assert calibration_error(p, right) < 0.05
    assert calibration_error(np.column_stack([np.full(1000, 0.99), np.full(1000, 0.01)]), right) == pytest.approx(
        0.19, abs=0.02
    )


def test_unsure_threshold_keeps_the_accuracy_it_promises():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 5000)
    right = rng.uniform(size=5000) < confidence
    p = np.column_stack([confidence, 1 - confidence])
    threshold = unsure_threshold(p, right)
    kept, accuracy = kept_at_accuracy(p, right, threshold)
    assert accuracy >= 0.95
    assert 0.1 < kept < 0.3
    assert unsure_threshold(p, np.zeros(5000, bool)) == 1.0


def test_scores_are_those_of_scikit_learn():
    true, predicted = list("aabbc"), list("abbbc")
    result = evaluate_predictions(true, predicted, "abc")
    assert result["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-4)
    assert result["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
