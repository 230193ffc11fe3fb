"""`pqnlp score`: label every pair of a table."""

from __future__ import annotations

from typing import Annotated

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import bar, count, open_console, print_table
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
    encoding: Encoding = "utf-8",
    unsure_below: UnsureBelow = None,
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """Label every question-answer pair and write the table.

    Rows that cannot be scored (cut, unanswered, withdrawn, ...) are kept, with the reason in the column 'problem'.

    [bold]Example[/bold]: pqnlp score answers.jsonl --output scored.csv --jobs 2
    """
    from pqnlp.output import TableWriter

    if "-" in inputs and len(inputs) > 1:
        raise ReadError("Standard input (-) cannot be read together with files: give the one or the others.")
    TableWriter(output)  # a bad place is told now, not after the work
    check_not_input(inputs, output)
    with bar("pair", progress, lambda: count(inputs, encoding)) as advance:
        import pqnlp

        summary = pqnlp.score_file(
            inputs if len(inputs) > 1 else inputs[0],
            output,
            model=model,
            jobs=jobs,
            entities=entities,
            encoding=encoding,
            progress=advance,
            unsure_below=unsure_below,
        )
    if not quiet:
        _print_summary(summary, output)


def _print_summary(summary: dict, output: str) -> None:
    """Print what `score_file` says it did: counts of labels and problems, and the first few rows."""
    console = open_console(err=output == "-")
    rows, scored = summary["rows"], summary["scored"]
    seconds = summary.get("seconds") or 0.0
    pace = f", {rows / seconds:,.0f} a second" if seconds > 1 else ""
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
