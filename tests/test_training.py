import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

import pqnlp
from pqnlp.classifier import AnswerClassifier
from pqnlp.cli import app
from pqnlp.codebook import LABEL_OF_REASON
from pqnlp.errors import ModelError
from pqnlp.evaluation import calibration_error, evaluate_predictions, kept_at_accuracy, unsure_threshold
from pqnlp.labels import LabelError, add_asks, digest, read_labelled
from pqnlp.paths import shipped_data
from pqnlp.sentences import split_sentences
from pqnlp.splits import group_folds, hold_out
from pqnlp.text import clean_text
from pqnlp.tuning import candidates

SMALL = {"n_folds": 2, "min_df": 1, "max_iter": 20, "max_features": 600}


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
        (
            lambda f: f.assign(label=""),
            "No row can be used: 100 unlabelled (rows 1, 2, 3, 4, 5, … of the table). Label them, or take them out.",
        ),
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
    right = np.arange(1000) % 5 != 0
    rng = np.random.default_rng(0)
    rng.shuffle(right)
    assert calibration_error(np.full(1000, 0.8), right) < 0.05
    assert calibration_error(np.full(1000, 0.99), right) == pytest.approx(0.19, abs=0.02)


def test_unsure_threshold_keeps_the_accuracy_it_promises():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 5000)
    right = rng.uniform(size=5000) < confidence
    threshold = unsure_threshold(confidence, right)
    kept, accuracy = kept_at_accuracy(confidence, right, threshold)
    assert accuracy >= 0.95
    assert 0.05 < kept < 0.2
    assert unsure_threshold(confidence, np.zeros(5000, bool)) == 1.0


def test_unsure_threshold_keeps_its_promise_on_other_rows_nine_times_of_ten():
    # Labels with the probability p are right in p of the cases, so above t in (1 + t) / 2.
    rng = np.random.default_rng(2)
    kept_it = []
    for _ in range(300):
        confidence = rng.uniform(0.5, 1, 800)
        threshold = unsure_threshold(confidence, rng.uniform(size=800) < confidence)
        kept_it.append((1 + threshold) / 2 >= 0.95)
    assert 0.85 < np.mean(kept_it) < 0.99


def test_unsure_threshold_wants_enough_rows_and_keeps_equal_ones_together():
    right = np.ones(60, bool)
    assert unsure_threshold(np.full(44, 0.9), right[:44]) == 1.0
    assert unsure_threshold(np.full(45, 0.9), right[:45]) == 0.9
    mixed = np.r_[np.full(60, 0.9), np.full(60, 0.8)]
    assert unsure_threshold(mixed, np.r_[right, np.arange(60) < 30]) == 0.9


def test_scores_are_those_of_scikit_learn():
    true, predicted = list("aabbc"), list("abbbc")
    result = evaluate_predictions(true, predicted, "abc")
    assert result["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-4)
    assert result["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]


# --- what is held out -------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(repairs_path, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for place, words in (("mine", "is no model folder"), ("file/model", "cannot be written to")):
        said = []
        with pytest.raises(pqnlp.errors.ModelError, match=words):
            pqnlp.train(repairs_path, output=tmp_path / place, progress=said.append)
        assert not said


@pytest.fixture
def repairs_path():
    return "data/repairs.csv"


@pytest.fixture(scope="module")
def repairs():
    return pd.read_csv("data/repairs.csv", dtype=str)


def shingles(text):
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[k : k + 5]) for k in range(max(1, len(words) - 4))}


@pytest.mark.parametrize(
    "options",
    [{}, {"group_by": "building"}, {"split_by": "answered"}, {"split_by": "answered", "split_at": "1 October 2025"},
     {"seed": 7, "share": 0.3}],
)  # fmt: skip
def test_no_held_out_answer_is_nearly_one_that_is_trained_on(repairs, options):
    rows = read_labelled(repairs, keep=["building"])
    split = hold_out(rows, **options)
    train, test = (split.rows[split.rows["split"] == side] for side in ("train", "test"))
    assert len(split.rows) + sum(split.removed.values()) == len(rows)
    assert split.tied == 52 and split.tied_groups == 7
    sets = [shingles(answer) for answer in train["answer"].unique()]
    for answer in test["answer"].unique():
        held = shingles(answer)
        # MinHash estimates the similarity of 0.7 within some hundredths.
        assert all(len(held & one) / len(held | one) < 0.8 for one in sets)
    if "group_by" in options:
        assert not set(train["building"]) & set(test["building"])
    if "split_by" in options:
        assert train["answered"].max() < test["answered"].min()
    if "split_at" in options:
        assert test["answered"].min() >= "2025-10-01"
    elif options.keys() <= {"split_by", "seed", "share"}:
        assert len(test) / len(rows) == pytest.approx(options.get("share", 1 / 6), abs=0.06)
    assert set(train["label"]) == set(test["label"]) == {"fixed", "promised", "refused"}


def test_folds_of_cross_validation_keep_groups_whole(repairs):
    rows = hold_out(read_labelled(repairs)).rows
    folds = group_folds(rows["label"], rows["group"], 5, 0)
    assert len(folds) == 5
    for train, test in folds:
        assert not set(rows["group"].iloc[train]) & set(rows["group"].iloc[test])
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(rows)))


def test_rows_without_a_value_to_group_by_are_told_of(repairs):
    gaps = repairs.assign(building=repairs["building"].where(repairs.index % 3 > 0))
    split = hold_out(read_labelled(gaps, keep=["building"]), group_by="building")
    assert "120 rows have nothing in 'building' (rows 1, 4, 7, 10, 13, … of the table)" in split.notices[0]


def test_shipped_rows_with_a_held_out_value_leave_training(repairs):
    rows = read_labelled(repairs, keep=["building"]).assign(
        shipped=[k % 2 == 0 for k in range(len(repairs))], known=False
    )
    split = hold_out(rows, group_by="building")
    held = split.rows[split.rows["split"].eq("test")]
    assert len(held) and not held["shipped"].any()
    assert not set(held["building"]) & set(split.rows.loc[split.rows["split"].eq("train"), "building"])
    assert split.removed["rows with the 'building' of a held-out row"] > 0


def test_the_command_is_kept_as_it_can_be_given_again(monkeypatch):
    for program in ("/usr/local/bin/pqnlp", "/lib/python/pqnlp/__main__.py", "pqnlp.exe"):
        monkeypatch.setattr(sys, "argv", [program, "train", "my labels.csv", "-o", "m"])
        assert pqnlp.training._command() == "pqnlp train 'my labels.csv' -o m"
    monkeypatch.setattr(sys, "argv", ["script.py"])
    assert pqnlp.training._command() == "pqnlp.train"


def test_rows_without_a_date_are_on_neither_side(repairs):
    gaps = repairs.assign(answered=repairs["answered"].where(repairs.index > 1))
    split = hold_out(read_labelled(gaps), split_by="answered")
    assert split.removed["rows without a date"] == 2
    assert not set(split.rows["id"]) & {"repair-001", "repair-002"}


def test_nothing_is_held_out_where_that_is_wished(repairs, tmp_path):
    done = pqnlp.train(repairs, output=tmp_path / "m", held_out=0, parameters=SMALL)
    assert done["rows"] == len(repairs) and not done["scores"]
    assert pqnlp.load(tmp_path / "m").manifest["training"]["held_out"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split_at": "2025-05-01"}, "give --split-by too"),
        ({"split_by": "answered", "group_by": "building", "split_at": "2025-06-01"}, "none is left to train on"),
        ({"split_by": "answered", "split_at": "May"}, "'May' is no date"),
        ({"split_by": "answered", "split_at": "2031-01-01"}, "runs from 2025-01-06 to"),
        ({"held_out": 0.9}, "from 0 to 0.5"),
        ({"held_out": 0, "split_by": "answered"}, "exclude each other"),
        ({"labels": "fixed, promised"}, "Unknown label 'refused'"),
        ({"weight": 2, "from_scratch": True}, "leave out --from-scratch"),
        ({"weight": 0}, "above 0"),
        ({"weight": 2}, "nothing to weigh"),
        ({"codebook": "nowhere.md"}, "Cannot read nowhere.md"),
        ({"splits": "data/repairs.csv"}, "has no column ['split']"),
        ({"splits": "nowhere.csv"}, "Cannot read the table of splits nowhere.csv"),
        ({"splits": "data/splits.csv", "group_by": "building"}, "leave out --group-by"),
    ],
)
def test_options_that_do_not_fit_are_told(repairs, tmp_path, options, words):
    with pytest.raises(LabelError) as error:
        pqnlp.train(repairs, output=tmp_path / "m", parameters=SMALL, **options)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ("id,split,group\nrepair-001,dev,1\n", "has 'dev' in the column 'split' (1 rows, the first id repair-001)"),
        ("id,split,group\nother,test,a\n", "holds out none of these rows"),
    ],
)
def test_tables_of_splits_that_do_not_fit_are_told(repairs, write, splits, words):
    try:
        told = hold_out(read_labelled(repairs), splits=write("s.csv", splits)).notices[0]
    except LabelError as error:
        told = str(error)
    assert words in told


# --- settings ---------------------------------------------------------------------------------------------------------


def test_copies_of_held_out_answers_are_not_trained_on_whatever_a_table_says(repairs, write):
    rows = read_labelled(repairs)
    first = rows.drop_duplicates("answer")["id"]
    table = "id,split\n" + "".join(f"{k},{'test' if k in set(first.tail(60)) else 'train'}\n" for k in rows["id"])
    done = hold_out(
        pd.concat([rows, rows.assign(id="copy" + rows["id"])], ignore_index=True), splits=write("s.csv", table)
    )
    sides = done.rows.groupby("answer")["split"].nunique()
    assert (sides == 1).all()
    assert done.removed["near-duplicates of held-out answers"] >= 60


def test_a_table_without_groups_has_those_of_near_duplicates(repairs, write):
    rows = read_labelled(repairs).head(6).copy()
    rows.loc[[1, 4], "answer"] = rows["answer"].iloc[0]
    table = "id,split\n" + "".join(f"{k},train\n" for k in rows["id"])
    group = hold_out(rows, splits=write("s.csv", table)).rows["group"]
    assert group.iloc[0] == group.iloc[1] == group.iloc[4] and group.nunique() == 4


def test_a_model_that_a_bag_of_words_beats_is_told_of(repairs, tmp_path):
    rows = read_labelled(repairs).drop(columns="evidence")  # without deciding sentences it learns little
    done = pqnlp.train(rows.head(150), output=tmp_path / "m", parameters=SMALL)
    beaten = done["baselines"]["tfidf_logistic_regression"]["macro_f1"] > done["scores"]["macro_f1"]
    assert any("does better on the held-out pairs" in notice for notice in done["notices"]) == beaten


def test_the_rows_that_were_held_out_can_be_measured_on_again(repairs, tmp_path):
    done = pqnlp.train(repairs, output=tmp_path / "m", parameters=SMALL)
    table = pd.read_csv(tmp_path / "m" / "splits.csv", dtype=str)
    held_out = table.loc[table["split"] == "test", "id"]
    again = pqnlp.evaluate(tmp_path / "m", repairs, ids=held_out, resamples=0)
    assert again["macro_f1"] == done["scores"]["macro_f1"] and again["n"] == done["scores"]["n"]
    assert not any("fitted on" in notice for notice in again["notices"])


def test_what_is_no_part_of_a_model_is_not_lost(repairs, tmp_path):
    pqnlp.train(repairs, output=tmp_path / "m", held_out=0, parameters=SMALL)
    (tmp_path / "m" / "organisations.json").write_text("{}", encoding="utf-8")
    done = pqnlp.train(repairs, output=tmp_path / "m", held_out=0, parameters=SMALL)
    assert any("Kept the recogniser" in notice for notice in done["notices"])
    assert (tmp_path / "m" / "organisations.json").read_text(encoding="utf-8") == "{}"
    (tmp_path / "m" / "mine.txt").write_text("notes", encoding="utf-8")
    with pytest.raises(ModelError, match="holds mine.txt"):
        pqnlp.train(repairs, output=tmp_path / "m", held_out=0, parameters=SMALL)
    assert (tmp_path / "m" / "mine.txt").read_text(encoding="utf-8") == "notes"


def test_search_never_sees_a_held_out_row(repairs, tmp_path, monkeypatch):
    seen = []
    whole = AnswerClassifier.fit

    def fit(self, X, y, **given):
        seen.append((set(X["answer"]), given["groups"]))
        return whole(self, X, y, **given)

    monkeypatch.setattr(AnswerClassifier, "fit", fit)
    said = []
    done = pqnlp.train(repairs, output=tmp_path / "m", tune=1, parameters=SMALL, progress=said.append)
    rows = hold_out(read_labelled(repairs)).rows
    held = set(rows.loc[rows["split"] == "test", "answer"])
    assert len(seen) == 7  # two settings in three folds, and the last on all training rows
    assert not any(answers & held for answers, _ in seen)
    assert max(len(groups) for _, groups in seen[:6]) < len(seen[6][1]) == done["rows"]
    assert "searching: 6 of 6 fits" in said
    tuning = pqnlp.load(tmp_path / "m").manifest["training"]["tuning"]
    assert tuning == done["training"]["tuning"]
    best = tuning["tried"][tuning["chosen"]]
    assert best["mean"] == max(one["mean"] for one in tuning["tried"])
    assert best["parameters"].items() <= pqnlp.load(tmp_path / "m").manifest["parameters"].items()


def test_settings_are_drawn_the_same_for_a_seed_and_begin_with_the_present_ones():
    model = AnswerClassifier()
    first, second = candidates(model, 4, 1), candidates(model, 4, 1)
    assert first == second != candidates(model, 4, 2)
    assert len(first) == 5 and first[0].items() <= model.get_params().items()


# --- the shipped labels -----------------------------------------------------------------------------------------------


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """Let thirty invented answers stand for the shipped labels, and return the file of their texts."""
    rows = pd.DataFrame(
        [
            {"id": str(9000 + k), "label": label, "reason": reason, "question": f"To ask the Minister, how many boats {k} sail.",
             "answer": text.format(k)}
            for k in range(10)
            for label, reason, text in (
                ("direct", "full", "There are {0} boats in harbour number {0}."),
                ("evasive", "not_held", "The figures for harbour {0} are not held."),
                ("policy_restating", "policy", "The Government is committed to harbour {0} and its boats."),
            )
        ]
    )  # fmt: skip
    rows["id"] = [str(9000 + k) for k in range(len(rows))]
    rows.drop(columns=["question", "answer"]).to_csv(tmp_path / "labels.csv", index=False)
    splits = pd.DataFrame({"id": rows["id"], "split": "train", "group": range(len(rows))})
    splits.loc[:1, "split"] = "test"
    splits.to_csv(tmp_path / "splits.csv", index=False)
    (tmp_path / "asks.jsonl").write_text("")
    for module in ("paths", "training"):
        monkeypatch.setattr(f"pqnlp.{module}.shipped_data", lambda name: tmp_path / name)
    rows[["id", "question", "answer"]].to_csv(tmp_path / "texts.csv", index=False)
    return rows, tmp_path / "texts.csv"


def test_labels_of_the_shipped_scheme_are_added_to_the_shipped_ones(sample, pretend, tmp_path, monkeypatch):
    _, texts = pretend
    seen = {}
    whole = AnswerClassifier.fit
    monkeypatch.setattr(
        AnswerClassifier, "fit", lambda self, X, y, **given: seen.update(given, X=X) or whole(self, X, y, **given)
    )
    own = sample.drop(columns="reason")
    done = pqnlp.train(own, output=tmp_path / "m", texts=texts, weight=3, parameters=SMALL)
    training = done["training"]
    assert training["shipped_rows"] == 28  # two are what models are measured on
    assert training["own_rows"] + done["scores"]["n"] == len(sample)
    assert training["guessed_reasons"] == len(sample)
    assert sorted(set(seen["sample_weight"])) == [1.0, 3.0]
    assert (seen["sample_weight"] == 1).sum() == 28
    assert set(seen["reason"]) <= set(LABEL_OF_REASON)
    assert all(LABEL_OF_REASON[r] == label for r, label in zip(seen["reason"], seen["X"]["label"], strict=True))
    assert "shipped_model" in done["baselines"]
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert "28 shipped ones" in card and "rows came without a reason and have one that a model guessed" in card
    assert (tmp_path / "m" / "codebook.md").read_text(encoding="utf-8").startswith("# Codebook")


def test_a_label_of_yours_stands_for_the_shipped_one(sample, pretend, tmp_path):
    rows, texts = pretend
    mine = rows.iloc[[5]].assign(label="direct", reason="nil")
    done = pqnlp.train(pd.concat([sample, mine]), output=tmp_path / "m", texts=texts, parameters=SMALL)
    assert done["training"]["shipped_rows"] == 27


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            None,
            "Trained on your labels alone: the 28 shipped labels, of the same scheme, need their texts. pqnlp fetch",
        ),
        ("other", "Trained on your labels alone: the texts given are not those of the shipped labels."),
        ("some", "The texts given lack those of 18 shipped labels."),
    ],
)
def test_shipped_labels_without_texts_are_told_of(sample, pretend, tmp_path, texts, words):
    rows, _ = pretend
    given = {"other": rows.assign(id="x" + rows["id"]), "some": rows.head(12)}.get(texts)
    given = given[["id", "question", "answer"]] if given is not None else None
    done = pqnlp.train(sample, output=tmp_path / "m", texts=given, parameters=SMALL)
    assert any(words in notice for notice in done["notices"])
    if texts == "some":
        alone = pqnlp.train(sample, output=tmp_path / "m", texts=given, from_scratch=True, parameters=SMALL)
        assert not any("shipped" in notice for notice in alone["notices"]) and "shipped_rows" not in alone["training"]


def test_thresholds_are_set_on_rows_that_the_table_of_splits_has(repairs, tmp_path, monkeypatch):
    table = pd.DataFrame({"id": repairs["id"], "split": "train"})
    table.loc[::6, "split"] = "test"
    seen = {}
    whole = AnswerClassifier.fit
    monkeypatch.setattr(
        AnswerClassifier, "fit", lambda self, X, y, **given: seen.update(given, X=X) or whole(self, X, y, **given)
    )
    monkeypatch.setattr("pqnlp.training._LEAST_DRAWN", 50)
    for rows, chosen_on in ((len(table), False), (len(table) // 2, True), (40, False)):
        seen.clear()
        table.head(rows).to_csv(tmp_path / "s.csv", index=False)
        done = pqnlp.train(repairs, output=tmp_path / "m", splits=tmp_path / "s.csv", parameters=SMALL)
        assert ("chosen_on" in seen) == chosen_on
        if chosen_on:
            assert set(seen["X"]["id"][seen["chosen_on"]]) <= set(table["id"].head(rows))
            assert done["training"]["chosen_on_rows"] == seen["chosen_on"].sum() < done["rows"]
        else:
            assert done["training"]["chosen_on_rows"] == done["rows"]


def test_nothing_is_added_to_the_shipped_labels_themselves_or_to_another_scheme(repairs, pretend, tmp_path):
    rows, texts = pretend
    done = pqnlp.train(rows, output=tmp_path / "m", texts=texts, held_out=0, parameters=SMALL)
    assert done["rows"] == 28 + 2
    about_rows = [notice for notice in done["notices"] if "flagged unsure" not in notice]
    assert about_rows == [
        "2 of your rows are among those that shipped models are measured on (rows 1, 2 of the table). Do not measure this "
        "model on the test rows of data/splits.csv, or hold them out by --splits."
    ]
    done = pqnlp.train(rows, output=tmp_path / "m", texts=texts, splits=tmp_path / "splits.csv", parameters=SMALL)
    assert done["rows"] == 28 and done["scores"]["n"] == 2
    assert not any("shipped" in notice for notice in done["notices"])
    done = pqnlp.train(repairs, output=tmp_path / "m", texts=texts, parameters=SMALL)
    assert not done["notices"] and not (tmp_path / "m" / "codebook.md").exists()


@pytest.mark.filterwarnings("ignore:.*only one label in common")  # a single held-out row
def test_shipped_rows_near_a_held_out_one_are_not_trained_on(sample, pretend, tmp_path):
    rows, texts = pretend
    mine = rows.iloc[[4]].assign(id="mine", question="Another question?")
    both = pd.concat([sample, mine], ignore_index=True)
    days = both.assign(answered=["2030-01-01" if one == "mine" else "2020-01-01" for one in both["id"]])
    done = pqnlp.train(
        days, output=tmp_path / "m", texts=texts, split_by="answered", split_at="2029-01-01", parameters=SMALL
    )
    assert done["training"]["removed"] == {"near-duplicates of held-out answers": 1}
    assert done["training"]["shipped_rows"] == 27
    assert any("not compared" in notice for notice in done["notices"])


def test_the_codebook_given_is_laid_into_the_folder_and_guarded(repairs, write, tmp_path):
    pqnlp.train(repairs, output=tmp_path / "m", codebook=write("book.md", "# fixed: done\n"), parameters=SMALL)
    assert (tmp_path / "m" / "codebook.md").read_text() == "# fixed: done\n"
    (tmp_path / "m" / "codebook.md").write_text("# fixed: not done\n")
    with pytest.raises(pqnlp.errors.ModelError, match="checksum"):
        pqnlp.load(tmp_path / "m")


def test_the_shipped_labels_are_found():
    assert len(pd.read_csv(shipped_data("labels.csv"))) > 7000
    assert shipped_data("asks.jsonl").is_file() and shipped_data("splits.csv").is_file()


# --- from the README alone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "title"), [("README.md", "Make it yours"), ("docs/retrain.md", "In five minutes")])
def test_another_scheme_works_from_the_page_alone(page, title, tmp_path, monkeypatch):
    root = Path(__file__).parents[1]
    text = (root / page).read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
    lines = [line for kind, block in blocks if not kind for line in block.splitlines() if line.startswith("pqnlp ")]
    assert len(lines) >= 2
    (tmp_path / "data").symlink_to(root / "data")
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"})
    out = [runner.invoke(app, line.split()[1:]) for line in lines]
    assert not [result.stderr for result in out if result.exit_code]
    scored = pd.read_csv("scored.csv")
    assert set(scored["label"]) == {"fixed", "promised", "refused"} and len(scored) == 360
    assert {"p_fixed", "p_promised", "p_refused"} <= set(scored.columns)
    assert pqnlp.load("models/repairs").manifest["scores"]["model"]["macro_f1"] > 0.8
    for kind, block in blocks:
        if kind == "python":
            exec(block, {})  # noqa: S102, the page's own example
    told = [
        line for kind, block in blocks if not kind for line in block.splitlines() if re.match(r"Tied:|Written:", line)
    ]
    assert all(line in out[0].stdout for line in told)


def test_the_invented_repairs_are_what_their_script_makes():
    root = Path(__file__).parents[1]
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.repairs", "--output", "/dev/stdout"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == (root / "data" / "repairs.csv").read_text(encoding="utf-8")
