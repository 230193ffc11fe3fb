"""How good a model's labels are, against labels that it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["calibration_error", "evaluate", "evaluate_predictions", "kept_at_accuracy", "unsure_threshold"]


def calibration_error(confidence: np.ndarray, right: np.ndarray, *, bins: int = 10) -> float:
    """Return the expected calibration error of the label given (Guo et al. 2017), equal-mass bins.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the label given.
    right : ndarray of bool, shape (n,)
        Whether it is the true one.
    bins : int, default 10

    Returns
    -------
    float
        Mean distance of confidence and accuracy, weighted by the rows of each bin.
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) * abs(confidence[part].mean() - right[part].mean()) for part in parts) / len(order))


def unsure_threshold(confidence: np.ndarray, right: np.ndarray, *, accuracy: float = 0.95, least: int = 50) -> float:
    """Choose the smallest probability above which labels are right at least as often as asked.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the label given, held-out or out-of-fold.
    right : ndarray of bool, shape (n,)
    accuracy : float, default 0.95
    least : int, default 50
        Rows that must be kept for a threshold to count.

    Returns
    -------
    float
        1.0 where no threshold reaches the accuracy.
    """
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((share >= accuracy) & (np.arange(1, len(order) + 1) >= min(least, len(order))))
    return float(confidence[order[enough[-1]]]) if len(enough) else 1.0


def kept_at_accuracy(confidence: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return the share of rows that are at or above `threshold`, and their accuracy.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
    right : ndarray of bool, shape (n,)
    threshold : float

    Returns
    -------
    (float, float)
        The accuracy is NaN where nothing is kept.
    """
    kept = confidence >= threshold
    return float(kept.mean()), float(right[kept].mean()) if kept.any() else float("nan")


def evaluate_predictions(
    true: Sequence[str], predicted: Sequence[str], classes: Sequence[str], probabilities: np.ndarray | None = None
) -> dict[str, Any]:
    """Compare predicted labels with true ones.

    Parameters
    ----------
    true, predicted : sequence of str, length n
    classes : sequence of str
        The labels, in the order of `probabilities`.
    probabilities : ndarray, shape (n, n_classes), optional

    Returns
    -------
    dict
        ``n``, ``macro_f1``, ``accuracy``, ``kappa`` (Cohen's), ``per_class`` (label to precision, recall, f1, support),
        ``confusion`` (rows true, columns predicted) and, with probabilities, ``calibration_error``.
    """
    from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

    classes = [str(c) for c in classes]
    true, predicted = np.asarray(true, dtype=object), np.asarray(predicted, dtype=object)
    p, r, f, s = precision_recall_fscore_support(true, predicted, labels=classes, zero_division=0)
    out = {
        "n": len(true),
        "macro_f1": round(float(f.mean()), 4),
        "accuracy": round(float(np.mean(true == predicted)), 4),
        "kappa": round(float(cohen_kappa_score(true, predicted, labels=classes)), 4),
        "per_class": {
            c: {
                "precision": round(float(p[k]), 4),
                "recall": round(float(r[k]), 4),
                "f1": round(float(f[k]), 4),
                "support": int(s[k]),
            }
            for k, c in enumerate(classes)
        },
        "confusion": confusion_matrix(true, predicted, labels=classes).tolist(),
    }
    if probabilities is not None:
        given = np.array([classes.index(label) for label in predicted], dtype=int)
        confidence = probabilities[np.arange(len(given)), given]
        out["calibration_error"] = round(calibration_error(confidence, true == predicted), 4)
    return out


def evaluate(
    model: "Model | str", labelled: Any, *, texts: Any = None, ids: Sequence[str] | None = None
) -> dict[str, Any]:
    """Measure a model on labelled pairs.

    Parameters
    ----------
    model : Model or path
    labelled : see `pqnlp.labels.read_labelled`
        Pairs that the model was not trained on.
    texts : optional
        Where the texts of ids are.
    ids : sequence of str, optional
        Only these rows.

    Returns
    -------
    dict
        As `evaluate_predictions`, and ``reason_accuracy``, ``evidence_recall`` (share of answers whose known deciding
        sentence is among those pointed at), ``kept`` and ``kept_accuracy`` (at the model's threshold), ``model``.
    """
    from pqnlp.labels import LabelError, read_labelled
    from pqnlp.model import load

    opened = load(model)
    rows = read_labelled(labelled, texts=texts)
    if ids is not None:
        rows = rows[rows["id"].astype(str).isin({str(i) for i in ids})]
    rows = rows[rows["problem"].isin(("", "duplicate_id"))]
    if rows.empty:
        raise LabelError("There is no row to evaluate on: check the ids and the 'problem' column.")
    unknown = sorted(set(rows["label"]) - {str(c) for c in opened.classifier.classes_})
    if unknown:
        raise LabelError(
            f"The model does not know the labels {unknown}: it knows {[str(c) for c in opened.classifier.classes_]}."
        )
    return {"model": f"{opened.name} {opened.version}", **measure(opened.classifier, rows, opened.unsure_below)}


def measure(classifier, rows: "pd.DataFrame", unsure_below: float) -> dict[str, Any]:
    """Measure a classifier on rows as `pqnlp.labels.read_labelled` returns them; see `evaluate`."""
    from pqnlp.classifier import _find_decisive
    from pqnlp.explanation import pointed_at

    analysis = classifier.analyse(rows)
    predicted = classifier.classes_[classifier.decide(analysis.probabilities)]
    true = rows["label"].to_numpy(dtype=object)
    out = evaluate_predictions(true, predicted, classifier.classes_, analysis.probabilities)
    reasons = rows["reason"].to_numpy(dtype=object)
    known = np.array([isinstance(r, str) and bool(r) for r in reasons])
    if known.any():
        out["reason_accuracy"] = round(float(np.mean(classifier.reasons_from(analysis)[known] == reasons[known])), 4)
    decisive = _find_decisive(analysis.pairs, list(rows["evidence"]))
    found, pointed, at = [], [], 0
    for k, pair in enumerate(analysis.pairs):
        size = len(pair.spans)
        if isinstance(rows["evidence"].iloc[k], str) and decisive[k] >= 0:
            chosen = pointed_at(analysis.decisive[at : at + size])
            found.append(decisive[k] in chosen)
            pointed.append(len(chosen) / size)
        at += size
    if found:
        out["evidence_recall"] = round(float(np.mean(found)), 4)
        out["evidence_share_pointed"] = round(float(np.mean(pointed)), 4)
    confidence = analysis.probabilities[np.arange(len(rows)), classifier.decide(analysis.probabilities)]
    kept, accuracy = kept_at_accuracy(confidence, predicted == true, unsure_below)
    out["kept"], out["kept_accuracy"] = round(kept, 4), round(accuracy, 4)
    return out
