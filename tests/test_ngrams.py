"""Tests for pqnlp.ngrams: counting n-grams of numbered words."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from pqnlp.ngrams import NgramTable, Words, normal


def sequences(seed: int = 0):
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(200), 12)
    codes = rng.zipf(1.4, len(rows))
    return np.where(codes > 60, -1, codes), rows


def strings(codes, rows):
    """Return for each row its n-grams up to three as strings; -1 parts them."""
    out = []
    for row in range(rows.max() + 1):
        parts = " ".join("|" if c < 0 else f"w{c}" for c in codes[rows == row]).split("|")
        words = [part.split() for part in parts]
        out.append([" ".join(w[i : i + n]) for w in words for n in (1, 2, 3) for i in range(len(w) - n + 1)])
    return out


def test_counts_are_those_of_scikit_learn():
    codes, rows = sequences()
    ours = NgramTable(3, 3, 10**6).fit(codes, rows).transform(codes, rows, 200)
    theirs = CountVectorizer(analyzer=lambda grams: grams, min_df=3).fit_transform(strings(codes, rows))
    assert ours.shape == theirs.shape
    columns = [sorted(map(tuple, counts.T.toarray().tolist())) for counts in (ours, theirs)]
    assert columns[0] == columns[1]


def test_the_commonest_are_kept_and_every_beginning_with_them():
    codes, rows = sequences(1)
    table = NgramTable(3, 2, 150).fit(codes, rows)
    assert table.size == 150
    assert table.transform(codes, rows, 200).sum(0).min() > 0  # each can be reached through its beginning


def test_a_table_that_was_saved_counts_the_same():
    codes, rows = sequences(2)
    table = NgramTable(2, 2, 300).fit(codes, rows)
    again = pickle.loads(pickle.dumps(table))
    assert (table.transform(codes, rows, 200) != again.transform(codes, rows, 200)).nnz == 0


@pytest.mark.parametrize("codes", [[], [-1, -1], [7]])
def test_nothing_known_is_no_column_or_an_empty_row(codes):
    codes, rows = np.array(codes, dtype=int), np.zeros(len(codes), dtype=int)
    table = NgramTable(2, 1, 10).fit(np.array([1, 2, 1, 2]), np.array([0, 0, 1, 1]))
    assert table.transform(codes, rows, 1).nnz == 0
    assert NgramTable(2, 2, 10).fit(codes, rows).size == 0


def test_words_are_numbered_in_order_of_appearance():
    words = Words()
    ids, lengths = words.read([(normal("No 12 buses"), [(0, 11)]), (normal("no buses"), [(0, 2), (3, 8)])])
    assert list(words) == ["no", "00", "buses"]
    assert (ids.tolist(), lengths.tolist()) == ([0, 1, 2, 0, 2], [3, 1, 1])
    assert words.look_up({"buses": 5}).tolist() == [-1, -1, 5]
