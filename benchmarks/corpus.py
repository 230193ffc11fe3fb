"""Score a whole file as `pqnlp score` does and print pairs a second, peak memory and the problems.

python benchmarks/corpus.py FILE [--output scored.parquet] [--jobs 2] [--model DIR]
"""

import argparse
import resource
import threading
import time

import pqnlp


def _children_rss() -> float:
    """Memory of this process's children in MB, from /proc."""
    import os
    from pathlib import Path

    total = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if fields.get("PPid", "").strip() == str(os.getpid()):
            total = max(total, float(fields.get("VmRSS", "0").split()[0]) / 1024)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--output", default="scored.parquet")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--model", default=None)
    given = parser.parse_args()
    peak = [0.0]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(3):
            peak[0] = max(peak[0], _children_rss())

    threading.Thread(target=watch, daemon=True).start()
    began = time.perf_counter()
    summary = pqnlp.score_file(given.file, given.output, jobs=given.jobs, model=given.model)
    seconds = time.perf_counter() - began
    stop.set()
    print(
        f"{summary['rows']} rows in {seconds:.0f} s: {summary['rows'] / seconds:.0f} pairs/s, {given.jobs} jobs, entities included"
    )
    print(
        f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB main, {peak[0]:.0f} MB the largest worker"
    )
    print(f"labels {summary['labels']}  problems {summary['problems']}  unsure {summary['unsure']}")


if __name__ == "__main__":
    main()
