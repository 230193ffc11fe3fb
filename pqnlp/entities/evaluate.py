"""Measure the entity components on the annotated hold-out: ``python -m pqnlp.entities.evaluate answers.parquet``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pqnlp.codebook import ENTITY_TYPES
from pqnlp.entities.annotations import AnnotatedText, read_annotations

__all__ = ["agreement", "error_kinds", "link_accuracy", "span_scores", "tag", "train_spacy_recogniser"]

Spans = Iterable[tuple[int, int, str]]


def span_scores(gold: Sequence[Spans], predicted: Sequence[Spans]) -> dict[str, dict[str, float]]:
    """Compare spans exactly: a span is right where start, end and type are.

    Parameters
    ----------
    gold, predicted : sequence of iterables of (start, end, type)
        One for each text, in the same order.

    Returns
    -------
    dict
        For each entity type and ``"all"``: ``precision``, ``recall``, ``f1`` and ``support``.
    """
    right, found, support = Counter(), Counter(), Counter()
    for ours, theirs in zip(gold, predicted, strict=True):
        ours, theirs = set(ours), set(theirs)
        for counter, spans in ((right, ours & theirs), (found, theirs), (support, ours)):
            for _, _, kind in spans:
                counter[kind] += 1
                counter["all"] += 1
    scores = {}
    for kind in (*ENTITY_TYPES, "all"):
        precision = right[kind] / found[kind] if found[kind] else 0.0
        recall = right[kind] / support[kind] if support[kind] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right[kind] else 0.0
        scores[kind] = {"precision": precision, "recall": recall, "f1": f1, "support": support[kind]}
    return scores


def agreement(corpus, annotations: str | Path) -> dict[str, dict[str, float]]:
    """Score the second annotation pass against the first on the texts that have both (symmetric in F1)."""
    second = {(t.id, t.field): t for t in read_annotations(corpus, annotations, number=2)}
    first = [t for t in read_annotations(corpus, annotations) if (t.id, t.field) in second]
    return span_scores([t.spans for t in first], [second[t.id, t.field].spans for t in first])


def tag(nlp, texts: Iterable[AnnotatedText]):
    """Yield the Doc of each text, its circumstances set."""
    import pqnlp.entities  # noqa: F401  registers the extensions

    for t in texts:
        doc = nlp.make_doc(t.text)
        doc._.pqnlp_department, doc._.pqnlp_date, doc._.pqnlp_question = t.department, t.date, t.question
        yield nlp(doc)


def _predictions(nlp, texts: Sequence[AnnotatedText]) -> list[list[tuple[int, int, str]]]:
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in tag(nlp, texts)]


def error_kinds(texts: Sequence[AnnotatedText], predicted: Sequence[Spans]) -> Counter:
    """Count the errors by kind: type, what went wrong, and the shape of the words.

    Parameters
    ----------
    texts : sequence of AnnotatedText
    predicted : sequence of iterables of (start, end, type)

    Returns
    -------
    Counter
        From a description such as ``"ORG missed: acronym"`` to the number of spans.
    """
    kinds: Counter = Counter()
    for t, spans in zip(texts, predicted, strict=True):
        gold, ours = set(t.spans), set(spans)
        for start, end, kind in gold - ours:
            over = [(s, e, k) for s, e, k in ours if s < end and start < e]
            same = [(s, e) for s, e, k in over if k == kind]
            if same:
                s, e = same[0]
                what = "too long" if s <= start and e >= end else "too short" if s >= start and e <= end else "shifted"
            elif any((s, e) == (start, end) for s, e, _ in over):
                what = f"taken for {over[0][2]}"
            else:
                what = "hidden by another type" if over else "missed"
            kinds[f"{kind} {what}: {_shape(t.text[start:end], kind)}"] += 1
        for start, end, kind in ours - gold:
            if not any(s < end and start < e for s, e, _ in gold):
                kinds[f"{kind} marked in error: {_shape(t.text[start:end], kind)}"] += 1
    return kinds


def _shape(words: str, kind: str) -> str:
    """Name the shape of a mention, by its type."""
    lower = words.lower()
    parts = words.split()
    if kind == "DATE":
        for shape, signs in (
            ("since an event or date", ("since",)), ("each of a series", ("each", "every")), ("between two", ("between",)),
            ("relative period", ("last", "next", "past", "this", "coming", "previous", "ago", "current", "recent", "before", "after")),
            ("part of a period", ("early", "late", "end of", "start of", "mid", "beginning")),
        ):  # fmt: skip
            if any(sign in lower for sign in signs):
                return shape
        if any(c.isdigit() for c in words):
            return (
                "range or financial year"
                if any(c in words for c in "-–/") or " to " in words
                else "day, month or year with digits"
            )
        return "month or season without a year"
    if kind == "LEGISLATION":
        if lower in (
            "act",
            "bill",
            "regulations",
            "order",
            "treaty",
            "convention",
            "code",
            "directive",
            "agreement",
            "rules",
        ):
            return "short form of one word"
        if len(parts) == 1:
            return "abbreviation"
        if (
            parts[0].lower().rstrip("s")
            in ("section", "part", "schedule", "article", "regulation", "clause", "rule", "paragraph")
            or lower[0] == "s"
            and lower[1:2].isdigit()
        ):
            return "provision with its title"
        if any(w in words for w in ("Convention", "Treaty", "Agreement", "Protocol", "FTA", "agreement")):
            return "treaty or agreement"
        if any(w in words for w in ("Directive", "Regulation ", "EU")) or words.endswith("Regulation"):
            return "EU instrument"
        return (
            "Bill"
            if "Bill" in words
            else "title with a year"
            if parts[-1].strip(")(").isdigit()
            else "title without a year"
        )
    if len(parts) == 1:
        return "acronym" if words.isupper() else "one word" if words[:1].isupper() else "lower case"
    if kind == "ORG":
        last = parts[-1].rstrip("’'s.")
        for shape, heads in (
            ("company", ("Ltd", "Limited", "plc", "LLP", "limited", "ltd")),
            ("committee, group, board or forum", ("Committee", "Group", "Board", "Forum", "Panel", "Taskforce", "Team", "Unit", "Network")),
            ("council, trust, hospital or school", ("Council", "Trust", "Hospital", "School", "College", "University", "Academy")),
            ("government or mission", ("Government", "government", "Embassy", "Administration")),
            ("inquiry, commissioner or court", ("Inquiry", "Commissioner", "Court", "Tribunal", "Commission")),
        ):  # fmt: skip
            if last in heads:
                return "name of a " + shape
    return "name of several words"


def build(recogniser: str):
    """Build the four components on a blank pipeline with the given recogniser of organisations."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("pqnlp_departments")
    nlp.add_pipe("pqnlp_legislation")
    nlp.add_pipe("pqnlp_organisations", config={"recogniser": recogniser})
    nlp.add_pipe("pqnlp_dates")
    return nlp


def train_spacy_recogniser(
    texts: Sequence[AnnotatedText],
    *,
    width: int = 96,
    depth: int = 4,
    rows: int = 2000,
    epochs: int = 20,
    seed: int = 0,
):
    """Train spaCy's ``ner`` from scratch on the ORG spans of `texts`, for comparison.

    Returns
    -------
    spacy.language.Language
    """
    import random

    import spacy
    from spacy.training import Example
    from spacy.util import compounding, fix_random_seed, minibatch

    fix_random_seed(seed)
    nlp = spacy.blank("en")
    tok2vec = {
        "@architectures": "spacy.HashEmbedCNN.v2", "width": width, "depth": depth, "embed_size": rows, "window_size": 1,
        "maxout_pieces": 3, "subword_features": True, "pretrained_vectors": None,
    }  # fmt: skip
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "extra_state_tokens": False, "hidden_width": 64,
        "maxout_pieces": 2, "use_upper": True, "nO": None, "tok2vec": tok2vec,
    }  # fmt: skip
    nlp.add_pipe("ner", config={"model": model})
    examples = []
    for t in texts:
        doc = nlp.make_doc(t.text)
        spans = [doc.char_span(s, e, label="ORG", alignment_mode="expand") for s, e, kind in t.spans if kind == "ORG"]
        reference = doc.copy()
        reference.ents = spacy.util.filter_spans([reference[s.start : s.end] for s in spans if s is not None]) and [
            spacy.tokens.Span(reference, s.start, s.end, label="ORG")
            for s in spacy.util.filter_spans([s for s in spans if s is not None])
        ]
        examples.append(Example(doc, reference))
    optimizer = nlp.initialize(lambda: examples)
    rng = random.Random(seed)
    for _ in range(epochs):
        rng.shuffle(examples)
        for batch in minibatch(examples, size=compounding(4.0, 32.0, 1.05)):
            nlp.update(batch, sgd=optimizer, drop=0.2)
    return nlp


def link_accuracy(nlp, texts: Sequence[AnnotatedText], labels: str | Path) -> dict[str, dict[str, float]]:
    """Compare identities and intervals with hand labels.

    Parameters
    ----------
    nlp : Language
    texts : sequence of AnnotatedText
    labels : path-like
        JSON lines: ``id``, ``field``, ``start``, ``end``, ``type`` and, for DATE, ``from`` and ``to`` (``""`` for an open or
        unknown end), else ``link`` (``""`` where the mention names nothing that the registries can hold).

    Returns
    -------
    dict
        ``DATE``: ``spans``, ``found`` (share of the labelled spans that were found exactly) and ``accuracy`` (share of those
        whose both ends are right). Other types: ``spans``, ``linked`` (share given an identity), ``accuracy`` (share right
        of those linked).
    """
    from pqnlp.entities import mentions

    rows = [json.loads(line) for line in Path(labels).read_text(encoding="utf-8").splitlines() if line.strip()]
    wanted = {(r["id"], r["field"]) for r in rows}
    chosen = [t for t in texts if (int(t.id), t.field) in wanted]
    ours = {}
    for t, doc in zip(chosen, tag(nlp, chosen), strict=True):
        for m in mentions(doc):
            ours[int(t.id), t.field, m["start"], m["end"], m["type"]] = m
    counts: dict[str, Counter] = {}
    for r in rows:
        count = counts.setdefault(r["type"], Counter())
        count["spans"] += 1
        m = ours.get((r["id"], r["field"], r["start"], r["end"], r["type"]))
        if m is None:
            continue
        count["found"] += 1
        if r["type"] == "DATE":
            count["right"] += (m["from"] or "") == r["from"] and (m["to"] or "") == r["to"]
        elif m["id"]:
            count["linked"] += 1
            count["right"] += m["id"] == r["link"]
    result = {}
    for kind, c in counts.items():
        base = c["found"] if kind == "DATE" else c["linked"]
        result[kind] = {
            "spans": c["spans"],
            "found": c["found"] / c["spans"],
            "accuracy": c["right"] / base if base else 0.0,
        }
        if kind != "DATE":
            result[kind]["linked"] = c["linked"] / c["spans"]
    return result


def _show(title: str, scores: dict[str, dict[str, float]], kinds: Sequence[str] = (*ENTITY_TYPES, "all")) -> None:
    print(f"\n{title}")
    for kind in kinds:
        s = scores[kind]
        print(
            f"  {kind:12} precision {s['precision']:.3f}  recall {s['recall']:.3f}  F1 {s['f1']:.3f}  ({s['support']} spans)"
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Exact-span scores, annotator agreement, link and interval accuracy.")
    parser.add_argument("corpus", help="the pairs, with the annotated ids (Parquet or anything pqnlp reads)")
    parser.add_argument("--annotations", default="data/entities.jsonl")
    parser.add_argument("--labels", default="data/entity_links.jsonl", help="hand-labelled identities and intervals")
    parser.add_argument("--split", default="test", choices=("train", "test", "second"))
    parser.add_argument(
        "--spacy", action="store_true", help="also train spaCy's ner from scratch and score it (minutes)"
    )
    parser.add_argument("--errors", action="store_true", help="also count the errors by kind")
    arguments = parser.parse_args()
    texts = list(read_annotations(arguments.corpus, arguments.annotations, split=arguments.split))
    gold = [t.spans for t in texts]
    print(f"{arguments.split}: {len(texts) // 2} pairs")
    _show("agreement of the two annotation passes", agreement(arguments.corpus, arguments.annotations))
    linear = build("linear")
    for title, nlp in (
        ("name lists and rules alone", build("gazetteer")),
        ("with the linear recogniser (shipped)", linear),
    ):
        _show(title, span_scores(gold, _predictions(nlp, texts)))
    if arguments.errors:
        print("\nthe commonest kinds of error")
        for kind, count in error_kinds(texts, _predictions(linear, texts)).most_common(40):
            print(f"  {count:4} {kind}")
    if arguments.spacy:
        train = list(read_annotations(arguments.corpus, arguments.annotations, split="train"))
        learnt = train_spacy_recogniser(train)
        predicted = [
            [(e.start_char, e.end_char, "ORG") for e in doc.ents] for doc in learnt.pipe([t.text for t in texts])
        ]
        only = [[s for s in spans if s[2] == "ORG"] for spans in gold]
        _show("spaCy's ner from scratch, ORG alone", span_scores(only, predicted), ("ORG",))
    if arguments.split == "test" and Path(arguments.labels).exists():
        print("\nlinks and intervals against hand labels")
        for kind, s in link_accuracy(linear, texts, arguments.labels).items():
            print(
                f"  {kind:12} "
                + "  ".join(
                    f"{name} {value:.3f}" if isinstance(value, float) else f"{name} {value}"
                    for name, value in s.items()
                )
            )


if __name__ == "__main__":
    main()
