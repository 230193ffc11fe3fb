"""Speed of scoring on one core, as pairs a second and as ratios to the bare spaCy tokenizer in the same run.

python benchmarks/score.py [--texts FILE] [--pairs 4000] [--model DIR]

Without --texts the invented sample is repeated with numbers changed, so that equal pairs are not scored once. Beside scoring
stand what it is compared with: a TF-IDF model with logistic regression, fitted here on at most 4,000 labelled texts and asked for
labels only; and the cross-encoder that teaches the model (`pqnlp.teacher`), where what it needs is installed. Its weights are not
fitted here, which its speed does not depend on.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable

import pandas as pd
from threadpoolctl import threadpool_limits

import pqnlp
from pqnlp.corpus import read
from pqnlp.training import bag_of_words

TOKENIZER = "bare spaCy tokenizer"
#: What is done pair by pair is done to so many; the rate is theirs.
FEW = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", default=None)
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--model", default=None)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    frame = read(given.texts or "data/sample_answers.jsonl")
    frame = frame[frame["problem"].eq("")]
    labelled = _labelled(given.texts)
    if given.texts:
        frame = frame.drop_duplicates(["question", "answer"]).sample(min(given.pairs, len(frame)), random_state=0)
    else:
        copies = itertools.count(1)
        frame = pd.concat(
            [frame.assign(answer=frame["answer"] + f" ({next(copies)})") for _ in range(-(-given.pairs // len(frame)))]
        ).head(given.pairs)
    frame = frame.reset_index(drop=True)[["question", "answer", "department", "answered"]]
    # Without its markup a whole text may have as many characters as one that the API has cut, and would be refused.
    few = frame[read(frame)["problem"].eq("")].head(FEW)
    alone = list(zip(few["question"], few["answer"], strict=True))
    model = pqnlp.load(given.model)
    texts = [*frame["question"], *frame["answer"]]
    lexical = bag_of_words().fit(labelled["answer"], labelled["label"])
    tasks: dict[str, Callable[[], object]] = {
        TOKENIZER: lambda: [None for _ in model.nlp.tokenizer.pipe(texts)],
        "classifier.analyse: labels, reasons, asks, roles, evidence": lambda: [
            model.classifier.analyse(frame.iloc[k : k + 1000]) for k in range(0, len(frame), 1000)
        ],
        "pqnlp.score: labels, reasons, evidence": lambda: pqnlp.score(frame, model=model),
        "pqnlp.score(asks=True)": lambda: pqnlp.score(frame, model=model, asks=True),
        "pqnlp.score(entities=True)": lambda: pqnlp.score(frame, model=model, entities=True),
        "pqnlp.score(asks=True, entities=True)": lambda: pqnlp.score(frame, model=model, asks=True, entities=True),
        f"TF-IDF and logistic regression, fitted on {len(labelled):,}: labels alone": lambda: lexical.predict(
            frame["answer"]
        ),
    }
    # One pair at a time, as on a page that shows one answer.
    singles: dict[str, Callable[[], object]] = {
        "pqnlp.explain: all of it, entities too": lambda: [pqnlp.explain(q, a, model=model) for q, a in alone],
        "pqnlp.score([(q, a)])": lambda: [pqnlp.score([pair], model=model) for pair in alone],
        "classifier.analyse([(q, a)])": lambda: [model.classifier.analyse([pair]) for pair in alone],
    }
    encoder, why_not = _cross_encoder(few, model)
    if encoder is not None:
        singles["cross-encoder, 32 pairs at a time: reasons alone"] = encoder
    rates: dict[str, list[float]] = {name: [] for name in (*tasks, *singles)}
    with threadpool_limits(1):
        model.score(frame.head(200), entities=True)
        for _ in range(given.repeats):  # in turn, so that a busy minute of the machine meets all of them
            for name, task in (tasks | singles).items():
                began = time.perf_counter()
                task()
                rates[name].append(len(frame if name in tasks else few) / (time.perf_counter() - began))
    base = statistics.median(rates[TOKENIZER])
    print(
        f"{len(frame)} pairs, {len(few)} where one at a time; one core, median of {given.repeats}, "
        f"load average {load:.1f} before"
    )
    for name, values in rates.items():
        rate = statistics.median(values)
        each = f"  {1000 / rate:6.1f} ms a pair" if name in singles else " " * 18
        print(f"{rate:8.0f} pairs/s  {rate / base:6.3f} of the tokenizer{each}  {name}")
    if encoder is None:
        print(f"cross-encoder: not installed ({why_not})")


def _labelled(texts: str | None) -> pd.DataFrame:
    """Return at most 4,000 labelled pairs: the shipped ones where their texts are given, else the invented sample."""
    from pqnlp.labels import read_labelled

    rows = read_labelled("data/labels.csv", texts=texts) if texts else read_labelled("data/sample_answers.jsonl")
    rows = rows[rows["problem"].eq("")]
    return rows.sample(min(4000, len(rows)), random_state=0)


def _cross_encoder(frame: pd.DataFrame, model) -> tuple[Callable[[], object] | None, str]:
    """Return a function that gives pairs to the teacher's network, or None and why there is none."""
    try:
        import torch

        from pqnlp import teacher

        network = teacher._network().eval()
    except (ImportError, SystemExit) as error:
        return None, str(error)
    torch.set_num_threads(1)

    def run() -> None:
        analysis = model.classifier.analyse(frame)  # it is given the sentences that the model points at
        spans = [pair.spans for pair in analysis.pairs]
        every = sum(map(len, spans))
        encoded = teacher._encode(frame["question"], frame["answer"], spans, _falling(every), [-1] * len(spans))
        encoded.sort(key=lambda pair: len(pair.tokens))
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            for start in range(0, len(encoded), 32):
                network(*teacher._batch(encoded[start : start + 32]))

    return run, ""


def _falling(count: int):
    """Return weights of sentences that keep the first ones; which are kept matters little to the time."""
    import numpy as np

    return -np.arange(count, dtype=float)


if __name__ == "__main__":
    main()
