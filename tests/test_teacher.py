import numpy as np
import pandas as pd
import pytest

import pqnlp
from pqnlp.classifier import AnswerClassifier
from pqnlp.codebook import LABEL_OF_REASON
from pqnlp.labels import LabelError
from pqnlp.teacher import OUTCOMES, UNSEEN, part_of_groups, read_teacher

COUNTS = ("nine", "ten", "twelve", "thirty", "forty", "sixty", "seventy", "ninety")


def pairs():
    """Pairs of two plain kinds, and for each the reason."""
    said = [(f"There were {n} officers in {y}.", "full") for n in COUNTS for y in (2023, 2024)]
    said += [
        (f"The {n} reports will be published in due course, after {y}.", "deferred")
        for n in COUNTS
        for y in (2023, 2024)
    ]
    frame = pd.DataFrame(
        {"question": "how many there were", "answer": [a for a, _ in said], "reason": [r for _, r in said]}
    )
    frame["label"] = frame["reason"].map(LABEL_OF_REASON)
    frame["id"] = [str(k) for k in range(len(frame))]
    return frame


def table(frame, **shares):
    """A teacher that gives all pairs the same shares."""
    out = pd.DataFrame(0.0, index=range(len(frame)), columns=list(OUTCOMES))
    for reason, share in shares.items():
        out[reason] = share
    return out


def fitted(frame, **given):
    model = AnswerClassifier(min_df=1, n_folds=2, decision="likeliest", teacher_share=given.pop("share", 0.5))
    return model.fit(frame, frame["label"], reason=frame["reason"], **given)


class TestLearningFromATeacher:
    def test_a_teacher_that_says_the_labels_again_changes_nothing(self):
        frame = pairs()
        shares = table(frame)
        for k, reason in enumerate(frame["reason"]):
            shares.loc[k, reason] = 1.0
        plain, taught = fitted(frame), fitted(frame, teacher=shares)
        np.testing.assert_allclose(taught.predict_proba(frame), plain.predict_proba(frame))

    def test_what_the_teacher_doubts_is_learned_with_doubt(self):
        frame = pairs()
        plain = fitted(frame).analyse(frame).of_documents
        taught = fitted(frame, teacher=table(frame, full=0.5, deferred=0.5)).analyse(frame).of_documents
        assert taught.max(1).mean() < plain.max(1).mean()
        assert (taught.argmax(1) == plain.argmax(1)).all()

    def test_with_no_share_the_teacher_is_not_heard(self):
        frame = pairs()
        shares = table(frame, full=0.5, deferred=0.5)
        np.testing.assert_allclose(
            fitted(frame, teacher=shares, share=0.0).predict_proba(frame), fitted(frame).predict_proba(frame)
        )

    def test_rows_that_the_teacher_lacks_keep_their_labels(self):
        frame = pairs()
        np.testing.assert_allclose(
            fitted(frame, teacher=table(frame) * np.nan).predict_proba(frame), fitted(frame).predict_proba(frame)
        )

    def test_temperatures_are_chosen_on_rows_that_taught_nobody(self):
        frame = pairs()
        frame.loc[::4, ["label", "reason"]] = ["evasive", "deferred"]  # some rows are wrong
        right = frame["answer"].str.startswith("There were").eq(frame["label"] == "direct").to_numpy()
        sure, unsure = (fitted(frame, chosen_on=rows).temperature_ for rows in (right, ~right))
        assert sure < fitted(frame).temperature_ < unsure

    @pytest.mark.parametrize(
        "change, words",
        [
            (lambda t: t.drop(columns="full"), "no column 'full'"),
            (lambda t: t.iloc[1:], "31 rows, X has 32"),
            (lambda t: -t, "negative"),
        ],
    )
    def test_a_table_that_does_not_fit_is_refused(self, change, words):
        frame = pairs()
        with pytest.raises(ValueError, match=words):
            fitted(frame, teacher=change(table(frame, full=0.5, deferred=0.5)))

    def test_a_share_that_is_none_is_refused(self):
        with pytest.raises(ValueError, match="teacher_share is 2"):
            fitted(pairs(), share=2)


class TestTheTable:
    def written(self, tmp_path, frame, **columns):
        out = (1000 * table(frame, full=0.25, deferred=0.75)).astype(int)
        out.insert(0, "id", frame["id"])
        out.insert(1, "part", [k % 3 for k in range(len(frame))])
        path = tmp_path / "teacher.csv"
        out.assign(**columns).to_csv(path, index=False)
        return path

    def test_is_read_by_id_with_gaps(self, tmp_path):
        frame = pairs()
        found, part = read_teacher(self.written(tmp_path, frame), ["3", "none", "1"])
        assert found["deferred"].tolist()[::2] == [0.75, 0.75]
        assert found.loc[1].isna().all()
        assert part.tolist() == [0, UNSEEN, 1]

    def test_of_another_collection_is_refused(self, tmp_path):
        with pytest.raises(LabelError, match="none of the 1 ids"):
            read_teacher(self.written(tmp_path, pairs()), ["other"])

    def test_with_an_id_twice_is_refused(self, tmp_path):
        with pytest.raises(LabelError, match="the id 7 twice"):
            read_teacher(self.written(tmp_path, pairs(), id="7"), ["7"])

    def test_is_learned_from_by_train(self, tmp_path):
        frame = pairs()
        given = {"from_scratch": True, "held_out": 0, "parameters": {"min_df": 1, "n_folds": 2}}
        pqnlp.train(frame, output=tmp_path / "plain", **given)
        pqnlp.train(frame, output=tmp_path / "taught", teacher=self.written(tmp_path, frame), **given)
        plain, taught = (pqnlp.load(tmp_path / name).classifier.predict_proba(frame) for name in ("plain", "taught"))
        assert not np.allclose(plain, taught)

    def test_is_of_no_use_for_other_schemes(self, tmp_path):
        frame = pairs()
        path = self.written(tmp_path, frame)
        with pytest.raises(LabelError, match="of the codebook's reasons"):
            pqnlp.train(frame.drop(columns="reason").replace({"label": {"direct": "yes", "evasive": "no"}}),
                        output=tmp_path / "m", teacher=path, held_out=0, parameters={"min_df": 1, "n_folds": 2})  # fmt: skip


def test_no_pair_is_judged_by_a_teacher_of_its_own_group():
    part = part_of_groups(np.arange(600))
    assert set(part) == {0, 1, 2}
    assert (part == 2).mean() == pytest.approx(1 / 6)
    assert abs((part == 0).sum() - (part == 1).sum()) <= 1


def test_the_shipped_table_names_ids_of_the_training_split_alone():
    given = pd.read_csv("data/teacher.csv", dtype={"id": str})
    splits = pd.read_csv("data/splits.csv", dtype={"id": str})
    labels = pd.read_csv("data/labels.csv", dtype={"id": str})
    assert not set(given["id"]) & set(splits.loc[splits["split"] == "test", "id"])
    assert set(given["id"]) <= set(labels["id"])
    assert np.allclose(given[list(OUTCOMES)].sum(axis=1), 1000, atol=6)
