"""Which of two models is the better one, and how surely: both measured on the same labelled pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["CHANGES", "compare", "paired_differences", "paired_test"]

#: What may become of a pair's label from the old model to the new one.
CHANGES = ("wrong to right", "right to wrong", "wrong to wrong")
#: Fewer groups of answers than this tell two models apart only if one is far better.
FEW_GROUPS = 100


def compare(
    old: "Model | str | Path | None",
    new: "Model | str | Path",
    labelled: Any,
    *,
    texts: Any = None,
    ids: Sequence[str] | None = None,
    encoding: str = "utf-8",
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure two models on the same labelled pairs, and say how surely one is better.

    Parameters
    ----------
    old, new : Model or path
        None for the model that ships with pqnlp.
    labelled, texts, ids, encoding
        As for `pqnlp.evaluate`; pairs that neither model was trained on.
    resamples : int, default 2000
        Draws of the bootstrap.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    dict
        ``old`` and ``new`` (as `pqnlp.evaluate` returns them); ``n``; ``groups``; ``differences`` (new less old: for ``macro_f1``,
        ``accuracy``, ``kappa`` and ``f1`` of each label, ``value`` and ``interval``, both models drawn together); ``test`` (see
        `paired_test`); ``changed`` (DataFrame: ``id``, ``question``, ``answer``, ``label``, ``old``, ``new``, ``change``, one of
        `CHANGES`, ``where``, ``row``); ``changes`` (how many of each); ``verdict`` (a sentence); ``notices``.

    Raises
    ------
    LabelError
        As `pqnlp.evaluate`.
    ModelError
        If a model cannot be loaded.

    Examples
    --------
    >>> import pqnlp
    >>> pqnlp.compare("models/default", "models/mine", "held_out.csv")["verdict"]  # doctest: +SKIP
    """
    from pqnlp.evaluation import evaluate_rows, rows_to_measure
    from pqnlp.groups import near_duplicate_groups
    from pqnlp.model import load

    models = [load(old), load(new)]
    rows, notices = rows_to_measure(models, labelled, texts=texts, ids=ids, encoding=encoding)
    groups = near_duplicate_groups(rows["answer"].tolist())
    notices += _lacking(models, rows)
    if len(np.unique(groups)) < FEW_GROUPS:
        notices.append(
            f"{len(np.unique(groups)):,} different answers are few: only large differences can be told from chance."
        )
    figures, said = zip(
        *(evaluate_rows(model, rows, groups, resamples=resamples, seed=seed) for model in models), strict=True
    )
    classes = list(dict.fromkeys(name for of in figures for name in of["per_class"]))
    differences = paired_differences(
        rows["label"], said[0]["predicted"], said[1]["predicted"], classes, groups, resamples=resamples, seed=seed
    )
    test = paired_test(said[0]["right"].to_numpy(bool), said[1]["right"].to_numpy(bool))
    changed = _changed(rows, *said)
    counts = changed["change"].value_counts()
    return {
        "old": figures[0],
        "new": figures[1],
        "n": len(rows),
        "groups": len(np.unique(groups)),
        "differences": differences,
        "test": test,
        "changes": {name: int(counts.get(name, 0)) for name in CHANGES},
        "verdict": _verdict(differences["macro_f1"], test, sorted(set(rows["label"]))),
        "changed": changed,
        "notices": notices,
    }


def _lacking(models: Sequence["Model"], rows: "pd.DataFrame") -> list[str]:
    from pqnlp.labels import LabelError

    notices = []
    for model in models:
        lost = rows["label"].isin([str(c) for c in model.classifier.classes_])
        if not lost.any():
            raise LabelError(
                f"{model.name} knows none of the labels of these rows (its are {', '.join(map(repr, model.labels))}): two models are "
                "compared on labels that both know."
            )
        if not lost.all():
            names = ", ".join(map(repr, rows.loc[~lost, "label"].unique()))
            notices.append(f"{model.name} has no label {names}: its {int((~lost).sum()):,} rows count as wrong for it.")
    return notices


def paired_differences(
    true: Sequence[str],
    old: Sequence[str],
    new: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[int],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return by how much the figures of two labellings of the same rows differ, with bootstrap intervals.

    Each draw of groups measures both: what makes rows hard for both cancels out (Koehn 2004).

    Parameters
    ----------
    true, old, new : sequence of str, length n
    classes : sequence of str
    groups : sequence of int, length n
        Rows with the same value are drawn together.
    resamples : int, default 2000
    seed : int, default 0

    Returns
    -------
    dict
        ``macro_f1``, ``accuracy`` and ``kappa``, each with ``value`` (new less old) and ``interval`` (95 %, or None), and ``f1``,
        the same by label.
    """
    from pqnlp.bootstrap import confusion_columns, figures_of, interval, resampled_sums

    k = len(classes)
    columns = np.hstack([confusion_columns(true, said, classes) for said in (old, new)])
    sums, drawn = resampled_sums(columns, groups, resamples=resamples, seed=seed)
    parts = [slice(None, k * k), slice(k * k, None)]
    # A label that one model alone gives must be in the mean of both, or the means are of different things.
    present = sums.reshape(2, k, k).sum((0, 1)) + sums.reshape(2, k, k).sum((0, 2)) > 0
    whole = [figures_of(sums[part].reshape(k, k)) for part in parts]
    draws = [figures_of(drawn[:, part].reshape(-1, k, k), present=present) for part in parts]

    def difference(name: str, at: int | None = None) -> dict[str, Any]:
        value, values = whole[1][name] - whole[0][name], draws[1][name] - draws[0][name]
        if at is not None:
            value, values = value[at], values[:, at]
        return {"value": round(float(value), 4), "interval": interval(values) if resamples else None}

    out: dict[str, Any] = {name: difference(name) for name in ("macro_f1", "accuracy", "kappa")}
    return out | {"f1": {name: difference("f1", at) for at, name in enumerate(classes)}}


def paired_test(old_right: np.ndarray, new_right: np.ndarray) -> dict[str, Any]:
    """Test whether two models are right equally often, by the rows on which one alone is right (McNemar 1947, exact).

    Parameters
    ----------
    old_right, new_right : ndarray of bool, shape (n,)

    Returns
    -------
    dict
        ``old_only`` and ``new_only`` (rows that one alone has right) and ``p`` (two-sided; 1 where neither has any). Copies of
        an answer count as rows of their own, as the test knows no groups; the intervals of `paired_differences` do.
    """
    from scipy.stats import binomtest

    old_only, new_only = int((old_right & ~new_right).sum()), int((~old_right & new_right).sum())
    p = binomtest(new_only, old_only + new_only).pvalue if old_only + new_only else 1.0
    return {"old_only": old_only, "new_only": new_only, "p": float(f"{p:.4g}")}


def _changed(rows: "pd.DataFrame", old: "pd.DataFrame", new: "pd.DataFrame") -> "pd.DataFrame":
    """Return the pairs whose label is another, those that got worse first and surest errors at the top."""
    out = rows[["id", "question", "answer", "label"]].assign(
        old=old["predicted"], new=new["predicted"], old_p=old["confidence"].round(4), new_p=new["confidence"].round(4),
        where=rows["where"], row=rows["row"],
    )  # fmt: skip
    change = np.where(new["right"], CHANGES[0], np.where(old["right"], CHANGES[1], CHANGES[2]))
    out.insert(6, "change", change)
    out = out[(out["old"] != out["new"]).to_numpy()]
    order = out["change"].map({CHANGES[1]: 0, CHANGES[0]: 1, CHANGES[2]: 2})
    return out.assign(order=order).sort_values(["order", "new_p"], ascending=[True, False], kind="stable").drop(
        columns="order"
    ).reset_index(drop=True)  # fmt: skip


def _verdict(difference: dict[str, Any], test: dict[str, Any], labels: Sequence[str]) -> str:
    if len(labels) < 2:
        return f"All pairs have the label {labels[0]!r}: which model is better cannot be told from these."
    bounds = difference["interval"]
    told = f"macro-F1 {difference['value']:+.3f}"
    if bounds is None:
        return f"The new model differs by {told}; without draws there is no interval to judge it by."
    told += f" (95 % interval {bounds[0]:+.3f} to {bounds[1]:+.3f}; McNemar's p = {test['p']:.3g} for accuracy)"
    if bounds[0] > 0:
        return f"The new model is better: {told}."
    if bounds[1] < 0:
        return f"The new model is worse: {told}."
    return f"These pairs do not tell the two models apart: {told}."
