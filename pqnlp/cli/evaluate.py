"""`pqnlp evaluate`: measure a model on labelled answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table
from pqnlp.cli.options import (
    few,
    held_out,
)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model folder.", show_default=False)],
    labelled: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED", help="Tables with 'label' and texts, or 'label' and 'id'.", show_default=False
        ),
    ],
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts of the ids are; may be repeated."),
    ] = None,
    splits: Annotated[
        Optional[Path],
        typer.Option("--splits", metavar="FILE", help="CSV with id and split: measure on the rows of 'test' only."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on labelled answers that it was not fitted on.

    [bold]Example[/bold]: pqnlp evaluate models/default data/labels.csv --texts answers.parquet --splits data/splits.csv
    """
    import pqnlp

    ids = held_out(splits) if splits else None
    result = pqnlp.evaluate(model, few(labelled), texts=few(texts), ids=ids)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    console = open_console()
    per_class = result["per_class"]
    rows = [
        (label, *(f"{of[k]:.3f}" for k in ("precision", "recall", "f1")), f"{of['support']:,}")
        for label, of in per_class.items()
    ]
    print_table(
        console, f"{result['model']} on {result['n']:,} pairs", ["label", "precision", "recall", "F1", "pairs"], rows
    )
    confusion = [(label, *map(str, row)) for label, row in zip(per_class, result["confusion"], strict=True)]
    print_table(console, "True label by row, predicted by column", ["", *per_class], confusion)
    figures = [
        (name.replace("_", " "), f"{value:.3f}")
        for name, value in result.items()
        if isinstance(value, float) and name not in ("n",)
    ]
    print_table(console, "Over all", ["", ""], figures)
