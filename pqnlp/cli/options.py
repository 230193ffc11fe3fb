"""Options and arguments that several commands share, and the checks of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from pqnlp.errors import PqnlpError, ReadError

# Options that several commands share.
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IN",
        help="Files, folders or globs: the API's JSON, Parquet, CSV, JSON lines, TheyWorkForYou XML or pasted text; - for standard input.",
        show_default=False,
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="File to write: .csv, .tsv, .jsonl or .parquet by its suffix; - for JSON lines on standard output.",
        show_default=False,
    ),
]
ModelDir = Annotated[
    Optional[str],
    typer.Option(
        "--model", "-m", metavar="DIR", help="Model folder; without it, the one that ships.", show_default=False
    ),
]
Encoding = Annotated[
    str, typer.Option("--encoding", metavar="E", help="Encoding of text files, such as cp1252 or utf-16.")
]
Progress = Annotated[
    Optional[bool],
    typer.Option("--progress/--no-progress", help="Show progress; by default only on a terminal.", show_default=False),
]
UnsureBelow = Annotated[
    Optional[float],
    typer.Option(
        "--unsure-below",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Call a label unsure when its probability is below P; without it, as the model was set.",
        show_default=False,
    ),
]

Labelled = Annotated[
    list[str],
    typer.Argument(
        metavar="LABELLED",
        help="Tables with 'label' and texts, or 'label' and 'id'; exports of Label Studio, doccano, Prodigy, Argilla.",
        show_default=False,
    ),
]
Texts = Annotated[
    Optional[list[str]],
    typer.Option("--texts", metavar="FILE", help="Where the texts of the ids are; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def not_zero(value: int) -> int:
    from pqnlp.shards import check_jobs

    try:
        return check_jobs(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def few(files: list[str] | None) -> Any:
    return files[0] if files and len(files) == 1 else files or None


def held_out(splits: Path) -> list[str]:
    import pandas as pd

    try:
        table = pd.read_csv(splits, dtype=str)
        ids = table.loc[table["split"] == "test", "id"].tolist()
    except (KeyError, ValueError) as error:
        raise ReadError(
            f"{splits} is not a table of splits ({error}): expected the columns 'id' and 'split'."
        ) from None
    if not ids:
        raise ReadError(f"{splits} holds out no row: none has 'test' in the column 'split'.")
    return ids


def check_not_input(inputs: list[str], output: str) -> None:
    if output == "-" or not os.path.exists(output):
        return
    for name in inputs:
        if name != "-" and os.path.exists(name) and os.path.samefile(name, output):
            raise PqnlpError(f"{output} is the input: name another file to write.")
