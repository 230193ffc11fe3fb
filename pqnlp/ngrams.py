"""Words of a batch as numbers, and tables of their n-grams: counting becomes arithmetic on arrays.

scikit-learn's ``CountVectorizer`` joins the words of every n-gram into a string. Three tables are counted here over the
same words, so the words are looked up once and everything after that is a search in sorted integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse as sp

__all__ = ["NgramTable", "Words", "normal"]

_DIGITS = str.maketrans("0123456789’‘`", "0000000000'''")
#: Words, figures by their shape ("0,000", "00%"), and the signs that tell money and shares.
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|[£$€]?0[0,.]*0?%?")


def normal(text: str) -> str:
    """Return `text` in lower case, digits as ``0``, straight apostrophes; offsets do not move.

    A letter whose lower case is longer than itself (``İ``) is left as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str, of the same length
    """
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lowered.translate(_DIGITS)


class _Ids(dict):
    """Numbers for words, in order of first appearance."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


class Words:
    """The words of one batch, each with a number that counts from zero in order of first appearance.

    Examples
    --------
    >>> words = Words()
    >>> words.read([("a red bus, a red tram", [(0, 9), (11, 21)])])
    (array([0, 1, 2, 0, 1, 3], dtype=int32), array([3, 3]))
    >>> list(words)
    ['a', 'red', 'bus', 'tram']
    """

    def __init__(self):
        self._ids = _Ids()

    def __iter__(self):
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def read(self, texts: Iterable[tuple[str, Sequence[tuple[int, int]]]]) -> tuple[np.ndarray, np.ndarray]:
        """Read pieces of texts.

        Parameters
        ----------
        texts : iterable of (str, sequence of (int, int))
            A text as `normal` makes it, and the offsets of its pieces.

        Returns
        -------
        ids : ndarray of int32, shape (n_words,)
            The words of all pieces in order.
        lengths : ndarray of int, shape (n_pieces,)
            Words of each piece.
        """
        found: list[str] = []
        lengths: list[int] = []
        find = _TOKEN.findall
        for text, spans in texts:
            for start, end in spans:
                words = find(text, start, end)
                lengths.append(len(words))
                found += words
        ids = np.fromiter(map(self._ids.__getitem__, found), np.int32, len(found))
        return ids, np.array(lengths, dtype=np.int64)

    def look_up(self, known: dict[str, int]) -> np.ndarray:
        """Return for each word of the batch its number in `known`, -1 where it has none.

        Parameters
        ----------
        known : dict of str to int

        Returns
        -------
        ndarray of int32, shape (len(self),)
        """
        return np.fromiter((known.get(word, -1) for word in self._ids), np.int32, len(self._ids))


class NgramTable:
    """Columns for the n-grams of sequences of small integers.

    An n-gram is found through the one that it prolongs, so the beginning of every n-gram in the table is in the table too.
    That follows from choosing the commonest: a beginning is at least as common.

    Parameters
    ----------
    n : int
        The longest n-gram.
    min_df : int
        Rows that an n-gram must stand in.
    max_features : int
        The most n-grams, commonest first.

    Attributes
    ----------
    codes_ : ndarray of int32, shape (n_unigrams,)
        The integers that are columns by themselves, sorted.
    keys_ : list of ndarray of int64
        For bigrams, trigrams and so on: number of the beginning among the n-grams one shorter, times ``n_unigrams``,
        plus number of the last integer; sorted.
    """

    def __init__(self, n: int, min_df: int, max_features: int):
        self.n = n
        self.min_df = min_df
        self.max_features = max_features

    @property
    def size(self) -> int:
        """How many columns there are."""
        return len(self.codes_) + sum(map(len, self.keys_))

    def fit(self, codes: np.ndarray, rows: np.ndarray) -> "NgramTable":
        """Choose the n-grams.

        Parameters
        ----------
        codes : ndarray of int, shape (n,)
            Sequences one after another; -1 ends one.
        rows : ndarray of int, shape (n,)
            The row that each belongs to, not decreasing.

        Returns
        -------
        NgramTable
        """
        levels: list[tuple[np.ndarray, np.ndarray]] = []
        at = np.flatnonzero(codes >= 0)
        unigrams, frequency, _ = _frequent(codes[at].astype(np.int64), rows[at], self.min_df)
        levels.append((unigrams, frequency))
        single = _number(codes, unigrams)
        node, width = single, max(len(unigrams), 1)
        for k in range(1, self.n):
            at, key = _prolonged(node, single, rows, k, width)
            keys, frequency, inverse = _frequent(key, rows[at], self.min_df)
            if not len(keys):
                break
            levels.append((keys, frequency))
            node = np.full(len(codes), -1, np.int64)
            node[at] = inverse
        self._choose(levels, width)
        return self

    def _choose(self, levels, width: int) -> None:
        frequency = np.concatenate([f for _, f in levels])
        level = np.repeat(np.arange(len(levels)), [len(f) for _, f in levels])
        chosen = np.zeros(len(frequency), bool)
        chosen[np.lexsort((level, -frequency))[: self.max_features]] = True
        kept = np.split(chosen, np.cumsum([len(f) for _, f in levels])[:-1])
        self.codes_ = levels[0][0][kept[0]].astype(np.int32)
        new_single = np.cumsum(kept[0]) - 1
        before, keys = new_single, []
        for (old, _), keep in zip(levels[1:], kept[1:], strict=True):
            old = old[keep]
            keys.append(before[old // width] * len(self.codes_) + new_single[old % width])
            before = np.cumsum(keep) - 1
        self.keys_ = keys

    def transform(self, codes: np.ndarray, rows: np.ndarray, n_rows: int) -> sp.csr_matrix:
        """Count the n-grams.

        Parameters
        ----------
        codes, rows : ndarray of int, shape (n,)
            As for `fit`.
        n_rows : int

        Returns
        -------
        csr_matrix of float32, shape (n_rows, size)
        """
        single = _number(codes, self.codes_)
        at = np.flatnonzero(single >= 0)
        found_rows, found_columns = [rows[at]], [single[at]]
        node, width, offset = single, max(len(self.codes_), 1), len(self.codes_)
        for k, keys in enumerate(self.keys_, start=1):
            at, key = _prolonged(node, single, rows, k, width)
            place = np.minimum(np.searchsorted(keys, key), max(len(keys) - 1, 0))
            hit = keys[place] == key if len(keys) else np.zeros(len(key), bool)
            at, place = at[hit], place[hit]
            found_rows.append(rows[at])
            found_columns.append(place + offset)
            node = np.full(len(codes), -1, np.int64)
            node[at] = place
            offset += len(keys)
        row, column = np.concatenate(found_rows), np.concatenate(found_columns)
        counts = sp.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=(n_rows, self.size))
        counts.sum_duplicates()
        return counts

    def __getstate__(self):
        state = dict(self.__dict__)
        # Sorted, so the steps between them are small and pack well.
        state["codes_"] = np.diff(self.codes_, prepend=0).astype(np.int32)
        state["keys_"] = [np.diff(keys, prepend=0).astype(np.int64) for keys in self.keys_]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.codes_ = np.cumsum(self.codes_).astype(np.int32)
        self.keys_ = [np.cumsum(keys) for keys in self.keys_]


def _number(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the place of each code among the sorted `known`, -1 where it is not one."""
    if not len(known):
        return np.full(len(codes), -1, np.int64)
    table = np.full(int(max(known[-1], codes.max(initial=0))) + 1, -1, np.int64)
    table[known] = np.arange(len(known))
    return np.where(codes >= 0, table[np.maximum(codes, 0)], -1)


def _prolonged(node, single, rows, k: int, width: int):
    """Return where an n-gram of length k goes on by one in its own row, and the key of what it becomes."""
    at = np.flatnonzero(node[: max(len(node) - k, 0)] >= 0)
    after = at + k
    fits = (rows[after] == rows[at]) & (single[after] >= 0)
    at, after = at[fits], after[fits]
    return at, node[at] * width + single[after]


def _frequent(keys: np.ndarray, rows: np.ndarray, min_df: int):
    """Return the keys in at least `min_df` rows, in how many, and for each of `keys` its place among them or -1."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    distinct, inverse = np.unique(keys, return_inverse=True)
    pairs = np.unique(rows.astype(np.int64) * len(distinct) + inverse)
    frequency = np.bincount(pairs % len(distinct), minlength=len(distinct))
    keep = frequency >= min_df
    place = np.where(keep, np.cumsum(keep) - 1, -1)
    return distinct[keep], frequency[keep], place[inverse]
