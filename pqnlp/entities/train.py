"""Train the linear recogniser of organisations: ``python -m pqnlp.entities.train answers.parquet``."""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pqnlp.entities import organisations
from pqnlp.entities.annotations import AnnotatedText, read_annotations
from pqnlp.entities.recogniser import OrganisationModel, name_features, place_features
from pqnlp.errors import PqnlpError

__all__ = ["EntityTrainingError", "Retrained", "cross_validate", "exact_scores", "fit", "retrain"]

_PRIOR = "score of the weights to start from"
_LEAST = 30


class EntityTrainingError(PqnlpError):
    """Spans from which nothing can be learnt; the message names the mend."""


def fit(
    texts: Sequence[AnnotatedText],
    negatives: Sequence[str] = (),
    *,
    C: float = 0.5,
    list_weight: float = 0.15,
    prior: dict[str, float] | None = None,
) -> dict[str, float]:
    """Fit the weights.

    Parameters
    ----------
    texts : sequence of AnnotatedText
        Every candidate in them is an example: an organisation where its offsets are those of an ORG span.
    negatives : sequence of str
        Names of schemes, offices and places that are no organisations. They and the listed names of two and more
        words are examples too, without surroundings and as though no list held them, so that the model learns
        what names look like.
    C : float, default 0.5
        Inverse strength of the penalty.
    list_weight : float, default 0.15
        Weight of an example from the lists; one from a text has 1.
    prior : dict of str to float, optional
        Weights to start from, in place of the lists: their score of a candidate is one more feature, and what is learnt
        is added to them.

    Returns
    -------
    dict of str to float
        See :class:`pqnlp.entities.recogniser.OrganisationModel`.
    """
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    rows, labels, weights = [], [], []
    for t in texts:
        gold = {(start, end) for start, end, kind in t.spans if kind == "ORG"}
        for start, end, name in organisations.all_candidates(t.text):
            features = name_features(name, organisations._lists(name)) + place_features(t.text, start, end, t.question)
            row = dict.fromkeys(features, 1.0)
            if prior is not None:
                row[_PRIOR] = prior.get("", 0.0) + sum(prior.get(feature, 0.0) for feature in features)
            rows.append(row)
            labels.append((start, end) in gold)
            weights.append(1.0)
    listed = [] if prior is not None else [name for name in organisations.gazetteer() if " " in name]
    for names, label in ((listed, True), (negatives, False)):
        for name in names:
            rows.append(dict.fromkeys(name_features(name), 1))
            labels.append(label)
            weights.append(list_weight)
    vectorizer = DictVectorizer()
    X = vectorizer.fit_transform(rows)
    X.indices, X.indptr = X.indices.astype("int32"), X.indptr.astype("int32")  # liblinear takes no others
    model = LogisticRegression(C=C, solver="liblinear", max_iter=400).fit(X, labels, sample_weight=weights)
    learnt = {
        name: round(float(weight), 3)
        for name, weight in zip(vectorizer.get_feature_names_out(), model.coef_[0], strict=True)
        if abs(weight) >= 0.03
    }
    learnt = {"": round(float(model.intercept_[0]), 3), **learnt}
    if prior is None:
        return learnt
    share = learnt.pop(_PRIOR, 0.0)
    return {
        name: round(share * prior.get(name, 0.0) + learnt.get(name, 0.0), 3) for name in prior.keys() | learnt.keys()
    }


class Retrained(NamedTuple):
    """A recogniser fitted to spans of one's own.

    Attributes
    ----------
    weights : dict of str to float
        Fitted to all texts.
    held_out, spans : int
        How many texts and organisations the scores are of.
    before, after : (float, float, float)
        Precision, recall and F1 on the texts held out, of the shipped recogniser and of one fitted to the other texts.
    """

    weights: dict[str, float]
    held_out: int
    spans: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]


def retrain(texts: Sequence[AnnotatedText], *, from_scratch: bool = False, seed: int = 0) -> Retrained:
    """Fit the recogniser of organisations to spans of one's own and measure it on a fifth of them.

    Parameters
    ----------
    texts : sequence of AnnotatedText
        As :func:`pqnlp.entities.annotations.read_span_exports` gives them.
    from_scratch : bool, default False
        Start from nothing, not from the shipped weights.
    seed : int, default 0
        Of the draw of the texts held out; near-duplicates and texts of one id stay on one side.

    Returns
    -------
    Retrained

    Raises
    ------
    EntityTrainingError
        If there are too few spans to learn from.
    """
    from pqnlp.groups import near_duplicate_groups

    count = sum(kind == "ORG" for t in texts for _, _, kind in t.spans)
    if count < _LEAST:
        raise EntityTrainingError(
            f"{count} spans of type ORG in {len(texts)} texts: at least {_LEAST} are needed. Mark more, or call the type ORG."
        )
    prior = None if from_scratch else OrganisationModel.load().weights
    sides = _tied([t.id for t in texts], near_duplicate_groups([t.text for t in texts]).tolist())
    names = sorted(set(sides))
    random.Random(seed).shuffle(names)
    held: set[int] = set()
    size = 0
    for name in names:
        if 5 * size >= len(texts):
            break
        held.add(name)
        size += sides.count(name)
    kept = [t for t, side in zip(texts, sides, strict=True) if side not in held]
    apart = [t for t, side in zip(texts, sides, strict=True) if side in held]
    if not any(kind == "ORG" for t in kept for _, _, kind in t.spans):
        raise EntityTrainingError("All marked texts are near-duplicates of each other: mark different ones.")
    tried = organisations.OrganisationTagger(model=OrganisationModel(fit(kept, prior=prior)))
    return Retrained(
        fit(texts, prior=prior),
        len(apart),
        sum(kind == "ORG" for t in apart for _, _, kind in t.spans),
        exact_scores(apart, organisations.OrganisationTagger()),
        exact_scores(apart, tried),
    )


def _tied(ids: Sequence[str], groups: Sequence[int]) -> list[int]:
    """Return one number for all texts that share an id or a group, however long the chain."""
    parent = list(range(len(ids)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    first: dict[tuple[str, Any], int] = {}
    for k, keys in enumerate(zip(ids, groups, strict=True)):
        for key in zip(("id", "group"), keys, strict=True):
            parent[root(k)] = root(first.setdefault(key, k))
    return [root(k) for k in range(len(ids))]


def exact_scores(
    texts: Sequence[AnnotatedText], tagger: organisations.OrganisationTagger
) -> tuple[float, float, float]:
    """Return exact-span precision, recall and F1 of ORG on `texts`; spans under a longer mention of another type are left out."""
    true = found = gold_count = 0
    for t in texts:
        gold = {(s, e) for s, e, kind in t.spans if kind == "ORG"}
        others = [(s, e) for s, e, kind in t.spans if kind != "ORG"]
        spans = {(s, e) for s, e, _ in tagger.find_spans(t.text, t.question)}
        spans = {(s, e) for s, e in spans if not any(s < b and a < e and b - a >= e - s for a, b in others)}
        true += len(gold & spans)
        found += len(spans)
        gold_count += len(gold)
    precision, recall = true / max(found, 1), true / max(gold_count, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def cross_validate(
    texts: Sequence[AnnotatedText],
    negatives: Sequence[str] = (),
    *,
    folds: int = 5,
    threshold: float = -0.5,
    **settings,
) -> tuple[float, float, float]:
    """Return the mean (precision, recall, F1) over `folds`; question and answer of an id stay together."""
    ids = sorted({t.id for t in texts})
    random.Random(0).shuffle(ids)
    scores = []
    for k in range(folds):
        held = set(ids[k::folds])
        weights = fit([t for t in texts if t.id not in held], negatives, **settings)
        tagger = organisations.OrganisationTagger(model=OrganisationModel(weights), threshold=threshold)
        scores.append(exact_scores([t for t in texts if t.id in held], tagger))
    return tuple(sum(column) / folds for column in zip(*scores, strict=True))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Train the linear recogniser of organisations on the training part of the annotations."
    )
    parser.add_argument("corpus", help="the pairs, with the annotated ids (Parquet or anything pqnlp reads)")
    parser.add_argument("--annotations", default="data/entities.jsonl")
    parser.add_argument(
        "--negatives", default="data/not_organisations.txt", help="names that are no organisations, one a line"
    )
    parser.add_argument(
        "--output", help="where to write the weights (JSON); without it only the cross-validation is shown"
    )
    arguments = parser.parse_args()
    texts = list(read_annotations(arguments.corpus, arguments.annotations, split="train"))
    negatives = Path(arguments.negatives).read_text(encoding="utf-8").splitlines()
    print(
        "five-fold cross-validation, exact spans: precision {:.3f}, recall {:.3f}, F1 {:.3f}".format(
            *cross_validate(texts, negatives)
        )
    )
    if arguments.output:
        weights = fit(texts, negatives)
        partial = Path(arguments.output + ".partial")
        partial.write_text(
            json.dumps({"weights": dict(sorted(weights.items()))}, ensure_ascii=False, separators=(",", ":"), indent=0),
            encoding="utf-8",
        )
        os.replace(partial, arguments.output)
        print(f"{len(weights)} weights from {len(texts)} texts in {arguments.output}")


if __name__ == "__main__":
    main()
