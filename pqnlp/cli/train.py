"""`pqnlp train`: fit a model on labelled answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table
from pqnlp.cli.options import (
    Encoding,
    few,
)


@app.command()
def train(
    labelled: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED", help="Tables with 'label' and texts, or 'label' and 'id'.", show_default=False
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Model folder to write.", show_default=False)
    ],
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts of the ids are; may be repeated."),
    ] = None,
    asks: Annotated[
        Optional[Path], typer.Option("--asks", metavar="FILE", help="Annotations of asks and sentences (JSON lines).")
    ] = None,
    splits: Annotated[
        Optional[Path],
        typer.Option(
            "--splits", metavar="FILE", help="CSV with id, split (train or test) and group; else a sixth is held out."
        ),
    ] = None,
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the model; else the folder's.")] = None,
    version: Annotated[str, typer.Option("--version", help="Version of the model.")] = "1.0",
    card: Annotated[
        Optional[Path], typer.Option("--card", metavar="FILE", help="Markdown that ends the model card.")
    ] = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Fit a model on labelled answers, measure it on those held out, and write its folder.

    [bold]Example[/bold]: pqnlp train data/labels.csv --texts answers.parquet --splits data/splits.csv --output mymodel
    """
    import pqnlp

    done = pqnlp.train(
        labelled,
        output=output,
        texts=few(texts),
        asks=asks,
        splits=splits,
        name=name,
        version=version,
        card=card,
        encoding=encoding,
    )
    console = open_console()
    if done["scores"]:
        columns = {"this model": done["scores"], **done["baselines"]}
        rows = [("macro-F1", *(f"{of['macro_f1']:.3f}" for of in columns.values()))]
        for label in done["scores"]["per_class"]:
            rows.append((f"F1 {label}", *(f"{of['per_class'][label]['f1']:.3f}" for of in columns.values())))
        rows.append(("kappa", *(f"{of['kappa']:.3f}" for of in columns.values())))
        header = ["", *(name.replace("_", " ") for name in columns)]
        print_table(console, f"Held out: {done['scores']['n']:,} pairs", header, rows)
    left_out = done["left_out"]
    if len(left_out):
        told = ", ".join(f"{count} {problem}" for problem, count in left_out["problem"].value_counts().items())
        console.print(f"Left out: {told}", markup=False)
    console.print(f"Written: {done['output']}, fitted on {done['rows']:,} pairs", markup=False)
