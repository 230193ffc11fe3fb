"""What each sentence of an answer does, and what became of each ask.

Both models read the sentence features of `pqnlp.features`, so that the text is read once for everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from pqnlp.codebook import ASK_KINDS, ROLES, VERDICTS
from pqnlp.features import Features, ParsedPair, fitted_quietly

__all__ = ["RoleTagger", "VerdictTagger"]


class RoleTagger(BaseEstimator):
    """Give every sentence the probabilities of `pqnlp.codebook.ROLES`.

    Parameters
    ----------
    C : float, default 0.3
        Inverse strength of the L2 penalty.
    max_iter : int, default 300

    Attributes
    ----------
    model_ : LogisticRegression
    """

    def __init__(self, *, C=0.3, max_iter=300):
        self.C = C
        self.max_iter = max_iter

    def fit(self, features: sp.csr_matrix, roles: Sequence[str]) -> "RoleTagger":
        """Fit on rows of sentence features and their roles.

        Parameters
        ----------
        features : csr_matrix, shape (n_sentences, n_columns)
        roles : sequence of str, length n_sentences

        Returns
        -------
        RoleTagger

        Raises
        ------
        ValueError
            For a role that the codebook does not know.
        """
        unknown = sorted(set(roles) - set(ROLES))
        if unknown:
            raise ValueError(f"Unknown roles {unknown}: expected {list(ROLES)}.")
        self.model_ = fitted_quietly(
            LogisticRegression(C=self.C, max_iter=self.max_iter, tol=1e-3), features, np.asarray(roles)
        )
        return self

    def predict_proba(self, features: sp.csr_matrix) -> np.ndarray:
        """Return role probabilities in the order of `ROLES`.

        Parameters
        ----------
        features : csr_matrix, shape (n_sentences, n_columns)

        Returns
        -------
        ndarray, shape (n_sentences, 5)
        """
        out = np.zeros((features.shape[0], len(ROLES)))
        out[:, [ROLES.index(name) for name in self.model_.classes_]] = self.model_.predict_proba(features)
        return out


class VerdictTagger(BaseEstimator):
    """Say of every ask whether it was supplied, declined or not addressed, and by which sentence.

    Parameters
    ----------
    C : float, default 1.0
    max_iter : int, default 500

    Attributes
    ----------
    model_ : LogisticRegression
    """

    def __init__(self, *, C=1.0, max_iter=500):
        self.C = C
        self.max_iter = max_iter

    def fit(
        self, columns: np.ndarray, verdicts: Sequence[str], *, sample_weight: np.ndarray | None = None
    ) -> "VerdictTagger":
        """Fit on the columns that `ask_columns` makes.

        Parameters
        ----------
        columns : ndarray, shape (n_asks, n_columns)
        verdicts : sequence of str, length n_asks
        sample_weight : ndarray, shape (n_asks,), optional

        Returns
        -------
        VerdictTagger
        """
        model = LogisticRegression(C=self.C, max_iter=self.max_iter, tol=1e-3)
        self.model_ = fitted_quietly(model, columns, np.asarray(verdicts), sample_weight=sample_weight)
        return self

    def predict_proba(self, columns: np.ndarray) -> np.ndarray:
        """Return verdict probabilities in the order of `VERDICTS`.

        Parameters
        ----------
        columns : ndarray, shape (n_asks, n_columns)

        Returns
        -------
        ndarray, shape (n_asks, 3)
        """
        out = np.zeros((len(columns), len(VERDICTS)))
        if len(columns):
            out[:, [VERDICTS.index(name) for name in self.model_.classes_]] = self.model_.predict_proba(columns)
        return out


def ask_columns(
    read: Features, pairs: Sequence[ParsedPair], sentence_columns: np.ndarray, pair_columns: np.ndarray
) -> np.ndarray:
    """Return one row for every ask, with how well each of its pair's sentences lines up with it.

    Parameters
    ----------
    read : Features
        Of the pairs.
    pairs : sequence of ParsedPair, length n
    sentence_columns : ndarray, shape (n_sentences, k)
        Probabilities of what each sentence does.
    pair_columns : ndarray, shape (n, m)
        Probabilities of the whole answer.

    Returns
    -------
    ndarray, shape (n_asks, n_columns)
    """
    ask_owner, sentence_of, ask_of, alignment = read.ask_owner, read.sentence_of, read.ask_of, read.alignment
    n_asks = len(ask_owner)
    reps = np.bincount(read.owner, minlength=len(pairs))[ask_owner]
    k = sentence_columns.shape[1]
    weight = (0.15 + alignment)[:, None] * sentence_columns[sentence_of]
    best = np.zeros((n_asks, k))
    np.maximum.at(best, ask_of, weight)
    top = np.zeros(n_asks)
    np.maximum.at(top, ask_of, alignment)
    # What the best aligned sentence does.
    aligned = np.zeros((n_asks, k))
    if n_asks:
        order = np.lexsort((alignment, ask_of))
        last = np.cumsum(reps) - 1
        aligned = sentence_columns[sentence_of[order[last]]]
    kinds = np.zeros((n_asks, len(ASK_KINDS)))
    shape = np.zeros((n_asks, 4))
    row = 0
    for pair in pairs:
        for position, ask in enumerate(pair.question.asks):
            kinds[row, ASK_KINDS.index(ask.kind)] = 1
            shape[row] = (
                position == 0,
                position == len(pair.question.asks) - 1,
                ask.stem is not None,
                len(pair.question.asks) > 2,
            )
            row += 1
    whole = pair_columns[ask_owner]
    columns = np.hstack([whole, best, aligned, top[:, None], kinds, shape, whole * shape[:, :1], whole * shape[:, 3:]])
    return columns
