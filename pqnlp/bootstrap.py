"""Bootstrap intervals for figures of labels, rows that say the same drawn together.

Ministers give the same answer again and again. Rows drawn one by one would count its copies as so many witnesses, and
intervals would come out too narrow; here whole groups are drawn (Efron and Tibshirani 1993, chapter 8; Field and Welsh 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["confusion_columns", "figures_of", "interval", "resampled_sums"]

#: Cells of the matrix of draws that are held at a time.
_CELLS = 20_000_000


def resampled_sums(
    columns: np.ndarray, groups: Sequence[int], *, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Sum columns over the rows, and over rows of groups drawn again with replacement.

    Every figure that is a function of sums over rows (counts, and so kappa or macro-F1) has its interval from these.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
    groups : sequence of int, length n
        Rows with the same value are drawn together.
    resamples : int, default 2000
    seed : int, default 0

    Returns
    -------
    sums : ndarray, shape (k,)
    drawn : ndarray, shape (resamples, k)
        The same for each draw, of as many groups as there are.
    """
    columns = np.asarray(columns, dtype=float)
    number = np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(number.max()) + 1 if len(number) else 0
    of_group = np.zeros((count, columns.shape[1]))
    np.add.at(of_group, number, columns)
    rng = np.random.default_rng(seed)
    drawn = np.zeros((resamples, columns.shape[1]))
    step = max(1, _CELLS // max(count, 1))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        times = rng.multinomial(count, np.full(count, 1 / count), size=size) if count else np.zeros((size, 0))
        drawn[start : start + size] = times @ of_group
    return columns.sum(0), drawn


def interval(values: np.ndarray, *, level: float = 0.95) -> list[float] | None:
    """Return the percentile interval of drawn values.

    Parameters
    ----------
    values : ndarray, shape (resamples,)
        NaN where the figure is not defined for a draw; these are left out.
    level : float, default 0.95

    Returns
    -------
    list of two floats, or None
        None where fewer than half of the draws have a value.

    Examples
    --------
    >>> interval(np.arange(1001) / 1000)
    [0.025, 0.975]
    """
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    if not len(values) or len(known) < len(values) / 2:
        return None
    tail = (1 - level) / 2
    return [round(float(bound), 4) for bound in np.quantile(known, [tail, 1 - tail])]


def confusion_columns(first: Sequence[Any], second: Sequence[Any], classes: Sequence[Any]) -> np.ndarray:
    """Return a column for each cell of a confusion matrix, 1 where a row falls into it.

    Parameters
    ----------
    first, second : sequence, length n
        Labels; those that are not among `classes` fall into no cell.
    classes : sequence, length k

    Returns
    -------
    ndarray, shape (n, k * k)
        Cells in order, `first` by row.
    """
    place = {name: at for at, name in enumerate(classes)}
    k = len(place)
    out = np.zeros((len(first), k * k), dtype=np.float32)
    for row, pair in enumerate(zip(first, second, strict=True)):
        if pair[0] in place and pair[1] in place:
            out[row, place[pair[0]] * k + place[pair[1]]] = 1
    return out


def figures_of(confusion: np.ndarray, *, present: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the figures of confusion matrices, many at a time.

    Parameters
    ----------
    confusion : ndarray, shape (..., k, k)
        True labels by row, predicted ones by column.
    present : ndarray of bool, shape (k,), optional
        Classes that the rows have. Where a draw lacks one of them, its F1 is NaN and the mean is of the others; classes
        that no row has count as 0, as scikit-learn counts them.

    Returns
    -------
    dict of ndarray
        ``macro_f1``, ``accuracy``, ``kappa`` (Cohen's), each of shape (...), and ``precision``, ``recall``, ``f1``, each of
        shape (..., k). Kappa is NaN where both sides have one and the same label only.
    """
    confusion = np.asarray(confusion, dtype=float)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, said = confusion.sum(-1), confusion.sum(-2)
    total = confusion.sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = right / said, right / true
        f1 = 2 * right / (true + said)
        expected = (true * said).sum(-1) / total**2
        accuracy = right.sum(-1) / total
        kappa = (accuracy - expected) / (1 - expected)
    if present is None:
        present = np.zeros(confusion.shape[-1], bool)
    # As scikit-learn's zero_division=0, but for classes that a draw happens to lack.
    f1 = np.where(np.isnan(f1) & ~present, 0.0, f1)
    known = np.isfinite(f1)
    macro = np.where(known, f1, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return {
        "macro_f1": macro,
        "accuracy": accuracy,
        "kappa": np.where(np.isfinite(kappa), kappa, np.nan),
        "precision": np.where(np.isnan(precision) & ~present, 0.0, precision),
        "recall": np.where(np.isnan(recall) & ~present, 0.0, recall),
        "f1": f1,
    }
