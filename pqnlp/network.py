"""`AnswerNetwork`: a small neural network that reads every sentence against the ask and weighs them for the answer.

The sentences of an answer are a bag of which one, mostly, decides: multiple-instance learning, here with attention pooling (Ilse,
Tomczak and Welling 2018). The network learns which sentence decides and what the whole answer is at the same time. It reads the
sparse columns that the linear layers read, and is written in NumPy: a few products of small matrices for each batch, and no
deep-learning package to install.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator

__all__ = ["AnswerNetwork"]

_WARM_UP = 100
#: Weights are averaged from this share of the steps on, every so many steps.
_AVERAGED_FROM, _AVERAGED_EVERY = 1 / 3, 10
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
#: Pairs that are read at once.
_READ_AT_ONCE = 512


class AnswerNetwork(BaseEstimator):
    """Two hidden layers over sentences and ask, attention over the sentences, an output for each sentence and for the answer.

    Parameters
    ----------
    width : int, default 64
        Units of the first layer, of sentences and of asks.
    joint_width : int, default 128
        Units of the second, which reads a sentence, the asks, the product of both and the sentences before and after.
    epochs : int, default 3
    least_steps : int, default 300
        Few pairs are read in as many epochs as take so many steps.
    batch_size : int, default 64
        Pairs of a step.
    learning_rate : float, default 0.002
        Of Adam (Kingma and Ba 2015), warmed up and then falling to 0 in a straight line.
    question_min_df : int, default 20
        Pairs that a column of the questions must stand in; fewer where there are under 19,000 pairs.
    input_dropout, dropout : float, default 0.1 and 0.3
        Shares of columns and of units that are left out at random (Srivastava et al. 2014).
    random_state : int, default 0

    Attributes
    ----------
    question_columns_ : ndarray of int
        The columns of the questions that are read.
    weights_ : dict of str to ndarray
        The mean of the weights over the last two thirds of the steps (Polyak and Juditsky 1992), as saved: those of the two sparse inputs
        hold no more than eight bits a number.
    """

    def __init__(
        self,
        *,
        width=64,
        joint_width=128,
        epochs=3,
        least_steps=300,
        batch_size=64,
        learning_rate=0.002,
        question_min_df=20,
        input_dropout=0.1,
        dropout=0.3,
        random_state=0,
    ):
        self.width = width
        self.joint_width = joint_width
        self.epochs = epochs
        self.least_steps = least_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.question_min_df = question_min_df
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.random_state = random_state

    def fit(
        self,
        sentences: sp.csr_matrix,
        questions: sp.csr_matrix,
        whole: np.ndarray,
        owner: np.ndarray,
        target: np.ndarray,
        sentence_target: np.ndarray,
        *,
        sample_weight: np.ndarray | None = None,
    ) -> "AnswerNetwork":
        """Fit on n pairs.

        Parameters
        ----------
        sentences : csr_matrix of float32, shape (n_sentences, n_columns)
        questions : csr_matrix of float32, shape (n, n_question_columns)
        whole : ndarray, shape (n, n_whole)
            Columns of the pairs.
        owner : ndarray of int, shape (n_sentences,)
            The pair of each sentence, in order; each pair has one or more.
        target : ndarray, shape (n, n_outcomes)
            Shares of the outcomes in each answer.
        sentence_target : ndarray, shape (n_sentences, n_outcomes + 1)
            The same for sentences, the last column for those that do not decide; rows of zeros teach nothing.
        sample_weight : ndarray, shape (n,), optional

        Returns
        -------
        AnswerNetwork
        """
        rng = np.random.default_rng(self.random_state)
        n = len(whole)
        whole, target = whole.astype(np.float32), target.astype(np.float32)
        sentence_target = sentence_target.astype(np.float32)
        weight = (
            np.ones(n, np.float32) if sample_weight is None else (sample_weight / sample_weight.mean()).astype("f4")
        )
        frequency = np.bincount(questions.indices, minlength=questions.shape[1])
        self.question_columns_ = np.flatnonzero(frequency >= min(self.question_min_df, 1 + n // 1000))
        questions = questions[:, self.question_columns_]
        weights = self._initial(rng, sentences.shape[1], questions.shape[1], whole.shape[1], target.shape[1])
        adam = _Adam(weights)
        batches = int(np.ceil(n / self.batch_size))
        steps = max(self.epochs, int(np.ceil(self.least_steps / batches))) * batches
        warm_up = min(_WARM_UP, steps // 3)
        bounds = np.searchsorted(owner, np.arange(n + 1))
        mean = {name: np.zeros_like(value) for name, value in weights.items()}
        averaged = step = 0
        while step < steps:
            for chosen in np.array_split(rng.permutation(n), batches):
                rate = self.learning_rate * (1 - step / steps) * min(1.0, (step + 1) / (warm_up + 1))
                step += 1
                batch = _Batch(sentences, questions, whole, bounds, chosen)
                taught = (target[chosen], sentence_target[batch.rows], weight[chosen])
                adam.step(weights, self._gradients(weights, batch, *taught, rng), rate)
                if step > _AVERAGED_FROM * steps and (step % _AVERAGED_EVERY == 0 or step == steps):
                    averaged += 1
                    for name, value in weights.items():
                        mean[name] += (value - mean[name]) / averaged
        self.weights_ = {name: _as_saved(value, name) for name, value in mean.items()}
        return self

    def predict_proba(
        self, sentences: sp.csr_matrix, questions: sp.csr_matrix, whole: np.ndarray, owner: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities of the outcomes.

        Parameters
        ----------
        sentences, questions, whole, owner
            As for `fit`.

        Returns
        -------
        answers : ndarray, shape (n, n_outcomes)
        of_sentences : ndarray, shape (n_sentences, n_outcomes + 1)
        """
        bounds = np.searchsorted(owner, np.arange(len(whole) + 1))
        questions, whole = questions[:, self.question_columns_], whole.astype(np.float32)
        answers, of_sentences = [], []
        for chosen in np.array_split(np.arange(len(whole)), max(1, -(-len(whole) // _READ_AT_ONCE))):
            batch = _Batch(sentences, questions, whole, bounds, chosen, learn=False)
            read = _forward(self.weights_, batch)
            answers.append(_softmax(read["out"]))
            of_sentences.append(_softmax(read["said"]))
        return np.concatenate(answers).astype(float), np.concatenate(of_sentences).astype(float)

    def _initial(self, rng, n_columns: int, n_question_columns: int, n_whole: int, n_outcomes: int) -> dict:
        def dense(fan_in: int, fan_out: int) -> np.ndarray:
            bound = 1 / np.sqrt(fan_in)
            return rng.uniform(-bound, bound, (fan_in, fan_out)).astype(np.float32)

        def zeros(size: int) -> np.ndarray:
            return np.zeros(size, np.float32)

        width, joint = self.width, self.joint_width
        return {
            "sentence": 0.05 * rng.standard_normal((n_columns, width), np.float32),
            "question": 0.05 * rng.standard_normal((n_question_columns, width), np.float32),
            "sentence_bias": zeros(width),
            "question_bias": zeros(width),
            "joint": dense(5 * width + n_whole, joint),
            "joint_bias": zeros(joint),
            "said": dense(joint, n_outcomes + 1),
            "said_directly": dense(width, n_outcomes + 1),
            "said_bias": zeros(n_outcomes + 1),
            "attention": dense(joint, 1)[:, 0],
            "out": dense(3 * joint + width + n_whole, n_outcomes),
            "out_bias": zeros(n_outcomes),
        }

    def _gradients(self, weights, batch, target, sentence_target, weight, rng):
        batch.drop(self.input_dropout, rng)
        read = _forward(weights, batch, self.dropout, rng)
        width = weights["sentence_bias"].shape[0]
        out = {}
        d_out = (_softmax(read["out"]) - target) * (weight / len(target))[:, None]
        out["out"], out["out_bias"] = read["features"].T @ d_out, d_out.sum(0)
        d_pooled, d_highest, d_mean, d_question, _ = np.split(d_out @ weights["out"].T, read["splits"], axis=1)
        owner, joint, attention = batch.owner, read["joint"], read["attention"]
        d_pooled_of = d_pooled[owner]
        d_joint = attention[:, None] * d_pooled_of
        d_joint += (joint == read["highest"][owner]) * d_highest[owner]
        d_joint += (d_mean / batch.sizes[:, None])[owner]
        d_attention = (joint * d_pooled_of).sum(1)
        d_score = attention * (d_attention - np.add.reduceat(attention * d_attention, batch.starts)[owner])
        out["attention"] = joint.T @ d_score
        d_joint += d_score[:, None] * weights["attention"]
        known = sentence_target.any(1)
        share = weight[owner] * known / max(known.sum(), 1)
        d_said = (_softmax(read["said"]) - sentence_target) * share[:, None]
        d_said[:, -1] -= d_score
        out["said"], out["said_directly"], out["said_bias"] = (
            joint.T @ d_said,
            read["sentence"].T @ d_said,
            d_said.sum(0),
        )
        d_joint += d_said @ weights["said"].T
        d_joint *= read["joint_kept"] * (joint > 0)
        out["joint"], out["joint_bias"] = read["inputs"].T @ d_joint, d_joint.sum(0)
        d_inputs = d_joint @ weights["joint"].T
        d_product = d_inputs[:, 2 * width : 3 * width]
        d_sentence = d_said @ weights["said_directly"].T + d_inputs[:, :width] + d_product * read["question"][owner]
        d_asked = d_inputs[:, width : 2 * width] + d_product * read["sentence"]
        same = batch.same_before[:, None]
        d_sentence[:-1] += (d_inputs[:, 3 * width : 4 * width] * same)[1:]
        d_sentence[1:] += (d_inputs[:, 4 * width : 5 * width][:-1]) * same[1:]
        d_question = d_question + np.add.reduceat(d_asked, batch.starts, axis=0)
        d_sentence *= read["sentence_kept"] * (read["sentence"] > 0)
        d_question *= read["question_kept"] * (read["question"] > 0)
        out["sentence_bias"], out["question_bias"] = d_sentence.sum(0), d_question.sum(0)
        out["sentence"] = batch.sentence_columns, batch.sentences.T @ d_sentence
        out["question"] = batch.question_columns, batch.questions.T @ d_question
        return out

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "weights_" in state:
            state["weights_"] = {
                name: _in_bytes(value) if name in _SPARSE else value for name, value in state["weights_"].items()
            }
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "weights_" in state:
            self.weights_ = {
                name: _from_bytes(*value) if name in _SPARSE else value for name, value in state["weights_"].items()
            }


#: The weights of sparse inputs: nearly all there are.
_SPARSE = ("sentence", "question")


class _Batch:
    """The columns of some pairs; to learn from, the sparse ones without those that none of them has."""

    def __init__(self, sentences, questions, whole, bounds, chosen, *, learn=True):
        first, self.sizes = bounds[chosen], (bounds[chosen + 1] - bounds[chosen])
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.owner = np.repeat(np.arange(len(chosen)), self.sizes)
        self.rows = np.arange(len(self.owner)) + np.repeat(first - self.starts, self.sizes)
        self.sentences, self.questions = sentences[self.rows], questions[chosen]
        self.sentence_columns = self.question_columns = slice(None)
        if learn:
            self.sentences, self.sentence_columns = _without_empty(self.sentences)
            self.questions, self.question_columns = _without_empty(self.questions)
        self.whole = whole[chosen]
        self.same_before = np.ones(len(self.owner), bool)
        self.same_before[self.starts] = False

    def drop(self, share: float, rng) -> None:
        kept = rng.random(self.sentences.nnz, np.float32) >= share
        self.sentences.data = self.sentences.data * kept / np.float32(1 - share)


def _without_empty(rows: sp.csr_matrix) -> tuple[sp.csr_matrix, np.ndarray]:
    there = np.zeros(rows.shape[1], bool)
    there[rows.indices] = True
    columns = np.flatnonzero(there)
    place = np.empty(rows.shape[1], np.int32)
    place[columns] = np.arange(len(columns))
    return sp.csr_matrix((rows.data, place[rows.indices], rows.indptr), shape=(rows.shape[0], len(columns))), columns


def _forward(weights: dict, batch: _Batch, dropout: float = 0.0, rng=None) -> dict:
    """Return every layer's values; with a generator, units are left out at random."""

    def kept(values: np.ndarray):
        if rng is None:
            return np.float32(1)
        return (rng.random(values.shape, np.float32) >= dropout) / np.float32(1 - dropout)

    read = {}
    for name, rows, columns in (
        ("sentence", batch.sentences, batch.sentence_columns),
        ("question", batch.questions, batch.question_columns),
    ):
        values = np.maximum(rows @ weights[name][columns] + weights[name + "_bias"], 0)
        read[name + "_kept"] = kept(values)
        read[name] = values * read[name + "_kept"]
    owner = batch.owner
    asked = read["question"][owner]
    sentence, same = read["sentence"], batch.same_before[:, None]
    before, after = np.zeros_like(sentence), np.zeros_like(sentence)
    before[1:], after[:-1] = sentence[:-1] * same[1:], sentence[1:] * same[1:]
    read["inputs"] = np.hstack([sentence, asked, sentence * asked, before, after, batch.whole[owner]])
    joint = np.maximum(read["inputs"] @ weights["joint"] + weights["joint_bias"], 0)
    read["joint_kept"] = kept(joint)
    read["joint"] = joint = joint * read["joint_kept"]
    read["said"] = joint @ weights["said"] + read["sentence"] @ weights["said_directly"] + weights["said_bias"]
    score = joint @ weights["attention"] - read["said"][:, -1]
    score = np.exp(score - np.maximum.reduceat(score, batch.starts)[owner])
    read["attention"] = score / np.add.reduceat(score, batch.starts)[owner]
    read["highest"] = np.maximum.reduceat(joint, batch.starts, axis=0)
    pooled = np.add.reduceat(read["attention"][:, None] * joint, batch.starts, axis=0)
    mean = np.add.reduceat(joint, batch.starts, axis=0) / batch.sizes[:, None].astype(np.float32)
    parts = [pooled, read["highest"], mean, read["question"], batch.whole]
    read["features"] = np.hstack(parts)
    read["splits"] = np.cumsum([part.shape[1] for part in parts])[:-1]
    read["out"] = read["features"] @ weights["out"] + weights["out_bias"]
    return read


class _Adam:
    """Adam (Kingma and Ba 2015); of the weights of sparse inputs, those that a batch does not touch stay as they are."""

    def __init__(self, weights: dict):
        self.first = {name: np.zeros_like(value) for name, value in weights.items()}
        self.second = {name: np.zeros_like(value) for name, value in weights.items()}
        self.steps = 0

    def step(self, weights: dict, gradients: dict, rate: float) -> None:
        self.steps += 1
        rate = np.float32(rate * np.sqrt(1 - _BETA2**self.steps) / (1 - _BETA1**self.steps))
        for name, gradient in gradients.items():
            rows = slice(None)
            if isinstance(gradient, tuple):
                rows, gradient = gradient
            first = self.first[name][rows] * np.float32(_BETA1) + gradient * np.float32(1 - _BETA1)
            second = self.second[name][rows] * np.float32(_BETA2) + gradient * gradient * np.float32(1 - _BETA2)
            self.first[name][rows], self.second[name][rows] = first, second
            weights[name][rows] -= rate * first / (np.sqrt(second) + np.float32(_EPSILON))


def _softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _in_bytes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each row as numbers of eight bits, and what they are to be multiplied by."""
    scale = np.maximum(np.abs(values).max(1), 1e-12).astype(np.float32) / np.float32(127)
    return np.rint(values / scale[:, None]).astype(np.int8), scale


def _from_bytes(rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return rows.astype(np.float32) * scale[:, None]


def _as_saved(values: np.ndarray, name: str) -> np.ndarray:
    return _from_bytes(*_in_bytes(values)) if name in _SPARSE else values
