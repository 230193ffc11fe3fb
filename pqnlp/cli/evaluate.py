"""`pqnlp evaluate`: measure a model on labelled answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table, stage
from pqnlp.cli.options import (
    AsJson,
    Encoding,
    Labelled,
    Texts,
    few,
    held_out,
)

# Options that `compare` shares.
Splits = Annotated[
    Optional[Path],
    typer.Option("--splits", metavar="FILE", help="CSV with id and split: measure on the rows of 'test' only."),
]
Html = Annotated[
    Optional[str],
    typer.Option(
        "--html", metavar="FILE", help="Write a page with plots (.html), too; needs pip install 'pqnlp\\[report]'."
    ),
]


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model folder.", show_default=False)],
    labelled: Labelled,
    texts: Texts = None,
    splits: Splits = None,
    as_json: AsJson = False,
    html: Html = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Measure a model on labelled answers that it was not fitted on.

    Precision, recall and F1 with 95 % intervals, kappa, the confusion matrix, what the probabilities are worth, and how right the
    surest labels are. Equal and nearly equal answers count together in the intervals.

    [bold]Example[/bold]: pqnlp evaluate models/default data/labels.csv --texts answers.parquet --splits data/splits.csv
    """
    import pqnlp

    options = _options(texts, splits, encoding, html)
    with stage() as say:
        say("measuring")
        result = pqnlp.evaluate(model, few(labelled), **options)
    if html:
        _write_page(result, html)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    console = open_console()
    tell_notices(console, result)
    pairs = f"{result['model']} on {result['n']:,} pairs"
    if "groups" in result:
        pairs += f" ({result['groups']:,} different answers)"
    bounds = result.get("intervals", {})
    rows = []
    for label, of in result["per_class"].items():
        of_label = bounds.get("per_class", {}).get(label, {})
        figures = (with_bounds(of[name], of_label.get(name)) for name in ("precision", "recall", "f1"))
        rows.append((label, *figures, f"{of['support']:,}"))
    print_table(console, pairs, ["label", "precision", "recall", "F1", "pairs"], rows)
    print_confusion(console, "True label by row, predicted by column", list(result["per_class"]), result["confusion"])
    figures = [
        (name.replace("_", " "), with_bounds(value, bounds.get(name)))
        for name, value in result.items()
        if isinstance(value, float)
    ]
    print_table(console, "Over all, with 95 % intervals" if bounds else "Over all", ["", ""], figures)
    if "reliability" in result:
        rows = [
            (f"{row['from']:.3f} to {row['to']:.3f}", f"{row['confidence']:.3f}", with_bounds(row["accuracy"], row["interval"]), f"{row['n']:,}")
            for row in result["reliability"]
        ]  # fmt: skip
        print_table(console, "What its probabilities are worth", ["probability", "mean", "right", "pairs"], rows)
        rows = [
            (f"{row['coverage']:.0%}", f"{row['threshold']:.3f}", with_bounds(row["accuracy"], row["interval"]), f"{row['n']:,}")
            for row in result["selective"]
        ]  # fmt: skip
        print_table(console, "How right the surest are", ["share kept", "probability from", "right", "pairs"], rows)
    if html:
        console.print(f"Written: {html}", markup=False)


def _options(texts, splits: Path | None, encoding: str, html: str | None) -> dict[str, Any]:
    """Return what the library is given, once the page's place is known to be good."""
    if html:
        from pqnlp.reporting.quality import check_page

        check_page(html)
    return {"texts": few(texts), "ids": held_out(splits) if splits else None, "encoding": encoding}


def _write_page(result: dict, html: str) -> None:
    from pqnlp.reporting.quality import write_quality

    write_quality(result, html)


def tell_notices(console, result: dict) -> None:
    for notice in result.get("notices", ()):
        console.print(f"Note: {notice}", markup=False, soft_wrap=True, style="yellow")


def with_bounds(value: float | None, bounds: list[float] | None, form: str = ".3f") -> str:
    if value is None:
        return "–"
    return f"{value:{form}}" + (f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else "")


def print_confusion(console, title: str, labels: list[str], confusion: list[list[int]]) -> None:
    rows = [(label, *(f"{cell:,}" for cell in row)) for label, row in zip(labels, confusion, strict=True)]
    print_table(console, title, ["", *labels], rows)
