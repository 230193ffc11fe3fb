"""`pqnlp suggest`: what to label next."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import bar, count, open_console
from pqnlp.cli.evaluate import tell_notices
from pqnlp.cli.options import Encoding, Inputs, ModelDir, Progress, check_not_input, few


class Form(str, Enum):
    """The forms of `pqnlp.exports.FORMS`."""

    LABEL_STUDIO = "label-studio"
    DOCCANO = "doccano"
    PRODIGY = "prodigy"
    ARGILLA = "argilla"
    CSV = "csv"


class Strategy(str, Enum):
    """The strategies of `pqnlp.suggestion.STRATEGIES`."""

    BADGE = "badge"
    BOTH = "both"
    MARGIN = "margin"
    DISAGREEMENT = "disagreement"


@app.command()
def suggest(
    corpus: Inputs,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write, for the tool of --format.", show_default=False
        ),
    ],
    model: ModelDir = None,
    number: Annotated[int, typer.Option("--count", "-n", metavar="N", min=1, help="How many to choose.")] = 200,
    form: Annotated[Form, typer.Option("--format", "-f", help="The annotation tool, or csv.")] = Form.CSV,
    random: Annotated[
        bool, typer.Option("--random", help="Choose at random: a fair sample, for measuring and for correcting rates.")
    ] = False,
    labelled: Annotated[
        Optional[list[str]],
        typer.Option(
            "--labelled",
            metavar="FILE",
            help="Leave out what is in this file, and copies of it; ids will do; may be repeated.",
        ),
    ] = None,
    by: Annotated[
        Strategy,
        typer.Option(
            "--by",
            help="Unsure and unlike each other (badge); or the most unsure: near labels, layers that differ, both.",
        ),
    ] = Strategy.BADGE,
    blind: Annotated[
        bool, typer.Option("--blind", help="Leave the model's guesses out, so that they sway no one.")
    ] = False,
    interface: Annotated[
        Optional[Path],
        typer.Option("--interface", metavar="FILE", help="Write Label Studio's labelling interface (XML), too."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample and the clusters.")] = 0,
    encoding: Encoding = "utf-8",
    progress: Progress = None,
) -> None:
    """Choose answers to label next, with the model's guesses and their evidence marked for correction.

    Those that the model has least to go by, no two of them near-duplicates; or, with --random, a fair sample.

    [bold]Example[/bold]: pqnlp suggest answers.parquet --model models/mine --count 200 --format label-studio --output next.json
    """
    import pqnlp
    from pqnlp.exports import labelling_config, write_export
    from pqnlp.model import load

    for place in filter(None, (output, interface)):
        _check_place(Path(place))
    check_not_input([*corpus, *(labelled or ())], output)
    opened = load(model)
    with bar("answer", progress, lambda: count(corpus, encoding)) as advance:
        chosen = pqnlp.suggest(
            few(corpus),
            model=opened,
            count=number,
            random=random,
            by=by.value,
            labelled=few(labelled),
            seed=seed,
            encoding=encoding,
            progress=advance,
        )
    labels = [str(name) for name in opened.classifier.classes_]
    frame = chosen.drop(columns=["label", "reason", "score", "evidence_spans"]) if blind else chosen
    write_export(frame, output, form.value, guessed=not blind, labels=labels, agent=f"{opened.name} {opened.version}")
    if interface:
        reasons = [str(name) for name in opened.classifier.outcomes_]
        interface.write_text(labelling_config(labels, reasons if reasons != labels else ()), encoding="utf-8")
    console = open_console()
    tell_notices(console, {"notices": chosen.attrs["notices"]})
    how = (
        "at random"
        if random
        else f"by uncertainty, margins {chosen['margin'].min():.3f} to {chosen['margin'].max():.3f}"
    )
    console.print(f"Chosen: {len(chosen):,} answers {how}", markup=False)
    if not random:
        console.print(
            "For training only: answers chosen by uncertainty measure no model and correct no rate; --random does.",
            markup=False,
            soft_wrap=True,
        )
    for place in filter(None, (output, interface)):
        console.print(f"Written: {place}", markup=False)


def _check_place(place: Path) -> None:
    """Refuse a place that cannot be written to before the work is done."""
    from pqnlp.suggestion import SuggestionError

    if place.is_dir():
        raise SuggestionError(f"{place} is a folder: name a file in it.")
    if not place.absolute().parent.is_dir():
        raise SuggestionError(f"There is no folder {place.absolute().parent}. Make it, or write elsewhere.")
