"""Columns that the models read: n-grams, frames, cue phrases, and how a sentence lines up with what was asked.

Everything is computed for a whole batch at once, one sparse matrix for all sentences, so that a million answers do not
pay for a million small matrices. Words are looked up once; the answer's counts are the sum of its sentences'.

A *frame* is a sentence with its topic taken out: common words stand, marked where the question has them too; other words
become signs, by whether the question has them, has them at the head of an ask, they are figures, or none of this, and runs
of a sign count once. "We have no plans to reopen Ashcombe station" is "we have no plans to [sought]" to a question whether
it will be reopened and "we have no plans to [other]" to another. N-grams of frames tell whether what is said is what was asked, whatever the topic.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfTransformer

from pqnlp.codebook import ASK_KINDS
from pqnlp.cues import CueMatcher
from pqnlp.ngrams import NgramTable, Words, normal
from pqnlp.question import Question, parse_question
from pqnlp.sentences import split_sentences

__all__ = [
    "Features",
    "ParsedPair",
    "SentenceFeatures",
    "fitted_quietly",
    "grouping",
    "idf_of",
    "kind_columns",
    "owners",
    "parse_pairs",
    "tfidf",
]


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


@dataclass(frozen=True)
class Features:
    """What is read off a batch of n pairs.

    Attributes
    ----------
    sentences : csr_matrix of float32, shape (n_sentences, n_columns)
        One row a sentence, in order of pairs and sentences.
    counts, frames : csr_matrix of float32, shape (n_sentences, ...)
        N-grams of the sentences and of their frames.
    structure : ndarray of float32, shape (n_sentences, n_structure)
        The columns that are no n-grams.
    questions : csr_matrix of float32, shape (n, ...)
        Which n-grams each pair's asks have.
    owner : ndarray of int, shape (n_sentences,)
        The pair of each sentence.
    ask_owner : ndarray of int, shape (n_asks,)
        The pair of each ask.
    sentence_of, ask_of : ndarray of int, shape (n_links,)
        Every sentence with every ask of its pair, in order of asks, then sentences.
    alignment : ndarray of float, shape (n_links,)
        Share of the ask's own words, by weight, that the sentence says.
    """

    sentences: sp.csr_matrix
    counts: sp.csr_matrix
    frames: sp.csr_matrix
    structure: np.ndarray
    questions: sp.csr_matrix
    owner: np.ndarray
    ask_owner: np.ndarray
    sentence_of: np.ndarray
    ask_of: np.ndarray
    alignment: np.ndarray


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


_STOP = frozenset(
    """the of to and a in is for on that are be has have with by as this it will from we which an at been not was or their
    his her he she they if what whether how many when who where why its any all department secretary state government
    ministers minister ask made make make take taking taken steps assessment potential impact pursuant answer question
    reference recent between so far each such into than other these those there under over about more would can may""".split()
)
_NUMBER_WORDS = frozenset("two three four five six seven eight nine ten eleven twelve none zero nil".split())
_SUMS = frozenset("million billion bn".split())
_MONTHS = frozenset(
    "january february march april june july august september october november december spring summer autumn winter".split()
)  # not "may", which is mostly the verb
_NEGATIVES = frozenset("no not none nor never cannot neither nil without".split())
_LINKS = frozenset("http https www".split())
_NUMBER, _MONEY, _WHEN, _LINK, _NEGATIVE = 1, 2, 4, 8, 16
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
#: Letters by which two words count as one in frames: "publish" and "published".
_STEM = 5
#: So many topical words at the head of an ask are what it asks for.
_SOUGHT = 3
#: A word stands in frames if at least this share of the sentences has it.
_COMMON = 0.004


def _signs(word: str) -> int:
    """Return what a word is evidence of by itself, as bits."""
    if word[0] in "0£$€":
        money = word[0] in "£$€"
        return _NUMBER | (_MONEY if money else 0) | (_WHEN if word == "0000" else 0)
    return (
        (_NUMBER if word in _NUMBER_WORDS else 0)
        | (_MONEY if word in _SUMS else 0)
        | (_WHEN if word in _MONTHS else 0)
        | (_LINK if word in _LINKS else 0)
        | (_NEGATIVE if word in _NEGATIVES or word.endswith("n't") else 0)
    )


class _Batch:
    """The words of a batch: those of the answers' sentences, and those of the asks with their stems."""

    def __init__(self, pairs: Sequence[ParsedPair]):
        self.pairs = pairs
        self.words = Words()
        self.said, self.said_lengths = self.words.read((normal(pair.answer), pair.spans) for pair in pairs)
        # Two pieces an ask: what its limbs have in common, and its own words.
        self.asked, lengths = self.words.read(
            (normal(pair.question.text), [span for ask in pair.question.asks for span in (ask.stem or (0, 0), (ask.start, ask.end))])
            for pair in pairs
        )  # fmt: skip
        self.owner = owners(pairs)
        n_asks = np.fromiter((len(pair.question.asks) for pair in pairs), np.int64, len(pairs))
        self.ask_owner = np.repeat(np.arange(len(pairs)), n_asks)
        self.said_row = np.repeat(np.arange(len(self.said_lengths)), self.said_lengths)
        self.asked_piece = np.repeat(np.arange(len(lengths)), lengths)

    def stems(self) -> np.ndarray:
        """Return a number for each word's first letters, -1 for a word that no topic is made of."""
        numbers: dict[str, int] = {}
        return np.fromiter(
            (
                numbers.setdefault(word[:_STEM], len(numbers)) if len(word) > 3 and word not in _STOP else -1
                for word in self.words
            ),
            np.int64,
            len(self.words),
        )


class SentenceFeatures(BaseEstimator):
    """Turn parsed pairs into one row of features for every answer sentence.

    Parameters
    ----------
    min_df : int, default 3
        Sentences that an n-gram must stand in.
    max_features : int, default 40000
        The most n-grams of words kept, commonest first; and the most n-grams of frames.
    ngram_max : int, default 2
        The longest n-gram of words.
    frame_min_df : int, default 8
        Sentences that an n-gram of frames must stand in.
    frame_ngram_max : int, default 4
        The longest n-gram of frames.

    Attributes
    ----------
    grams_, frames_ : NgramTable
    """

    def __init__(self, *, min_df=3, max_features=40000, ngram_max=2, frame_min_df=8, frame_ngram_max=4):
        self.min_df = min_df
        self.max_features = max_features
        self.ngram_max = ngram_max
        self.frame_min_df = frame_min_df
        self.frame_ngram_max = frame_ngram_max

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
        self.fit_transform(pairs)
        return self

    def fit_transform(self, pairs: Sequence[ParsedPair], y=None) -> Features:
        """Fit, and return the features of the pairs; see `fit` and `transform`."""
        batch = _Batch(pairs)
        n_rows = len(batch.said_lengths)
        words = list(batch.words)
        once = np.unique(batch.said_row.astype(np.int64) * max(len(words), 1) + batch.said)
        frequency = np.bincount(once % max(len(words), 1), minlength=len(words))
        known = np.flatnonzero(frequency >= min(self.min_df, n_rows))
        self.words_ = [words[k] for k in known]
        least = max(_COMMON * n_rows, 2)
        self.common_ = [words[k] for k in np.flatnonzero(frequency >= least)]
        self._number_words()
        codes = batch.words.look_up(self._known)
        self.grams_ = NgramTable(self.ngram_max, min(self.min_df, n_rows), self.max_features)
        self.grams_.fit(codes[batch.said], batch.said_row)
        counts = self.grams_.transform(codes[batch.said], batch.said_row, n_rows)
        frame, row = self._frame(batch)
        self.frames_ = NgramTable(self.frame_ngram_max, min(self.frame_min_df, n_rows), self.max_features).fit(
            frame, row
        )
        frames = self.frames_.transform(frame, row, n_rows)
        self.grams_idf_, self.frames_idf_ = idf_of(counts), idf_of(frames)
        self._weigh_words()
        return self._assemble(batch, codes, counts, frames)

    def transform(self, pairs: Sequence[ParsedPair]) -> Features:
        """Return the features.

        Parameters
        ----------
        pairs : sequence of ParsedPair, length n

        Returns
        -------
        Features
        """
        batch = _Batch(pairs)
        n_rows = len(batch.said_lengths)
        codes = batch.words.look_up(self._known)
        counts = self.grams_.transform(codes[batch.said], batch.said_row, n_rows)
        frames = self.frames_.transform(*self._frame(batch), n_rows)
        return self._assemble(batch, codes, counts, frames)

    def _number_words(self) -> None:
        self._known = {word: k for k, word in enumerate(self.words_)}
        self._place = {word: k for k, word in enumerate(self.common_)}

    def _weigh_words(self) -> None:
        """Set the weight of words in the overlap of sentence and ask: rare content words count most."""
        terms = [self.words_[k] for k in self.grams_.codes_]
        content = np.array([t not in _STOP and t[0] not in "0£$€" and len(t) > 2 for t in terms], dtype=bool)
        self._weight = np.where(content, self.grams_idf_[: len(terms)], 0.0).astype(np.float32)

    def __getstate__(self):
        state = dict(super().__getstate__())
        for name in ("_known", "_place", "_weight"):
            state.pop(name, None)
        if "words_" in state:  # one string opens faster than forty thousand
            state["words_"], state["common_"] = "\n".join(self.words_), "\n".join(self.common_)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(state.get("words_"), str):
            self.words_ = state["words_"].split("\n") if state["words_"] else []
            self.common_ = state["common_"].split("\n") if state["common_"] else []
            self._number_words()
            self._weigh_words()

    def _frame(self, batch: _Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes of the frames of all sentences, and the sentence of each."""
        place = batch.words.look_up(self._place).astype(np.int64)
        n_common = len(self.common_)
        # Codes: a common word; the same where the question has it; the same where it is among what is asked for; then the
        # signs for other words in these three cases, for figures, and for the beginning of a sentence.
        other, asked, sought, figure, begin = range(3 * n_common, 3 * n_common + 5)
        figures = np.fromiter((word[0] in "0£$€" for word in batch.words), bool, len(batch.words))
        by_case = np.stack(
            [
                np.where(place >= 0, place, np.where(figures, figure, other)),
                np.where(place >= 0, place + n_common, asked),
                np.where(place >= 0, place + 2 * n_common, sought),
            ]
        )
        stems = batch.stems()
        width = max(len(stems), 1)
        topical = np.flatnonzero(stems[batch.asked] >= 0)
        ask = batch.asked_piece[topical] // 2
        key = batch.ask_owner[ask] * width + stems[batch.asked[topical]]
        rank = np.arange(len(ask)) - np.searchsorted(ask, ask)
        said_stem = stems[batch.said]
        said_key = np.where(said_stem >= 0, batch.owner[batch.said_row] * width + said_stem, -1)
        case = np.isin(said_key, key).astype(np.int64) + np.isin(said_key, key[rank < _SOUGHT])
        code = by_case[case, batch.said]
        again = np.zeros(len(code), bool)
        again[1:] = (code[1:] == code[:-1]) & (batch.said_row[1:] == batch.said_row[:-1])
        again &= (code >= other) & (code <= sought)
        code, row = code[~again], batch.said_row[~again]
        n_rows = len(batch.said_lengths)
        rows = np.concatenate([np.arange(n_rows), row])
        order = np.argsort(rows, kind="stable")
        return np.concatenate([np.full(n_rows, begin), code])[order], rows[order]

    def _assemble(self, batch: _Batch, codes, counts, frames) -> Features:
        owner, n = batch.owner, len(batch.pairs)
        pieces = self.grams_.transform(codes[batch.asked], batch.asked_piece, 2 * len(batch.ask_owner))
        stems, own = pieces[0::2], pieces[1::2]
        whole = ((stems + own) > 0).astype(np.float32)
        questions = ((grouping(batch.ask_owner, n) @ whole) > 0).astype(np.float32)
        ask_of, sentence_of = _within(batch.ask_owner, owner, n)
        overlap, alignment = self._overlap(
            counts, whole, (own > 0).astype(np.float32), questions, owner, sentence_of, ask_of
        )
        kinds = kind_columns(batch.pairs)[owner]
        cues = _cue_columns(batch.pairs, owner)
        structure = np.hstack([_flags(batch), overlap, *cues, kinds]).astype(np.float32)
        crossed = _crossed(structure[:, : _N_CROSSED + cues[0].shape[1]], kinds)
        sentences = sp.hstack(
            [tfidf(counts, self.grams_idf_), tfidf(frames, self.frames_idf_), sp.csr_matrix(structure), crossed],
            format="csr",
            dtype=np.float32,
        )
        return Features(
            sentences, counts, frames, structure, questions, owner, batch.ask_owner, sentence_of, ask_of, alignment
        )

    def _overlap(self, counts, asks, own, questions, owner, sentence_of, ask_of):
        """How much of the ask's content a sentence says, how much of the sentence the question asked; in steps."""
        weight = self._weight
        n_words = len(weight)
        said = (counts[:, :n_words] > 0).astype(np.float32)
        asks, own, questions = asks[:, :n_words], own[:, :n_words], questions[:, :n_words]
        asked_mass, said_mass = (questions @ weight)[owner], said @ weight
        weighted = said.multiply(weight[None, :]).tocsr()
        common = np.asarray(weighted.multiply(questions[owner]).sum(1)).ravel()
        links = weighted[sentence_of]
        best = np.zeros(len(owner), np.float32)
        if len(ask_of):
            pairwise = np.asarray(links.multiply(asks[ask_of]).sum(1)).ravel()
            np.maximum.at(best, sentence_of, pairwise / np.maximum((asks @ weight)[ask_of], 1e-6))
        ratios = [common / np.maximum(asked_mass, 1e-6), common / np.maximum(said_mass, 1e-6), best]
        alignment = np.asarray(links.multiply(own[ask_of]).sum(1)).ravel() / np.maximum((own @ weight)[ask_of], 1e-6)
        return np.hstack([(r[:, None] > _OVERLAP_BINS[None, :]) for r in ratios]).astype(np.float32), alignment


def idf_of(counts: sp.csr_matrix) -> np.ndarray:
    """Return inverse document frequencies in the precision that they are saved in, so that a loaded model predicts the same."""
    return TfidfTransformer().fit(counts).idf_.astype(np.float32)


def tfidf(counts: sp.csr_matrix, idf: np.ndarray) -> sp.csr_matrix:
    """Return rows of sublinear tf-idf, of length one, by frequencies as `idf_of` gives them."""
    transformer = TfidfTransformer(sublinear_tf=True)
    transformer.idf_ = idf
    return transformer.transform(counts)


def grouping(owner: np.ndarray, n: int) -> sp.csr_matrix:
    """Return the matrix that sums rows by their owners.

    Parameters
    ----------
    owner : ndarray of int, shape (n_rows,)
    n : int

    Returns
    -------
    csr_matrix, shape (n, n_rows)
    """
    return sp.csr_matrix((np.ones(len(owner), np.float32), (owner, np.arange(len(owner)))), shape=(n, len(owner)))


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


def _within(left_owner: np.ndarray, right_owner: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the index pairs (left, right) of those that belong to the same of n pairs, in order of left, then right."""
    size = np.bincount(right_owner, minlength=n)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    repeat = size[left_owner]
    left = np.repeat(np.arange(len(left_owner)), repeat)
    right = np.arange(len(left)) - np.repeat(np.cumsum(repeat) - repeat, repeat) + np.repeat(first[left_owner], repeat)
    return left, right


def owners(pairs: Sequence[ParsedPair]) -> np.ndarray:
    """Return for every sentence row the index of its pair."""
    return np.repeat(np.arange(len(pairs)), [len(pair.spans) for pair in pairs])


_MATCHER: list[CueMatcher] = []


def _matcher() -> CueMatcher:
    if not _MATCHER:
        _MATCHER.append(CueMatcher())
    return _MATCHER[0]


def _flags(batch: _Batch) -> np.ndarray:
    pairs, owner = batch.pairs, batch.owner
    n_rows = len(owner)
    signs = np.fromiter(map(_signs, batch.words), np.int64, len(batch.words))[batch.said]
    filled = np.flatnonzero(batch.said_lengths)
    starts = (np.cumsum(batch.said_lengths) - batch.said_lengths)[filled]
    has = np.zeros(n_rows, np.int64)
    opening = np.full(n_rows, -1)
    if len(filled):
        has[filled] = np.bitwise_or.reduceat(signs, starts)
        opening[filled] = batch.words.look_up({word: k for k, word in enumerate(_OPENERS)})[batch.said[starts]]
    table = np.fromiter((" | " in pair.answer[s:e] for pair in pairs for s, e in pair.spans), bool, n_rows)
    colon = np.fromiter((pair.answer[e - 1 : e] == ":" for pair in pairs for _, e in pair.spans), bool, n_rows)
    length = np.fromiter((e - s for pair in pairs for s, e in pair.spans), np.int64, n_rows)
    limbs = np.fromiter((any(a.stem is not None for a in pair.question.asks) for pair in pairs), bool, len(pairs))[
        owner
    ]
    sizes = np.bincount(owner, minlength=len(pairs))
    n = sizes[owner]
    k = np.arange(n_rows) - (np.cumsum(sizes) - sizes)[owner]
    columns = [
        *((has & bit) > 0 for bit in (_NUMBER, _MONEY, _WHEN, _LINK, _NEGATIVE)), table, colon,
        k == 0, k == 1, k == n - 1, n == 1, 3 * k < n, 3 * k >= 2 * n,
        length < 60, (length >= 60) & (length < 180), length >= 180, n == 1, n <= 3, n > 7, limbs,
        *(opening == opener for opener in range(len(_OPENERS))),
    ]  # fmt: skip
    return np.stack(columns, 1).astype(np.float32)


def _cue_columns(pairs: Sequence[ParsedPair], owner: np.ndarray):
    matcher = _matcher()
    n_rows = len(owner)
    phrases = np.zeros((n_rows, len(matcher.phrases)), np.float32)
    first, rows, found = 0, [], []
    for pair in pairs:
        starts = [start for start, _ in pair.spans]
        for offset, which in matcher.find(pair.answer.lower().replace("’", "'")) if pair.answer else ():
            rows.append(first + max(bisect_right(starts, offset) - 1, 0))
            found.append(which)
        first += len(starts)
    phrases[rows, found] = 1
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


def kind_columns(pairs: Sequence[ParsedPair], *, main: bool = False) -> np.ndarray:
    """Tell the kinds of each pair's asks, or of the main ask, the first."""
    out = np.zeros((len(pairs), len(ASK_KINDS)), np.float32)
    index = {kind: k for k, kind in enumerate(ASK_KINDS)}
    for row, pair in enumerate(pairs):
        for ask in pair.question.asks[:1] if main else pair.question.asks:
            out[row, index[ask.kind]] = 1
    return out


_N_CROSSED = len(_FLAGS) + len(_OPENERS) + 3 * len(_OVERLAP_BINS)


def _crossed(marks: np.ndarray, kinds: np.ndarray) -> sp.csr_matrix:
    """Cross the kind of ask with flags, overlaps and cue classes: "12" answers "how many", not "why"."""
    row, column = np.nonzero(marks)
    kind_row, kind = np.nonzero(kinds)
    # Both are in order of rows, so each mark meets every kind of its own row.
    mark, which = _within(row, kind_row, len(marks))
    columns = kind[which] * marks.shape[1] + column[mark]
    shape = (len(marks), marks.shape[1] * kinds.shape[1])
    return sp.csr_matrix((marks[row[mark], column[mark]], (row[mark], columns)), shape=shape)
