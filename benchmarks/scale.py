"""Measure a run over many rows as `pqnlp score` does it: rate, and peak memory of the main process and of each worker.

python benchmarks/scale.py FILE --rows 250000 --jobs 2 [--no-entities] [--form parquet] [--keep FOLDER]

The rows of FILE are repeated under new ids until there are enough; ids in data/splits.csv that are held out for tests are
left out. Repeated rows are never scored once for all, since pairs are compared within a shard only. Each run adds a line
to --log (JSON lines); --plot draws the lines of that file. A run that is ended goes on when it is started again: input,
parts and output stay in the folder --keep, which is otherwise a temporary one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
#: Rates of runs that began with more work than this waiting for the processors are not drawn: they tell of the other work.
QUIET = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--form", default="parquet", help="suffix of the output")
    parser.add_argument("--entities", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keep", type=Path, help="folder for input, parts and output, so that an ended run can go on")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "scale.jsonl")
    parser.add_argument("--plot", type=Path, help="PNG to draw from the lines of --log")
    given = parser.parse_args()
    if given.file:
        with tempfile.TemporaryDirectory() as scratch:
            folder = given.keep or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            line = run(given, folder)
        print(tell(line))
        with given.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
    if given.plot:
        plot(given.log, given.plot, given.entities)
        print(f"Drawn: {given.plot}")


def run(given: argparse.Namespace, folder: Path) -> dict:
    source = folder / f"rows-{given.rows}.parquet"
    if not source.exists():
        write_rows(Path(given.file), source, given.rows)
    output = folder / f"scored-{given.rows}-{given.jobs}{'' if given.entities else '-labels'}.{given.form}"
    command = [sys.executable, "-m", "pqnlp", "score", str(source), "-o", str(output), "--jobs", str(given.jobs)]
    command += ["--quiet", "--progress"] + ([] if given.entities else ["--no-entities"])
    before = done_rows(output)
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    peaks: dict[int, float] = {}
    half: dict[int, float] = {}
    cpu: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for pid, size, seconds in sizes(process.pid):
                peaks[pid] = max(peaks.get(pid, 0.0), size)
                cpu[pid] = seconds
            if done_rows(output) <= given.rows / 2:
                half.update(peaks)

    watcher = threading.Thread(target=watch)
    watcher.start()
    load = os.getloadavg()[0]
    code = process.wait()
    over.set()
    watcher.join()
    if code:
        sys.exit(f"pqnlp score ended with {code}; what is done is kept in {output}.parts" if given.keep else code)
    seconds = time.monotonic() - began
    workers = sorted((size for pid, size in peaks.items() if pid != process.pid), reverse=True)[: given.jobs]
    return {
        "rows": given.rows,
        "jobs": given.jobs,
        "entities": given.entities,
        "form": given.form,
        "seconds": round(seconds, 1),
        "rows_a_second": round((given.rows - before) / seconds, 1),
        "cpu_seconds": round(sum(cpu.values()), 1),
        "went_on_from": before,
        "main_mb": round(peaks.get(process.pid, 0.0)),
        "main_mb_at_half": round(half.get(process.pid, 0.0)),
        "worker_mb": [round(size) for size in workers] if given.jobs > 1 else [],
        "load_before": round(load, 1),
        "output_mb": round(output.stat().st_size / 1e6),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
        ).stdout.strip(),
    }


def sizes(pid: int) -> Iterator[tuple[int, float, float]]:
    """Yield the number, resident memory in MB and processor time in seconds of a process and those it started."""
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            times = process.cpu_times()
            yield process.pid, process.memory_info().rss / 1e6, times.user + times.system
    except psutil.Error:
        return  # it ended just now


def done_rows(output: Path) -> int:
    """Count the rows in the journal of an unfinished run."""
    try:
        with open(f"{output}.parts/journal.jsonl", encoding="utf-8") as journal:
            return sum(json.loads(line)["rows"] for line in journal if line.endswith("\n"))
    except (OSError, ValueError):
        return 0


def write_rows(file: Path, output: Path, rows: int) -> None:
    """Repeat the rows of a Parquet file under new ids, a row group at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with (ROOT / "data" / "splits.csv").open(encoding="utf-8") as splits:
        held_out = pa.array([row["id"] for row in csv.DictReader(splits) if row["split"] == "test"])
    unfinished = output.with_suffix(".new")
    writer = None
    written = 0
    while written < rows:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=5000):
            table = pa.Table.from_batches([batch])
            ids = pc.cast(table["id"], pa.string())
            table = table.filter(pc.invert(pc.is_in(ids, held_out))).slice(0, rows - written)
            new = pa.array([str(written + k + 1) for k in range(len(table))])
            table = table.set_column(table.schema.get_field_index("id"), "id", new)
            writer = writer or pq.ParquetWriter(unfinished, table.schema)
            writer.write_table(table)
            written += len(table)
            if written >= rows:
                break
    writer.close()
    unfinished.rename(output)


def tell(line: dict) -> str:
    workers = ", ".join(map(str, line["worker_mb"])) or "none"
    return (
        f"{line['rows']:,} rows, {line['jobs']} jobs, entities {'in' if line['entities'] else 'ex'}cluded: "
        f"{line['rows_a_second']:,.0f} rows/s, {line['seconds']:,.0f} s ({line['cpu_seconds']:,.0f} s of processors); peak memory in MB: main {line['main_mb']} "
        f"({line['main_mb_at_half']} at half), workers {workers}; load before {line['load_before']}"
    )


def plot(log: Path, output: Path, entities: bool) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure, (memory, rate) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for jobs, marker in ((1, "o"), (2, "s")):
        chosen = [line for line in lines if line["jobs"] == jobs and line["entities"] == entities]
        name = f"{jobs} job{'s' * (jobs > 1)}"
        # The last measurement of each number of rows stands.
        last = sorted({line["rows"]: line for line in chosen}.items())
        memory.plot([n for n, _ in last], [x["main_mb"] for _, x in last], marker=marker, label=f"main, {name}")
        if jobs > 1:
            workers = [max(line["worker_mb"]) for _, line in last]
            memory.plot([n for n, _ in last], workers, marker="^", label=f"largest worker, {name}")
        quiet = sorted({line["rows"]: line for line in chosen if line["load_before"] <= QUIET}.items())
        rate.plot([n for n, _ in quiet], [x["rows_a_second"] for _, x in quiet], marker=marker, label=name)
    for axes, title in (
        (memory, "Peak memory, MB"),
        (rate, f"Rows a second on a quiet machine, entities {'in' if entities else 'ex'}cluded"),
    ):
        axes.set(xlabel="rows", xscale="log", ylim=(0, None))
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
