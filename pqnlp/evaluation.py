"""How good a model's labels are, against labels that it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.classifier import Analysis
    from pqnlp.model import Model

__all__ = [
    "calibration_error",
    "evaluate",
    "evaluate_predictions",
    "evaluate_rows",
    "intervals",
    "kept_at_accuracy",
    "reliability_table",
    "rows_to_measure",
    "selective_accuracy",
    "unsure_threshold",
]

#: Shares of the answers, the surest first, whose accuracy `selective_accuracy` tells.
COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


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


def unsure_threshold(
    confidence: np.ndarray, right: np.ndarray, *, accuracy: float = 0.95, sureness: float = 0.9
) -> float:
    """Choose the smallest probability above which labels are, surely enough, right at least as often as asked.

    Surely: the lower bound of Clopper and Pearson (1934), which has this confidence, is at or above the accuracy. Of a threshold above which
    just so many of the rows at hand are right, fewer would be right among others half of the time. See Geifman and El-Yaniv (2017) on
    selective classification with guaranteed risk; they allow for the search among thresholds besides.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the label given, held-out or out-of-fold.
    right : ndarray of bool, shape (n,)
    accuracy : float, default 0.95
    sureness : float, default 0.9
        Confidence of the bound, one-sided. At 0.9 no fewer than 45 rows, all right, make a threshold.

    Returns
    -------
    float
        1.0 where no threshold reaches the accuracy.
    """
    from scipy.special import betaincinv

    order = np.argsort(-confidence, kind="stable")
    hits, kept = np.cumsum(right[order]), np.arange(1, len(order) + 1)
    # Rows of equal probability are kept together.
    last = np.append(confidence[order][1:] < confidence[order][:-1], True)
    bound = np.where(hits > 0, betaincinv(np.maximum(hits, 1), kept - hits + 1, 1 - sureness), 0.0)
    enough = np.flatnonzero((bound >= accuracy) & last)
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
    model: "Model | str",
    labelled: Any,
    *,
    texts: Any = None,
    ids: Sequence[str] | None = None,
    encoding: str = "utf-8",
    resamples: int = 2000,
    seed: int = 0,
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
    encoding : str
        Of text files.
    resamples : int, default 2000
        Draws of the bootstrap; 0 leaves the intervals out.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    dict
        As `evaluate_predictions`, and ``reason_accuracy``, ``evidence_recall`` (share of answers whose known deciding
        sentence is among those pointed at), ``kept`` and ``kept_accuracy`` (at the model's threshold; None where none is kept), ``model``;
        ``groups`` (of equal and nearly equal answers) and ``intervals`` (95 %, of groups drawn again: ``macro_f1``, ``accuracy``,
        ``kappa`` and, by label, ``per_class``); ``reliability`` and ``selective``, see `reliability_table` and
        `selective_accuracy`; ``threshold`` (the model's); ``notices`` (what to know before the figures are believed).
    """
    from pqnlp.groups import near_duplicate_groups
    from pqnlp.model import load

    opened = load(model)
    rows, notices = rows_to_measure([opened], labelled, texts=texts, ids=ids, encoding=encoding)
    groups = near_duplicate_groups(rows["answer"].tolist())
    return evaluate_rows(opened, rows, groups, resamples=resamples, seed=seed)[0] | {"notices": notices}


def measure(
    classifier, rows: "pd.DataFrame", unsure_below: float, *, analysis: "Analysis | None" = None
) -> dict[str, Any]:
    """Measure a classifier on rows as `pqnlp.labels.read_labelled` returns them; see `evaluate`."""
    from pqnlp.classifier import find_decisive
    from pqnlp.explanation import evidence_of

    analysis = classifier.analyse(rows) if analysis is None else analysis
    predicted, confidence = classifier.labels_given(analysis.probabilities)
    true = rows["label"].to_numpy(dtype=object)
    out = evaluate_predictions(true, predicted, classifier.classes_, analysis.probabilities)
    reasons = rows["reason"].to_numpy(dtype=object)
    known = np.array([isinstance(r, str) and bool(r) for r in reasons])
    if known.any():
        out["reason_accuracy"] = round(float(np.mean(classifier.reasons_from(analysis)[known] == reasons[known])), 4)
    decisive = find_decisive(analysis.pairs, list(rows["evidence"]))
    found, pointed = [], []
    for k, (pair, shown) in enumerate(zip(analysis.pairs, evidence_of(analysis), strict=True)):
        if isinstance(rows["evidence"].iloc[k], str) and decisive[k] >= 0:
            found.append(decisive[k] in shown)
            pointed.append(len(shown) / len(pair.spans))
    if found:
        out["evidence_recall"] = round(float(np.mean(found)), 4)
        out["evidence_share_pointed"] = round(float(np.mean(pointed)), 4)
    kept, accuracy = kept_at_accuracy(confidence, predicted == true, unsure_below)
    out["kept"], out["kept_accuracy"] = round(kept, 4), None if np.isnan(accuracy) else round(accuracy, 4)
    return out


def rows_to_measure(
    models: Sequence["Model"], labelled: Any, *, texts: Any, ids: Sequence[str] | None, encoding: str
) -> tuple["pd.DataFrame", list[str]]:
    """Read the rows that models are measured on, and tell what a reader of the figures should know.

    Parameters
    ----------
    models : sequence of Model
        Each label must be known to one of them.
    labelled, texts, ids, encoding
        As for `evaluate`.

    Returns
    -------
    rows : DataFrame
        As `pqnlp.labels.read_labelled` returns it, rows with a problem and rows that came twice left out.
    notices : list of str

    Raises
    ------
    LabelError
        If no row is left, a pair stands under two labels, or a label is known to no model.
    """
    from pqnlp.labels import LabelError, check_labels, name_rows, read_labelled

    rows = read_labelled(labelled, texts=texts, encoding=encoding)
    if ids is not None:
        rows = rows[rows["id"].astype(str).isin({str(i) for i in ids})]
        if rows.empty:
            raise LabelError("There is no row to evaluate on: none of the labelled rows has one of the ids asked for.")
    usable = rows["problem"].isin(("", "duplicate_id"))
    left_out, rows = rows[~usable], rows[usable]
    if rows.empty:
        told = ", ".join(f"{count} {problem}" for problem, count in left_out["problem"].value_counts().items())
        raise LabelError(f"There is no row to evaluate on: {told} ({name_rows(left_out)}).")
    notices = [
        f"Left out as {problem}: {name_rows(part)} ({len(part):,} in all)."
        for problem, part in left_out.groupby("problem", sort=False)
    ]
    known = list(dict.fromkeys(str(c) for model in models for c in model.classifier.classes_))
    unknown = sorted(set(rows["label"]) - set(known))
    if unknown:
        who = "The model does not know" if len(models) == 1 else "Neither model knows"
        raise LabelError(
            f"{who} the labels {unknown} ({name_rows(rows[rows['label'].isin(unknown)])}): known are {known}. Correct them, "
            "or name a model that was trained on them."
        )
    rows, more = check_labels(rows.reset_index(drop=True), labels=known)
    for model in dict.fromkeys(models):
        notices += _seen_before(model, rows)
    return rows, notices + more


def _seen_before(model: "Model", rows: "pd.DataFrame") -> list[str]:
    """Tell of rows whose answers a model was fitted on, and for the shipped labels also of their ids."""
    from pqnlp.labels import digest, name_rows, shipped_ids

    known = model.answers_fitted_on()
    seen = np.array([digest(answer) in known for answer in rows["answer"]], dtype=bool)
    if (model.manifest.get("training") or {}).get("shipped_rows") or _is_shipped(model):
        seen |= rows["id"].astype(str).isin(shipped_ids("train")).to_numpy()
    if not seen.any():
        return []
    if seen.all():
        return [
            f"{model.name} was fitted on these very rows, or on others with the same answers: the figures say how well it remembers, not how good it is."
        ]
    return [
        f"{model.name} was fitted on the answers of {int(seen.sum()):,} of these rows ({name_rows(rows[seen])}), which flatters "
        "it: leave them out, or measure on rows that were held out (--splits)."
    ]


def _is_shipped(model: "Model") -> bool:
    """Tell whether a model is a copy of the one that ships, wherever it lies."""
    import json

    from pqnlp.paths import default_model_dir

    manifest = json.loads((default_model_dir() / "manifest.json").read_text(encoding="utf-8"))
    return model.manifest.get("files", {}).get("model.skops") == manifest["files"]["model.skops"]


def evaluate_rows(
    model: "Model", rows: "pd.DataFrame", groups: Sequence[int], *, resamples: int, seed: int
) -> tuple[dict[str, Any], "pd.DataFrame"]:
    """Measure a model on rows that were read before.

    Parameters
    ----------
    model : Model
    rows : DataFrame
        As `rows_to_measure` returns it.
    groups : sequence of int, length n
        Rows that are drawn together.
    resamples, seed : int
        As for `evaluate`.

    Returns
    -------
    figures : dict
        As of `evaluate`, but for ``notices``.
    said : DataFrame
        ``id``, ``label``, ``predicted``, ``confidence`` (probability of the label given), ``right``, with the index of `rows`.
    """
    import pandas as pd

    classifier = model.classifier
    analysis = classifier.analyse(rows)
    out = {"model": f"{model.name} {model.version}"}
    out |= measure(classifier, rows, model.unsure_below, analysis=analysis)
    predicted, confidence = classifier.labels_given(analysis.probabilities)
    said = pd.DataFrame(
        {
            "id": rows["id"].astype(str),
            "label": rows["label"].astype(object),
            "predicted": pd.Series([str(label) for label in predicted], index=rows.index, dtype=object),
            "confidence": confidence,
        }
    )
    said["right"] = said["label"] == said["predicted"]
    out["groups"] = len(np.unique(groups))
    if resamples:
        out["intervals"] = intervals(
            said["label"], said["predicted"], list(out["per_class"]), groups, resamples=resamples, seed=seed
        )
    right = said["right"].to_numpy(bool)
    out["reliability"] = reliability_table(confidence, right, groups)
    out["selective"] = selective_accuracy(confidence, right, groups)
    return out | {"threshold": round(float(model.unsure_below), 4)}, said


def intervals(
    true: Sequence[str],
    predicted: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[int],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return 95 % bootstrap intervals of the figures of `evaluate_predictions`.

    Parameters
    ----------
    true, predicted : sequence of str, length n
    classes : sequence of str
    groups : sequence of int, length n
        Rows with the same value are drawn together; see `pqnlp.groups.near_duplicate_groups`.
    resamples : int, default 2000
    seed : int, default 0

    Returns
    -------
    dict
        ``macro_f1``, ``accuracy``, ``kappa``: two bounds each, or None where most draws have no value. ``per_class``: for each
        label the bounds of ``precision``, ``recall`` and ``f1``.
    """
    from pqnlp.bootstrap import confusion_columns, figures_of, interval, resampled_sums

    k = len(classes)
    sums, drawn = resampled_sums(confusion_columns(true, predicted, classes), groups, resamples=resamples, seed=seed)
    confusion = sums.reshape(k, k)
    figures = figures_of(drawn.reshape(-1, k, k), present=confusion.sum(0) + confusion.sum(1) > 0)
    per_class = {
        name: {figure: interval(figures[figure][:, at]) for figure in ("precision", "recall", "f1")}
        for at, name in enumerate(classes)
    }
    return {name: interval(figures[name]) for name in ("macro_f1", "accuracy", "kappa")} | {"per_class": per_class}


def _rate_interval(right: np.ndarray, groups: np.ndarray) -> list[float]:
    """Return Wilson's 95 % interval of a share, of as many rows as groups of copies are worth (Kish 1965).

    A bootstrap says [1, 1] where all are right, which is more than one can know.
    """
    from pqnlp.estimation import _wilson

    sizes = np.unique(groups, return_counts=True)[1]
    bounds = _wilson(right.mean(), sizes.sum() ** 2 / (sizes**2).sum(), 1.959964)
    return [round(float(bound), 4) for bound in np.clip(bounds, 0, 1)]


def reliability_table(
    confidence: np.ndarray,
    right: np.ndarray,
    groups: Sequence[int] | None = None,
    *,
    bins: int = 10,
) -> list[dict[str, Any]]:
    """Return how often labels of a given probability are right.

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the label given.
    right : ndarray of bool, shape (n,)
    groups : sequence of int, length n, optional
        Rows with the same value say the same, and count for less in the intervals; each row is its own by default.
    bins : int, default 10
        With as many rows each as can be; rows of equal probability may fall into two.

    Returns
    -------
    list of dict
        By rising probability: ``from`` and ``to`` (of the probabilities), ``n``, ``confidence`` (their mean), ``accuracy``,
        ``interval`` (95 %, of the accuracy).
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    groups = np.arange(len(right)) if groups is None else np.asarray(groups)
    return [
        {
            "from": round(float(confidence[part[0]]), 4),
            "to": round(float(confidence[part[-1]]), 4),
            "n": len(part),
            "confidence": round(float(confidence[part].mean()), 4),
            "accuracy": round(float(right[part].mean()), 4),
            "interval": _rate_interval(right[part], groups[part]),
        }
        for part in parts
    ]


def selective_accuracy(
    confidence: np.ndarray,
    right: np.ndarray,
    groups: Sequence[int] | None = None,
    *,
    coverages: Sequence[float] = COVERAGES,
) -> list[dict[str, Any]]:
    """Return how often labels are right among the surest ones: the risk-coverage curve (El-Yaniv and Wiener 2010).

    Parameters
    ----------
    confidence : ndarray, shape (n,)
        Probability of the label given.
    right : ndarray of bool, shape (n,)
    groups : sequence of int, length n, optional
        As for `reliability_table`.
    coverages : sequence of float
        Shares of the rows to keep.

    Returns
    -------
    list of dict
        ``coverage`` (share that is kept: all rows at or above the threshold), ``threshold``, ``n``, ``accuracy``, ``interval``.
    """
    falling = np.sort(confidence)[::-1]
    thresholds = [falling[max(1, round(share * len(falling))) - 1] for share in coverages] if len(falling) else []
    parts = [np.flatnonzero(confidence >= threshold) for threshold in dict.fromkeys(thresholds)]
    groups = np.arange(len(right)) if groups is None else np.asarray(groups)
    return [
        {
            "coverage": round(len(part) / len(right), 4),
            "threshold": round(float(confidence[part].min()), 4),
            "n": len(part),
            "accuracy": round(float(right[part].mean()), 4),
            "interval": _rate_interval(right[part], groups[part]),
        }
        for part in parts
    ]
