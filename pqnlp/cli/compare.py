"""`pqnlp compare`: which of two models is better on labelled answers."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table, stage
from pqnlp.cli.evaluate import Html, Splits, _options, _write_page, tell_notices, with_bounds
from pqnlp.cli.options import AsJson, Encoding, Labelled, Texts, check_not_input, few


@app.command()
def compare(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Model folder.", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Model folder to compare with it.", show_default=False)],
    labelled: Labelled,
    texts: Texts = None,
    splits: Splits = None,
    output: Annotated[
        Optional[str],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the pairs whose label changed: .csv, .tsv, .jsonl or .parquet by its suffix.",
        ),
    ] = None,
    as_json: AsJson = False,
    html: Html = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Measure two models on the same labelled answers that neither was fitted on, and say how surely one is better.

    Differences with 95 % intervals, McNemar's test, and the pairs that went from right to wrong and from wrong to right.

    [bold]Example[/bold]: pqnlp compare models/default models/mine held_out.csv --html compared.html
    """
    import pqnlp
    from pqnlp.output import TableWriter, write_table

    if output:
        TableWriter(output)  # a bad place is told now, not after the work
        check_not_input(labelled, output)
    options = _options(texts, splits, encoding, html)
    with stage() as say:
        say("measuring both")
        result = pqnlp.compare(old, new, few(labelled), **options)
    if html:
        _write_page(result, html)
    changed = result["changed"]
    if output:
        write_table(changed, output)
    if as_json:
        rows = changed[["id", "label", "old", "new", "change"]].to_dict("records")
        typer.echo(json.dumps({**result, "changed": rows}, ensure_ascii=False, indent=2))
        return
    console = open_console()
    tell_notices(console, result)
    both, differences = (result["old"], result["new"]), result["differences"]
    rows = [
        (
            name,
            *(with_bounds(of[key], of.get("intervals", {}).get(key)) for of in both),
            with_bounds(differences[key]["value"], differences[key]["interval"], "+.3f"),
        )
        for key, name in (("macro_f1", "macro-F1"), ("accuracy", "accuracy"), ("kappa", "kappa"))
    ]
    for label, difference in differences["f1"].items():
        figures = [
            with_bounds(
                of["per_class"].get(label, {}).get("f1"),
                of.get("intervals", {}).get("per_class", {}).get(label, {}).get("f1"),
            )
            for of in both
        ]
        rows.append((f"F1 {label}", *figures, with_bounds(difference["value"], difference["interval"], "+.3f")))
    rows.append(("calibration error", *(f"{of['calibration_error']:.3f}" for of in both), ""))
    title = (
        f"{both[0]['model']} and {both[1]['model']} on {result['n']:,} pairs ({result['groups']:,} different answers)"
    )
    print_table(console, title, ["", "old", "new", "new less old"], rows)
    print_table(
        console, "What changed", ["", "pairs"], [(name, f"{count:,}") for name, count in result["changes"].items()]
    )
    console.print(result["verdict"], markup=False, soft_wrap=True, style="bold")
    for place in filter(None, (output, html)):
        console.print(f"Written: {place}", markup=False)
