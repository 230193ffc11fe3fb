"""`pqnlp train`: fit a model on labelled answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import open_console, print_table, stage
from pqnlp.cli.options import (
    Encoding,
    Labelled,
    Texts,
    few,
    not_zero,
)


@app.command()
def train(
    labelled: Labelled,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Model folder to write.", show_default=False)
    ],
    texts: Texts = None,
    asks: Annotated[
        Optional[Path], typer.Option("--asks", metavar="FILE", help="Annotations of asks and sentences (JSON lines).")
    ] = None,
    teacher: Annotated[
        Optional[Path],
        typer.Option(
            "--teacher", metavar="FILE", help="A teacher's probabilities of the reasons (CSV), to learn from as well."
        ),
    ] = None,
    splits: Annotated[
        Optional[Path],
        typer.Option(
            "--splits", metavar="FILE", help="CSV with id, split (train or test) and group; else a sixth is held out."
        ),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Leave the shipped labels out, also where the label set is theirs.")
    ] = False,
    weight: Annotated[
        Optional[float],
        typer.Option(
            "--weight",
            metavar="W",
            help="How much a row of yours counts beside a shipped one; else 1.",
            show_default=False,
        ),
    ] = None,
    group_by: Annotated[
        Optional[str],
        typer.Option("--group-by", metavar="COLUMN", help="Keep rows with the same value on one side, too."),
    ] = None,
    split_by: Annotated[
        Optional[str], typer.Option("--split-by", metavar="COLUMN", help="A column of dates: hold out the latest rows.")
    ] = None,
    split_at: Annotated[
        Optional[str],
        typer.Option("--split-at", metavar="DAY", help="With --split-by, the first day of the rows held out."),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            "--held-out",
            metavar="SHARE",
            min=0.0,
            max=0.5,
            help="Share of the rows to hold out; else a sixth. 0 for none.",
            show_default=False,
        ),
    ] = 1 / 6,
    labels: Annotated[
        Optional[str], typer.Option("--labels", metavar="A,B,C", help="The labels there may be; others are refused.")
    ] = None,
    tune: Annotated[
        int,
        typer.Option(
            "--tune",
            metavar="N",
            min=0,
            help="Try N settings at random in cross-validation first; each costs three fits.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the split, the folds and the search.")] = 0,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            help="Processes that fit; -1 for one a core. The model is the same.",
            callback=not_zero,
        ),
    ] = 1,
    codebook: Annotated[
        Optional[Path],
        typer.Option("--codebook", metavar="FILE", help="Markdown on what the labels mean, to lie in the folder."),
    ] = None,
    name: Annotated[Optional[str], typer.Option("--name", help="Name of the model; else the folder's.")] = None,
    version: Annotated[str, typer.Option("--version", help="Version of the model.")] = "1.0",
    card: Annotated[
        Optional[Path], typer.Option("--card", metavar="FILE", help="Markdown that ends the model card.")
    ] = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Fit a model on labelled answers, measure it on those held out, and write its folder.

    Where the labels are direct, evasive and policy_restating and --texts holds the shipped labels' texts, these are added.

    [bold]Example[/bold]: pqnlp train mine.csv --texts answers.parquet --weight 2 --output models/mine

    [bold]Example[/bold]: pqnlp train repairs.csv --group-by building --tune 10 --output models/repairs
    """
    import pqnlp

    with stage() as say:
        done = pqnlp.train(
            labelled,
            output=output,
            texts=few(texts),
            asks=asks,
            teacher=teacher,
            splits=splits,
            group_by=group_by,
            split_by=split_by,
            split_at=split_at,
            held_out=share,
            from_scratch=from_scratch,
            weight=weight,
            labels=labels,
            tune=tune,
            seed=seed,
            jobs=jobs,
            name=name,
            version=version,
            card=card,
            codebook=codebook,
            encoding=encoding,
            progress=say,
        )
    _report(done)


def _report(done: dict) -> None:
    """Print what was trained, what was left out and why, and the scores."""
    console = open_console()

    def tell(words: str, **style) -> None:
        console.print(words, markup=False, soft_wrap=True, **style)

    for notice in done.get("notices", ()):
        tell(f"Note: {notice}", style="yellow")
    if done["scores"]:
        simple = done["baselines"]
        first = [name for name in ("shipped_model",) if name in simple]
        columns = {"this model": done["scores"]}
        columns |= {name: simple[name] for name in [*first, *(name for name in simple if name not in first)]}
        rows = [("macro-F1", *(f"{of['macro_f1']:.3f}" for of in columns.values()))]
        for label in done["scores"]["per_class"]:
            of_label = (of["per_class"].get(label) for of in columns.values())
            rows.append((f"F1 {label}", *(f"{of['f1']:.3f}" if of else "" for of in of_label)))
        rows.append(("kappa", *(f"{of['kappa']:.3f}" for of in columns.values())))
        told = {"tfidf_logistic_regression": "TF-IDF + LR"}
        header = ["", *(told.get(name, name.replace("_", " ")) for name in columns)]
        print_table(console, f"Held out: {done['scores']['n']:,} pairs", header, rows)
    left_out = done["left_out"]
    if len(left_out) and "notices" not in done:
        told = ", ".join(f"{count} {problem}" for problem, count in left_out["problem"].value_counts().items())
        tell(f"Left out: {told}")
    training = done.get("training", {})
    if training.get("tied_rows"):
        tell(
            f"Tied: {training['tied_rows']:,} rows equal or nearly equal another's answer ({training['tied_groups']:,} groups); "
            "each group is on one side"
        )
    for why, count in training.get("removed", {}).items():
        tell(f"On neither side: {count:,} {why}")
    if "shipped_rows" in training:
        tell(
            f"Trained on: {training['own_rows']:,} of your rows (weight {training['weight']:g}) and "
            f"{training['shipped_rows']:,} shipped ones"
        )
    if "tuning" in training:
        tuning = training["tuning"]
        best, own = tuning["tried"][tuning["chosen"]], tuning["tried"][0]
        tell(
            f"Settings: the best of {len(tuning['tried'])} in {tuning['folds']} folds of the training rows, macro-F1 "
            f"{best['mean']:.3f} against {own['mean']:.3f} of the defaults: {best['parameters']}"
        )
    tell(f"Written: {done['output']}, fitted on {done['rows']:,} pairs")
