import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from pqnlp.classifier import AnswerClassifier
from pqnlp.explanation import evidence_of

SMALL = {"n_folds": 2, "min_df": 1, "max_iter": 50}


def _pairs(n=60):
    """Pairs that a word or two tell apart, each a little different."""
    rows = []
    for k in range(n):
        place = f"Place{chr(97 + k % 26)}"
        rows += [
            (
                f"To ask the Minister, how many staff work in {place}.",
                f"There are {k + 3} staff in {place}. They work hard.",
                "direct",
                "full",
            ),
            (
                f"To ask the Minister, how many staff work in {place}.",
                f"The number for {place} is not held centrally, row {k}.",
                "evasive",
                "not_held",
            ),
            (
                f"To ask the Minister, what steps he takes in {place}.",
                f"We are committed to {place}. Our strategy {k} supports growth.",
                "policy_restating",
                "policy",
            ),
        ]
    return pd.DataFrame(rows, columns=["question", "answer", "label", "reason"])


@pytest.fixture(scope="module")
def fitted():
    frame = _pairs()
    return AnswerClassifier(**SMALL).fit(frame, frame.label, reason=frame.reason), frame


def test_learns_what_is_easy(fitted):
    model, frame = fitted
    assert (model.predict(frame) == frame.label).mean() > 0.95
    assert (model.predict_reason(frame) == frame.reason).mean() > 0.95


def test_probabilities_are_probabilities(fitted):
    model, frame = fitted
    p = model.predict_proba(frame)
    assert p.shape == (len(frame), 3)
    assert np.allclose(p.sum(1), 1)
    assert (model.classes_[p.argmax(1)] == model.predict(frame)).all()


def test_frames_lists_and_arrays_are_the_same_to_it(fitted):
    model, frame = fitted
    pairs = list(zip(frame.question, frame.answer, strict=True))
    expected = model.predict_proba(frame)
    assert np.array_equal(model.predict_proba(pairs), expected)
    assert np.array_equal(model.predict_proba(np.array(pairs, dtype=object)), expected)


def test_one_pair_gets_what_it_gets_among_many(fitted):
    model, frame = fitted
    assert np.allclose(model.predict_proba(frame.iloc[[4]]), model.predict_proba(frame)[[4]], atol=1e-6)


def test_no_rows_give_no_probabilities(fitted):
    assert fitted[0].predict_proba([]).shape == (0, 3)


def test_fits_the_same_twice():
    frame = _pairs(20)
    first, second = (AnswerClassifier(**SMALL).fit(frame, frame.label).predict_proba(frame) for _ in range(2))
    assert np.array_equal(first, second)


def test_clones_and_has_parameters():
    model = AnswerClassifier(sentence_C=2.5)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(n_folds=3).n_folds == 3


def test_unfitted_says_so():
    with pytest.raises(NotFittedError):
        AnswerClassifier().predict([("a", "b")])


def test_grid_search_and_cross_validation():
    frame = _pairs(20)
    search = GridSearchCV(AnswerClassifier(**SMALL), {"sentence_C": [0.1, 1.0]}, cv=2, scoring="f1_macro").fit(
        frame, frame.label
    )
    assert search.best_score_ > 0.8
    pairs = np.array(list(zip(frame.question, frame.answer, strict=True)), dtype=object)
    assert cross_val_score(AnswerClassifier(**SMALL), pairs, frame.label, cv=2).mean() > 0.8


def test_labels_of_another_scheme():
    frame = _pairs(20)
    y = frame.label.map({"direct": "yes", "evasive": "no", "policy_restating": "maybe"})
    model = AnswerClassifier(**SMALL).fit(frame, y)
    assert model.classes_.tolist() == ["maybe", "no", "yes"]
    assert (model.predict(frame) == y).mean() > 0.9


def test_evidence_teaches_which_sentence_decides():
    frame = _pairs()
    policy = "We are committed to the best. "
    frame.loc[frame.label == "direct", "answer"] = policy + frame.answer[frame.label == "direct"]
    evidence = [
        a.split(". ")[1] if label == "direct" else None for a, label in zip(frame.answer, frame.label, strict=True)
    ]
    model = AnswerClassifier(**SMALL).fit(frame, frame.label, reason=frame.reason, evidence=evidence)
    analysis = model.analyse(
        [
            (
                "To ask the Minister, how many staff work in Placea.",
                policy + "There are 8 staff in Placea. They work hard.",
            )
        ]
    )
    assert analysis.decisive.argmax() == 1


def _deciding_by_chance(n=150):
    """Answers of four sentences of one kind, any of which may decide: no model can tell which."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "question": ["To ask the Minister, how many boats there are."] * n,
            "answer": [". ".join(f"There are {k} boats" for k in rng.integers(0, 99, 4)) + "." for _ in range(n)],
            "label": ["direct", "evasive"] * (n // 2),
        }
    )
    evidence = [answer.split(". ")[k] for answer, k in zip(frame.answer, rng.integers(0, 2, n), strict=True)]
    return frame, evidence


def test_so_many_sentences_are_shown_as_cover_the_deciding_one():
    frame, evidence = _deciding_by_chance()
    shown, covered = {}, {}
    for coverage in (0.3, 0.6, 0.9):
        model = AnswerClassifier(**SMALL, evidence_coverage=coverage).fit(frame, frame.label, evidence=evidence)
        analysis = model.analyse(frame)
        places = list(evidence_of(analysis))
        shown[coverage] = np.mean([len(p) for p in places])
        said = [[a.split(". ")[k].rstrip(".") for k in p] for a, p in zip(frame.answer, places, strict=True)]
        covered[coverage] = np.mean([e.rstrip(".") in s for e, s in zip(evidence, said, strict=True)])
        assert max(len(p) for p in places) <= 3
    assert shown[0.3] < shown[0.6] < shown[0.9]
    assert all(covered[coverage] >= coverage - 0.1 for coverage in covered)


@pytest.mark.parametrize("coverage", [0, 1, 86])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    frame = _pairs(5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        AnswerClassifier(**SMALL, evidence_coverage=coverage).fit(frame, frame.label)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ([("a", "b"), ("c", "d")], ["x", "x"], "one label only"),
        ([("a", "b"), ("c", "d")], ["x"], "2 rows, y has 1"),
        ([("a", "b"), ("c", None)], ["x", "y"], "Row 1 has None as answer"),
        (["just text", "more"], ["x", "y"], "expected a (question, answer) pair"),
        (pd.DataFrame({"text": ["a", "b"]}), ["x", "y"], "no column 'question'"),
    ],
)
def test_bad_input_is_told(X, y, words):
    with pytest.raises(ValueError) as error:
        AnswerClassifier(**SMALL).fit(X, y)
    assert words in str(error.value)


def test_a_reason_under_two_labels_is_refused():
    frame = _pairs(5)
    with pytest.raises(ValueError, match="more than one label"):
        AnswerClassifier(**SMALL).fit(frame, frame.label, reason=["same"] * len(frame))


def test_equal_weights_change_nothing_and_a_heavy_row_wins():
    frame = _pairs(20)
    plain = AnswerClassifier(**SMALL).fit(frame, frame.label)
    equal = AnswerClassifier(**SMALL).fit(frame, frame.label, sample_weight=np.ones(len(frame)))
    assert np.allclose(plain.predict_proba(frame), equal.predict_proba(frame), atol=1e-6)
    torn = pd.concat([frame, frame.assign(label="other")], ignore_index=True)
    light, heavy = (
        AnswerClassifier(**SMALL).fit(torn, torn.label, sample_weight=np.where(torn.label == "other", weight, 1.0))
        for weight in (0.2, 5.0)
    )
    assert (light.predict(frame) == "other").mean() < 0.1
    assert (heavy.predict(frame) == "other").mean() > 0.9


@pytest.mark.parametrize("weight", [[1.0], [-1.0] * 180, [float("nan")] * 180])
def test_weights_that_are_no_weights_are_refused(weight):
    frame = _pairs()
    with pytest.raises(ValueError, match="sample_weight"):
        AnswerClassifier(**SMALL).fit(frame, frame.label, sample_weight=weight)
