"""Train the linear recogniser of organisations: ``python -m pqnlp.entities.train answers.parquet``."""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

from pqnlp.entities import organisations
from pqnlp.entities.annotations import AnnotatedText, read_annotations
from pqnlp.entities.recogniser import OrganisationModel, name_features, place_features

__all__ = ["cross_validate", "exact_scores", "fit"]


def fit(
    texts: Sequence[AnnotatedText], negatives: Sequence[str] = (), *, C: float = 0.5, list_weight: float = 0.15
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
            rows.append(dict.fromkeys(features, 1))
            labels.append((start, end) in gold)
            weights.append(1.0)
    listed = [name for name in organisations.gazetteer() if " " in name]
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
    return {"": round(float(model.intercept_[0]), 3), **learnt}


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
