"""Speed of the entity components against the bare tokenizer: ``python benchmarks/entities.py answers.parquet``.

Both run over the same texts in the same process on one core, question and answer as two texts. "warm" is the best of
several passes, where the tokenizer finds every word in its cache; "first pass" is one pass over texts that neither has seen,
as when a corpus is read once.
"""

from __future__ import annotations

import argparse
import time

import spacy

import pqnlp.entities.tagger
import pqnlp.pipeline
from pqnlp.corpus import read

COMPONENTS = ("pqnlp_departments", "pqnlp_legislation", "pqnlp_organisations", "pqnlp_dates")


def seconds(run, texts) -> float:
    """Return the seconds that `run` takes over `texts`."""
    start = time.process_time()
    for _ in run(texts):
        pass
    return time.process_time() - start


def build(*names: str):
    """Build the pipeline that is measured."""
    nlp = spacy.blank("en")
    for name in names:
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
    table = table.astype(object).where(table.notna(), None)
    texts = [text for pair in zip(table["question"], table["answer"], strict=True) for text in pair]
    half = len(texts) // 2
    texts, others = texts[:half], texts[half:]
    pairs = len(texts) // 2

    whole = pqnlp.pipeline.build_pipeline()
    entities = build("pqnlp_entities")
    apart = build(*COMPONENTS)
    for nlp in (whole, entities, apart):  # load the registries, fill the caches with other texts
        seconds(nlp.pipe, others[:400])
    plain = spacy.blank("en")
    seconds(plain.tokenizer.pipe, others[:400])
    # The whole pipeline before the entities alone: what is remembered of names is shared, and the first to read pays for it.
    circumstances = {
        "departments": [d for d in table["department"][:pairs] for _ in "qa"],
        "dates": [day for days in zip(table["tabled"][:pairs], table["answered"][:pairs], strict=True) for day in days],
        "questions": [question for q in table["question"][:pairs] for question in (None, q)],
    }

    def tagged(texts):
        return pqnlp.pipeline.tag_texts(whole, texts, **circumstances, disable=("pqnlp_sentences",))

    runs = {
        "tokenizer": plain.tokenizer.pipe,
        "sentences and entities": whole.pipe,
        "entities": entities.pipe,
        "four components": apart.pipe,
        "as pqnlp entities": tagged,
    }
    cold = {name: seconds(run, texts) for name, run in runs.items()}
    warm = dict.fromkeys(runs, float("inf"))
    for _ in range(arguments.passes):
        for name, run in runs.items():
            warm[name] = min(warm[name], seconds(run, texts))
    for title, measured in (("first pass", cold), ("warm", warm)):
        print(title)
        for name, taken in measured.items():
            print(
                f"  {name:24} {pairs / taken:7.0f} pairs/s   {measured['tokenizer'] / taken:.2f} of the tokenizer's speed"
            )
    docs = list(apart.tokenizer.pipe(texts))
    print("each component over tokenized texts, warm")
    for name, component in apart.pipeline:
        taken = seconds(lambda docs, component=component: map(component, docs), docs)
        print(f"  {name:24} {1e6 * taken / pairs:7.0f} microseconds a pair")


if __name__ == "__main__":
    main()
