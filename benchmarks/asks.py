"""Measure asks, verdicts and sentence roles on the annotated pairs of the test split, which no choice was made on.

python benchmarks/asks.py --texts answers.parquet [--model models/default]

Only annotations of the second round count (`source` "second"): the first round's longer spans were completed by the parser.
"""

import argparse
from collections import Counter

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

import pqnlp
from pqnlp.codebook import ROLES, VERDICTS
from pqnlp.labels import annotations, digest
from pqnlp.question import parse_question


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", required=True)
    parser.add_argument("--model", default=None)
    given = parser.parse_args()
    held_out = pd.read_csv("data/splits.csv", dtype={"id": str}).query("split == 'test'")["id"]
    texts = pqnlp.read(given.texts).set_index("id")
    rows = [
        row
        for row in annotations("data/asks.jsonl")
        if row["pass"] == 1 and row["source"] == "second" and str(row["id"]) in set(held_out) & set(texts.index)
    ]
    rows = [row for row in rows if digest(texts["answer"][str(row["id"])]) == row["digest"]]
    both: Counter = Counter()
    spans: Counter = Counter()
    for row in rows:
        question = texts["question"][str(row["id"])]
        gold = {(ask["start"], _end(question, ask["end"]), ask["kind"]) for ask in row["asks"]}
        found = {(ask.start, _end(question, ask.end), ask.kind) for ask in parse_question(question).asks}
        both.update(hit=len(gold & found), gold=len(gold), found=len(found))
        spans.update(hit=len({g[:2] for g in gold} & {f[:2] for f in found}), gold=len(gold), found=len(found))
    model = pqnlp.load(given.model)
    pairs = texts.loc[[str(row["id"]) for row in rows], ["question", "answer"]]
    analysis = model.classifier.analyse(pairs)
    verdicts, roles, decided, sentence, ask_row = [], [], [], 0, 0
    for row, pair in zip(rows, analysis.pairs, strict=True):
        gold = {ask["start"]: ask for ask in row["asks"]}
        for k, ask in enumerate(pair.question.asks):
            if ask.start in gold:
                verdicts.append((gold[ask.start]["verdict"], VERDICTS[int(analysis.verdicts[ask_row + k].argmax())]))
                if gold[ask.start]["verdict"] != "not_addressed" and verdicts[-1][0] == verdicts[-1][1]:
                    decided.append(analysis.ask_evidence[ask_row + k] == gold[ask.start]["evidence"])
        ask_row += len(pair.question.asks)
        role_of = {one["start"]: one["role"] for one in row["sentences"]}
        for k, (start, _) in enumerate(pair.spans):
            if start in role_of:
                roles.append((role_of[start], ROLES[int(analysis.roles[sentence + k].argmax())]))
        sentence += len(pair.spans)
    print(f"{len(rows)} pairs, {both['gold']} asks")
    for name, counts in (("ask spans, exact", spans), ("ask spans and kinds", both)):
        print(f"{name}: F1 {2 * counts['hit'] / (counts['gold'] + counts['found']):.3f}")
    for name, values in (("verdict of an ask", verdicts), ("role of a sentence", roles)):
        true, said = (np.array(side) for side in zip(*values, strict=True))
        majority = Counter(true).most_common(1)[0][1] / len(true)
        print(
            f"{name}: accuracy {np.mean(true == said):.3f}, macro-F1 {f1_score(true, said, average='macro'):.3f}, "
            f"n {len(true)} (commonest alone: accuracy {majority:.3f})"
        )
    print(f"deciding sentence of an ask, where the verdict is right: accuracy {np.mean(decided):.3f}, n {len(decided)}")


def _end(question: str, end: int) -> int:
    """A full stop or blank at the end is no difference."""
    while end > 0 and question[end - 1] in " .,;:?":
        end -= 1
    return end


if __name__ == "__main__":
    main()
