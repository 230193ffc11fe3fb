"""Training: from labelled pairs to a model folder with its scores and its card."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.labels import LabelError, add_asks, read_labelled

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["baselines", "train"]


def train(
    labelled: Any,
    *,
    output: str | Path,
    texts: Any = None,
    asks: str | Path | None = None,
    splits: str | Path | None = None,
    name: str | None = None,
    version: str = "1.0",
    parameters: dict[str, Any] | None = None,
    card: str | Path | None = None,
    encoding: str = "utf-8",
) -> dict[str, Any]:
    """Fit a model on labelled pairs, measure it on those held out, and write its folder.

    Parameters
    ----------
    labelled : path, DataFrame or list of these
        See `pqnlp.labels.read_labelled`.
    output : path
        The model folder to write.
    texts : optional
        Where the texts of ids are; see `pqnlp.read`.
    asks : path, optional
        Annotations of sentence roles and asks; see `pqnlp.labels.add_asks`.
    splits : path, optional
        CSV with ``id``, ``split`` ("train" or "test") and ``group`` (rows that must stay together). By default a sixth of
        the groups of near-duplicate answers, at random with a fixed seed, is held out.
    name : str, optional
        The folder's name by default.
    version : str
    parameters : dict, optional
        Of `pqnlp.classifier.AnswerClassifier`.
    card : path, optional
        Markdown that the model card goes on with after its figures.
    encoding : str
        Of text files.

    Returns
    -------
    dict
        ``scores`` (held out), ``baselines``, ``rows``, ``left_out`` (rows with a problem), ``output``.

    Raises
    ------
    LabelError
        If the labels cannot be trained on; the message names the rows.
    """
    from pqnlp.classifier import AnswerClassifier
    from pqnlp.evaluation import measure, unsure_threshold
    from pqnlp.model import save

    rows = read_labelled(labelled, texts=texts, encoding=encoding)
    problems = rows["problem"].isin(("", "duplicate_id"))
    left_out = rows.loc[~problems, ["id", "problem"]]
    rows = rows[problems].reset_index(drop=True)
    rows = split_rows(rows, splits)
    _check(rows)
    if asks is not None:
        rows = add_asks(rows, asks)
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    train = train.reset_index(drop=True)
    classifier = AnswerClassifier(**(parameters or {}))
    has_reason = train["reason"].notna().all()
    classifier.fit(
        train,
        train["label"],
        reason=train["reason"] if has_reason else None,
        evidence=list(train["evidence"]),
        roles=list(train["roles"]) if asks is not None else None,
        verdicts=list(train["verdicts"]) if asks is not None else None,
        groups=train["group"],
    )
    right = classifier.classes_[classifier.oof_probabilities_.argmax(1)] == train["label"].to_numpy(dtype=object)
    threshold = unsure_threshold(classifier.oof_probabilities_, right)
    scores = measure(classifier, test, threshold) if len(test) else {}
    simple = baselines(train, test) if len(test) else {}
    training = {
        "rows": len(train),
        "held_out": len(test),
        "ids_sha256": hashlib.sha256("\n".join(sorted(train["id"].astype(str))).encode()).hexdigest(),
        "labels": {str(k): int(v) for k, v in train["label"].value_counts().items()},
        "seed": classifier.random_state,
        "command": _command(),
    }
    text = Path(card).read_text(encoding="utf-8") if card is not None else ""
    name = name or Path(output).name
    save(
        classifier, output, name=name, version=version, unsure_below=threshold, training=training,
        scores={"model": scores, "baselines": simple}, card=_card(name, version, training, scores, simple, text),
    )  # fmt: skip
    return {"scores": scores, "baselines": simple, "rows": len(train), "left_out": left_out, "output": str(output)}


def _command() -> str:
    """The command line that was given, without the folder that the program lies in."""
    return (
        " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        if sys.argv and sys.argv[0].endswith("pqnlp")
        else "pqnlp.train"
    )


def split_rows(rows: "pd.DataFrame", splits: str | Path | None) -> "pd.DataFrame":
    import pandas as pd

    from pqnlp.groups import near_duplicate_groups

    if splits is not None:
        table = pd.read_csv(splits, dtype={"id": str})
        missing = {"id", "split", "group"} - set(table.columns)
        if missing:
            raise LabelError(f"{splits} has no column {sorted(missing)}: expected id, split and group.")
        out = rows.merge(table[["id", "split", "group"]], on="id", how="left", validate="many_to_one")
        # Rows that the table does not know are trained on, unless their answer is near one that is held out.
        unknown = out["split"].isna()
        if unknown.any():
            groups = near_duplicate_groups(out["answer"].tolist())
            held = set(groups[out["split"].eq("test").to_numpy()])
            near = pd.Series(groups, index=out.index).isin(held)
            out = out[~(unknown & near)].copy()
            unknown = out["split"].isna()
            out.loc[unknown, "split"] = "train"
            top = int(table["group"].max()) + 1
            out.loc[unknown, "group"] = top + pd.Series(groups).reindex(out.index)[unknown]
        out["group"] = out["group"].astype(int)
        return out.reset_index(drop=True)
    groups = near_duplicate_groups(rows["answer"].tolist())
    rng = np.random.default_rng(0)
    order = rng.permutation(groups.max() + 1)
    sizes = np.bincount(groups)
    held_out = order[np.cumsum(sizes[order]) <= len(rows) / 6]
    return rows.assign(group=groups, split=np.where(np.isin(groups, held_out), "test", "train"))


def _check(rows: "pd.DataFrame") -> None:
    counts = rows.loc[rows["split"] == "train", "label"].value_counts()
    if len(counts) < 2:
        raise LabelError(
            f"There is only one label to train on ({', '.join(counts.index) or 'none'}): at least two are needed."
        )
    few = counts[counts < 5]
    if len(few):
        what = ", ".join(f"{label} ({n})" for label, n in few.items())
        raise LabelError(
            f"Too few rows to learn from: {what}. Label at least 5 of each, or merge the label into another."
        )
    torn = rows.groupby(["question", "answer"])["label"].nunique()
    torn = torn[torn > 1]
    if len(torn):
        question, answer = torn.index[0]
        ids = rows.loc[(rows["question"] == question) & (rows["answer"] == answer), "id"].tolist()
        raise LabelError(
            f"{len(torn)} pairs stand under two labels, the first under the ids {', '.join(ids[:4])}: settle them first."
        )


def baselines(train: "pd.DataFrame", test: "pd.DataFrame") -> dict[str, Any]:
    """Measure what little work gets: the commonest label, and TF-IDF of the answer with logistic regression.

    Parameters
    ----------
    train, test : DataFrame
        With ``answer`` and ``label``.

    Returns
    -------
    dict
        By name, as `pqnlp.evaluation.evaluate_predictions`.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from pqnlp.evaluation import evaluate_predictions

    classes = sorted(set(train["label"]))
    models = {
        "majority": DummyClassifier(strategy="most_frequent"),
        "tfidf_logistic_regression": make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=10, max_iter=1000, class_weight="balanced"),
        ),
    }
    return {
        name: evaluate_predictions(
            test["label"], model.fit(train["answer"], train["label"]).predict(test["answer"]), classes
        )
        for name, model in models.items()
    }


def _card(name: str, version: str, training: dict, scores: dict, simple: dict, text: str) -> str:
    lines = [f"# Model card: {name} {version}", ""]
    lines += [f"Trained on {training['rows']} labelled pairs by `{training['command']}`.", ""]
    if scores:
        classes = list(scores["per_class"])
        lines += [f"## Scores on {scores['n']} pairs held out", ""]
        lines += [
            "| model | macro-F1 | " + " | ".join(f"F1 {c}" for c in classes) + " | Cohen's kappa |",
            "| --- " * (len(classes) + 3) + "|",
        ]
        for row, value in [*((key.replace("_", " "), v) for key, v in simple.items()), (f"**{name}**", scores)]:
            f1 = " | ".join(f"{value['per_class'][c]['f1']:.3f}" for c in classes)
            lines.append(f"| {row} | {value['macro_f1']:.3f} | {f1} | {value['kappa']:.3f} |")
        lines.append("")
        for key, words in _MEASURES.items():
            if key in scores:
                lines.append(f"- {words}: {scores[key]:.3f}")
        lines += [
            "",
            "Confusion (rows true, columns predicted):",
            "",
            "| | " + " | ".join(classes) + " |",
            "| --- " * (len(classes) + 1) + "|",
        ]
        lines += [
            f"| {c} | " + " | ".join(map(str, row)) + " |" for c, row in zip(classes, scores["confusion"], strict=True)
        ]
        lines.append("")
    return "\n".join(lines) + "\n" + text


_MEASURES = {
    "accuracy": "accuracy",
    "reason_accuracy": "accuracy of the reason",
    "evidence_recall": "deciding sentence among those pointed at",
    "evidence_share_pointed": "share of the sentences that is pointed at",
    "calibration_error": "expected calibration error",
    "kept": "share of labels above the `unsure` threshold",
    "kept_accuracy": "accuracy of these",
}
