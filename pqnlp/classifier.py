"""`AnswerClassifier`: what kind of answer a question got, why, and by which sentence.

Stacked layers. A linear model reads every sentence against the ask and says whether it is the deciding one and of what
outcome; a second linear model reads the whole answer's n-grams; a small neural network (`pqnlp.network`) reads the sentences, the ask and
what both are together. The last layer reads what all of these say, pooled over the answer: a linear model of outcomes and boosted trees of labels,
averaged, since trees see what columns mean together. The lower layers' predictions that the last is
trained on are out of fold, with equal answers kept in one fold, as in stacked generalisation (Wolpert 1992).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import ThreadpoolController

from pqnlp.codebook import LABELS, REASONS, ROLES, VERDICT_OF_REASON, VERDICTS
from pqnlp.features import (
    Features,
    ParsedPair,
    SentenceFeatures,
    fitted_quietly,
    grouping,
    idf_of,
    kind_columns,
    owners,
    parse_pairs,
    tfidf,
)
from pqnlp.network import AnswerNetwork
from pqnlp.roles import RoleTagger, VerdictTagger, ask_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Analysis", "AnswerClassifier", "as_pairs", "one_thread"]


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread():
    """Return a context in which linear algebra keeps to one thread.

    The matrices are small, and threads that wait for a busy core cost twentyfold. The libraries are looked for once: that takes as
    long as a pair.
    """
    return _threads().limit(limits=1)


def _one_thread(method):

    @wraps(method)
    def limited(self, *args, **kwargs):
        with one_thread():
            return method(self, *args, **kwargs)

    return limited


@dataclass(frozen=True)
class Analysis:
    """What the classifier says of a batch of pairs.

    Attributes
    ----------
    pairs : list of ParsedPair, length n
    probabilities : ndarray, shape (n, n_classes)
        Calibrated probabilities of the labels, in the order of ``classes_``.
    outcomes : ndarray, shape (n, n_outcomes)
        Calibrated probabilities of the reasons (of the labels, where the model knows no reasons).
    decisive : ndarray, shape (n_sentences,)
        Probability that a sentence is the deciding one, sentences of all pairs in order.
    roles : ndarray, shape (n_sentences, 5), or None
    verdicts : ndarray, shape (n_asks, 3), or None
    ask_evidence : ndarray of int, shape (n_asks,), or None
        Index, within its answer, of the sentence that decided the ask; -1 where it was not addressed.
    of_sentences, of_documents : ndarray, shapes (n_sentences, n_outcomes + 1) and (n, n_outcomes)
        What the lower layers say of the sentences, and the linear one of the whole answers; see `AnswerClassifier.committee`.
    pointed_share : float
        Sentences at least this share as decisive as their answer's most decisive one are shown as evidence.
    """

    pairs: list[ParsedPair]
    probabilities: np.ndarray
    outcomes: np.ndarray
    decisive: np.ndarray
    roles: np.ndarray | None
    verdicts: np.ndarray | None
    ask_evidence: np.ndarray | None
    of_sentences: np.ndarray
    of_documents: np.ndarray
    pointed_share: float


def as_pairs(X: Any) -> tuple[list[str], list[str]]:
    """Return questions and answers of any form of X that the estimators take.

    Parameters
    ----------
    X : DataFrame with columns ``question`` and ``answer``, or array or list of pairs, shape (n, 2)

    Returns
    -------
    questions, answers : list of str, length n

    Raises
    ------
    ValueError
        Naming the row that is not a pair of texts.
    """
    if hasattr(X, "columns"):
        missing = [name for name in ("question", "answer") if name not in X.columns]
        if missing:
            raise ValueError(
                f"X has no column {missing[0]!r}: expected 'question' and 'answer', got {list(X.columns)[:10]}."
            )
        questions, answers = X["question"].tolist(), X["answer"].tolist()
    else:
        rows = list(X)
        bad = next(
            (k for k, row in enumerate(rows) if isinstance(row, str) or not hasattr(row, "__len__") or len(row) != 2),
            None,
        )
        if bad is not None:
            raise ValueError(f"Row {bad} of X is {rows[bad]!r:.80}: expected a (question, answer) pair.")
        questions, answers = [row[0] for row in rows], [row[1] for row in rows]
    for name, values in (("question", questions), ("answer", answers)):
        bad = next((k for k, value in enumerate(values) if not isinstance(value, str)), None)
        if bad is not None:
            raise ValueError(
                f"Row {bad} has {values[bad]!r:.60} as {name}: expected text. pqnlp.read turns tables into texts."
            )
    return questions, answers


class AnswerClassifier(ClassifierMixin, BaseEstimator):
    """Classify answers, read against their questions.

    Parameters
    ----------
    sentence_C, document_C, stack_C : float
        Inverse strengths of the L2 penalties of the sentence, document and stacked linear models.
    min_df : int, default 3
        Sentences that an n-gram must stand in.
    max_features : int, default 40000
        The most n-grams.
    n_folds : int, default 5
        Folds for the out-of-fold predictions and the calibration.
    max_iter : int, default 100
        The most iterations of each linear model.
    network_rows : int, default 1000
        Rows from which on the neural network is fitted; of fewer it learns little.
    decision : {"macro_f1", "likeliest"}, default "macro_f1"
        How a label follows from the probabilities: so that the macro-F1 over many answers is best, or the likeliest label.
    evidence_coverage : float, default 0.86
        Share of answers whose deciding sentence shall be among those shown as evidence; fewer are shown where less is asked.
    teacher_share : float, default 0.5
        Where `fit` is given a teacher's probabilities, their weight in what the sentence and document layers learn from; the rest is the
        label's (distillation: Hinton, Vinyals and Dean 2015).
    random_state : int, default 0
    n_jobs : int, optional
        Processes that fit the folds, -1 for one a core; the result is the same for any number.

    Attributes
    ----------
    classes_ : ndarray of str
        The labels: in the codebook's order where they are the codebook's, else sorted.
    outcomes_ : ndarray of str
        The reasons, or the labels again where no reasons were given.
    temperature_, label_temperature_ : float
        By which the log-probabilities of the linear outcomes, and of the labels averaged with the trees', are divided (Guo et al.
        2017), fitted on out-of-fold predictions.
    network_ : AnswerNetwork or None
    trees_share_ : float
        Weight of the boosted trees beside the linear model in the labels' probabilities: a half, or 0 where they have the higher log loss out
        of fold, as on a few hundred rows.
    label_weights_ : ndarray, shape (n_classes,)
        By which probabilities are multiplied before the highest gives the label; ones for the likeliest label.
    pointed_share_ : float
        Sentences at least this share as decisive as the most decisive are shown as evidence, up to
        `pqnlp.explanation.MAX_POINTED`. The highest share that keeps ``evidence_coverage`` on out-of-fold predictions, with
        the margin of split conformal prediction (Vovk, Gammerman and Shafer 2005); short of it where so few sentences cannot.
    oof_probabilities_ : ndarray, shape (n, n_classes)
        Out-of-fold probabilities of the training rows; what thresholds are chosen on. Not saved.
    oof_sentences_ : ndarray, shape (n_sentences, n_outcomes + 1)
        What the sentence layer says, out of fold, of their sentences; the last column is that they do not decide. Not saved.

    Examples
    --------
    >>> from pqnlp.classifier import AnswerClassifier
    >>> model = AnswerClassifier(n_folds=2, min_df=1)
    >>> X = [("How many?", "There are 12."), ("When?", "In due course."), ("How many?", "There were 30."), ("When?", "Later.")]
    >>> model.fit(X, ["direct", "evasive", "direct", "evasive"]).classes_.tolist()
    ['direct', 'evasive']
    """

    def __init__(
        self,
        *,
        sentence_C=0.3,
        document_C=1.0,
        stack_C=0.05,
        min_df=3,
        max_features=40000,
        n_folds=5,
        max_iter=100,
        network_rows=1000,
        decision="macro_f1",
        evidence_coverage=0.86,
        teacher_share=0.5,
        random_state=0,
        n_jobs=None,
    ):
        self.sentence_C = sentence_C
        self.document_C = document_C
        self.stack_C = stack_C
        self.min_df = min_df
        self.max_features = max_features
        self.n_folds = n_folds
        self.max_iter = max_iter
        self.network_rows = network_rows
        self.decision = decision
        self.evidence_coverage = evidence_coverage
        self.teacher_share = teacher_share
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Sequence[str],
        *,
        reason: Sequence[str] | None = None,
        evidence: Sequence[str | None] | None = None,
        roles: Sequence[Sequence[str] | None] | None = None,
        verdicts: Sequence[Sequence[tuple[int, int, str]] | None] | None = None,
        teacher: "pd.DataFrame | None" = None,
        chosen_on: Sequence[bool] | None = None,
        groups: Sequence | None = None,
        sample_weight: Sequence[float] | None = None,
    ) -> "AnswerClassifier":
        """Fit all layers.

        Parameters
        ----------
        X : DataFrame with ``question`` and ``answer``, or pairs, length n
        y : sequence of str, length n
            Labels.
        reason : sequence of str, optional
            Finer classes within the labels; each must belong to one label.
        evidence : sequence of str or None, optional
            Words of the deciding sentence of each answer, where known.
        roles : sequence, optional
            For each pair a role for each sentence of `pqnlp.sentences.split_sentences`, or None.
        verdicts : sequence, optional
            For each pair ``(start, end, verdict)`` of its asks, or None; asks with other offsets than the parser finds
            are left out.
        teacher : DataFrame, length n, optional
            Probabilities of the outcomes by another model that has not learned from these rows, a column for each outcome;
            missing where there are none. See `pqnlp.teacher`.
        chosen_on : sequence of bool, length n, optional
            Rows on which what is chosen out of fold is chosen: temperatures, weights of labels, shares. For rows that are not drawn like those
            that the model is for, as after `pqnlp suggest`, and for those that a teacher has learned from: of these each fold knows
            a little, through the teacher. By default all rows.
        groups : sequence, optional
            Rows with the same value stay in one fold. By default equal answers do.
        sample_weight : sequence of float, length n, optional
            How much each pair counts in the sentence, document and stacked models and in the calibration; 1 by default.
            Roles and verdicts are annotations of their own and are not weighted.

        Returns
        -------
        AnswerClassifier

        Raises
        ------
        ValueError
            For fewer than two labels, a label with fewer rows than folds can hold, a reason under two labels, weights
            that are not positive numbers, one for each row, or a teacher's table with other rows or columns.
        """
        questions, answers = as_pairs(X)
        y = np.asarray(y, dtype=object)
        if len(y) != len(answers):
            raise ValueError(f"X has {len(answers)} rows, y has {len(y)}.")
        present = sorted(set(y))
        if len(present) < 2:
            raise ValueError(f"y holds one label only ({present}): at least two are needed to tell apart.")
        if self.decision not in ("macro_f1", "likeliest"):
            raise ValueError(f"decision is {self.decision!r}: expected 'macro_f1' or 'likeliest'.")
        if not 0 < self.evidence_coverage < 1:
            raise ValueError(f"evidence_coverage is {self.evidence_coverage!r}: expected a number between 0 and 1.")
        if not 0 <= self.teacher_share <= 1:
            raise ValueError(f"teacher_share is {self.teacher_share!r}: expected a number from 0 to 1.")
        self.classes_ = np.array(
            [c for c in LABELS if c in present] if set(present) <= set(LABELS) else present, dtype=object
        )
        outcome = y if reason is None else np.asarray(reason, dtype=object)
        label_of = dict(zip(outcome, y, strict=True))
        torn = sorted({o for o, label in zip(outcome, y, strict=True) if label_of[o] != label})
        if torn:
            raise ValueError(f"The reasons {torn} stand under more than one label: give each label its own reasons.")
        order = [r for label in LABELS for r in REASONS[label]]
        self.outcomes_ = np.array(
            sorted(set(outcome), key=lambda o: (order.index(o) if o in order else len(order), o)), dtype=object
        )
        self.label_of_outcome_ = np.array([list(self.classes_).index(label_of[o]) for o in self.outcomes_])
        if groups is None:
            groups = np.unique(answers, return_inverse=True)[1]
        pairs = parse_pairs(questions, answers)
        weight = _checked_weight(sample_weight, len(answers))
        taught = _checked_teacher(teacher, self.outcomes_, len(answers))
        chosen_on = np.arange(len(answers)) if chosen_on is None else np.flatnonzero(np.asarray(chosen_on, bool))
        self._fit_parsed(pairs, outcome, np.asarray(groups), evidence, roles, verdicts, weight, taught, chosen_on)
        return self

    @_one_thread
    def _fit_parsed(self, pairs, outcome, groups, evidence, roles, verdicts, weight, taught, chosen_on) -> None:
        n = len(pairs)
        target = np.array([list(self.outcomes_).index(o) for o in outcome])
        self.features_ = SentenceFeatures(min_df=self.min_df, max_features=self.max_features)
        read = self.features_.fit_transform(pairs)
        owner = read.owner
        decisive = find_decisive(pairs, evidence)
        sentence_weight = None if weight is None else weight[owner]
        first = np.searchsorted(owner, np.arange(n))
        known = decisive >= 0
        learned = np.eye(len(self.outcomes_))[target]
        if taught is not None:
            rows = ~np.isnan(taught).any(1)
            learned[rows] = (1 - self.teacher_share) * learned[rows] + self.teacher_share * taught[rows]
        sentence_target = np.zeros((len(owner), len(self.outcomes_) + 1))
        sentence_target[:, -1] = 1
        sentence_target[first[known] + decisive[known]] = np.hstack([learned[known], np.zeros((known.sum(), 1))])
        role_target = _role_target(pairs, roles)
        group = grouping(owner, n)
        self.document_idf_ = [idf_of(group @ read.counts), idf_of(group @ read.frames), idf_of(read.questions)]
        asked = self._asked(read)
        documents = self._documents(read, asked, n)
        whole = _whole_columns(pairs)
        decides = known[owner]
        has_role = None if role_target is None else role_target != ""
        folds = self._folds(target, groups)
        has_network = n >= self.network_rows
        parts = [*folds, (np.arange(n), None)]
        within = [np.isin(owner, train) for train, _ in parts]
        # Made one by one as they are fitted: each job has its own copy of most rows.
        networks = (
            delayed(_fit_network)(
                self._network(),
                (read.sentences[rows], asked[train], whole[train], np.searchsorted(train, owner[rows])),
                (learned[train], sentence_target[rows] * decides[rows, None]),
                _of(weight, train),
            )
            for (train, _), rows in zip(parts, within, strict=True)
            if has_network
        )
        linear = (
            delayed(_fit_linear)(
                self._models(),
                (read.sentences[rows & decides], sentence_target[rows & decides], _of(sentence_weight, rows & decides)),
                (documents[train], learned[train], _of(weight, train)),
                None if has_role is None else (read.sentences[rows & has_role], role_target[rows & has_role]),
            )
            for (train, _), rows in zip(parts, within, strict=True)
        )
        fitted = Parallel(n_jobs=self.n_jobs)(chain(networks, linear))
        linear = fitted[-len(parts) :]
        networks = fitted[: len(parts)] if has_network else [None] * len(parts)
        sentence_oof = np.zeros((len(owner), len(self.outcomes_) + 1))
        document_oof = np.zeros((n, len(self.outcomes_)))
        network_oof = np.zeros((n, len(self.outcomes_))) if has_network else None
        role_oof = np.zeros((len(owner), len(ROLES))) if role_target is not None else None
        for (_, test), network, (sentences, document, tagger) in zip(folds, networks, linear, strict=False):
            rows = np.isin(owner, test)
            sentence_oof[rows], of_network = self._read_sentences(
                sentences, network, read.sentences[rows], asked[test], whole[test], np.searchsorted(test, owner[rows])
            )
            if network is not None:
                network_oof[test] = of_network
            document_oof[test] = self._proba(document, documents[test], len(self.outcomes_))
            if role_oof is not None:
                role_oof[rows] = tagger.predict_proba(read.sentences[rows])
        self.network_ = networks[-1]
        self.sentences_, self.documents_, self.roles_ = linear[-1]
        for model in (self.sentences_, self.documents_, None if self.roles_ is None else self.roles_.model_):
            if model is not None:  # as saved, so that a loaded model predicts the same
                model.coef_ = model.coef_.astype(np.float16).astype(np.float32)

        stacked = self._stack(whole, sentence_oof, document_oof, network_oof, role_oof, owner)
        label = self.label_of_outcome_[target]
        raw, by_trees = np.zeros((n, len(self.outcomes_))), np.zeros((n, len(self.classes_)))
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_last)(self._last_models(), stacked[train], target[train], label[train], _of(weight, train))
            for train in [*(train for train, _ in folds), np.arange(n)]
        )
        for (_, test), (stack, trees) in zip(folds, fitted[:-1], strict=True):
            raw[test] = self._proba(stack, stacked[test], len(self.outcomes_))
            by_trees[test] = self._proba(trees, stacked[test], len(self.classes_))
        self.stack_, self.trees_ = fitted[-1]
        on, of = chosen_on, _of(weight, chosen_on)
        self.temperature_ = _temperature(raw[on], target[on], of)
        linear = self._labels_from(_sharpen(raw, self.temperature_))
        # Few rows make poor trees, which are then left out.
        self.trees_share_ = min(
            _TREE_SHARES, key=lambda share: _log_loss(_averaged(linear, by_trees, share)[on], label[on], of)
        )
        self.label_temperature_ = _temperature(_averaged(linear, by_trees, self.trees_share_)[on], label[on], of)
        calibrated = self._calibrated(raw, by_trees)
        self.oof_outcomes_ = calibrated
        self.oof_sentences_ = sentence_oof
        self.oof_probabilities_ = self._labels_from(calibrated)
        likeliest = np.ones(len(self.classes_))
        self.label_weights_ = _label_weights(self.oof_probabilities_[on]) if self.decision == "macro_f1" else likeliest
        likely = self._decisive(sentence_oof, calibrated, self.oof_probabilities_, owner)
        within = np.isin(owner, on)
        self.pointed_share_ = _pointed_share(
            likely[within], decisive[on], np.searchsorted(on, owner[within]), self.evidence_coverage
        )
        self.verdicts_ = None
        if verdicts is not None and any(v for v in verdicts):
            columns = ask_columns(read, pairs, self._sentence_columns(sentence_oof, role_oof), calibrated)
            rows, values, trust = _verdict_target(pairs, verdicts, outcome)
            if len(set(values)) > 1:
                self.verdicts_ = VerdictTagger().fit(columns[rows], values, sample_weight=trust)
        self.n_features_in_ = 2

    def _folds(self, target, groups):
        from pqnlp.splits import group_folds

        folds = group_folds(target, groups, self.n_folds, self.random_state)
        if not folds:
            raise ValueError(
                "The rows are too few, or too alike, to cross-validate: give more rows with different answers."
            )
        return [(train, test) for train, test in folds if len(test) and len(np.unique(target[train])) > 1]

    def _models(self):
        """Return the lower layers, not yet fitted: of sentences, of documents, of roles."""
        options = {"max_iter": self.max_iter, "tol": 1e-3}
        return (
            LogisticRegression(C=self.sentence_C, **options),
            LogisticRegression(C=self.document_C, **options),
            RoleTagger(max_iter=self.max_iter),
        )

    def _network(self):
        return AnswerNetwork(random_state=self.random_state)

    @staticmethod
    def _proba(model, rows, width: int) -> np.ndarray:
        """Probabilities with a column for every class, also those that the model did not see."""
        out = np.zeros((rows.shape[0], width))
        if model is None:
            out[:, -1] = 1
        else:
            out[:, model.classes_] = model.predict_proba(rows)
        return out

    def _asked(self, read: Features) -> sp.csr_matrix:
        return tfidf(read.questions, self.document_idf_[2])

    def _documents(self, read: Features, asked: sp.csr_matrix, n: int) -> sp.csr_matrix:
        group = grouping(read.owner, n)
        said = [
            tfidf(group @ rows, idf) for rows, idf in zip((read.counts, read.frames), self.document_idf_, strict=False)
        ]
        structure = sp.csr_matrix(_pooled_max(read.structure, read.owner, n))
        return sp.hstack([*said, asked, structure], format="csr", dtype=np.float32)

    def _read_sentences(self, sentences, network, rows, asked, whole, owner):
        """Return what the linear model and the network say of sentences, averaged, and what the network says of the answers."""
        of_sentences = self._proba(sentences, rows, len(self.outcomes_) + 1)
        if network is None:
            return of_sentences, None
        answers, by_network = network.predict_proba(rows, asked, whole, owner)
        return (of_sentences + by_network) / 2, answers

    def _sentence_columns(self, sentence, role):
        return sentence if role is None else np.hstack([sentence, role])

    def _stack(self, whole, sentence, document, network, role, owner):
        columns = self._sentence_columns(sentence, role)
        n = len(whole)
        first = np.searchsorted(owner, np.arange(n))
        highest = _pooled_max(columns, owner, n)
        any_of = 1 - np.exp(grouping(owner, n) @ np.log1p(-np.clip(columns, 0, 0.999)))
        answers = [_log(said) for said in (document, network) if said is not None]
        return np.hstack([_log(highest), _log(any_of), _log(columns[first]), *answers, whole])

    def _last_models(self):
        """Return the last layer, not yet fitted: a linear model of outcomes and trees of labels."""
        return (
            LogisticRegression(C=self.stack_C, max_iter=500, tol=1e-3),
            HistGradientBoostingClassifier(
                max_iter=60, max_leaf_nodes=15, min_samples_leaf=30, l2_regularization=5.0, max_features=0.3,
                early_stopping=False, random_state=self.random_state,
            ),
        )  # fmt: skip

    def _calibrated(self, raw: np.ndarray, by_trees: np.ndarray) -> np.ndarray:
        """Return outcomes as the linear model shares them out within labels, and labels as both have them."""
        outcomes = _sharpen(raw, self.temperature_)
        labels = self._labels_from(outcomes)
        wanted = _sharpen(_averaged(labels, by_trees, self.trees_share_), self.label_temperature_)
        return outcomes * (wanted / np.clip(labels, 1e-9, None))[:, self.label_of_outcome_]

    def _labels_from(self, outcomes: np.ndarray) -> np.ndarray:
        out = np.zeros((len(outcomes), len(self.classes_)))
        np.add.at(out.T, self.label_of_outcome_, outcomes.T)
        return out

    @_one_thread
    def analyse(self, X: Any) -> Analysis:
        """Say everything that the model knows of the pairs.

        Parameters
        ----------
        X : DataFrame with ``question`` and ``answer``, or pairs, length n

        Returns
        -------
        Analysis
        """
        check_is_fitted(self, "features_")
        pairs = parse_pairs(*as_pairs(X))
        n = len(pairs)
        if n == 0:
            empty = np.zeros((0, len(self.classes_)))
            none = np.zeros((0, len(self.outcomes_)))
            return Analysis([], empty, none, np.zeros(0), None, None, None, none, none, self.pointed_share_)
        read = self.features_.transform(pairs)
        owner = read.owner
        asked, whole = self._asked(read), _whole_columns(pairs)
        sentence, by_network = self._read_sentences(self.sentences_, self.network_, read.sentences, asked, whole, owner)
        document = self._proba(self.documents_, self._documents(read, asked, n), len(self.outcomes_))
        role = self.roles_.predict_proba(read.sentences) if self.roles_ is not None else None
        stacked = self._stack(whole, sentence, document, by_network, role, owner)
        raw = self._proba(self.stack_, stacked, len(self.outcomes_))
        outcomes = self._calibrated(raw, self._proba(self.trees_, stacked, len(self.classes_)))
        verdicts = evidence = None
        if self.verdicts_ is not None:
            columns = ask_columns(read, pairs, self._sentence_columns(sentence, role), outcomes)
            verdicts = self.verdicts_.predict_proba(columns)
            evidence = _ask_evidence(pairs, read, verdicts, 1 - sentence[:, -1], role)
        probabilities = self._labels_from(outcomes)
        decisive = self._decisive(sentence, outcomes, probabilities, owner)
        return Analysis(
            pairs, probabilities, outcomes, decisive, role, verdicts, evidence, sentence, document, self.pointed_share_
        )

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the place in ``classes_`` of the label that each row of probabilities gets.

        Parameters
        ----------
        probabilities : ndarray, shape (n, n_classes)

        Returns
        -------
        ndarray of int, shape (n,)
            Where the probability times the label's weight in ``label_weights_`` is highest.
        """
        return (probabilities * self.label_weights_).argmax(1)

    def labels_given(self, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the label that each row of probabilities gets, and its probability.

        Parameters
        ----------
        probabilities : ndarray, shape (n, n_classes)

        Returns
        -------
        labels : ndarray of str, shape (n,)
            See `decide`.
        confidence : ndarray, shape (n,)
        """
        given = self.decide(probabilities)
        return self.classes_[given], probabilities[np.arange(len(given)), given]

    def committee(self, analysis: Analysis) -> np.ndarray:
        """Return label probabilities by the sentences alone, by the whole answer alone, and by all layers.

        Where they differ, the model has least to go by.

        Parameters
        ----------
        analysis : Analysis

        Returns
        -------
        ndarray, shape (3, n, n_classes)
            The first by the likeliest sentence for each outcome.
        """
        if not analysis.pairs:
            return np.stack([analysis.probabilities] * 3)
        highest = _pooled_max(analysis.of_sentences[:, :-1], owners(analysis.pairs), len(analysis.pairs)) + 1e-9
        votes = (highest / highest.sum(1, keepdims=True), analysis.of_documents)
        return np.stack([*(self._labels_from(vote) for vote in votes), analysis.probabilities])

    def _decisive(self, sentence, outcomes, probabilities, owner):
        """How likely a sentence is to decide at all, and a little more if for the label that was given."""
        chosen = self.decide(probabilities)
        mask = self.label_of_outcome_[None, :] == chosen[:, None]
        return 0.3 * (sentence[:, :-1] * mask[owner]).sum(1) + 0.7 * (1 - sentence[:, -1])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return calibrated label probabilities.

        Parameters
        ----------
        X : DataFrame with ``question`` and ``answer``, or pairs, length n

        Returns
        -------
        ndarray, shape (n, n_classes)
        """
        return self.analyse(X).probabilities

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of each pair; see `decide`.

        Parameters
        ----------
        X : DataFrame with ``question`` and ``answer``, or pairs, length n

        Returns
        -------
        ndarray of str, shape (n,)
        """
        return self.labels_given(self.predict_proba(X))[0]

    def predict_reason(self, X: Any) -> np.ndarray:
        """Return the likeliest reason within the label of each pair.

        Parameters
        ----------
        X : DataFrame with ``question`` and ``answer``, or pairs, length n

        Returns
        -------
        ndarray of str, shape (n,)
        """
        return self.reasons_from(self.analyse(X))

    def reasons_from(self, analysis: Analysis) -> np.ndarray:
        """Return the likeliest reason within the label given; see `decide`."""
        chosen = self.decide(analysis.probabilities)
        allowed = self.label_of_outcome_[None, :] == chosen[:, None]
        return self.outcomes_[np.where(allowed, analysis.outcomes, -1.0).argmax(1)]

    def __getstate__(self):
        state = dict(super().__getstate__())
        for name in ("sentences_", "documents_", "roles_"):
            if state.get(name) is not None:
                state[name] = _in_precision(state[name], np.float16)
        # Predictions of the training rows are for choosing thresholds, not for shipping.
        state.pop("oof_probabilities_", None)
        state.pop("oof_outcomes_", None)
        state.pop("oof_sentences_", None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        for name in ("sentences_", "documents_", "roles_"):
            if getattr(self, name, None) is not None:
                setattr(self, name, _in_precision(getattr(self, name), np.float32))


def _in_precision(model, dtype):
    """Return a copy whose coefficients have the type; half precision halves the file, single is what products take."""
    import copy

    model = copy.copy(model)
    if hasattr(model, "model_"):
        model.model_ = _in_precision(model.model_, dtype)
    elif hasattr(model, "coef_"):
        model.coef_ = model.coef_.astype(dtype)
    return model


def _fit_network(network, columns, targets, weight):
    with one_thread():
        return network.fit(*columns, *targets, sample_weight=weight)


def _fit_linear(models, sentences, documents, roles):
    """Fit the linear layers on rows of some pairs; sentences without a second outcome, and no roles, give None."""
    of_sentences, of_documents, tagger = models
    with one_thread():
        known = (sentences[1].any(0)).sum() > 1
        of_sentences = _fit_softly(of_sentences, *sentences) if known else None
        of_documents = _fit_softly(of_documents, *documents)
        return of_sentences, of_documents, None if roles is None else tagger.fit(*roles)


#: Shares of an outcome below this are left out of what a row teaches; each kept one costs a copy of the row.
_LEAST_TAUGHT = 0.1


def _fit_softly(model, X, target, weight):
    """Fit a classifier on shares of the outcomes, one column each: rows are repeated for each outcome and weighted by its share."""
    kept = np.where(target >= _LEAST_TAUGHT, target, 0)
    row, outcome = np.nonzero(kept)
    share = kept[row, outcome] / kept.sum(1)[row]
    if len(row) == len(target):  # each row has one outcome
        return fitted_quietly(model, X, outcome, sample_weight=weight)
    return fitted_quietly(model, X[row], outcome, sample_weight=share if weight is None else share * weight[row])


def _fit_last(models, stacked, target, label, weight):
    """Fit the last layer: the linear model of outcomes and the trees of labels."""
    linear, trees = models
    with one_thread():
        return fitted_quietly(linear, stacked, target, sample_weight=weight), trees.fit(
            stacked, label, sample_weight=weight
        )


def _pooled_max(columns: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    return np.maximum.reduceat(columns, np.searchsorted(owner, np.arange(n)), axis=0)


def _sizes(pairs: Sequence[ParsedPair]) -> np.ndarray:
    """Steps of how many sentences the answer and how many asks the question has."""
    sentences = np.array([len(pair.spans) for pair in pairs])[:, None]
    asks = np.array([len(pair.question.asks) for pair in pairs])[:, None]
    return np.hstack([sentences <= [1, 2, 4, 8], asks <= [1, 2, 4]]).astype(float)


def _whole_columns(pairs: Sequence[ParsedPair]) -> np.ndarray:
    """Tell the kinds of each pair's asks, of the main one, and the sizes of both texts."""
    return np.hstack([kind_columns(pairs), kind_columns(pairs, main=True), _sizes(pairs)])


def _log(p: np.ndarray) -> np.ndarray:
    return np.log(np.clip(p, 1e-4, 1.0))


def _sharpen(p: np.ndarray, temperature: float) -> np.ndarray:
    z = np.log(np.clip(p, 1e-9, 1.0)) / temperature
    z -= z.max(1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(1, keepdims=True)


#: How much the trees may count beside the linear model: not at all, or as much.
_TREE_SHARES = (0.0, 0.5)


def _averaged(p: np.ndarray, q: np.ndarray, share: float) -> np.ndarray:
    """Return the normalised geometric mean of two sets of probabilities (logarithmic pooling), with a weight of the second."""
    mean = np.exp((1 - share) * np.log(np.clip(p, 1e-6, 1)) + share * np.log(np.clip(q, 1e-6, 1)))
    return mean / mean.sum(1, keepdims=True)


def _log_loss(p: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> float:
    return -float(np.average(np.log(np.clip(p[np.arange(len(target)), target], 1e-12, 1)), weights=weight))


def _temperature(p: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda t: _log_loss(_sharpen(p, t), target, weight), bounds=(0.3, 3.0), method="bounded")
    return float(found.x)


def _of(weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weight is None else weight[rows]


def _checked_weight(sample_weight: Sequence[float] | None, n: int) -> np.ndarray | None:
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}: expected one number for each of {n} rows.")
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise ValueError("sample_weight must hold positive numbers: leave out rows that shall not count.")
    return weight


def _checked_teacher(teacher, outcomes: np.ndarray, n: int) -> np.ndarray | None:
    if teacher is None:
        return None
    missing = [outcome for outcome in outcomes if outcome not in teacher.columns]
    if missing or len(teacher) != n:
        raise ValueError(
            f"The teacher's table has no column {missing[0]!r}: expected one for each of {list(outcomes)}."
            if missing
            else f"The teacher's table has {len(teacher)} rows, X has {n}."
        )
    shares = teacher[list(outcomes)].to_numpy(float)
    if (shares < 0).any():
        raise ValueError("The teacher's table holds negative probabilities.")
    with np.errstate(invalid="ignore"):  # a row may lie wholly on outcomes that no training row has: as if missing
        return shares / shares.sum(1, keepdims=True)


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def find_decisive(pairs: Sequence[ParsedPair], evidence: Sequence[str | None] | None) -> np.ndarray:
    """Return the index of each answer's deciding sentence, -1 where it is not known."""
    out = np.full(len(pairs), -1)
    for k, pair in enumerate(pairs):
        if len(pair.spans) == 1:
            out[k] = 0
            continue
        words = evidence[k] if evidence is not None else None
        if not isinstance(words, str) or not words.strip():
            continue
        wanted = _squeezed(words)
        texts = [_squeezed(pair.answer[start:end]) for start, end in pair.spans]
        # An excerpt may run over a sentence's end: then its beginning decides.
        for part in (wanted, wanted[:25]):
            found = next((j for j, text in enumerate(texts) if part and part in text), None)
            if found is not None:
                out[k] = found
                break
    return out


def _role_target(pairs, roles) -> np.ndarray | None:
    if roles is None or not any(r is not None for r in roles):
        return None
    out: list[str] = []
    for pair, given in zip(pairs, roles, strict=True):
        fits = given is not None and len(given) == len(pair.spans)
        out += list(given) if fits else [""] * len(pair.spans)
    return np.array(out, dtype=object)


#: Weight of a verdict that follows from the answer's reason, where one that was annotated weighs 1.
_INFERRED = 0.3


def _verdict_target(pairs, verdicts, reasons):
    """Return asks, their verdicts and weights: those annotated, and those of lone asks, which the reason decides."""
    rows, values, trust, row = [], [], [], 0
    for pair, given, reason in zip(pairs, verdicts, reasons, strict=True):
        known = {(start, end): verdict for start, end, verdict in given or ()}
        inferred = VERDICT_OF_REASON.get(reason) if len(pair.question.asks) == 1 and not known else None
        for ask in pair.question.asks:
            verdict = known.get((ask.start, ask.end), inferred)
            if verdict is not None:
                rows.append(row)
                values.append(verdict)
                trust.append(_INFERRED if verdict is inferred and not known else 1.0)
            row += 1
    return np.array(rows, dtype=int), values, np.array(trust)


def _ask_evidence(pairs, read: Features, verdicts, decisive, role):
    """Pick for each ask the sentence that decided it: one of the right role, decisive and near the ask's words."""
    chosen = verdicts.argmax(1)
    worth = decisive[read.sentence_of] + 0.3 * read.alignment
    if role is not None:
        supplied = role[:, [ROLES.index("answer"), ROLES.index("referral")]].sum(1)
        declined = role[:, ROLES.index("decline")]
        is_supplied = chosen[read.ask_of] == VERDICTS.index("supplied")
        worth = worth + np.where(is_supplied, supplied[read.sentence_of], declined[read.sentence_of])
    # Links stand in order of asks; the first of the worthiest is taken.
    order = np.lexsort((-np.arange(len(worth)), worth, read.ask_of))
    last = np.cumsum(np.bincount(read.ask_of, minlength=len(verdicts))) - 1
    first = np.searchsorted(read.owner, np.arange(len(pairs)))
    out = read.sentence_of[order[last]] - first[read.ask_owner] if len(verdicts) else np.zeros(0, int)
    return np.where(chosen == VERDICTS.index("not_addressed"), -1, out)


#: Below this, sentences that decide nothing would be shown.
_LEAST_SHARE = 0.1


def _pointed_share(likely: np.ndarray, decisive: np.ndarray, owner: np.ndarray, coverage: float) -> float:
    """Return the highest share under which sentences pointed at hold the deciding one in so many answers."""
    from pqnlp.explanation import MAX_POINTED

    first = np.searchsorted(owner, np.arange(len(decisive)))
    rows = np.flatnonzero(decisive >= 0)
    if not len(rows):
        return _LEAST_SHARE
    at = first[rows] + decisive[rows]
    of = np.full(len(decisive), -1)
    of[rows] = np.arange(len(rows))
    row = of[owner]
    own, there = likely[at][row], row >= 0
    above = np.bincount(row[there], (likely > own)[there], minlength=len(rows))
    highest = np.maximum(_pooled_max(likely[:, None], owner, len(decisive))[:, 0], 1e-12)
    ratio = np.where(above < MAX_POINTED, likely[at] / highest[rows], 0.0)
    place = int(np.ceil(coverage * (len(rows) + 1))) - 1
    least = np.sort(ratio)[::-1][min(place, len(rows) - 1)]
    return float(max(least, _LEAST_SHARE))


def _expected_f1(probabilities: np.ndarray, chosen: np.ndarray) -> float:
    """Return the macro-F1 to be expected of labels if the probabilities are right."""
    rows = np.arange(len(chosen))
    n_classes = probabilities.shape[1]
    true_positives = np.bincount(chosen, probabilities[rows, chosen], minlength=n_classes)
    given, there = np.bincount(chosen, minlength=n_classes), probabilities.sum(0)
    return float(np.mean(2 * true_positives / np.maximum(given + there, 1e-9)))


def _label_weights(probabilities: np.ndarray) -> np.ndarray:
    """Return weights of the labels under which the weightiest label gives the best macro-F1 that can be expected.

    The label with the highest probability is the best guess for one answer and gives the highest accuracy, but over many
    answers it starves rare labels, and macro-F1 with them (Lipton, Elkan and Naryanaswamy 2014). Coordinate ascent over a
    grid; the expectation is taken over calibrated probabilities, so no label of a row is looked at.
    """
    grid = np.exp(np.linspace(-0.7, 0.7, 29))
    weights = np.ones(probabilities.shape[1])
    for _ in range(3):
        before = weights.copy()
        for k in range(len(weights)):
            found = []
            for value in grid:
                weights[k] = value
                found.append(_expected_f1(probabilities, (probabilities * weights).argmax(1)))
            # Of equals the one nearest to 1.
            weights[k] = grid[max(range(len(grid)), key=lambda j: (round(found[j], 6), -abs(np.log(grid[j]))))]
        if np.array_equal(before, weights):
            break
    return weights / weights[0]
