"""Speed of the entity components against the bare tokenizer: ``python benchmarks/entities.py answers.parquet``.

Both run over the same texts in the same process on one core, question and answer as two texts. "warm" is the best of
several passes, where the tokenizer finds every word in its cache; "first pass" is one pass over texts that neither has seen,
as when a corpus is read once.
"""

from __future__ import annotations

import argparse
import time

import spacy

import pqnlp.entities  # noqa: F401
from pqnlp.corpus import read

COMPONENTS = ("pqnlp_departments", "pqnlp_legislation", "pqnlp_organisations", "pqnlp_dates")


def seconds(run, texts) -> float:
    """Return the seconds that `run` takes over `texts`."""
    start = time.perf_counter()
    for _ in run(texts):
        pass
    return time.perf_counter() - start


def build(*, sentences: bool = False):
    """Build the pipeline that is measured."""
    nlp = spacy.blank("en")
    for name in (("pqnlp_sentences",) if sentences else ()) + COMPONENTS:
        nlp.add_pipe(name)
    return nlp


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", help="pairs in any form that pqnlp reads")
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--passes", type=int, default=5)
    arguments = parser.parse_args()
    import pandas as pd

    source = pd.read_parquet(arguments.corpus) if arguments.corpus.endswith(".parquet") else read(arguments.corpus)
    table = read(source.sample(min(2 * arguments.pairs, len(source)), random_state=0))
    texts = [text for pair in zip(table["question"], table["answer"], strict=True) for text in pair]
    half = len(texts) // 2
    texts, others = texts[:half], texts[half:]
    pairs = len(texts) // 2

    whole = build(sentences=True)
    entities = build()
    for nlp in (whole, entities):  # load the registries, fill the caches with other texts
        seconds(nlp.pipe, others[:400])
    plain = spacy.blank("en")
    seconds(plain.tokenizer.pipe, others[:400])
    # The whole pipeline before the entities alone: what is remembered of names is shared, and the first to read pays for it.
    cold = {
        "tokenizer": seconds(plain.tokenizer.pipe, texts),
        "sentences and entities": seconds(whole.pipe, texts),
        "entities, read second": seconds(entities.pipe, texts),
    }
    warm = dict.fromkeys(cold, float("inf"))
    for _ in range(arguments.passes):
        for name, run in (
            ("tokenizer", plain.tokenizer.pipe),
            ("sentences and entities", whole.pipe),
            ("entities, read second", entities.pipe),
        ):
            warm[name] = min(warm[name], seconds(run, texts))
    for title, measured in (("first pass", cold), ("warm", warm)):
        print(title)
        for name, taken in measured.items():
            print(
                f"  {name:24} {pairs / taken:7.0f} pairs/s   {measured['tokenizer'] / taken:.2f} of the tokenizer's speed"
            )
    docs = list(entities.tokenizer.pipe(texts))
    print("each component over tokenized texts, warm")
    for name, component in entities.pipeline:
        taken = seconds(lambda docs, component=component: map(component, docs), docs)
        print(f"  {name:24} {1e6 * taken / pairs:7.0f} microseconds a pair")


if __name__ == "__main__":
    main()
