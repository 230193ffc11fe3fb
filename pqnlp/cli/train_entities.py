"""`pqnlp train-entities`: fit the recogniser of organisations to spans of one's own."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table, stage
from pqnlp.cli.options import Encoding, ModelDir, few


@app.command("train-entities")
def train_entities(
    labelled: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED",
            help="Marked spans: exports of Label Studio, doccano, Prodigy or Argilla, or JSON lines with text and spans.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Model folder to write.", show_default=False)
    ],
    model: ModelDir = None,
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts of rows with ids alone are; may be repeated."),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Learn from these spans alone, not on top of the shipped weights.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the draw of the texts held out.")] = 0,
    encoding: Encoding = "utf-8",
) -> None:
    """Fit the recogniser of organisations to spans marked as ORG, and lay it beside a model's classifier.

    The folder serves wherever a model folder does: score, entities, pqnlp.load.

    [bold]Example[/bold]: pqnlp train-entities doccano.jsonl --output models/mine
    """
    import pqnlp
    from pqnlp.entities.annotations import read_span_exports
    from pqnlp.entities.recogniser import OrganisationModel
    from pqnlp.entities.train import retrain
    from pqnlp.model import add_recogniser, check_place

    check_place(output)
    with stage() as show:
        show("reading the spans")
        spans = read_span_exports(labelled, corpus=few(texts), encoding=encoding)
        show("fitting")
        result = retrain(spans, from_scratch=from_scratch, seed=seed)
        show("writing")
        names = ("precision", "recall", "f1")
        scores = {
            "texts": result.held_out,
            "spans": result.spans,
            "before": dict(zip(names, (round(x, 3) for x in result.before), strict=True)),
            "after": dict(zip(names, (round(x, 3) for x in result.after), strict=True)),
        }
        add_recogniser(pqnlp.load(model), output, OrganisationModel(result.weights), scores)
    console = open_console()
    rows = [
        (name, *(f"{value:.3f}" for value in values))
        for name, values in (("shipped", result.before), ("yours", result.after))
    ]
    title = f"Organisations on {result.spans:,} spans of {result.held_out:,} texts held out of {len(spans):,}"
    print_table(console, title, ["recogniser", *names], rows)
    if result.after[2] <= result.before[2]:
        console.print("It is no better than the shipped recogniser on these texts: mark more before using it.")
    console.print(f"Written: {output}", highlight=False, markup=False)
