"""`pqnlp entities`: every department, organisation, law and date named."""

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
    check_not_input,
)
from pqnlp.errors import ReadError


@app.command()
def entities(
    inputs: Inputs,
    output: Output,
    model: ModelDir = None,
    encoding: Encoding = "utf-8",
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """List every department, organisation, law and date that questions and answers name, a row each.

    [bold]Example[/bold]: pqnlp entities answers.jsonl --output mentions.csv
    """
    from pqnlp.output import TableWriter

    if "-" in inputs and len(inputs) > 1:
        raise ReadError("Standard input (-) cannot be read together with files: give the one or the others.")
    writer = TableWriter(output)
    check_not_input(inputs, output)
    counts: dict[str, int] = {}
    pairs = 0
    with bar("pair", progress, lambda: count(inputs, encoding)) as advance, writer:
        from types import SimpleNamespace

        import pqnlp
        from pqnlp.corpus import read_batches
        from pqnlp.pipeline import build_pipeline

        # Entities need no fitted classifier; a folder may hold a recogniser of its own.
        tagger = pqnlp.load(model) if model else SimpleNamespace(nlp=build_pipeline())
        for batch in read_batches(inputs if len(inputs) > 1 else inputs[0], encoding=encoding):
            table = pqnlp.entities(batch, model=tagger)
            table["row"] += pairs
            writer.write(table)
            for kind, found in table["type"].value_counts().items():
                counts[kind] = counts.get(kind, 0) + int(found)
            pairs += len(batch)
            advance(len(batch))
    if not quiet:
        console = open_console(err=output == "-")
        rows = [
            (kind, f"{found:,}", f"{found / pairs:.2f}") for kind, found in sorted(counts.items(), key=lambda c: -c[1])
        ]
        print_table(console, f"{writer.rows:,} mentions in {pairs:,} pairs", ["type", "mentions", "a pair"], rows)
        if output != "-":
            console.print(f"Written: {output}", highlight=False, markup=False)
