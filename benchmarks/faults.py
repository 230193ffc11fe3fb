"""End runs in every way and see what is lost: a Markdown table of faults, what happened, rows lost and time lost.

python benchmarks/faults.py [--rows 4000] [--only kill,disk]

Rows are the invented sample repeated with numbers changed, without entities. Each run is ended by a fault, started again
where it can go on, and its output is compared byte for byte with that of an undisturbed run in the same session. A full
disk and a read-only place need to be root on Linux (a small tmpfs is mounted). Time lost is the time of all attempts, less
that of the undisturbed run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample_answers.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--only", default="", help="names of faults, parted by commas")
    given = parser.parse_args()
    wanted = set(filter(None, given.only.split(",")))
    print("| fault | what happened | rows lost | time lost |", "| --- | --- | --- | --- |", sep="\n", flush=True)
    for name, fault in FAULTS.items():
        if not wanted or name in wanted:
            with tempfile.TemporaryDirectory() as scratch:
                bench = Bench(Path(scratch), given.rows)
                try:
                    told, lost, seconds = fault(bench)
                except NotHere as error:
                    told, lost, seconds = f"not tried here: {error}", "", None
                print(
                    f"| {fault.__doc__} | {told} | {lost} | {'' if seconds is None else f'{seconds:.0f} s'} |",
                    flush=True,
                )


class NotHere(Exception):
    pass


class Bench:
    """A scratch folder with an input, and the output of an undisturbed run over it."""

    def __init__(self, folder: Path, rows: int):
        self.folder, self.rows = folder, rows
        self.source = folder / "in.jsonl"
        self.source.write_text("".join(lines(rows)), encoding="utf-8")

    @functools.cached_property
    def whole(self) -> tuple[bytes, float]:
        """Bytes and seconds of an undisturbed run with one process."""
        return self.undisturbed(jobs=1)

    @functools.cached_property
    def whole_by_two(self) -> tuple[bytes, float]:
        return self.undisturbed(jobs=2)

    def undisturbed(self, jobs: int) -> tuple[bytes, float]:
        seconds = self.run(self.folder / "whole.csv", jobs=jobs)[1]
        return (self.folder / "whole.csv").read_bytes(), seconds

    def command(self, output: Path, jobs: int, *options: str) -> list[str]:
        command = [sys.executable, "-m", "pqnlp", "score", str(self.source), "-o", str(output), "--jobs", str(jobs)]
        return [*command, "--no-entities", "--quiet", *options]

    def run(self, output: Path, *options: str, jobs: int = 1, expect: int = 0) -> tuple[str, float]:
        """Run to the end; return what it said and its seconds."""
        began = time.monotonic()
        done = subprocess.run(self.command(output, jobs, *options), cwd=ROOT, capture_output=True, text=True)
        if done.returncode != expect:
            sys.exit(f"expected exit code {expect}, got {done.returncode}: {done.stderr[-2000:]}")
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "", time.monotonic() - began

    def start(self, output: Path, jobs: int = 1) -> subprocess.Popen:
        return subprocess.Popen(self.command(output, jobs), cwd=ROOT, stderr=subprocess.DEVNULL)

    def lost(self, output: Path) -> int:
        """Return how many rows differ from, or are missing beside, those of the undisturbed run."""
        return differing(self.whole[0], output.read_bytes())


def lines(rows: int) -> Iterator[str]:
    items = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    items = [item for item in items if item.get("answer") or item.get("answer_html")]
    for number in range(rows):
        item = dict(items[number % len(items)])
        field = "answer" if item.get("answer") else "answer_html"
        yield json.dumps({**item, "id": str(number + 1), field: f"{item[field]} ({number})"}) + "\n"


def differing(one: bytes, other: bytes) -> int:
    if one == other:
        return 0
    a, b = one.splitlines(), other.splitlines()
    return max(1, abs(len(a) - len(b)) + sum(x != y for x, y in zip(a, b, strict=False)))


def kill(bench: Bench):
    """kill -9 at ten random moments"""
    _, seconds = bench.whole
    output, chance, kept = bench.folder / "out.csv", random.Random(5), [0]
    manifest = Path(f"{output}.parts/manifest.json")
    began = time.monotonic()
    for _ in range(10):
        process = bench.start(output)
        # Now and then before the first part of this start is done, now and then after, and in the middle of the work.
        more = chance.choice([0, 0, 1])
        while process.poll() is None and (done_rows(output) < kept[-1] + more or not manifest.exists()):
            time.sleep(0.02)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.8))
        process.kill()
        if process.wait() == 0:
            sys.exit("the run was over before it was killed ten times: give it more --rows")
        kept.append(done_rows(output))
    bench.run(output)
    spent = time.monotonic() - began
    return (
        f"each start went on from whole parts: rows done at each kill {', '.join(map(str, kept[1:]))}; the eleventh start ended",
        bench.lost(output),
        spent - seconds,
    )


def done_rows(output: Path) -> int:
    with contextlib.suppress(OSError), open(f"{output}.parts/journal.jsonl", encoding="utf-8") as journal:
        return sum(json.loads(line)["rows"] for line in journal if line.endswith("\n"))
    return 0


def worker(bench: Bench):
    """a worker killed, of two"""
    _, seconds = bench.whole_by_two
    output = bench.folder / "out.csv"
    began = time.monotonic()
    process = bench.start(output, jobs=2)
    while process.poll() is None and done_rows(output) < bench.rows / 8:
        time.sleep(0.05)
    workers = [p for p in psutil.Process(process.pid).children() if "popen_loky" in " ".join(p.cmdline())]
    workers[0].kill()
    code = process.wait()
    spent = time.monotonic() - began
    return (
        f"the same run went on: its shards and those of its fellow were handed out again (exit code {code})",
        bench.lost(output),
        spent - seconds,
    )


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        raise NotHere(f"mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def disk(bench: Bench):
    """disk full"""
    whole, seconds = bench.whole
    with mounted(bench.folder / "small", f"size={len(whole) // 2 // 1024}k") as place:
        output = place / "out.csv"
        said, first = bench.run(output, expect=1)
        kept = done_rows(output)
        subprocess.run(["mount", "-o", f"remount,size={3 * len(whole) // 1024}k", str(place)], check=True)
        _, second = bench.run(output)
        lost = bench.lost(output)
    said = said.replace(str(bench.folder), "FOLDER")
    return f"“{said}” {kept} rows were kept; with more space it went on", lost, first + second - seconds


def read_only(bench: Bench):
    """output on a read-only disk"""
    with mounted(bench.folder / "fixed", "size=1m") as place:
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        said, seconds = bench.run(place / "out.csv", expect=1)
    return f"“{said.replace(str(bench.folder), 'FOLDER')}” before any work", 0, seconds


def changed(bench: Bench):
    """input changed under way"""
    _, seconds = bench.whole
    output = bench.folder / "out.csv"
    before = bench.source.read_text(encoding="utf-8")
    began = time.monotonic()
    process = subprocess.Popen(bench.command(output, 1), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not done_rows(output):
        time.sleep(0.02)
    with bench.source.open("a", encoding="utf-8") as source:
        source.write(next(lines(1)))
    said = process.communicate()[1].strip().splitlines()[-1].replace(str(bench.folder), "FOLDER")
    spent = time.monotonic() - began
    if process.returncode != 1 or output.exists() or Path(f"{output}.parts").exists():
        sys.exit(f"the changed input was not noticed: {said}")
    bench.source.write_text(before, encoding="utf-8")
    spent += bench.run(output)[1]
    return f"“{said}” Started again with the file as it was", bench.lost(output), spent - seconds


def poison(plain: Callable, shard, settings):
    """Score a shard; raise an error at some rows, end the process at others."""
    from pqnlp import scoring

    whole = scoring._score_rows

    def fail(columns, model, settings):
        text = " ".join(columns["answer"])
        if "POISON-ERROR" in text:
            raise RecursionError
        if "POISON-KILL" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(columns, model, settings)

    scoring._score_rows = fail
    try:
        return plain(shard, settings)
    finally:
        scoring._score_rows = whole


def poisoned(bench: Bench, word: str, problem: str, jobs: int, every: int):
    import pandas as pd

    import pqnlp
    from pqnlp import scoring

    good_file = bench.folder / "whole.csv"
    seconds = pqnlp.score_file(bench.source, good_file, entities=False, jobs=jobs)["seconds"]
    shard_rows = max(250, -(-bench.rows // 16))
    items = [json.loads(line) for line in lines(bench.rows)]
    bad = set(range(shard_rows // 2, bench.rows, every * shard_rows))
    for row in bad:
        field = "answer" if items[row].get("answer") else "answer_html"
        items[row][field] += f" {word}"
    source, output = bench.folder / "poisoned.jsonl", bench.folder / "out.csv"
    source.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    began = time.monotonic()
    plain = scoring.score_shard
    # Workers import the function by the name of this file; a run takes the one that it finds in pqnlp.scoring.
    scoring.score_shard = functools.partial(importlib.import_module("faults").poison, plain)
    try:
        summary = pqnlp.score_file(source, output, entities=False, jobs=jobs)
    finally:
        scoring.score_shard = plain
    spent = time.monotonic() - began
    frame = pd.read_csv(output, dtype=str, keep_default_na=False)
    good = pd.read_csv(good_file, dtype=str, keep_default_na=False)
    flagged = set(frame.index[frame["problem"] == problem])
    kept = [k for k in range(bench.rows) if k not in bad]
    lost = bench.rows - len(frame) + int((frame.loc[kept] != good.loc[kept]).any(axis=1).sum()) + len(flagged ^ bad)
    return (
        f"{summary['problems'].get(problem, 0)} rows flagged `{problem}`, found by halves; all others scored",
        lost,
        spent - seconds,
    )


def errors(bench: Bench):
    """a row in every batch whose scoring raises an error"""
    return poisoned(bench, "POISON-ERROR", "failed", jobs=1, every=1)


def killers(bench: Bench):
    """a row in every eighth batch whose scoring ends its process"""
    return poisoned(bench, "POISON-KILL", "killed", jobs=2, every=8)


def files(bench: Bench):
    """10,000 tiny files"""
    count = 10_000
    folder = bench.folder / "tiny"
    folder.mkdir()
    text = list(lines(count))
    for number, line in enumerate(text):
        (folder / f"{number:05d}.jsonl").write_text(line, encoding="utf-8")
    bench.source.write_text("".join(text), encoding="utf-8")
    _, seconds = bench.whole
    bench.source = folder
    output = bench.folder / "out.csv"
    _, spent = bench.run(output)
    return "the same bytes as from one file", bench.lost(output), spent - seconds


def large(bench: Bench):
    """one row of 50 MB"""
    _, seconds = bench.whole
    text = list(lines(bench.rows))
    item = json.loads(text[bench.rows // 2])
    item["answer_html" if "answer_html" in item else "answer"] = "The boats came home again. " * 1_900_000
    text[bench.rows // 2] = json.dumps(item) + "\n"
    bench.source.write_text("".join(text), encoding="utf-8")
    output = bench.folder / "out.jsonl"
    began = time.monotonic()
    process = bench.start(output)
    peak = 0.0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1e6)
        time.sleep(0.1)
    spent = time.monotonic() - began
    found = [json.loads(line) for line in output.read_text(encoding="utf-8").split("\n") if line]
    row = found[bench.rows // 2]
    unscored = sum(row["label"] is None for row in found)
    if row["problem"] != "too_long":
        sys.exit(f"the long row has the problem {row['problem']!r}")
    return (
        f"the row was flagged `too_long` and kept with its first million characters; {len(found) - unscored} rows scored; "
        f"peak memory {peak:.0f} MB",
        bench.rows - len(found),
        spent - seconds,
    )


FAULTS: dict[str, Callable] = {
    "kill": kill,
    "worker": worker,
    "disk": disk,
    "read-only": read_only,
    "changed": changed,
    "errors": errors,
    "killers": killers,
    "files": files,
    "large": large,
}

if __name__ == "__main__":
    main()
