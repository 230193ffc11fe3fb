"""`pqnlp fetch`: texts by id."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import bar
from pqnlp.cli.options import (
    Encoding,
    Progress,
)


@app.command()
def fetch(
    ids: Annotated[
        Path,
        typer.Option(
            "--ids", metavar="FILE", help="Table with a column 'id', or a .txt of one id a line.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Table to write (.parquet, .csv, .jsonl).", show_default=False
        ),
    ],
    source: Annotated[
        Optional[str], typer.Option("--from", metavar="FILE", help="Take the texts from this file, not from the API.")
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", metavar="R", min=0.01, max=20.0, help="The most requests a second.")
    ] = 3.0,
    api: Annotated[Optional[str], typer.Option("--api", metavar="URL", help="Address of a mirror of the API.")] = None,
    encoding: Encoding = "utf-8",
    progress: Progress = None,
) -> None:
    """Fetch the whole texts of questions and answers by id, from the official API or a local file.

    Goes on where an earlier run was cut off. Ids that the source does not have are listed in OUTPUT.missing.txt.

    [bold]Example[/bold]: pqnlp fetch --ids data/labels.csv --output answers.parquet
    """
    from pqnlp.fetch import API, read_ids
    from pqnlp.fetch import fetch as fetch_texts

    wanted = read_ids(ids, encoding=encoding)
    with bar("id", progress, lambda: len(wanted)) as advance:
        summary = fetch_texts(
            wanted, output, source=source, api=api or API, rate=rate, encoding=encoding, progress=advance
        )
    said = f"Written: {output}, {summary['written']:,} of {summary['asked']:,} ids"
    typer.echo(said + (f" ({summary['resumed']:,} from an earlier run)" if summary["resumed"] else ""))
    if summary["missing"]:
        some = ", ".join(summary["missing"][:5]) + (", ..." if len(summary["missing"]) > 5 else "")
        typer.echo(f"Missing: {len(summary['missing']):,} ids ({some}), all in {output}.missing.txt", err=True)
