"""Training: from labelled pairs to a model folder with its scores and its card."""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pqnlp.codebook import LABEL_OF_REASON, LABELS
from pqnlp.labels import LabelError, add_asks, check_labels, digest, ids_digest, name_rows, read_labelled, shipped_ids
from pqnlp.paths import shipped_data
from pqnlp.splits import Split, hold_out, split_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["baselines", "drawn_alike", "split_rows", "train"]

#: Rows of a label that there must be to train on.
LEAST_ROWS = 5

_MENDS = {
    "unlabelled": "Label them, or take them out.",
    "skipped": "Their annotators skipped or did not submit them.",
    "rejected": "A rejected task says what a label is not; accept one.",
    "truncated": "Fetch the whole texts (pqnlp fetch).",
    "unanswered": "Fill in the answer.",
    "empty_question": "Fill in the question.",
}


def train(
    labelled: Any,
    *,
    output: str | Path,
    texts: Any = None,
    asks: str | Path | None = None,
    teacher: str | Path | None = None,
    splits: str | Path | None = None,
    group_by: str | None = None,
    split_by: str | None = None,
    split_at: str | None = None,
    held_out: float = 1 / 6,
    from_scratch: bool = False,
    weight: float | None = None,
    labels: Sequence[str] | str | None = None,
    tune: int = 0,
    seed: int = 0,
    jobs: int | None = None,
    name: str | None = None,
    version: str = "1.0",
    parameters: dict[str, Any] | None = None,
    card: str | Path | None = None,
    codebook: str | Path | None = None,
    encoding: str = "utf-8",
    progress: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    """Fit a model on labelled pairs, measure it on those held out, and write its folder.

    Where the labels are those of the shipped scheme (`pqnlp.codebook.LABELS`) and `texts` holds the texts of the shipped
    labels, these are added to the training rows; see ``docs/retrain.md``.

    Parameters
    ----------
    labelled : path, DataFrame or list of these
        Tables, or exports of annotation tools; see `pqnlp.labels.read_labelled`.
    output : path
        The model folder to write.
    texts : optional
        Where the texts of ids are, those of the shipped labels included; see `pqnlp.read`.
    asks : path, optional
        Annotations of sentence roles and asks; see `pqnlp.labels.add_asks`.
    teacher : path, optional
        Probabilities of the reasons by a teacher, see `pqnlp.teacher`; rows that it lacks are learned from their labels alone.
    splits : path, optional
        CSV with ``id``, ``split`` ("train" or "test") and ``group`` (rows that must stay together). By default a sixth of
        the groups of near-duplicate answers, at random with a fixed seed, is held out.
    group_by : str, optional
        A column whose equal values stay on one side besides.
    split_by : str, optional
        A column of dates: the latest rows are held out.
    split_at : str, optional
        With `split_by`, the day from which they are.
    held_out : float, default 1/6
        Share of the rows to hold out; with 0, all are trained on and nothing is measured.
    from_scratch : bool, default False
        Leave the shipped labels out.
    weight : float, optional
        How much a row of `labelled` counts beside a shipped one; 1 by default.
    labels : sequence of str or str, optional
        The names that the labels may have, or these with commas between; others are refused.
    tune : int, default 0
        Settings to try at random, see `pqnlp.tuning.search`; each costs three fits. 0 keeps the defaults.
    seed : int, default 0
        Of the split, the folds and the search.
    jobs : int, optional
        Processes that fit the folds, -1 for one a core; the model is the same for any number.
    name : str, optional
        The folder's name by default.
    version : str
    parameters : dict, optional
        Of `pqnlp.classifier.AnswerClassifier`.
    card : path, optional
        Markdown that the model card goes on with after its figures.
    codebook : path, optional
        What the labels mean, Markdown, to be laid into the folder; by default pqnlp's own where the labels are its own.
    encoding : str
        Of text files.
    progress : callable, optional
        Called with a few words before each stage.

    Returns
    -------
    dict
        ``scores`` (held out), ``baselines`` (with ``shipped_model`` where that can be compared), ``rows``, ``left_out``
        (rows with a problem), ``notices`` (what a user should know), ``training`` (as in the manifest), ``output``.

    Raises
    ------
    LabelError
        If the labels cannot be trained on; the message names the rows.
    """
    from pqnlp.classifier import AnswerClassifier
    from pqnlp.evaluation import measure, unsure_threshold
    from pqnlp.model import FITTED_ON, ORGANISATIONS, check_place, save

    check_place(output)
    if isinstance(labels, str):
        labels = [label.strip() for label in labels.split(",")]
    say = progress or (lambda words: None)
    if weight is not None and not weight > 0:
        raise LabelError(f"The weight is {weight}: give a number above 0.")
    if tune < 0:
        raise LabelError(f"Settings to try are {tune}: give 0 or more.")
    if weight is not None and from_scratch:
        raise LabelError("A weight is for labels added to the shipped ones: leave it out, or leave out --from-scratch.")
    papers = _papers(card, codebook)
    say("reading the labels")
    keep = [column for column in (group_by, split_by) if column]
    rows = read_labelled(labelled, texts=texts, encoding=encoding, keep=keep)
    usable = rows["problem"].isin(("", "duplicate_id"))
    left_out = rows.loc[~usable, ["id", "problem", "where", "row"]]
    rows = rows[usable].reset_index(drop=True)
    if rows.empty:
        told = ", ".join(f"{count} {problem}" for problem, count in left_out["problem"].value_counts().items())
        mend = _MENDS.get(left_out["problem"].iloc[0], "Mend the texts.")
        raise LabelError(f"No row can be used: {told} ({name_rows(left_out)}). {mend}")
    notices = [
        f"Left out as {problem}: {name_rows(part)} ({len(part):,} in all). {_MENDS.get(problem, 'Mend the texts, or leave them out.')}"
        for problem, part in left_out.groupby("problem", sort=False)
    ]
    rows, more = check_labels(rows, labels=labels)
    notices += more
    own = len(rows)
    inferred = 0
    is_shipped_scheme = set(rows["label"]) <= set(LABELS)
    annotated = [] if asks is None else [asks]
    notice = ""
    if is_shipped_scheme and not from_scratch:
        shipped, notice = _shipped_rows(rows, texts, encoding)
        notices += [notice] if notice else []
        notices += _among_measured(rows) if splits is None else []
        if len(shipped):
            rows, inferred = _added(rows, shipped, say)
            annotated.append(shipped_data("asks.jsonl"))
    if weight is not None and "shipped" not in rows.columns:
        raise LabelError(
            "There is nothing to weigh these labels against, since no shipped ones are added. "
            + (notice or f"They are another scheme than {', '.join(LABELS)}, or the shipped ones themselves.")
        )
    say("tying near-duplicates")
    split = hold_out(
        rows, splits=splits, group_by=group_by, split_by=split_by, split_at=split_at, share=held_out, seed=seed
    )
    rows, notices = split.rows, notices + split.notices
    _check_counts(rows)
    if annotated:
        rows = add_asks(rows, annotated)
    train, test = (rows[rows["split"] == side].reset_index(drop=True) for side in ("train", "test"))
    lacking = sorted(set(train["label"]) - set(test["label"])) if len(test) else []
    if lacking:
        notices.append(f"No held-out row has the label {', '.join(map(repr, lacking))}: macro-F1 counts it as 0.")
    fit_params = _fit_params(train, annotated, weight) | drawn_alike(train)
    if teacher is not None:
        fit_params |= _taught(teacher, train)
    classifier = AnswerClassifier(**{"random_state": seed, "n_jobs": jobs, **(parameters or {})})
    tuning = None
    if tune:
        from pqnlp.tuning import search

        best, tuning = search(
            classifier, train, tune, seed=seed, fit_params=fit_params,
            told=lambda done, of: say(f"searching: {done} of {of} fits"),
        )  # fmt: skip
        classifier = AnswerClassifier(**{**classifier.get_params(), **best})
    say(f"fitting on {len(train):,} pairs")
    classifier.fit(train, train["label"], groups=train["group"], **fit_params)
    said, confidence = classifier.labels_given(classifier.oof_probabilities_)
    right = said == train["label"].to_numpy(dtype=object)
    chosen_on = fit_params.get("chosen_on", np.ones(len(train), bool))
    threshold = unsure_threshold(confidence[chosen_on], right[chosen_on])
    say("measuring")
    scores = measure(classifier, test, threshold) if len(test) else {}
    simple = baselines(train, test) if len(test) else {}
    notices += _doubts(scores, simple, threshold)
    if len(test) and "shipped" in rows.columns:
        if split.is_new_to_shipped:
            simple["shipped_model"] = _measure_shipped(test)
        else:
            notices.append("The shipped model is not compared: it was fitted on near-duplicates of held-out answers.")
    training = _record(train, test, split, own, inferred, weight, tuning, classifier, chosen_on)
    name = name or Path(output).resolve().name
    text = papers.pop("card", "")
    if splits is None and len(test) and rows["id"].is_unique:
        papers["splits.csv"] = rows[["id", "split", "group"]].to_csv(index=False, lineterminator="\n")
    recogniser = Path(output) / ORGANISATIONS
    if recogniser.is_file():
        papers[ORGANISATIONS] = recogniser.read_text(encoding="utf-8")
        notices.append(f"Kept the recogniser of organisations that {output} had: {ORGANISATIONS}.")
    save(
        classifier, output, name=name, version=version, unsure_below=threshold, training=training,
        scores={"model": scores, "baselines": simple},
        papers=_with_codebook(papers, is_shipped_scheme) | {FITTED_ON: _digests(train["answer"])},
        card=_card(name, version, training, scores, simple, text),
    )  # fmt: skip
    return {
        "scores": scores, "baselines": simple, "rows": len(train), "left_out": left_out, "notices": notices,
        "training": training, "output": str(output),
    }  # fmt: skip


def _papers(card, codebook) -> dict[str, str]:
    """Read what goes into the folder as it is, before the work begins."""
    papers = {}
    for key, path in (("card", card), ("codebook.md", codebook)):
        if path is None:
            continue
        try:
            papers[key] = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LabelError(f"Cannot read {path} ({error}): give a Markdown file in UTF-8.") from None
    return papers


def _digests(answers) -> str:
    return "".join(f"{one}\n" for one in sorted({digest(answer) for answer in answers}))


def _with_codebook(papers: dict[str, str], is_shipped_scheme: bool) -> dict[str, str]:
    from pqnlp.paths import shipped_codebook

    page = shipped_codebook()
    if "codebook.md" in papers or not is_shipped_scheme or page is None:
        return papers
    return {**papers, "codebook.md": page.read_text(encoding="utf-8")}


def _shipped_rows(rows: "pd.DataFrame", texts: Any, encoding: str) -> tuple["pd.DataFrame", str]:
    """Return the shipped training rows whose texts are at hand and that are not among `rows`, and what to tell of them."""
    import pandas as pd

    from pqnlp.corpus import read

    table = pd.read_csv(shipped_data("labels.csv"), dtype={"id": str})
    # What every model is measured on is never trained on.
    wanted = table[table["id"].isin(shipped_ids("train") - set(rows["id"].astype(str)))]
    none = wanted.iloc[:0]
    if wanted.empty:
        return none, ""
    mend = (
        "pqnlp fetch --ids " + str(shipped_data("labels.csv")) + " --output answers.parquet fetches them, and "
        "--texts answers.parquet then adds them. --from-scratch says that they are not wanted."
    )
    if texts is None:
        return none, (
            f"Trained on your labels alone: the {len(wanted):,} shipped labels, of the same scheme, need their texts. {mend}"
        )
    known = set(read(texts, encoding=encoding)["id"])
    found = wanted[wanted["id"].isin(known)]
    if found.empty:
        return none, f"Trained on your labels alone: the texts given are not those of the shipped labels. {mend}"
    shipped = read_labelled(found, texts=texts, encoding=encoding)
    shipped = shipped[shipped["problem"].eq("")].reset_index(drop=True)
    pairs = set(zip(rows["question"], rows["answer"], strict=True))
    same = [pair in pairs for pair in zip(shipped["question"], shipped["answer"], strict=True)]
    shipped = shipped[~np.array(same, dtype=bool)].reset_index(drop=True)
    lost = len(wanted) - len(found)
    return shipped, f"The texts given lack those of {lost:,} shipped labels. {mend}" if lost else ""


def _among_measured(rows: "pd.DataFrame") -> list[str]:
    among = rows["id"].astype(str).isin(shipped_ids("test"))
    if not among.any():
        return []
    return [
        f"{int(among.sum()):,} of your rows are among those that shipped models are measured on ({name_rows(rows[among])}). "
        "Do not measure this model on the test rows of data/splits.csv, or hold them out by --splits."
    ]


def _added(rows: "pd.DataFrame", shipped: "pd.DataFrame", say) -> tuple["pd.DataFrame", int]:
    """Return `rows` and the shipped ones below them; the reasons that `rows` lack are guessed within their labels."""
    import pandas as pd

    from pqnlp.model import peek

    # By the text too: the same answer may stand under an id of the user's.
    fitted_on = rows["id"].astype(str).isin(shipped_ids("train")) | rows["answer"].map(digest).isin(
        peek().answers_fitted_on()
    )
    rows = rows.assign(shipped=False, known=fitted_on, guessed=False)
    lacking = rows["reason"].isna().to_numpy() | ~rows["reason"].isin(LABEL_OF_REASON).to_numpy()
    odd = lacking & rows["reason"].notna().to_numpy()
    if odd.any():
        near = difflib.get_close_matches(rows.loc[odd, "reason"].iloc[0], LABEL_OF_REASON, n=1, cutoff=0.6)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        raise LabelError(
            f"Unknown reasons {', '.join(map(repr, rows.loc[odd, 'reason'].unique()[:5]))} ({name_rows(rows[odd])}): beside "
            f"the shipped labels, reasons are those of the codebook ({', '.join(LABEL_OF_REASON)}).{meant} Correct them, "
            "leave the column out, or train --from-scratch."
        )
    if lacking.any():
        say("guessing the reasons that are not given")
        rows.loc[lacking, "reason"] = _likeliest_reasons(rows[lacking])
        rows.loc[lacking, "guessed"] = True
    both = pd.concat([rows, shipped.assign(shipped=True, known=True, guessed=False)], ignore_index=True)
    return both, int(lacking.sum())


def _likeliest_reasons(rows: "pd.DataFrame") -> list[str]:
    """Return the reason within each row's own label that the shipped model finds likeliest."""
    from pqnlp.model import load

    classifier = load().classifier
    reasons = [str(name) for name in classifier.outcomes_]
    allowed = np.array([[LABEL_OF_REASON.get(r) == label for r in reasons] for label in rows["label"]])
    outcomes = classifier.analyse(rows).outcomes
    return [reasons[k] for k in np.where(allowed, outcomes, -1.0).argmax(1)]


def _measure_shipped(test: "pd.DataFrame") -> dict[str, Any]:
    from pqnlp.evaluation import measure
    from pqnlp.model import load

    model = load()
    return measure(model.classifier, test, model.unsure_below)


def _fit_params(train: "pd.DataFrame", annotated: list, weight: float | None) -> dict[str, Any]:
    params: dict[str, Any] = {
        "reason": list(train["reason"]) if train["reason"].notna().all() else None,
        "evidence": list(train["evidence"]),
        "roles": list(train["roles"]) if annotated else None,
        "verdicts": list(train["verdicts"]) if annotated else None,
    }
    if weight not in (None, 1) and "shipped" in train.columns:
        params["sample_weight"] = np.where(train["shipped"], 1.0, weight)
    return {key: value for key, value in params.items() if value is not None}


def _taught(path: str | Path, train: "pd.DataFrame") -> dict[str, Any]:
    """Read what a teacher says of the training rows, and which of them taught none."""
    from pqnlp.teacher import OUTCOMES, UNSEEN, read_teacher

    unknown = sorted(set(train["reason"].dropna()) - set(OUTCOMES))
    if unknown or train["reason"].isna().any():
        raise LabelError(
            "A teacher's probabilities are of the codebook's reasons: give every row one of these, or leave out --teacher."
            + (f" Not among them: {', '.join(map(repr, unknown[:5]))}." if unknown else "")
        )
    shares, part = read_teacher(path, train["id"])
    return {"teacher": shares, "chosen_on": (part == UNSEEN).to_numpy()}


#: Of fewer rows, thresholds and weights would depend on chance.
_LEAST_DRAWN = 1000


def drawn_alike(train: "pd.DataFrame") -> dict[str, Any]:
    """Return as ``chosen_on`` the rows that a table of splits has, if it has many and lacks others.

    They are drawn as the held-out ones are. The others were added for training, often because they are hard, and a threshold above which 95 %
    of these are right is too high elsewhere.

    Parameters
    ----------
    train : DataFrame
        With a column ``drawn`` where a table of splits was given; see `pqnlp.splits.Split`.

    Returns
    -------
    dict
        Empty where all rows count. For `pqnlp.classifier.AnswerClassifier.fit`.
    """
    if "drawn" not in train.columns or train["drawn"].all() or train["drawn"].sum() < _LEAST_DRAWN:
        return {}
    return {"chosen_on": train["drawn"].to_numpy(bool)}


def _doubts(scores: dict, simple: dict, threshold: float) -> list[str]:
    """Return what speaks against a model, so that nobody has to find it in the table."""
    doubts = []
    if threshold >= 1:
        doubts.append(
            "No probability is so high that 95 % of the labels would surely be right: every label will be flagged unsure. More labels "
            "help; a lower threshold can be asked for (--unsure-below)."
        )
    better = [name for name in ("tfidf_logistic_regression", "majority") if name in simple]
    better = [name for name in better if simple[name]["macro_f1"] > scores["macro_f1"]]
    if better:
        names = {"tfidf_logistic_regression": "TF-IDF with logistic regression", "majority": "the commonest label"}
        doubts.append(
            f"{names[better[0]]} does better on the held-out pairs (macro-F1 {simple[better[0]]['macro_f1']:.3f} against "
            f"{scores['macro_f1']:.3f}): more labels, with the deciding sentences (evidence), are wanted before this model is used."
        )
    return doubts


def _record(train, test, split: Split, own, inferred, weight, tuning, classifier, chosen_on) -> dict[str, Any]:
    """Return what the manifest says of the training."""
    record = {
        "rows": len(train),
        "held_out": len(test),
        "held_out_by": split.by,
        "tied_rows": split.tied,
        "tied_groups": split.tied_groups,
        "chosen_on_rows": int(chosen_on.sum()),
        "removed": split.removed,
        "ids_sha256": ids_digest(train["id"]),
        "labels": {str(k): int(v) for k, v in train["label"].value_counts().items()},
        "label_weights": {
            str(c): round(float(w), 4) for c, w in zip(classifier.classes_, classifier.label_weights_, strict=True)
        },
        "seed": classifier.random_state,
        "command": _command(),
    }
    if "shipped" in train.columns:
        record |= {
            "shipped_rows": int(train["shipped"].sum()),
            "own_rows": int((~train["shipped"]).sum()),
            "weight": 1.0 if weight is None else float(weight),
            "guessed_reasons": inferred,
        }
    if tuning is not None:
        record["tuning"] = tuning
    return record


def _command() -> str:
    """The command line that was given, without the folder that the program lies in."""
    program = Path(sys.argv[0]) if sys.argv else Path()
    by_command = program.stem == "pqnlp" or (program.name == "__main__.py" and program.parent.name == "pqnlp")
    return shlex.join(["pqnlp", *sys.argv[1:]]) if by_command else "pqnlp.train"


def _check_counts(rows: "pd.DataFrame") -> None:
    of_train = rows[rows["split"] == "train"]
    counts = of_train["label"].value_counts()
    every = rows["label"].value_counts()
    if len(every) < 2:
        raise LabelError(
            f"There is only one label to train on ({', '.join(every.index) or 'none'}): at least two are needed."
        )
    few = [label for label in every.index if counts.get(label, 0) < LEAST_ROWS]
    if few:
        what = ", ".join(f"{label} ({every[label]})" for label in few)
        near = difflib.get_close_matches(few[-1], [n for n in every.index if n not in few], n=1, cutoff=0.8)
        meant = f" Is {few[-1]!r} a slip for {near[0]!r}?" if near else ""
        raise LabelError(
            f"Too few rows to learn from: {what}; {name_rows(rows[rows['label'].isin(few)])}.{meant} "
            f"Label at least {LEAST_ROWS + 2} of each, or merge the label into another."
        )


def bag_of_words():
    """Return the simple model that others are measured against, unfitted: TF-IDF of the answer with logistic regression.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Of texts of answers.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000, class_weight="balanced"),
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

    from pqnlp.evaluation import evaluate_predictions

    classes = sorted(set(train["label"]))
    models = {
        "majority": DummyClassifier(strategy="most_frequent"),
        "tfidf_logistic_regression": bag_of_words(),
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
    lines += _said_of_rows(training)
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
            if scores.get(key) is not None:
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


def _said_of_rows(training: dict) -> list[str]:
    lines = [f"- held out: {training['held_out']} pairs, {training['held_out_by']}"]
    if training["tied_rows"]:
        lines.append(
            f"- {training['tied_rows']} rows share or nearly share their answer with another ({training['tied_groups']} "
            "groups), and stay on one side"
        )
    lines += [f"- on neither side: {count} {why}" for why, count in training["removed"].items()]
    if "shipped_rows" in training:
        lines.append(
            f"- {training['own_rows']} rows of your own with the weight {training['weight']:g} each, and "
            f"{training['shipped_rows']} shipped ones"
        )
        if training["guessed_reasons"]:
            lines.append(
                f"- {training['guessed_reasons']} rows came without a reason and have one that a model guessed"
            )
    if "tuning" in training:
        tuning = training["tuning"]
        best, own = tuning["tried"][tuning["chosen"]], tuning["tried"][0]
        lines.append(
            f"- settings: the best of {len(tuning['tried'])} by {tuning['scorer']} in {tuning['folds']} folds of the training "
            f"rows, {best['mean']:.3f} against {own['mean']:.3f} of the defaults"
        )
    return [*lines, ""]


_MEASURES = {
    "accuracy": "accuracy",
    "reason_accuracy": "accuracy of the reason",
    "evidence_recall": "deciding sentence among those pointed at",
    "evidence_share_pointed": "share of the sentences that is pointed at",
    "calibration_error": "expected calibration error",
    "kept": "share of labels above the `unsure` threshold",
    "kept_accuracy": "accuracy of these",
}
