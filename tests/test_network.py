"""The network learns from sentences in bags, its gradients are right, and it reads as it was saved."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from pqnlp import network as library
from pqnlp.classifier import AnswerClassifier
from pqnlp.network import AnswerNetwork
from pqnlp.question import parse_question


def bags(n: int, seed: int = 0):
    """Return columns and targets of bags in which the one sentence that speaks of what was asked decides.

    Column 0 is a yes, column 1 a no; a sentence has one of them and one of four topics, and the question has a topic.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, n)
    owner = np.repeat(np.arange(n), sizes)
    topic, said = rng.integers(0, 4, len(owner)), rng.integers(0, 2, len(owner))
    first = np.searchsorted(owner, np.arange(n))
    deciding = first + rng.integers(0, sizes)
    asked = rng.integers(0, 4, n)
    topic[topic == asked[owner]] = (topic[topic == asked[owner]] + 1) % 4
    topic[deciding] = asked
    sentences = sp.csr_matrix(np.hstack([np.eye(2)[said], np.eye(4)[topic]]).astype(np.float32))
    sentence_target = np.eye(3)[2 * np.ones(len(owner), int)]
    sentence_target[deciding] = np.eye(3)[said[deciding]]
    questions = sp.csr_matrix(np.eye(4, dtype=np.float32)[asked])
    return sentences, questions, np.ones((n, 1)), owner, np.eye(2)[said[deciding]], sentence_target


@pytest.fixture(scope="module")
def fitted():
    return AnswerNetwork(width=32, joint_width=32, epochs=30, learning_rate=0.01, dropout=0.1).fit(*bags(1500))


def test_the_sentence_that_speaks_of_what_was_asked_decides(fitted):
    *columns, target, sentence_target = bags(300, seed=1)
    answers, of_sentences = fitted.predict_proba(*columns)
    assert (answers.argmax(1) == target.argmax(1)).mean() > 0.9
    assert (of_sentences.argmax(1) == sentence_target.argmax(1)).mean() > 0.9
    assert np.allclose(answers.sum(1), 1, atol=1e-5)
    assert np.allclose(of_sentences.sum(1), 1, atol=1e-5)


def test_one_bag_gets_what_it_gets_among_many(fitted):
    sentences, questions, whole, owner, *_ = bags(1100, seed=2)  # more than are read at once
    answers, of_sentences = fitted.predict_proba(sentences, questions, whole, owner)
    for k in (0, 700, 1099):
        own = owner == k
        alone = fitted.predict_proba(sentences[own], questions[[k]], whole[[k]], np.zeros(own.sum(), int))
        np.testing.assert_allclose(alone[0][0], answers[k], atol=1e-5)
        np.testing.assert_allclose(alone[1], of_sentences[own], atol=1e-5)


def test_fits_the_same_twice_and_otherwise_with_another_seed():
    columns = bags(200)
    first, second, third = (
        AnswerNetwork(width=4, joint_width=4, random_state=seed).fit(*columns).predict_proba(*columns[:4])[0]
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, second)
    assert not np.allclose(first, third)


def test_reads_as_it_was_saved_in_a_quarter_of_the_room(fitted):
    columns = bags(50)[:4]
    state = fitted.__getstate__()["weights_"]["sentence"]
    assert state[0].dtype == np.int8
    again = pickle.loads(pickle.dumps(fitted))
    for mine, other in zip(fitted.predict_proba(*columns), again.predict_proba(*columns), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


def test_clones():
    network = AnswerNetwork(width=7, dropout=0.5)
    assert clone(network).get_params() == network.get_params()


def test_weights_of_rows_count():
    *columns, target, sentence_target = bags(300)
    wrong = np.arange(300) % 2 == 0
    target = np.where(wrong[:, None], 1 - target, target)
    sentence_target = np.where(wrong[columns[3], None], sentence_target[:, [1, 0, 2]], sentence_target)
    true = bags(300)[4].argmax(1)
    weight = np.where(wrong, 0.02, 1.0)
    network = AnswerNetwork(width=32, joint_width=32, epochs=60, learning_rate=0.01, dropout=0.1)
    said = network.fit(*columns, target, sentence_target, sample_weight=weight).predict_proba(*columns)[0].argmax(1)
    assert (said == true).mean() > 0.85


class _NothingDropped:
    """Stands for a generator where all is kept."""

    @staticmethod
    def random(shape, dtype=None):
        return np.ones(shape)


def test_gradients_are_those_of_the_loss():
    rng = np.random.default_rng(0)
    n = 7
    sentences, questions, _, owner, *_ = bags(n, seed=3)
    sentences, questions = sentences.astype(float), questions.astype(float)
    whole, target = rng.random((n, 3)), rng.dirichlet(np.ones(2), n)
    sentence_target = np.eye(3)[rng.integers(0, 3, len(owner))]
    sentence_target[::3] = 0  # of these nothing is known
    weight = rng.random(n) + 0.5
    network = AnswerNetwork(width=5, joint_width=6, dropout=0, input_dropout=0)
    weights = network._initial(rng, sentences.shape[1], questions.shape[1], 3, 2)
    weights = {name: value + 0.05 * rng.standard_normal(value.shape) for name, value in weights.items()}
    bounds = np.searchsorted(owner, np.arange(n + 1))

    def batch():
        return library._Batch(sentences, questions, whole, bounds, np.arange(n))

    def loss() -> float:
        read = library._forward(weights, batch())
        known = sentence_target.any(1)
        of_answers = (weight[:, None] * target * np.log(library._softmax(read["out"]))).sum() / n
        of_sentences = weight[owner, None] * sentence_target * np.log(library._softmax(read["said"]))
        return -of_answers - of_sentences.sum() / known.sum()

    found = network._gradients(weights, batch(), target, sentence_target, weight, _NothingDropped())
    assert set(found) == set(weights)
    for name, value in weights.items():
        gradient = found[name]
        if isinstance(gradient, tuple):
            columns, part = gradient
            gradient = np.zeros_like(value)
            gradient[columns] = part
        for _ in range(6):
            place = tuple(rng.integers(0, size) for size in value.shape)
            kept, step = value[place], 1e-6
            value[place] = kept + step
            above = loss()
            value[place] = kept - step
            below = loss()
            value[place] = kept
            assert (above - below) / (2 * step) == pytest.approx(gradient[place], abs=1e-6), name


def _pairs(n: int):
    places = [f"Quay{chr(97 + k % 26)}{chr(97 + k // 26 % 26)}" for k in range(n)]
    rows = [
        (f"To ask the Minister, how many boats are at {place}; and when they arrived.", f"{said} at {place}. The harbour is old.")
        for place, said in zip(places, ["There are 12 boats", "No record is kept of boats"] * (n // 2), strict=True)
    ]  # fmt: skip
    return rows, ["direct", "evasive"] * (n // 2)


def test_the_classifier_has_one_from_enough_rows_on(tmp_path):
    import pqnlp
    from pqnlp.model import save

    rows, labels = _pairs(120)
    settings = {"n_folds": 2, "min_df": 1}
    assert AnswerClassifier(**settings).fit(rows, labels).network_ is None
    asked = [(ask.start, ask.end) for ask in parse_question(rows[0][0]).asks]
    assert len(asked) == 2
    first = {"direct": "supplied", "evasive": "declined"}
    verdicts = [[(*asked[0], first[label]), (*asked[1], "not_addressed")] for label in labels]
    model = AnswerClassifier(**settings, network_rows=100).fit(rows, labels, verdicts=verdicts)
    assert (model.predict(rows) == labels).mean() > 0.95
    place = tmp_path / "model"
    save(model, place, name="m", version="1", unsure_below=0.5, training={}, scores={})
    again = pqnlp.load(place).classifier
    np.testing.assert_allclose(again.predict_proba(rows), model.predict_proba(rows), atol=1e-6)
    alone, among = model.analyse(rows[:1]), model.analyse(rows)
    np.testing.assert_allclose(alone.verdicts, among.verdicts[:2], atol=1e-6)
    assert among.verdicts[0].argmax() != among.verdicts[1].argmax()
