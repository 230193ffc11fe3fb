"""Speed of scoring on one core, as pairs a second and as ratios to the bare spaCy tokenizer in the same run.

python benchmarks/score.py [--texts FILE] [--pairs 4000] [--model DIR]

Without --texts the invented sample is repeated with numbers changed, so that equal pairs are not scored once.
"""

import argparse
import itertools
import statistics
import time

import pandas as pd
from threadpoolctl import threadpool_limits

import pqnlp
from pqnlp.corpus import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", default=None)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--model", default=None)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    frame = read(given.texts or "data/sample_answers.jsonl")
    frame = frame[frame["problem"].eq("")]
    if given.texts:
        frame = frame.drop_duplicates(["question", "answer"]).sample(min(given.pairs, len(frame)), random_state=0)
    else:
        copies = itertools.count(1)
        frame = pd.concat(
            [frame.assign(answer=frame["answer"] + f" ({next(copies)})") for _ in range(given.pairs // len(frame))]
        )
    frame = frame.reset_index(drop=True)[["question", "answer", "department", "answered"]]
    model = pqnlp.load(given.model)
    texts = [*frame["question"], *frame["answer"]]
    tasks = {
        "bare spaCy tokenizer": lambda: [None for _ in model.nlp.tokenizer.pipe(texts)],
        "labels, reasons, asks, roles, evidence": lambda: [
            model.classifier.analyse(frame.iloc[k : k + 1000]) for k in range(0, len(frame), 1000)
        ],
        "pqnlp.score, labels": lambda: pqnlp.score(frame, model=model),
        "pqnlp.score, labels and entities": lambda: pqnlp.score(frame, model=model, entities=True),
    }
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    with threadpool_limits(1):
        model.score(frame.head(200), entities=True)
        for _ in range(given.repeats):  # in turn, so that a busy minute of the machine meets all of them
            for name, task in tasks.items():
                began = time.perf_counter()
                task()
                rates[name].append(len(frame) / (time.perf_counter() - began))
        began = time.perf_counter()
        for question, answer in zip(frame["question"].head(50), frame["answer"].head(50), strict=True):
            model.classifier.analyse([(question, answer)])
        single = (time.perf_counter() - began) / 50
    base = statistics.median(rates["bare spaCy tokenizer"])
    print(f"{len(frame)} pairs, one core, median of {given.repeats}")
    for name, values in rates.items():
        print(
            f"{statistics.median(values):8.0f} pairs/s  {statistics.median(values) / base:5.2f} of the tokenizer  {name}"
        )
    print(f"{1000 * single:8.1f} ms for one pair alone")


if __name__ == "__main__":
    main()
