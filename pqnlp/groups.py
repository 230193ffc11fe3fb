"""Groups of answers that say the same, so that no split puts copies on both sides."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

__all__ = ["near_duplicate_groups", "tie"]

_WORD = re.compile(r"\w+")
_SHINGLE = 5


def near_duplicate_groups(
    texts: Sequence[str], *, threshold: float = 0.7, num_perm: int = 128, seed: int = 0, shingle: int = _SHINGLE
) -> np.ndarray:
    """Number the groups of equal and nearly equal texts.

    Parameters
    ----------
    texts : sequence of str, length n
        Answers, as :func:`pqnlp.text.clean_text` returns them.
    threshold : float, default 0.7
        Jaccard similarity of the sets of shingles (runs of words) above which two texts are tied. Ties chain.
    num_perm : int, default 128
        Permutations of the MinHash signature; more are slower and nearer the true similarity.
    seed : int, default 0
        Seed of the permutations.
    shingle : int, default 5
        Words in a shingle: 5 for answers; 2 for single sentences, of which one changed word would spoil most longer ones.

    Returns
    -------
    ndarray of int, shape (n,)
        Group numbers from 0, in order of first appearance.

    Notes
    -----
    MinHash signatures with locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman and Ullman, *Mining of
    Massive Datasets*, chapter 3), from ``datasketch``. The work grows linearly with the number of texts.
    """
    from datasketch import MinHash, MinHashLSH

    normal = [" ".join(_WORD.findall(text.lower())) for text in texts]
    first: dict[str, int] = {}
    same = [first.setdefault(text, i) for i, text in enumerate(normal)]
    parent = list(same)

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    lsh = MinHashLSH(threshold=threshold, num_perm=num_perm)
    signature = MinHash(num_perm=num_perm, seed=seed)
    signatures: dict[int, MinHash] = {}
    for text, i in first.items():
        words = text.split()
        shingles = {" ".join(words[k : k + shingle]) for k in range(max(1, len(words) - shingle + 1))}
        one = signature.copy()
        one.update_batch([s.encode() for s in shingles])
        for other in lsh.query(one):
            if signatures[other].jaccard(one) >= threshold:
                parent[find(i)] = find(other)
        lsh.insert(i, one)
        signatures[i] = one
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(i), len(numbers)) for i in range(len(normal))], dtype=int)


def tie(*groupings: Sequence[int]) -> np.ndarray:
    """Number the groups of rows that share a group in any of several groupings; ties chain.

    Parameters
    ----------
    *groupings : sequence of int, each of length n
        Group numbers.

    Returns
    -------
    ndarray of int, shape (n,)
        Group numbers from 0, in order of first appearance.

    Examples
    --------
    >>> tie([0, 0, 1, 2, 3], [5, 6, 6, 7, 8]).tolist()
    [0, 0, 0, 1, 2]
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(groupings[0])
    # Rows and groups are the two sides of a graph; a row is joined to each of its groups.
    columns, at = [], 0
    for grouping in groupings:
        numbers = np.unique(np.asarray(grouping), return_inverse=True)[1]
        columns.append(numbers + at)
        at += int(numbers.max()) + 1 if n else 0
    column = np.concatenate(columns) + n
    row = np.tile(np.arange(n), len(groupings))
    graph = csr_matrix((np.ones(len(row), bool), (row, column)), shape=(n + at, n + at))
    parts = connected_components(graph, directed=False)[1][:n]
    _, first, inverse = np.unique(parts, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
