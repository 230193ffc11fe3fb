"""Measure asks, verdicts and sentence roles on the annotated pairs of the test split, which no choice was made on.

python benchmarks/asks.py --texts answers.parquet [--model models/default]

Only annotations of the second round count (`source` "second"): the first round's longer spans were completed by the parser.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

import pqnlp
from pqnlp.codebook import ROLES, VERDICTS
from pqnlp.labels import annotations, digest
from pqnlp.question import parse_question

DATA = Path(__file__).resolve().parent.parent / "data"


def held_out_annotations(texts: pd.DataFrame) -> list[dict]:
    """Return the annotations of held-out pairs whose text, in a table by id, is the one that was annotated."""
    held_out = pd.read_csv(DATA / "splits.csv", dtype={"id": str}).query("split == 'test'")["id"]
    known = set(held_out) & set(texts.index)
    rows = [
        row
        for row in annotations(DATA / "asks.jsonl")
        if row["pass"] == 1 and row["source"] == "second" and str(row["id"]) in known
    ]
    return [row for row in rows if digest(texts["answer"][str(row["id"])]) == row["digest"]]


def compare(classifier, rows: list[dict], texts: pd.DataFrame) -> dict[str, list[tuple]]:
    """Set what a classifier says of annotated pairs beside the annotations.

    Returns
    -------
    dict
        ``verdicts`` and ``roles``: (number of the pair, annotated, said) of every ask and sentence that both have, roles
        only where the classifier knows them;
        ``evidence``: (number of the pair, whether the deciding sentence is the annotated one) of the asks that were supplied
        or declined and of which the classifier says so too.
    """
    pairs = texts.loc[[str(row["id"]) for row in rows], ["question", "answer"]]
    analysis = classifier.analyse(pairs)
    out: dict[str, list[tuple]] = {"verdicts": [], "roles": [], "evidence": []}
    sentence = ask_row = 0
    for number, (row, pair) in enumerate(zip(rows, analysis.pairs, strict=True)):
        gold = {ask["start"]: ask for ask in row["asks"]}
        for k, ask in enumerate(pair.question.asks):
            if ask.start in gold:
                true, said = gold[ask.start]["verdict"], VERDICTS[int(analysis.verdicts[ask_row + k].argmax())]
                out["verdicts"].append((number, true, said))
                if true != "not_addressed" and true == said:
                    decided = analysis.ask_evidence[ask_row + k] == gold[ask.start]["evidence"]
                    out["evidence"].append((number, decided))
        ask_row += len(pair.question.asks)
        role_of = {one["start"]: one["role"] for one in row["sentences"]}
        for k, (start, _) in enumerate(pair.spans):
            if start in role_of and analysis.roles is not None:
                out["roles"].append((number, role_of[start], ROLES[int(analysis.roles[sentence + k].argmax())]))
        sentence += len(pair.spans)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", required=True)
    parser.add_argument("--model", default=None)
    given = parser.parse_args()
    texts = pqnlp.read(given.texts).set_index("id")
    rows = held_out_annotations(texts)
    both: Counter = Counter()
    spans: Counter = Counter()
    for row in rows:
        question = texts["question"][str(row["id"])]
        gold = {(ask["start"], _end(question, ask["end"]), ask["kind"]) for ask in row["asks"]}
        found = {(ask.start, _end(question, ask.end), ask.kind) for ask in parse_question(question).asks}
        both.update(hit=len(gold & found), gold=len(gold), found=len(found))
        spans.update(hit=len({g[:2] for g in gold} & {f[:2] for f in found}), gold=len(gold), found=len(found))
    compared = compare(pqnlp.load(given.model).classifier, rows, texts)
    print(f"{len(rows)} pairs, {both['gold']} asks")
    for name, counts in (("ask spans, exact", spans), ("ask spans and kinds", both)):
        print(f"{name}: F1 {2 * counts['hit'] / (counts['gold'] + counts['found']):.3f}")
    for name, values in (("verdict of an ask", compared["verdicts"]), ("role of a sentence", compared["roles"])):
        _, true, said = (np.array(side) for side in zip(*values, strict=True))
        majority = Counter(true).most_common(1)[0][1] / len(true)
        print(
            f"{name}: accuracy {np.mean(true == said):.3f}, macro-F1 {f1_score(true, said, average='macro'):.3f}, "
            f"n {len(true)} (commonest alone: accuracy {majority:.3f})"
        )
    decided = [right for _, right in compared["evidence"]]
    print(f"deciding sentence of an ask, where the verdict is right: accuracy {np.mean(decided):.3f}, n {len(decided)}")


def _end(question: str, end: int) -> int:
    """A full stop or blank at the end is no difference."""
    while end > 0 and question[end - 1] in " .,;:?":
        end -= 1
    return end


if __name__ == "__main__":
    main()
