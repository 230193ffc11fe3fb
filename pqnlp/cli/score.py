"""`pqnlp score`: label every pair of a table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table
from pqnlp.cli.options import (
    Encoding,
    Inputs,
    ModelDir,
    Output,
    Progress,
    UnsureBelow,
    check_not_input,
    not_zero,
)
from pqnlp.errors import ReadError


@app.command()
def score(
    inputs: Inputs,
    output: Output,
    model: ModelDir = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", help="Processes; -1 for one a core.", callback=not_zero)
    ] = 1,
    entities: Annotated[
        bool, typer.Option("--entities/--no-entities", help="Tag entities too; without them it is faster.")
    ] = True,
    asks: Annotated[
        Optional[bool],
        typer.Option(
            "--asks/--no-asks",
            help="Say what each ask got; by default in Parquet and JSON lines, not in CSV.",
            show_default=False,
        ),
    ] = None,
    encoding: Encoding = "utf-8",
    unsure_below: UnsureBelow = None,
    limit: Annotated[
        Optional[int],
        typer.Option("--limit", metavar="N", min=1, help="Score the first N pairs only.", show_default=False),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--skip-errors", help="Stop at the first pair that cannot be scored, or keep it with its problem."
        ),
    ] = False,
    update: Annotated[
        Optional[Path],
        typer.Option(
            "--update",
            metavar="SCORED",
            help="A .parquet file scored before by the same model: only new and changed pairs are scored, the rest copied.",
            show_default=False,
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where an unfinished run has left OUTPUT.parts.")
    ] = False,
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary and no notes.")] = False,
) -> None:
    """Label every question-answer pair and write the table.

    Rows that cannot be scored (cut, unanswered, withdrawn, ...) are kept, with the reason in the column 'problem'.
    What is done is kept in OUTPUT.parts until all is: after a kill or a full disk the same command goes on.

    [bold]Example[/bold]: pqnlp score answers.jsonl --output scored.csv --jobs 2
    """
    from pqnlp.output import TableWriter

    if "-" in inputs and len(inputs) > 1:
        raise ReadError("Standard input (-) cannot be read together with files: give the one or the others.")
    TableWriter(output)  # a bad place is told now, not after the work
    check_not_input(inputs, output)
    try:
        with _bar(progress, jobs) as bar:
            import pqnlp

            summary = pqnlp.score_file(
                inputs if len(inputs) > 1 else inputs[0],
                output,
                model=model,
                jobs=jobs,
                entities=entities,
                asks=asks,
                encoding=encoding,
                progress=bar.advance,
                on_start=bar.start,
                unsure_below=unsure_below,
                limit=limit,
                strict=strict,
                update=update,
                restart=restart,
            )
    except KeyboardInterrupt:
        if output != "-":
            from pqnlp.run import parts_folder

            kept = parts_folder(output).exists()
            state = "What is done is kept; the same command goes on with it." if kept else "Nothing was done yet."
            typer.echo(f"Interrupted. {state}", err=True)
        raise typer.Exit(130) from None
    for notice in [] if quiet else summary["notices"]:
        typer.echo(f"Note: {notice}", err=True)
    for error in summary["unread"][:10]:
        typer.echo(f"Not read: {error}", err=True)
    if len(summary["unread"]) > 10:
        typer.echo(
            f"Not read: {len(summary['unread']) - 10} files more; their rows have the problem bad_file.", err=True
        )
    if not quiet:
        _print_summary(summary, output)


class _Bar:
    """A bar with rate and time left on standard error.

    Rows that an earlier run has done are no part of the rate, nor is the first shard of each process, before which it
    starts and opens the model.
    """

    def __init__(self, wanted: bool, jobs: int):
        self._wanted = wanted
        self._starting = jobs if jobs > 0 else os.cpu_count() or 1
        self._bar: Any = None

    def start(self, total: int | None, done: int) -> None:
        if not self._wanted:
            return
        from tqdm import tqdm

        # Shards come in bursts, as many as there are processes: the mean tells more than the last few. Nothing is shown
        # of work that takes under a second.
        self._bar = tqdm(total=total, initial=done, unit=" pairs", delay=1, dynamic_ncols=True, smoothing=0)
        if done:
            self._bar.set_postfix_str(f"{done:,} from an earlier run")

    def advance(self, rows: int) -> None:
        if self._bar is None:
            return
        if self._starting:
            self._starting -= 1
            self._bar.start_t = time.time()
            self._bar.initial = self._bar.n + rows
        self._bar.update(rows)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@contextmanager
def _bar(wanted: bool | None, jobs: int) -> Iterator[_Bar]:
    bar = _Bar(sys.stderr.isatty() if wanted is None else wanted, jobs)
    try:
        yield bar
    finally:
        bar.close()


def _print_summary(summary: dict, output: str) -> None:
    """Print what `score_file` says it did: counts of labels and problems, and the first few rows."""
    console = open_console(err=output == "-")
    rows, scored = summary["rows"], summary["scored"]
    seconds = summary.get("seconds") or 0.0
    here = rows - summary.get("resumed", 0)
    pace = f", {here / seconds:,.0f} a second" if seconds > 1 and here else ""
    if here < rows:
        pace += f" ({rows - here:,} were done before)"
    if summary.get("copied"):
        pace += f" ({summary['copied']:,} were copied)"
    labels = [
        (label, f"{count:,}", f"{count / scored:.1%}" if scored else "")
        for label, count in sorted(summary["labels"].items(), key=lambda item: -item[1])
    ]
    print_table(
        console, f"{rows:,} pairs, {scored:,} scored in {seconds:.1f} s{pace}", ["label", "pairs", "share"], labels
    )
    problems = {name: count for name, count in summary["problems"].items() if name and count}
    if problems:
        from pqnlp.corpus import PROBLEMS

        told = [
            (name, f"{count:,}", PROBLEMS.get(name, ""))
            for name, count in sorted(problems.items(), key=lambda p: -p[1])
        ]
        print_table(console, "Problems", ["problem", "pairs", "what it means"], told, stretch=2)
    if output == "-":
        return
    from pqnlp.output import first_rows

    head = first_rows(output, 200)
    if {"id", "label", "evidence"} <= set(head.columns):
        some = head[head["label"].fillna("").astype(str) != ""].drop_duplicates("label").head(3)
        if len(some) < 3:
            some = head[head["label"].fillna("").astype(str) != ""].head(3)
        shown = [(r["id"], r["label"], " ".join(str(r["evidence"] or "").split())) for _, r in some.iterrows()]
        if shown:
            print_table(console, "Some rows", ["id", "label", "evidence"], shown, stretch=2)
    console.print(f"Written: {output}", markup=False)
