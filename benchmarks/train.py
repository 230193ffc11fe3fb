"""Time and memory of training, by number of rows, on one thread.

python -m benchmarks.train --texts FILE [--rows 10000 50000]

The texts are real ones that you hold (a copy of the corpus, or what `pqnlp fetch` wrote); rows held out in data/splits.csv are left
alone. Their labels are the shipped model's own guesses: good for timing, and for nothing else. Each training runs in a
process of its own, whose peak memory is told; reading the texts and guessing the labels are not counted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure_one(labelled: str) -> None:
    """Train on a table in this process and print its figures."""
    import pqnlp

    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    stages: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        done = pqnlp.train(
            labelled, output=Path(folder) / "model", from_scratch=True,
            progress=lambda words: stages.append((words, time.perf_counter() - began)),
        )  # fmt: skip
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    ends = [at for _, at in stages[1:]] + [wall]
    figures = {
        "rows": done["rows"] + done["scores"]["n"],
        "seconds": round(wall, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(after.ru_maxrss / 1024),
        "stages": {words: round(end - at, 1) for (words, at), end in zip(stages, ends, strict=True)},
    }
    print(json.dumps(figures))


def guessed(texts: list[str], most: int):
    """Return up to `most` rows of real texts with the shipped model's labels and reasons."""
    import pandas as pd

    import pqnlp
    from pqnlp.paths import shipped_data

    splits = pd.read_csv(shipped_data("splits.csv"), dtype=str)
    frame = pqnlp.read(texts[0] if len(texts) == 1 else texts)
    frame = frame[frame["problem"].eq("") & ~frame["id"].isin(splits.loc[splits["split"].eq("test"), "id"])]
    frame = frame.sample(min(most, len(frame)), random_state=0).reset_index(drop=True)
    scored = pqnlp.score(frame)
    return frame.assign(label=scored["label"], reason=scored["reason"])[["id", "question", "answer", "label", "reason"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", nargs="+", help="files of real pairs")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure_one(given.one)
        return
    if not given.texts:
        parser.error("name the files of real pairs: --texts answers.parquet")
    frame = guessed(given.texts, max(given.rows))
    print(f"{len(frame):,} pairs to draw from, labelled by the shipped model")
    with tempfile.TemporaryDirectory() as folder:
        for rows in given.rows:
            path = Path(folder) / f"{rows}.jsonl"
            frame.head(rows).to_json(path, orient="records", lines=True)
            command = [sys.executable, "-m", "benchmarks.train", "--one", str(path)]
            done = subprocess.run(command, env=os.environ | THREADS, stdout=subprocess.PIPE, text=True, check=True)
            figures = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{figures['rows']:>7,} rows: {figures['seconds']:.0f} s ({figures['cpu_seconds']:.0f} s of CPU), peak memory "
                f"{figures['peak_mb']:,} MB"
            )
            for words, seconds in figures["stages"].items():
                print(f"        {seconds:7.1f} s  {words}")


if __name__ == "__main__":
    main()
