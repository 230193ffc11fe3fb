"""Hyperparameters: scikit-learn's own search over the classifier's, on training rows with groups kept whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.classifier import AnswerClassifier

__all__ = ["candidates", "search"]


def candidates(classifier: "AnswerClassifier", n: int, seed: int) -> list[dict[str, Any]]:
    """Draw settings to try: the classifier's own first, then `n` at random.

    Parameters
    ----------
    classifier : AnswerClassifier
        Every setting that ends in ``C`` is drawn between a tenth and ten times its value, evenly on a log scale, and
        ``min_df`` from 1 to 5.
    n : int
        How many to draw.
    seed : int

    Returns
    -------
    list of dict
    """
    from scipy.stats import loguniform, randint
    from sklearn.model_selection import ParameterSampler

    own = classifier.get_params()
    spread: dict[str, Any] = {
        name: loguniform(value / 10, value * 10)
        for name, value in sorted(own.items())
        if name.endswith("C") and isinstance(value, float) and value > 0
    }
    if "min_df" in own:
        spread["min_df"] = randint(1, 6)
    drawn = [
        {name: float(f"{value:.3g}") if isinstance(value, float) else int(value) for name, value in one.items()}
        for one in ParameterSampler(spread, n, random_state=seed)
    ]
    return [{name: own[name] for name in spread}, *drawn]


def search(
    classifier: "AnswerClassifier",
    rows: "pd.DataFrame",
    n: int,
    *,
    n_folds: int = 3,
    seed: int = 0,
    fit_params: dict[str, Any] | None = None,
    told: Callable[[int, int], Any] = lambda done, of: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Search for the settings with the best macro-F1 in cross-validation.

    Parameters
    ----------
    classifier : AnswerClassifier
        Not fitted.
    rows : DataFrame
        Training rows with ``question``, ``answer``, ``label`` and ``group``. The held-out rows must not be among them.
    n : int
        Settings to draw besides the classifier's own.
    n_folds : int, default 3
    seed : int, default 0
    fit_params : dict, optional
        Further arguments of ``fit``, a value for each row.
    told : callable, optional
        Called with the fits done and their number in all.

    Returns
    -------
    best : dict
        The settings with the highest mean macro-F1; the classifier's own where none is better.
    results : dict
        ``folds``, ``scorer``, ``seed`` and ``tried``: settings with mean and standard deviation over the folds.
    """
    from sklearn import config_context
    from sklearn.metrics import f1_score
    from sklearn.model_selection import GridSearchCV

    from pqnlp.splits import group_folds

    tried = candidates(classifier, n, seed)
    folds = group_folds(rows["label"], rows["group"], n_folds, seed)
    if not folds:
        from pqnlp.labels import LabelError

        raise LabelError("The training rows hang together in one group: there are no folds to search with (--tune).")
    done, of = 0, len(tried) * len(folds)

    def macro_f1(model, X, y) -> float:
        nonlocal done
        score = f1_score(y, model.predict(X), average="macro")
        done += 1
        told(done, of)
        return score

    given = {"groups": rows["group"].to_numpy(), **(fit_params or {})}
    told(0, of)
    # Routing hands each fold's part of the groups, weights and annotations to the classifier.
    with config_context(enable_metadata_routing=True):
        estimator = classifier.set_fit_request(**dict.fromkeys(given, True))
        grid = [{name: [value] for name, value in one.items()} for one in tried]
        found = GridSearchCV(estimator, grid, scoring=macro_f1, cv=folds, refit=False, error_score="raise")
        found.fit(rows[["question", "answer"]], rows["label"].to_numpy(dtype=object), **given)
    mean, deviation = found.cv_results_["mean_test_score"], found.cv_results_["std_test_score"]
    best = int(np.argmax(mean))
    results = {
        "folds": len(folds),
        "scorer": "macro-F1",
        "seed": seed,
        "chosen": best,
        "tried": [
            {"parameters": one, "mean": round(float(m), 4), "deviation": round(float(s), 4)}
            for one, m, s in zip(tried, mean, deviation, strict=True)
        ],
    }
    return tried[best], results
