"""Columns that the models read: n-grams, cue phrases, and how a sentence lines up with what was asked.

Everything is computed for a whole batch at once, one sparse matrix for all sentences, so that a million answers do not
pay for a million small matrices. Tokens are counted once for each sentence; the answer's counts are their sum.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from pqnlp.codebook import ASK_KINDS
from pqnlp.cues import CueMatcher
from pqnlp.question import Question, parse_question
from pqnlp.sentences import split_sentences

__all__ = ["ParsedPair", "SentenceFeatures", "fitted_quietly", "owners", "parse_pairs"]


@dataclass(frozen=True)
class ParsedPair:
    """A question and answer with their structure.

    Attributes
    ----------
    question : Question
    answer : str
    spans : list of (int, int)
        Offsets of the answer's sentences; one empty span for an answer without words.
    """

    question: Question
    answer: str
    spans: list[tuple[int, int]]


def parse_pairs(questions: Sequence[str], answers: Sequence[str]) -> list[ParsedPair]:
    """Parse questions and split answers.

    Parameters
    ----------
    questions, answers : sequence of str, length n
        Text as `pqnlp.text.clean_text` makes it.

    Returns
    -------
    list of ParsedPair, length n
    """
    return [
        ParsedPair(parse_question(question), answer, split_sentences(answer) or [(0, 0)])
        for question, answer in zip(questions, answers, strict=True)
    ]


_DIGITS = str.maketrans("0123456789’‘`", "0000000000'''")
#: Words, figures by their shape ("0,000", "00%"), and the signs that tell money and shares.
TOKEN_PATTERN = r"[^\W\d_]+(?:'[^\W\d_]+)?|[£$€]?0[0,.]*0?%?"
_STOP = frozenset(
    """the of to and a in is for on that are be has have with by as this it will from we which an at been not was or their
    his her he she they if what whether how many when who where why its any all department secretary state government
    ministers minister ask made make make take taking taken steps assessment potential impact pursuant answer question
    reference recent between so far each such into than other these those there under over about more would can may""".split()
)


def normal(text: str) -> str:
    """Return `text` in lower case, digits as ``0``, straight apostrophes; offsets do not move.

    A letter whose lower case is longer than itself (``İ``) is left as it is.
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lowered.translate(_DIGITS)


_MONEY = re.compile(r"£\d|\d ?(?:million|billion|bn)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b\d[\d,.]*\b|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|none|zero|nil)\b", re.I
)
_WHEN = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December|spring|summer|autumn|winter"
    r"|20\d\d(?:[-/]\d\d)?)\b"
)
_LINK = re.compile(r"https?://|www\.")
_NEGATIVE = re.compile(r"\b(?:no|not|none|nor|never|cannot|neither|nil|without|n't)\b", re.IGNORECASE)
_OPENING = re.compile(r"[\"'“‘(•\s]*([A-Za-z]+)")
_OPENERS = (
    "yes",
    "no",
    "the",
    "i",
    "we",
    "this",
    "there",
    "as",
    "my",
    "it",
    "in",
    "on",
    "officials",
    "information",
    "since",
    "however",
)
_FLAGS = (
    "number", "money", "when", "link", "negative", "table", "colon_end", "first", "second", "last", "only", "early", "late",
    "short", "medium", "long", "one_sentence", "few_sentences", "many_sentences", "limb",
)  # fmt: skip
_OVERLAP_BINS = np.array([0.05, 0.15, 0.3, 0.45, 0.6, 0.8])


class SentenceFeatures(TransformerMixin, BaseEstimator):
    """Turn parsed pairs into one row of features for every answer sentence.

    Parameters
    ----------
    min_df : int, default 3
        Sentences that an n-gram must stand in.
    max_features : int or None, default 40000
        The most n-grams kept, commonest first.
    ngram_range : (int, int), default (1, 2)

    Attributes
    ----------
    vocabulary_size_ : int
    """

    def __init__(self, *, min_df=3, max_features=40000, ngram_range=(1, 2)):
        self.min_df = min_df
        self.max_features = max_features
        self.ngram_range = ngram_range

    def fit(self, pairs: Sequence[ParsedPair], y=None) -> "SentenceFeatures":
        """Learn the n-grams and their document frequencies.

        Parameters
        ----------
        pairs : sequence of ParsedPair
        y : ignored

        Returns
        -------
        SentenceFeatures
        """
        self.counter_ = self._counter(min_df=min(self.min_df, len(pairs)), max_features=self.max_features)
        counts = self.counter_.fit_transform(_sentence_texts(pairs))
        self.tfidf_ = TfidfTransformer(sublinear_tf=True).fit(counts)
        self.tfidf_.idf_ = self.tfidf_.idf_.astype(np.float32)  # as saved, so that a loaded model predicts the same
        self.vocabulary_size_ = counts.shape[1]
        self._prepare()
        return self

    def _counter(self, **options) -> CountVectorizer:
        return CountVectorizer(
            lowercase=False, token_pattern=TOKEN_PATTERN, ngram_range=self.ngram_range, dtype=np.float32, **options
        )

    def _prepare(self) -> None:
        terms = self.counter_.get_feature_names_out()
        content = np.array([" " not in t and t not in _STOP and not t.startswith("0") and len(t) > 2 for t in terms])
        # Weight of a word in the overlap of sentence and ask: rare content words count most.
        self.overlap_weight_ = np.where(content, self.tfidf_.idf_, 0.0).astype(np.float32)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "counter_" in state:  # one string opens faster than forty thousand numbers
            del state["overlap_weight_"]
            state["counter_"] = "\n".join(self.counter_.get_feature_names_out())
            state["tfidf_"] = self.tfidf_.idf_.astype(np.float32)
        return state

    def __setstate__(self, state):
        terms, idf = state.get("counter_"), state.get("tfidf_")
        super().__setstate__(state)
        if isinstance(terms, str):
            self.counter_ = self._counter(vocabulary={term: k for k, term in enumerate(terms.split("\n"))})
            self.counter_._validate_vocabulary()
            self.tfidf_ = TfidfTransformer(sublinear_tf=True)
            self.tfidf_.idf_ = idf.astype(np.float32)
            self._prepare()

    def transform(self, pairs: Sequence[ParsedPair]):
        """Return the sentence features.

        Parameters
        ----------
        pairs : sequence of ParsedPair, length n

        Returns
        -------
        csr_matrix of float32, shape (n_sentences, n_columns)
            Rows in order of pairs and sentences; `owners` gives each row's pair.
        """
        return self.transform_parts(pairs)[0]

    def transform_parts(self, pairs: Sequence[ParsedPair]):
        """Return features with the counts they were made from.

        Parameters
        ----------
        pairs : sequence of ParsedPair, length n

        Returns
        -------
        features : csr_matrix, shape (n_sentences, n_columns)
        counts : csr_matrix, shape (n_sentences, vocabulary_size_)
            N-gram counts.
        structure : ndarray of float32, shape (n_sentences, n_structure)
            The columns after the n-grams, dense.
        """
        counts = self.counter_.transform(_sentence_texts(pairs)).astype(np.float32)
        grams = self.tfidf_.transform(counts)
        owner = owners(pairs)
        structure = np.hstack([_flags(pairs), self._overlap(pairs, counts, owner), *_cue_columns(pairs, owner)])
        kinds = _kind_columns(pairs)[owner]
        structure = np.hstack([structure, kinds]).astype(np.float32)
        crossed = _crossed(structure, kinds)
        features = sp.hstack([grams, sp.csr_matrix(structure), crossed], format="csr", dtype=np.float32)
        return features, counts, structure

    def _overlap(self, pairs, counts, owner) -> np.ndarray:
        """How much of the ask's content a sentence says, how much of the sentence the question asked; in steps."""
        asked_texts, ask_owner = [], []
        for k, pair in enumerate(pairs):
            for ask in pair.question.asks:
                stem = pair.question.text[slice(*ask.stem)] if ask.stem else ""
                asked_texts.append(normal(f"{stem} {ask.text}"))
                ask_owner.append(k)
        weight = sp.diags(np.sqrt(self.overlap_weight_))
        said = (counts > 0).astype(np.float32) @ weight
        n = len(pairs)
        if not asked_texts:
            return np.zeros((len(owner), 3 * len(_OVERLAP_BINS)), np.float32)
        asks = (self.counter_.transform(asked_texts) > 0).astype(np.float32) @ weight
        ask_owner = np.asarray(ask_owner)
        group = sp.csr_matrix(
            (np.ones(len(ask_owner), np.float32), (ask_owner, np.arange(len(ask_owner)))), (n, len(ask_owner))
        )
        whole = group @ asks
        whole = (whole > 0).astype(np.float32) @ weight
        asked_mass = np.asarray(whole.multiply(whole).sum(1)).ravel()[owner]
        said_mass = np.asarray(said.multiply(said).sum(1)).ravel()
        common = np.asarray(said.multiply(whole[owner]).sum(1)).ravel()
        # The best single ask: every (sentence, ask) of the same pair.
        sentence_of, ask_of = _within(owner, ask_owner, n)
        pairwise = np.asarray(said[sentence_of].multiply(asks[ask_of]).sum(1)).ravel()
        ask_mass = np.asarray(asks.multiply(asks).sum(1)).ravel()[ask_of]
        best = np.zeros(len(owner), np.float32)
        np.maximum.at(best, sentence_of, pairwise / np.maximum(ask_mass, 1e-6))
        ratios = [common / np.maximum(asked_mass, 1e-6), common / np.maximum(said_mass, 1e-6), best]
        return np.hstack([(r[:, None] > _OVERLAP_BINS[None, :]) for r in ratios]).astype(np.float32)

    def alignment(self, pairs, counts, sentence_of, ask_of) -> np.ndarray:
        """Return for each link the share of the ask's own words (weighted) that the sentence says.

        Parameters
        ----------
        pairs : sequence of ParsedPair
        counts : csr_matrix, shape (n_sentences, vocabulary_size_)
        sentence_of, ask_of : ndarray of int, shape (n_links,)
            Row of the sentence and number of the ask, counted through all pairs.

        Returns
        -------
        ndarray, shape (n_links,)
        """
        texts = [normal(ask.text) for pair in pairs for ask in pair.question.asks]
        if not texts:
            return np.zeros(0)
        weight = sp.diags(np.sqrt(self.overlap_weight_))
        said = ((counts > 0).astype(np.float32) @ weight).tocsr()
        asks = ((self.counter_.transform(texts) > 0).astype(np.float32) @ weight).tocsr()
        common = np.asarray(said[sentence_of].multiply(asks[ask_of]).sum(1)).ravel()
        mass = np.asarray(asks.multiply(asks).sum(1)).ravel()[ask_of]
        return common / np.maximum(mass, 1e-6)


def fitted_quietly(model, X, y, **fit_params):
    """Fit a scikit-learn model and return it; stopping at ``max_iter`` is meant here and not warned of.

    Parameters
    ----------
    model : estimator
    X, y : as for its ``fit``

    Returns
    -------
    estimator
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **fit_params)


def _within(owner, ask_owner, n):
    """Return the index pairs of sentences and asks that belong to the same pair."""
    ask_count = np.bincount(ask_owner, minlength=n)
    first_ask = np.concatenate([[0], np.cumsum(ask_count)[:-1]])
    repeat = ask_count[owner]
    sentence_of = np.repeat(np.arange(len(owner)), repeat)
    starts = np.repeat(np.cumsum(repeat) - repeat, repeat)
    ask_of = np.repeat(first_ask[owner], repeat) + np.arange(len(sentence_of)) - starts
    return sentence_of, ask_of


def owners(pairs: Sequence[ParsedPair]) -> np.ndarray:
    """Return for every sentence row the index of its pair."""
    return np.repeat(np.arange(len(pairs)), [len(pair.spans) for pair in pairs])


def _sentence_texts(pairs: Sequence[ParsedPair]) -> list[str]:
    out = []
    for pair in pairs:
        text = normal(pair.answer)
        out += [text[start:end] for start, end in pair.spans]
    return out


_MATCHER: list[CueMatcher] = []


def _matcher() -> CueMatcher:
    if not _MATCHER:
        _MATCHER.append(CueMatcher())
    return _MATCHER[0]


def _flags(pairs: Sequence[ParsedPair]) -> np.ndarray:
    rows = []
    for pair in pairs:
        n = len(pair.spans)
        limbs = sum(ask.stem is not None for ask in pair.question.asks) > 0
        for k, (start, end) in enumerate(pair.spans):
            text = pair.answer[start:end]
            length = end - start
            opening = _OPENING.match(text)
            word = opening.group(1).lower() if opening else ""
            rows.append(
                (
                    _NUMBER.search(text) is not None, _MONEY.search(text) is not None, _WHEN.search(text) is not None,
                    _LINK.search(text) is not None, _NEGATIVE.search(text) is not None, " | " in text, text.endswith(":"),
                    k == 0, k == 1, k == n - 1, n == 1, 3 * k < n, 3 * k >= 2 * n,
                    length < 60, 60 <= length < 180, length >= 180, n == 1, n <= 3, n > 7, limbs,
                    *(word == opener for opener in _OPENERS),
                )
            )  # fmt: skip
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(_FLAGS) + len(_OPENERS))


def _cue_columns(pairs: Sequence[ParsedPair], owner: np.ndarray):
    matcher = _matcher()
    n_rows = len(owner)
    phrases = np.zeros((n_rows, len(matcher.phrases)), np.float32)
    row = 0
    for pair in pairs:
        starts = [start for start, _ in pair.spans]
        at = np.array(starts)
        hits = matcher.find(pair.answer.lower().replace("’", "'")) if pair.answer else []
        if hits:
            offsets, which = np.array(hits).T
            phrases[row + np.maximum(np.searchsorted(at, offsets, side="right") - 1, 0), which] = 1
        row += len(starts)
    class_of = np.zeros((len(matcher.phrases), len(matcher.classes)), np.float32)
    class_of[np.arange(len(matcher.phrases)), matcher.class_of] = 1
    classes = np.minimum(phrases @ class_of, 1)
    same_before = np.concatenate([[False], owner[1:] == owner[:-1]])
    before = np.zeros_like(classes)
    before[1:] = classes[:-1]
    before *= same_before[:, None]
    after = np.zeros_like(classes)
    after[:-1] = classes[1:]
    after *= np.concatenate([same_before[1:], [False]])[:, None]
    return classes, phrases, before, after


def _kind_columns(pairs: Sequence[ParsedPair]) -> np.ndarray:
    out = np.zeros((len(pairs), len(ASK_KINDS)), np.float32)
    index = {kind: k for k, kind in enumerate(ASK_KINDS)}
    for row, pair in enumerate(pairs):
        for ask in pair.question.asks:
            out[row, index[ask.kind]] = 1
    return out


_N_CROSSED = len(_FLAGS) + len(_OPENERS) + 3 * len(_OVERLAP_BINS)


def _crossed(structure: np.ndarray, kinds: np.ndarray):
    """Cross the kind of ask with flags, overlaps and cue classes: "12" answers "how many", not "why"."""
    left = sp.csr_matrix(structure[:, : _N_CROSSED + len(_matcher().classes)])
    blocks = [sp.diags(kinds[:, k]) @ left for k in range(kinds.shape[1])]
    return sp.hstack(blocks, format="csr", dtype=np.float32)
