"""Time and memory of each finding over a scored table, and rows of one to judge by reading.

    python benchmarks/findings.py scored.parquet
    python benchmarks/findings.py scored.parquet --draw promises --number 20 --seed 1

Each finding is timed in a process of its own, so that peak memory is its own; reading the table is told apart. What is drawn to be
read leaves out answers of the split "test", which nobody reads.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("referral-chains", "policy-lines", "stock-shares", "promises", "data-gaps", "consistency")


def find(kind: str, frame):
    """Return the finding of a scored table."""
    from pqnlp import findings

    return {
        "referral-chains": findings.resolve_referrals,
        "policy-lines": findings.find_policy_lines,
        "stock-shares": findings.stock_shares,
        "promises": findings.find_promises,
        "data-gaps": findings.find_data_gaps,
        "consistency": findings.find_inconsistencies,
    }[kind](frame)


def _peak() -> float:
    """Return the peak memory of this process in megabytes (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def measure(kind: str | None, source: str) -> tuple[str, int, float, float]:
    """Return name, rows, processor seconds and peak megabytes; of reading the table alone for None."""
    from pqnlp.findings import read_scored

    began = time.process_time()
    frame = read_scored(source)
    frame = frame.drop(columns=[name for name in frame.columns if name == "entities"])
    if kind is None:
        return "reading the table", len(frame), time.process_time() - began, _peak()
    began = time.process_time()
    found = find(kind, frame)
    return kind, len(found), time.process_time() - began, _peak()


def draw(kind: str, source: str, number: int, seed: int) -> None:
    """Print rows of a finding with what is needed to judge them."""
    import pandas as pd

    from pqnlp.findings import read_scored

    test = set(pd.read_csv(ROOT / "data" / "splits.csv", dtype=str).query("split == 'test'")["id"])
    frame = read_scored(source)
    found = find(kind, frame)
    texts = frame[frame["problem"].ne("duplicate_id")].set_index("id")
    if "ids" in found.columns:
        found = found[[not test & set(ids) for ids in found["ids"]]]
    else:
        found = found[~found["id"].isin(test)]
    if "path" in found.columns:
        found = found[[not test & set(path) for path in found["path"]]]
        found = found[found["cited_id"].notna()]
    if "sentence" in found.columns:
        found = found.drop_duplicates("sentence")  # stock sentences would be judged over and over
    for k, (_, row) in enumerate(found.sample(min(number, len(found)), random_state=seed).iterrows(), 1):
        print(f"--- {kind} {k}")
        for name, value in row.items():
            if name not in ("ids", "uins", "start", "end", "ask_start", "ask_end"):
                print(f"  {name}: {value}")
        read = {
            "referral-chains": [row.get("cited_id")],
            "consistency": [row.get("a_id"), row.get("b_id")],
            "data-gaps": [row.get("id")],
        }.get(kind, list(row["ids"])[:3] if kind == "policy-lines" else [])
        for identity in read:
            one = texts.loc[identity]
            print(
                f"  [{identity}] {one['department']}, tabled {one['tabled']}, answered {one['answered']}, {one['label']}"
            )
            print(f"    Q: {one['question'][:600]}\n    A: {one['answer'][:900]}")


def main() -> None:
    """Measure, or draw rows to read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scored", help="what pqnlp score wrote")
    parser.add_argument("--draw", choices=KINDS)
    parser.add_argument("--number", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.draw:
        draw(given.draw, given.scored, given.number, given.seed)
        return
    print("| finding | rows | processor seconds | peak memory, MB |")
    print("| --- | --- | --- | --- |")
    context = multiprocessing.get_context("spawn")
    for kind in (None, *KINDS):
        with context.Pool(1) as pool:
            name, rows, seconds, peak = pool.apply(measure, (kind, given.scored))
        print(f"| {name} | {rows:,} | {seconds:.1f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
