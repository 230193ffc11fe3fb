"""Measure what the parts of the answer classifier bring, how scores grow with labels, and where the shipped model errs.

    python -m benchmarks.verdict run behaviour breakdown ablation curve asks time --texts answers.parquet [--jobs 2]
    python -m benchmarks.verdict write

`run` fits on the training rows of data/splits.csv and of the later rounds of labelling, and scores the held-out rows once
for each configuration below; all are fixed here beforehand, and nothing is chosen by what comes out. Each result goes to
docs/verdict.json when it is there, and what stands there is not run again without --redo. Fits of a layer that several
configurations share are kept in a folder (--cache) under a digest of what went into them. `write` draws the figures and
puts the tables into docs/verdict.md. A full fit takes about nine minutes of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from pqnlp import classifier as library
from pqnlp.bootstrap import confusion_columns, figures_of, interval, resampled_sums
from pqnlp.classifier import AnswerClassifier
from pqnlp.codebook import ASK_KINDS, LABELS, REASONS
from pqnlp.features import SentenceFeatures
from pqnlp.network import AnswerNetwork

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "verdict.json"
PAGE = ROOT / "docs" / "verdict.md"
REASON_NAMES = [reason for label in LABELS for reason in REASONS[label]]
#: Answers from this day on are of the ministers of another party.
CHANGE = "2024-07-05"
#: Ids count up in order of tabling. None of the labelled pairs has one between 1,719,944 and 1,721,288; the former is before
#: Parliament was dissolved in May 2024 and nothing was tabled until July, the latter was tabled on 17 July.
FIRST_ID_AFTER = 1_720_000
SIZES = {600: 2, 1200: 2, 2400: 1, 4800: 1, 9600: 1, 19200: 1}
ASK_SIZES = {0: 1, 300: 1, 700: 1}
RESAMPLES = 2000
#: Rows that a label must have within a kind of pairs for its F1 to be given.
LEAST = 5


# --- rows ---------------------------------------------------------------------------------------------------------


def read_rows(texts: str) -> pd.DataFrame:
    """Return labelled rows with split, group, annotations and what the breakdown goes by, as `pqnlp.train` takes them."""
    from pqnlp.entities.departments import resolve_department
    from pqnlp.labels import add_asks, check_labels, read_labelled
    from pqnlp.question import addressee
    from pqnlp.splits import hold_out

    labels = pd.read_csv(ROOT / "data" / "labels.csv", dtype={"id": str})
    rows = read_labelled(labels, texts=texts)
    rows, _ = check_labels(rows[rows["problem"].isin(("", "duplicate_id"))].reset_index(drop=True))
    rows = hold_out(rows, splits=ROOT / "data" / "splits.csv").rows
    rows = add_asks(rows, ROOT / "data" / "asks.jsonl").reset_index(drop=True)
    known = labels.set_index("id")
    rows["source"], rows["hard"] = rows["id"].map(known["source"]), rows["id"].map(known["hard"]).astype(bool)
    rows["early"] = pd.to_numeric(rows["id"]) < FIRST_ID_AFTER
    dated = rows["answered"].notna()
    if (rows.loc[dated, "answered"].lt(CHANGE) != rows.loc[dated, "early"]).any():
        raise SystemExit("Ids and dates tell different periods: look at FIRST_ID_AFTER.")
    said = rows["department"].where(rows["department"].notna(), rows["question"].map(addressee))
    rows["body"] = [resolve_department(name) if isinstance(name, str) else None for name in said]
    return rows


# --- configurations -----------------------------------------------------------------------------------------------


class RememberedRegression(LogisticRegression):
    """A logistic regression whose fits are looked up by what goes into them."""

    folder: Path

    def fit(self, X, y, sample_weight=None):
        import joblib

        told = hashlib.blake2b(repr((self.C, self.max_iter, X.shape)).encode(), digest_size=16)
        for part in (X.data, X.indices, X.indptr, np.asarray(y), sample_weight):
            told.update(b"" if part is None else np.ascontiguousarray(part).view(np.uint8).data)
        path = self.folder / f"{told.hexdigest()}.joblib"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            joblib.dump(LogisticRegression(**self.get_params()).fit(X, y, sample_weight=sample_weight), unfinished)
            os.replace(unfinished, path)
        vars(self).update(vars(joblib.load(path)))
        return self


class RememberedNetwork(AnswerNetwork):
    """A network whose fits are looked up by what goes into them."""

    folder: Path

    def fit(self, sentences, questions, whole, owner, target, sentence_target, *, sample_weight=None):
        import joblib

        told = hashlib.blake2b(repr(self.get_params()).encode(), digest_size=16)
        sparse = (part for rows in (sentences, questions) for part in (rows.data, rows.indices, rows.indptr))
        for part in (*sparse, whole, owner, target, sentence_target, sample_weight):
            told.update(b"" if part is None else np.ascontiguousarray(part).view(np.uint8).data)
        path = self.folder / f"{told.hexdigest()}.joblib"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            fitted = AnswerNetwork(**self.get_params())
            fitted.fit(sentences, questions, whole, owner, target, sentence_target, sample_weight=sample_weight)
            joblib.dump((fitted.question_columns_, fitted.weights_), unfinished)
            os.replace(unfinished, path)
        self.question_columns_, self.weights_ = joblib.load(path)
        return self


class Remembering(AnswerClassifier):
    """The library's classifier, with layers whose fits are looked up where there is a folder for them."""

    folder: Path | None = None

    def _network(self):
        network = super()._network()
        if self.folder is None:
            return network
        remembered = RememberedNetwork(**network.get_params())
        remembered.folder = self.folder
        return remembered

    def _models(self):
        *regressions, tagger = super()._models()
        if self.folder is None:
            return *regressions, tagger
        remembered = [RememberedRegression(**model.get_params()) for model in regressions]
        for model in remembered:
            model.folder = self.folder
        return *remembered, tagger


class WithoutFrames(Remembering):
    """No n-grams of frames: a table of those in more sentences than there are is empty but for the sign of a beginning."""

    def _fit_parsed(self, *given):
        bare = partial(SentenceFeatures, frame_min_df=10**9, frame_ngram_max=1)
        with mock.patch.object(library, "SentenceFeatures", bare):
            super()._fit_parsed(*given)


class WithoutQuestions(Remembering):
    """Neither the document layer nor the network sees the n-grams of the asks."""

    def _asked(self, read):
        return sp.csr_matrix(read.questions.shape, dtype=np.float32)


class DocumentsAlone(Remembering):
    """The last layer reads what the document layer says, and nothing else."""

    def _stack(self, whole, sentence, document, network, role, owner):
        return np.log(np.clip(document, 1e-4, 1))


class NetworkAlone(Remembering):
    """The last layer reads what the network says of the answer, and nothing else."""

    def _stack(self, whole, sentence, document, network, role, owner):
        return np.log(np.clip(network, 1e-4, 1))


class WithoutTrees(Remembering):
    """The last layer is the linear model alone."""

    def _fit_parsed(self, *given):
        with mock.patch.object(library, "_TREE_SHARES", (0.0,)):
            super()._fit_parsed(*given)


class SentencesAlone(Remembering):
    """The last layer reads what the sentence layer says, the kinds of ask and the sizes."""

    def _stack(self, whole, sentence, document, network, role, owner):
        return super()._stack(whole, sentence, np.ones_like(document), None, None, owner)


#: The rounds of labels (data/README.md); the holding replies were labelled with the fourth.
ROUNDS = ("first", "unsure", "mixed", "rest", "holding")
#: Name of the configuration to the classifier, the rounds of labels and whether roles are taught.
_NO_NETWORK = {"network_rows": 10**9}
ABLATIONS: dict[str, tuple[type, dict, tuple[str, ...], bool]] = {
    "everything": (Remembering, {}, ROUNDS, True),
    "without the network": (Remembering, _NO_NETWORK, ROUNDS, True),
    "without the network and trees": (WithoutTrees, _NO_NETWORK, ROUNDS, True),
    "without trees": (WithoutTrees, {}, ROUNDS, True),
    "without frames": (WithoutFrames, {}, ROUNDS, True),
    "without question n-grams": (WithoutQuestions, {}, ROUNDS, True),
    "without roles": (Remembering, {}, ROUNDS, False),
    "without the fourth round": (Remembering, {}, ROUNDS[:3], True),
    "the first round alone": (Remembering, {}, ROUNDS[:1], True),
    "likeliest label": (Remembering, {"decision": "likeliest"}, ROUNDS, True),
    "network alone": (NetworkAlone, {}, ROUNDS, True),
    "document layer alone": (DocumentsAlone, _NO_NETWORK, ROUNDS, True),
    "sentence layer alone": (SentencesAlone, _NO_NETWORK, ROUNDS, True),
}
SIMPLE = ("majority", "TF-IDF and logistic regression")


def fit(
    kind: type,
    train: pd.DataFrame,
    *,
    folder: Path | None = None,
    roles: bool = True,
    verdicts: bool = True,
    **settings,
):
    """Return a classifier of the kind, fitted as `pqnlp.train` fits, and its threshold for `unsure`."""
    from pqnlp.evaluation import unsure_threshold
    from pqnlp.training import drawn_alike

    model = kind(**settings)
    model.folder = folder
    known = {"reason": list(train["reason"]), "evidence": list(train["evidence"]), **drawn_alike(train)}
    if roles and train["roles"].notna().any():
        known["roles"] = list(train["roles"])
    if verdicts and train["verdicts"].notna().any():
        known["verdicts"] = list(train["verdicts"])
    model.fit(train[["question", "answer"]], train["label"], groups=train["group"].to_numpy(), **known)
    chosen = model.decide(model.oof_probabilities_)
    right = model.classes_[chosen] == train["label"].to_numpy(dtype=object)
    of = known.get("chosen_on", np.ones(len(train), bool))
    return model, unsure_threshold(model.oof_probabilities_[np.arange(len(chosen)), chosen][of], right[of])


# --- figures ------------------------------------------------------------------------------------------------------


def letters(names: Iterable[str], order: list[str]) -> str:
    """Return a letter for each name, so that a thousand labels are one short string."""
    return "".join(chr(97 + order.index(str(name))) for name in names)


def names(said: str, order: Iterable[str]) -> np.ndarray:
    """Return what `letters` made a string of."""
    order = list(order)
    return np.array([order[ord(letter) - 97] for letter in said], dtype=object)


def label_figures(true, said, groups, *, least: int = 1) -> dict[str, Any]:
    """Return macro-F1, accuracy and F1 by label, with 95 % intervals by bootstrap over groups.

    Labels of fewer than `least` rows have no F1, and macro-F1 is the mean of the others.
    """
    sums, drawn = resampled_sums(confusion_columns(true, said, LABELS), groups, resamples=RESAMPLES)
    k = len(LABELS)
    enough = np.array([np.sum(np.asarray(true) == label) >= least for label in LABELS])
    one, many = (figures_of(c.reshape(*c.shape[:-1], k, k), present=enough) for c in (sums, drawn))
    for figures in (one, many):
        figures["macro_f1"] = np.nanmean(figures["f1"][..., enough], -1)
    out = {"n": len(true)}
    for name in ("macro_f1", "accuracy"):
        out[name], out[f"{name}_interval"] = round(float(one[name]), 4), interval(many[name])
    out["f1"] = {label: round(float(one["f1"][j]), 4) for j, label in enumerate(LABELS) if enough[j]}
    return out


def macro_f1_draws(true, said, groups) -> tuple[float, np.ndarray]:
    """Return macro-F1 and its values in draws that are the same for every `said`, so that differences can be taken."""
    sums, drawn = resampled_sums(confusion_columns(true, said, LABELS), groups, resamples=RESAMPLES)
    k, present = len(LABELS), np.isin(LABELS, np.asarray(true))
    one, many = (figures_of(c.reshape(*c.shape[:-1], k, k), present=present) for c in (sums, drawn))
    return float(one["macro_f1"]), many["macro_f1"]


def measured(model, threshold: float, test: pd.DataFrame, *, evidence: bool = True) -> dict[str, Any]:
    """Return every figure of a model on the held-out rows, and what it said of each."""
    from pqnlp.evaluation import measure

    analysis = model.analyse(test)
    scores = measure(model, test, threshold, analysis=analysis)
    chosen = model.decide(analysis.probabilities)
    said = model.classes_[chosen]
    out = label_figures(test["label"], said, test["group"])
    for name in (
        "reason_accuracy",
        "evidence_recall",
        "evidence_share_pointed",
        "calibration_error",
        "kept",
        "kept_accuracy",
    ):
        if evidence or not name.startswith("evidence"):
            out[name] = None if scores.get(name) != scores.get(name) else scores.get(name)
    out["threshold"] = round(threshold, 4)
    out["said"] = letters(said, list(LABELS))
    out["reasons"] = letters(model.reasons_from(analysis), REASON_NAMES)
    return out


# --- parts --------------------------------------------------------------------------------------------------------

ROWS: dict[str, Any] = {}


def _begin(rows: pd.DataFrame, folder: Path) -> None:
    ROWS.update(
        train=rows[rows["split"] == "train"].reset_index(drop=True),
        test=rows[rows["split"] == "test"].reset_index(drop=True),
        folder=folder,
    )


def run_ablation(name: str) -> dict[str, Any]:
    """Fit one configuration of the table."""
    train, test = ROWS["train"], ROWS["test"]
    if name in SIMPLE:
        return _simple(name, train, test)
    kind, settings, rounds, roles = ABLATIONS[name]
    train = train[train["source"].isin(rounds)].reset_index(drop=True)
    model, threshold = fit(kind, train, folder=ROWS["folder"], roles=roles, **settings)
    weights = {label: round(float(w), 3) for label, w in zip(LABELS, model.label_weights_, strict=True)}
    figures = measured(model, threshold, test, evidence=kind is not DocumentsAlone)
    return {"rows": len(train), **figures, "label_weights": weights, "temperature": round(model.temperature_, 3)}


def _simple(name: str, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    from pqnlp.evaluation import calibration_error
    from pqnlp.training import bag_of_words

    if name == "majority":
        said, extra = np.full(len(test), train["label"].mode()[0], dtype=object), {}
    else:  # as in the model card
        model = bag_of_words().fit(train["answer"], train["label"])
        probabilities = model.predict_proba(test["answer"])
        said = model.classes_[probabilities.argmax(1)]
        right = said == test["label"].to_numpy(dtype=object)
        extra = {"calibration_error": round(calibration_error(probabilities.max(1), right), 4)}
    figures = label_figures(test["label"], said, test["group"])
    return {"rows": len(train), **figures, **extra, "said": letters(said, list(LABELS))}


def run_curve(name: str) -> dict[str, Any]:
    """Fit on a random part of the training rows, named "ROWS, draw K"."""
    size, draw = (int(part) for part in name.replace(" rows, draw ", " ").replace(",", "").split())
    train = ROWS["train"].sample(size, random_state=draw).reset_index(drop=True)
    model, threshold = fit(Remembering, train, folder=ROWS["folder"])
    return {"rows": size, **measured(model, threshold, ROWS["test"])}


def run_asks(name: str) -> dict[str, Any]:
    """Fit on all rows, and on a random part of the annotations of asks and sentences."""
    from benchmarks.asks import compare, held_out_annotations

    train, test = ROWS["train"].copy(), ROWS["test"]
    annotated = train.index[train["verdicts"].notna()]
    size, draw = (len(annotated), 1) if name == "all" else (int(p) for p in name.replace(" pairs, draw ", " ").split())
    kept = np.random.default_rng(draw).permutation(annotated)[:size]
    for column in ("roles", "verdicts"):
        train[column] = train[column].where(train.index.isin(kept), None)
    if not size:  # verdicts that follow from labels need one that is given; this one fits no ask
        train.at[0, "verdicts"] = [(-1, -1, "supplied")]
    texts = test.set_index("id")
    rows = held_out_annotations(texts)
    out: dict[str, Any] = {"annotated": int(size), "pairs": len(rows)}
    model, threshold = fit(Remembering, train, folder=ROWS["folder"])
    compared = compare(model, rows, texts)
    for thing in ("verdicts", "roles"):
        if compared[thing]:
            pair, true, said = (np.array(side) for side in zip(*compared[thing], strict=True))
            out[f"{thing[:-1]}_accuracy"] = round(float(np.mean(true == said)), 4)
            out[f"{thing[:-1]}_right"] = np.bincount(pair, true == said, minlength=len(rows)).astype(int).tolist()
            out[f"{thing[:-1]}_of"] = np.bincount(pair, minlength=len(rows)).tolist()
            out[f"{thing[:-1]}_commonest"] = round(float(pd.Series(true).value_counts(normalize=True).iloc[0]), 4)
    figures = measured(model, threshold, test)
    return out | {key: figures[key] for key in ("macro_f1", "macro_f1_interval", "evidence_recall", "said")}


def run_time(name: str) -> dict[str, Any]:
    """Fit on one period, or on all times, with the rows that the smaller period has."""
    train, test = ROWS["train"], ROWS["test"]
    period, draw = name.split(", draw ")
    size = int(min(train["early"].sum(), (~train["early"]).sum()))
    of = {"before": train[train["early"]], "after": train[~train["early"]], "all times": train}[period]
    part = of.sample(size, random_state=int(draw)).reset_index(drop=True)
    model, threshold = fit(Remembering, part, folder=ROWS["folder"])
    figures = measured(model, threshold, test)
    out = {"rows": size, "said": figures["said"]}
    for when, mask in (("before", test["early"]), ("after", ~test["early"])):
        said = names(figures["said"], LABELS)[mask.to_numpy()]
        out[when] = label_figures(test.loc[mask, "label"], said, test.loc[mask, "group"])
    return out


def run_breakdown(name: str) -> dict[str, Any]:
    """Score the held-out rows with the shipped model and break the result down."""
    import pqnlp
    from pqnlp.evaluation import reliability_table
    from pqnlp.question import parse_question

    test = ROWS["test"]
    model = pqnlp.load()
    figures = measured(model.classifier, model.unsure_below, test)
    analysis = model.classifier.analyse(test)
    said, true = names(figures["said"], LABELS), test["label"].to_numpy(dtype=object)
    reasons = names(figures["reasons"], REASON_NAMES)
    confidence = analysis.probabilities[np.arange(len(test)), model.classifier.decide(analysis.probabilities)]
    kinds = [(parse_question(text).asks or (None,))[0] for text in test["question"]]
    long_question = test["question"].str.len() > 255
    answer = pd.cut(
        test["answer"].str.len(), [0, 500, 1500, np.inf], labels=["up to 500", "501 to 1,500", "over 1,500"]
    )
    facets = {
        "label": (np.where(test["hard"], "hard", "clear"), 1),
        "question": (np.where(long_question, "over 255", "up to 255"), 1),
        "answer": (answer.astype(str).to_numpy(), 1),
        "period": (np.where(test["early"], "before July 2024", "from July 2024"), 1),
        "main ask": (np.array([ask.kind if ask else "none" for ask in kinds], dtype=object), 30),
        "department": (test["body"].fillna("unknown").to_numpy(dtype=object), 30),
    }
    found = []
    for facet, (values, least) in facets.items():
        for value in sorted(set(values), key=_facet_order):
            mask = values == value
            if mask.sum() >= least:
                part = label_figures(true[mask], said[mask], test.loc[mask, "group"], least=LEAST)
                found.append({"facet": facet, "value": str(value), **part})
    true_reason = test["reason"].to_numpy(dtype=object)
    return {
        "model": f"{model.name} {model.version}",
        "rows": model.manifest["training"]["rows"],
        **figures,
        "confusion": _confusion(true, said, LABELS),
        "reason_confusion": _confusion(true_reason, reasons, REASON_NAMES),
        "groups": found,
        "reliability": reliability_table(confidence, said == true, test["group"]),
    }


def _facet_order(value: str):
    order = ["clear", "hard", "up to 255", "over 255", "up to 500", "501 to 1,500", "over 1,500", *ASK_KINDS]
    return (order.index(value) if value in order else len(order), value)


def _confusion(true, said, order) -> list[list[int]]:
    k = len(order)
    return confusion_columns(true, said, order).sum(0).reshape(k, k).astype(int).tolist()


def run_behaviour(name: str) -> dict[str, Any]:
    """Take the table of benchmarks/behaviour.py."""
    from benchmarks.behaviour import measure

    table, figures = measure(None)
    rows = [
        {"kind": kind, "family": family, **{key: round(float(value), 4) for key, value in row.items()}}
        for (kind, family), row in table.iterrows()
    ]
    return {"table": rows, **{key: round(float(value), 4) for key, value in figures.items()}}


PARTS: dict[str, tuple[Callable[[str], dict], list[str]]] = {
    "behaviour": (run_behaviour, ["shipped"]),
    "breakdown": (run_breakdown, ["shipped"]),
    "ablation": (run_ablation, [*ABLATIONS, *SIMPLE]),
    "curve": (run_curve, [f"{size:,} rows, draw {draw}" for size, n in SIZES.items() for draw in range(1, n + 1)]),
    "asks": (
        run_asks,
        ["all", *(f"{size} pairs, draw {draw}" for size, n in ASK_SIZES.items() for draw in range(1, n + 1))],
    ),
    "time": (run_time, ["before, draw 1", "after, draw 1", "all times, draw 1"]),
}


def _run(part: str, name: str) -> dict[str, Any]:
    began = time.process_time()
    out = PARTS[part][0](name)
    return {"part": part, "configuration": name, **out, "cpu_seconds": round(time.process_time() - began)}


def run(
    parts: list[str], texts: str, *, jobs: int = 1, redo: bool = False, folder: Path, only: list[str] | None = None
) -> None:
    """Run what is not in the file of results yet, and write each result as it comes."""
    wanted = [(part, name) for part in parts for name in PARTS[part][1] if not only or name in only]
    results = load_results() if RESULTS.exists() else {"held_out": {}, "results": []}
    there = {(row["part"], row["configuration"]) for row in results["results"]}
    wanted = [one for one in wanted if redo or one not in there]
    print(f"{len(wanted)} to run", flush=True)
    if not wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_rows(texts)
    test = rows[rows["split"] == "test"]
    results["held_out"] = {"ids": test["id"].tolist(), "early": "".join("01"[int(one)] for one in test["early"])}
    results["training"] = {
        "rows": int((rows["split"] == "train").sum()),
        "early": int((rows["split"].eq("train") & rows["early"]).sum()),
        "sources": rows.loc[rows["split"] == "train", "source"].value_counts().to_dict(),
    }
    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(rows, folder)) as pool:
        waiting = {pool.submit(_run, *one): one for one in wanted}
        for done in as_completed(waiting):
            part, name = waiting[done]
            row = done.result()
            seconds = row.pop("cpu_seconds")
            results["results"] = [r for r in results["results"] if (r["part"], r["configuration"]) != (part, name)] + [
                row
            ]
            _save(results)
            print(f"{part}, {name}: {row.get('macro_f1', '')} ({seconds} s of CPU)", flush=True)


def load_results() -> dict[str, Any]:
    """Return docs/verdict.json."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def _save(results: dict[str, Any]) -> None:
    order = {(part, name): k for k, (part, name) in enumerate((p, n) for p, (_, all_) in PARTS.items() for n in all_)}
    rows = sorted(results["results"], key=lambda row: order.get((row["part"], row["configuration"]), len(order)))
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = json.dumps({key: value for key, value in results.items() if key != "results"})[1:-1]
    text = "{" + head + ',\n"results": [\n' + lines + "\n]}\n"
    unfinished = RESULTS.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, RESULTS)


# --- tables -------------------------------------------------------------------------------------------------------

Results = dict[str, Any]


def _rows(results: Results, part: str) -> dict[str, dict]:
    return {row["configuration"]: row for row in results["results"] if row["part"] == part}


def _held_out(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and groups of the held-out rows, in the order in which predictions are kept."""
    ids = results["held_out"]["ids"]
    labels = pd.read_csv(ROOT / "data" / "labels.csv", dtype={"id": str}).set_index("id")["label"]
    groups = pd.read_csv(ROOT / "data" / "splits.csv", dtype={"id": str}).set_index("id")["group"]
    return labels.loc[ids].to_numpy(dtype=object), groups.loc[ids].to_numpy()


def _table(head: list[str], rows: Iterable[Iterable[str]], *, left: int = 1) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join([" --- "] * left + [" ---: "] * (len(head) - left)) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _range(pair: list[float] | None, digits: int = 3) -> str:
    return "" if pair is None else f"{pair[0]:.{digits}f} to {pair[1]:.{digits}f}"


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def ablation_table(results: Results) -> str:
    """Return a row for each configuration, with its distance to the whole on the same draws of held-out rows."""
    found, (true, groups) = _rows(results, "ablation"), _held_out(results)
    whole = macro_f1_draws(true, names(found["everything"]["said"], LABELS), groups) if "everything" in found else None
    order = [*SIMPLE, "document layer alone", "sentence layer alone", "network alone"]
    order += [name for name in ABLATIONS if name not in order and name != "everything"] + ["everything"]
    lines = []
    for name in order:
        row = found.get(name)
        if row is None:
            lines.append([name, "not run", *[""] * 11])
            continue
        distance = ""
        if whole is not None and name != "everything":
            one, drawn = macro_f1_draws(true, names(row["said"], LABELS), groups)
            low, high = interval(drawn - whole[1])
            distance = f"{_signed(one - whole[0])} ({_signed(low)} to {_signed(high)})"
        kept = "" if row.get("kept") is None else f"{row['kept']:.3f} ({_number(row.get('kept_accuracy'))})"
        bold = "**" if name == "everything" else ""
        lines.append(
            [f"{bold}{name}{bold}", f"{row['rows']:,}", f"{row['macro_f1']:.3f} ({_range(row['macro_f1_interval'])})", distance,
             *(_number(row["f1"][label]) for label in LABELS), _number(row["accuracy"]), _number(row.get("reason_accuracy")),
             _number(row.get("evidence_recall")), _number(row.get("calibration_error")), kept]
        )  # fmt: skip
    head = ["configuration", "rows", "macro-F1 (95 %)", "to everything (95 %)", *(f"F1 `{label}`" for label in LABELS)]
    return _table([*head, "accuracy", "reason", "evidence", "ECE", "kept (right)"], lines)


Points = list[tuple[int, float, np.ndarray]]


def slope(points: Points, *, seed: int = 0) -> tuple[float, np.ndarray]:
    """Fit figure = a + b log2(rows) by least squares; return b, and b in draws.

    A draw takes one of the fits of each size and one draw of held-out rows, the same for all sizes.
    """
    sizes = sorted({size for size, _, _ in points})
    x = np.log2([size for size, _, _ in points])
    b = float(np.polyfit(x, [value for _, value, _ in points], 1)[0])
    rng = np.random.default_rng(seed)
    n_draws = len(points[0][2])
    y = np.empty((len(sizes), n_draws))
    for k, size in enumerate(sizes):
        fits = np.stack([drawn for one, _, drawn in points if one == size])
        y[k] = fits[rng.integers(len(fits), size=n_draws), np.arange(n_draws)]
    x = np.log2(sizes) - np.mean(np.log2(sizes))
    return b, (x @ (y - y.mean(0))) / (x @ x)


def _curve_points(results: Results) -> Points:
    true, groups = _held_out(results)
    rows = list(_rows(results, "curve").values())
    whole = _rows(results, "ablation").get("everything")
    rows += [] if whole is None else [whole]
    return [(row["rows"], *macro_f1_draws(true, names(row["said"], LABELS), groups)) for row in rows]


def _ask_points(results: Results, thing: str) -> Points:
    points = []
    for row in _rows(results, "asks").values():
        if f"{thing}_right" not in row or not row["annotated"]:
            continue
        columns = np.stack([row[f"{thing}_right"], row[f"{thing}_of"]], 1)
        sums, drawn = resampled_sums(columns, np.arange(len(columns)), resamples=RESAMPLES)
        points.append((row["annotated"], float(sums[0] / sums[1]), drawn[:, 0] / drawn[:, 1]))
    return points


def _means(points: Points) -> list[tuple[int, int, float, float, float]]:
    """Return size, fits, their mean, lowest and highest."""
    out = []
    for size in sorted({size for size, _, _ in points}):
        values = [value for one, value, _ in points if one == size]
        out.append((size, len(values), float(np.mean(values)), min(values), max(values)))
    return out


def curve_table(results: Results) -> str:
    """Return macro-F1 by number of labels."""
    lines = [
        [f"{size:,}", str(fits), f"{mean:.3f}", f"{low:.3f} to {high:.3f}" if fits > 1 else ""]
        for size, fits, mean, low, high in _means(_curve_points(results))
    ]
    return _table(["training rows", "fits", "macro-F1, mean", "lowest and highest"], lines, left=0)


def asks_table(results: Results) -> str:
    """Return accuracy of verdicts and roles by number of annotated pairs."""
    rows = list(_rows(results, "asks").values())
    true, groups = _held_out(results)
    lines = []
    for size in sorted({row["annotated"] for row in rows}):
        of_size = [row for row in rows if row["annotated"] == size]
        cells = [f"{size:,}", str(len(of_size))]
        for thing in ("verdict", "role"):
            known = [row[f"{thing}_accuracy"] for row in of_size if f"{thing}_accuracy" in row]
            commonest = next((row[f"{thing}_commonest"] for row in rows if f"{thing}_commonest" in row), None)
            cells.append(f"{np.mean(known):.3f}" if known else f"none (the commonest alone: {_number(commonest)})")
        label = np.mean([macro_f1_draws(true, names(row["said"], LABELS), groups)[0] for row in of_size])
        lines.append([*cells, f"{label:.3f}", f"{np.mean([row['evidence_recall'] for row in of_size]):.3f}"])
    head = ["annotated pairs", "fits", "verdicts, accuracy", "roles, accuracy", "label, macro-F1", "evidence"]
    return _table(head, lines, left=0)


def next_thousand(results: Results) -> str:
    """Return what a thousand more labels or annotations would bring if the fitted lines went on."""
    lines = []
    wanted = [
        ("labels of answers", "macro-F1 of the label", _curve_points(results)),
        ("annotated pairs", "accuracy of verdicts", _ask_points(results, "verdict")),
        ("annotated pairs", "accuracy of roles", _ask_points(results, "role")),
    ]
    for what, figure, points in wanted:
        if len({size for size, _, _ in points}) < 3:
            lines.append([figure, what, "not run", "", "", ""])
            continue
        now = max(size for size, _, _ in points)
        b, drawn = slope(points)
        step = float(np.log2((now + 1000) / now))
        low, high = interval(drawn)
        ends = [_signed(bound * step, 4) for bound in (low, high)]
        lines.append(
            [figure, what, f"{now:,}", f"{_signed(b)} ({_signed(low)} to {_signed(high)})", _signed(b * step, 4), " to ".join(ends)]
        )  # fmt: skip
    head = ["figure", "of", "now", "a doubling (95 %)", "the next thousand", "95 %"]
    said = "; ".join(
        f"the next thousand {what} would add {brought} to the {figure} ({between})"
        for figure, what, _, _, brought, between in lines
        if brought
    )
    return _table(head, lines, left=2) + (f"\n\nIn words: {said}." if said else "")


def _matrix(order: list[str], cells: list[list[int]]) -> str:
    lines = [
        [f"`{name}`", *map(str, row), str(sum(row)), f"{row[k] / sum(row):.2f}" if sum(row) else ""]
        for k, (name, row) in enumerate(zip(order, cells, strict=True))
    ]
    lines.append(["precision", *(_share(cells, k) for k in range(len(order))), "", ""])
    return _table(["true, by row", *(f"`{name}`" for name in order), "rows", "recall"], lines)


def _share(cells: list[list[int]], k: int) -> str:
    said = sum(row[k] for row in cells)
    return f"{cells[k][k] / said:.2f}" if said else ""


def label_confusion(results: Results) -> str:
    """Return the confusion of labels."""
    return _matrix(list(LABELS), _rows(results, "breakdown")["shipped"]["confusion"])


def reason_confusion(results: Results) -> str:
    """Return the confusion of reasons."""
    return _matrix(REASON_NAMES, _rows(results, "breakdown")["shipped"]["reason_confusion"])


def reliability_table(results: Results) -> str:
    """Return stated and true shares of right labels, in ten parts of equal size."""
    lines = [
        [str(part["n"]), _number(part["confidence"]), _number(part["accuracy"]), _range(part["interval"])]
        for part in _rows(results, "breakdown")["shipped"]["reliability"]
    ]
    return _table(["pairs", "probability, mean", "right", "95 %"], lines, left=0)


def group_table(facets: tuple[str, ...]) -> Callable[[Results], str]:
    """Return a function that makes the table of some facets."""

    def table(results: Results) -> str:
        lines = []
        for row in _rows(results, "breakdown")["shipped"]["groups"]:
            if row["facet"] in facets:
                value = f"`{row['value']}`" if row["facet"] in ("main ask", "department") else row["value"]
                lines.append(
                    [*([row["facet"]] if len(facets) > 1 else []), value, str(row["n"]), _number(row["macro_f1"]),
                     _range(row["macro_f1_interval"]), *(_number(row["f1"].get(label)) for label in LABELS),
                     _number(row["accuracy"]), _range(row["accuracy_interval"])]
                )  # fmt: skip
        head = ["", "which"] if len(facets) > 1 else [facets[0]]
        head += ["pairs", "macro-F1", "95 %", *(f"F1 `{label}`" for label in LABELS), "accuracy", "95 %"]
        return _table(head, lines, left=2 if len(facets) > 1 else 1)

    return table


def time_table(results: Results) -> str:
    """Return scores on each period by the period trained on, draws pooled by their mean."""
    found, (true, groups) = _rows(results, "time"), _held_out(results)
    early = np.array([one == "1" for one in results["held_out"]["early"]])
    lines = []
    for period in ("before", "after", "all times"):
        rows = [row for name, row in found.items() if name.startswith(f"{period}, ")]
        if not rows:
            lines.append([period, "not run", *[""] * 5])
            continue
        cells = [period, f"{rows[0]['rows']:,}", str(len(rows))]
        for mask in (early, ~early):
            drawn = [macro_f1_draws(true[mask], names(row["said"], LABELS)[mask], groups[mask]) for row in rows]
            cells.append(f"{np.mean([one for one, _ in drawn]):.3f}")
            cells.append(_range(interval(np.mean([many for _, many in drawn], axis=0))))
        lines.append(cells)
    head = ["trained on", "rows", "fits", f"tested before July 2024 ({early.sum()})", "95 %"]
    return _table([*head, f"tested after ({(~early).sum()})", "95 %"], lines)


def time_difference(results: Results) -> str:
    """Return what it costs to be trained on the other period alone."""
    found, (true, groups) = _rows(results, "time"), _held_out(results)
    early = np.array([one == "1" for one in results["held_out"]["early"]])
    lines = []
    for period, tested, mask in (("before", "after", ~early), ("after", "before", early)):
        sides = []
        for which in (period, "all times"):
            rows = [row for name, row in found.items() if name.startswith(f"{which}, ")]
            some = [macro_f1_draws(true[mask], names(row["said"], LABELS)[mask], groups[mask]) for row in rows]
            sides.append(
                (np.mean([one for one, _ in some]), np.mean([many for _, many in some], axis=0)) if some else None
            )
        if None in sides:
            lines.append([period, tested, "not run", ""])
            continue
        low, high = interval(sides[0][1] - sides[1][1])
        lines.append([period, tested, _signed(sides[0][0] - sides[1][0]), f"{_signed(low)} to {_signed(high)}"])
    return _table(["trained on", "tested on", "macro-F1 to all times", "95 %"], lines, left=2)


def behaviour_table(results: Results) -> str:
    """Return a row for each family of invented cases."""
    found = _rows(results, "behaviour")["shipped"]
    table = pd.DataFrame(found["table"])
    lines = []
    for family, part in table.groupby("family", sort=False):
        right = (part["right"] * part["cases"]).sum() / part["cases"].sum()
        held = part.loc[part["kind"] == "invariance", "same_as_base"]
        turned = 1 - part.loc[part["kind"] == "directional", "same_as_base"]
        cells = [_number(float(some.iloc[0]), 2) if len(some) else "" for some in (held, turned)]
        lines.append([f"`{family}`", str(int(part["cases"].sum())), f"{right:.2f}", *cells])
    lines.sort()
    total = str(int(table["cases"].sum()))
    lines.append(["**all**", total, f"{found['all']:.2f}", f"{found['invariance']:.2f}", f"{found['directional']:.2f}"])
    return _table(["family", "cases", "right", "invariance held", "change seen"], lines)


BLOCKS: dict[str, tuple[str, Callable[[Results], str]]] = {
    "ablation": ("ablation", ablation_table),
    "curve": ("curve", curve_table),
    "asks": ("asks", asks_table),
    "next thousand": ("curve", next_thousand),
    "label confusion": ("breakdown", label_confusion),
    "reason confusion": ("breakdown", reason_confusion),
    "reliability": ("breakdown", reliability_table),
    "groups": ("breakdown", group_table(("label", "question", "answer", "period"))),
    "main ask": ("breakdown", group_table(("main ask",))),
    "department": ("breakdown", group_table(("department",))),
    "time": ("time", time_table),
    "time difference": ("time", time_difference),
    "behaviour": ("behaviour", behaviour_table),
}


def filled(page: str, results: Results) -> str:
    """Return the page with its tables made anew from the results; tables of parts that have not run say so."""
    there = {row["part"] for row in results["results"]}
    for name, (part, make) in BLOCKS.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise SystemExit(f"docs/verdict.md must have {begin!r} and {end!r} once.")
        before, rest = page.split(begin)
        body = make(results) if part in there else "Not run."
        page = f"{before}{begin}{body}\n{end}{rest.split(end)[1]}"
    return page


def draw(results: Results) -> None:
    """Draw the learning curves and the reliability diagram beside the page."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from pqnlp.plot import COLOURS

    pyplot.rcParams.update(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "verdict"}
    )
    there = {row["part"] for row in results["results"]}
    if {"curve", "ablation"} & there:
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), dpi=110, layout="constrained")
        _draw_points(left, _curve_points(results), COLOURS["direct"], "o", "label, macro-F1")
        left.set_xlabel("training rows")
        left.set_ylabel("macro-F1 on the hold-out")
        for thing, colour, mark in (("verdict", COLOURS["evasive"], "s"), ("role", COLOURS["policy_restating"], "^")):
            _draw_points(right, _ask_points(results, thing), colour, mark, f"{thing}s, accuracy")
        right.set_xlabel("annotated pairs")
        right.set_ylabel("accuracy on held-out annotations")
        for axis in (left, right):
            axis.legend(frameon=False, loc="lower right")
        figure.savefig(PAGE.with_name("verdict_curves.png"), metadata={"Software": None})
        pyplot.close(figure)
    if "breakdown" in there:
        parts = _rows(results, "breakdown")["shipped"]["reliability"]
        x, y = (np.array([part[key] for part in parts]) for key in ("confidence", "accuracy"))
        ends = np.array([part["interval"] for part in parts])
        figure, axis = pyplot.subplots(figsize=(4.4, 4), dpi=110, layout="constrained")
        axis.plot([0.3, 1], [0.3, 1], color="#767676", linewidth=1, linestyle="--")
        axis.errorbar(x, y, np.abs(ends.T - y), fmt="o", color=COLOURS["direct"], markersize=4, capsize=2, linewidth=1)
        axis.set(
            xlabel="probability of the label given, mean of a tenth",
            ylabel="share that is right",
            xlim=(0.3, 1),
            ylim=(0.2, 1.02),
        )
        figure.savefig(PAGE.with_name("verdict_reliability.png"), metadata={"Software": None})
        pyplot.close(figure)


def _draw_points(axis, points: Points, colour: str, mark: str, name: str) -> None:
    from matplotlib.ticker import NullLocator

    if len({size for size, _, _ in points}) < 2:
        return
    means = _means(points)
    sizes = np.array([size for size, *_ in means])
    axis.plot(
        [size for size, _, _ in points], [value for _, value, _ in points], mark, color=colour, alpha=0.35, markersize=4
    )
    axis.plot(sizes, [mean for _, _, mean, _, _ in means], mark + "-", color=colour, markersize=5, label=name)
    ends = np.array([interval(np.mean([d for one, _, d in points if one == size], axis=0)) for size in sizes])
    axis.fill_between(sizes, ends[:, 0], ends[:, 1], color=colour, alpha=0.12, linewidth=0)
    axis.set_xscale("log")
    # A size too near the one before it has no name at the axis.
    named = [size for k, size in enumerate(sizes) if k == len(sizes) - 1 or sizes[k + 1] > 1.8 * size]
    axis.set_xticks(named, [f"{size:,}" for size in named])
    axis.xaxis.set_minor_locator(NullLocator())


def write() -> None:
    """Draw the figures and put the tables into the page."""
    results = load_results()
    page = filled(PAGE.read_text(encoding="utf-8"), results)
    draw(results)
    unfinished = PAGE.with_suffix(".part")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, PAGE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="fit and measure what docs/verdict.json lacks")
    runs.add_argument("parts", nargs="+", choices=list(PARTS))
    runs.add_argument("--texts", required=True, help="texts of data/labels.csv, as pqnlp fetch writes them")
    runs.add_argument("--jobs", type=int, default=1)
    runs.add_argument("--only", nargs="+", help="names of configurations")
    runs.add_argument("--redo", action="store_true")
    runs.add_argument(
        "--cache", type=Path, default=ROOT / "build" / "verdict", help="folder of fits that are used again"
    )
    commands.add_parser("write", help="draw the figures and fill the tables of docs/verdict.md")
    given = parser.parse_args()
    if given.command == "write":
        write()
    else:
        run(given.parts, given.texts, jobs=given.jobs, redo=given.redo, folder=given.cache, only=given.only)


if __name__ == "__main__":
    main()
