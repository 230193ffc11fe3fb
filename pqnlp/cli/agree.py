"""`pqnlp agree`: how far annotators agree."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table
from pqnlp.cli.evaluate import print_confusion, tell_notices, with_bounds
from pqnlp.cli.options import AsJson, Encoding, Texts, check_not_input, few


@app.command()
def agree(
    annotations: Annotated[
        list[str],
        typer.Argument(
            metavar="A B",
            help="Files of labels, one an annotator, or with a column 'annotator'; tables and exports of annotation tools.",
            show_default=False,
        ),
    ],
    of: Annotated[str, typer.Option("--of", metavar="COLUMN", help="Compare each 'label' or each 'reason'.")] = "label",
    output: Annotated[
        Optional[str],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the rows to settle: .csv, .tsv, .jsonl or .parquet by its suffix.",
        ),
    ] = None,
    texts: Texts = None,
    as_json: AsJson = False,
    encoding: Encoding = "utf-8",
) -> None:
    """Measure how far annotators agree: percentage, Cohen's and Fleiss' kappa, Krippendorff's alpha, confusions.

    --output gets the rows on which they differ, with an empty column to settle the label in.

    [bold]Example[/bold]: pqnlp agree anna.csv ben.csv --output to_settle.csv
    """
    import pqnlp
    from pqnlp.output import TableWriter, write_table

    if output:
        TableWriter(output)
        check_not_input(annotations, output)
    result = pqnlp.agree(*annotations, of=of, texts=few(texts), encoding=encoding)
    torn = result["adjudicate"]
    if output:
        write_table(torn, output)
    if as_json:
        typer.echo(
            json.dumps({**result, "adjudicate": torn["id"].tolist() if "id" in torn else len(torn)}, ensure_ascii=False, indent=2)
        )  # fmt: skip
        return
    console = open_console()
    tell_notices(console, result)
    bounds = result["intervals"]
    names = {
        "agreement": "agreement of two",
        "all_agree": "all agree",
        "fleiss_kappa": "Fleiss' kappa",
        "alpha": "Krippendorff's alpha",
    }
    rows = [(name, with_bounds(result[key], bounds[key])) for key, name in names.items()]
    many = len(result["annotators"])
    title = f"{many} annotators, {result['n']:,} pairs labelled by two or more, {result['labelled_by_all']:,} by all"
    print_table(console, title, ["", "with 95 % interval"], rows)
    rows = [(label, with_bounds(one["agreement"], None), f"{one['n']:,}") for label, one in result["per_label"].items()]
    print_table(console, "When one gives it, another does", [of, "share", "given"], rows)
    rows = [
        (
            f"{two['first']}, {two['second']}",
            f"{two['n']:,}",
            with_bounds(two["agreement"], None),
            with_bounds(two["cohen_kappa"], two["interval"]),
        )
        for two in result["pairs"]
    ]
    print_table(console, "Two by two", ["annotators", "pairs", "agreement", "Cohen's kappa"], rows)
    for two in result["pairs"]:
        if two["n"]:
            title = f"{two['first']} by row, {two['second']} by column"
            print_confusion(console, title, result["labels"], two["confusion"])
    console.print(f"To settle: {len(torn):,} of {result['n']:,} pairs", markup=False)
    if output:
        console.print(f"Written: {output}", markup=False)
