"""`pqnlp report`: a scored table as one page of HTML."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import bar, open_console
from pqnlp.cli.options import ModelDir, Progress, few


@app.command()
def report(
    scored: Annotated[
        str,
        typer.Argument(metavar="SCORED", help="Table that 'pqnlp score' wrote.", show_default=False),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Page to write (.html).", show_default=False)
    ],
    labelled: Annotated[
        Optional[str],
        typer.Option(
            "--labelled",
            metavar="FILE",
            help="Random sample of these answers, labelled by people (id, label): shares are corrected by it.",
        ),
    ] = None,
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts are, if SCORED lacks them; may be repeated."),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Title of the page.")] = "How written questions were answered",
    min_count: Annotated[
        int, typer.Option("--min-count", metavar="N", min=1, help="Mark groups of fewer answers; do not rank them.")
    ] = 30,
    at: Annotated[
        Optional[str],
        typer.Option(
            "--at", metavar="DATE", help="Day on which promises are judged; without it, the last day of answer."
        ),
    ] = None,
    model: ModelDir = None,
    findings: Annotated[
        bool, typer.Option("--findings/--no-findings", help="Search for referral chains, policy lines and so on.")
    ] = True,
    max_megabytes: Annotated[
        float,
        typer.Option("--max-megabytes", metavar="MB", help="Size of the page at most; as many texts go in as fit."),
    ] = 5.0,
    progress: Progress = None,
) -> None:
    """Write a scored table as one page that can be read without code.

    Shares of labels with corrected intervals, by department, month, House, party of government and kind of ask; referral chains,
    policy lines, promises, data gaps, contradictions; and the answers behind each figure. It needs no network. Needs
    pip install 'pqnlp\\[report]'.

    [bold]Example[/bold]: pqnlp report scored.parquet --output report.html --labelled sample.csv
    """
    import pqnlp
    from pqnlp.reporting.page import STEPS

    with bar("step", progress, lambda: STEPS) as advance:
        summary = pqnlp.report(
            scored,
            output,
            labelled=labelled,
            texts=few(texts),
            title=title,
            min_count=min_count,
            at=at,
            model=model,
            findings=findings,
            max_megabytes=max_megabytes,
            progress=advance,
        )
    console = open_console()
    console.print(
        f"{summary['answers']:,} answers, {summary['texts']:,} with their text, {summary['bytes'] / 1e6:.2f} MB",
        markup=False,
    )
    if summary["warning"]:
        console.print(f"Take care: {summary['warning']}", markup=False)
    console.print(f"Written: {output}", markup=False)
