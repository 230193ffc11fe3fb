"""The command line: arguments in, text out. Each command calls one function of the library."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from typer.core import TyperGroup

from pqnlp._version import __version__
from pqnlp.errors import PqnlpError, ReadError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Commands whose expected errors are one line and exit code 1."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader (`| head`) has seen enough. Python would complain again when it closes standard output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(1) from None
        except PqnlpError as error:
            message = str(error)
        except OSError as error:
            message = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        typer.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        typer.echo(" ".join(message.split()), err=True)
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    app(prog_name="pqnlp")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"pqnlp {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Say what kind of answer a written parliamentary question got, and what the answer names."""
    # The model's parts are small: on a busy machine their threads wait for each other twenty times longer than they
    # work. More cores are put to use by --jobs.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _not_zero(value: int) -> int:
    if value == 0 or value < -1:
        raise typer.BadParameter(f"{value} is not a number of processes: give 1 or more, or -1 for one a core.")
    return value


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


@app.command()
def score(
    inputs: Inputs,
    output: Output,
    model: ModelDir = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", metavar="N", help="Processes; -1 for one a core.", callback=_not_zero)
    ] = 1,
    entities: Annotated[
        bool, typer.Option("--entities/--no-entities", help="Tag entities too; without them it is faster.")
    ] = True,
    encoding: Encoding = "utf-8",
    unsure_below: UnsureBelow = None,
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """Label every question-answer pair and write the table.

    Rows that cannot be scored (cut, unanswered, withdrawn, ...) are kept, with the reason in the column 'problem'.

    [bold]Example[/bold]: pqnlp score answers.jsonl --output scored.csv --jobs 2
    """
    from pqnlp.output import TableWriter

    if "-" in inputs and len(inputs) > 1:
        raise ReadError("Standard input (-) cannot be read together with files: give the one or the others.")
    TableWriter(output)  # a bad place is told now, not after the work
    _check_not_input(inputs, output)
    with _bar("pair", progress, lambda: _count(inputs, encoding)) as advance:
        import pqnlp

        summary = pqnlp.score_file(
            inputs if len(inputs) > 1 else inputs[0],
            output,
            model=model,
            jobs=jobs,
            entities=entities,
            encoding=encoding,
            progress=advance,
            unsure_below=unsure_below,
        )
    if not quiet:
        _print_summary(summary, output)


@app.command()
def explain(
    file: Annotated[
        Optional[str],
        typer.Argument(metavar="[FILE|-]", help="A file of any form that 'score' reads.", show_default=False),
    ] = None,
    question: Annotated[
        Optional[str], typer.Option("--question", "-q", metavar="Q", help="The question's text.")
    ] = None,
    answer: Annotated[
        Optional[str], typer.Option("--answer", "-a", metavar="A", help="The answer's text or HTML.")
    ] = None,
    department: Annotated[
        Optional[str], typer.Option(metavar="NAME", help="The answering body, for 'her Department'.")
    ] = None,
    answered: Annotated[
        Optional[str], typer.Option(metavar="DATE", help="Day of the answer, for 'last month'.")
    ] = None,
    row: Annotated[
        Optional[int], typer.Option("--row", metavar="N", min=1, help="Which pair of the file, from 1.")
    ] = None,
    identity: Annotated[
        Optional[str], typer.Option("--id", metavar="ID", help="Which pair of the file, by its id.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    model: ModelDir = None,
    encoding: Encoding = "utf-8",
    unsure_below: UnsureBelow = None,
) -> None:
    """Show why one answer gets its label: the asks, the sentences, the deciding one marked.

    [bold]Example[/bold]: pqnlp explain answers.jsonl --row 3

    [bold]Example[/bold]: pqnlp explain -q "To ask the Home Secretary, how many visas were issued." -a "There were 12."
    """
    if file is not None and (question is not None or answer is not None):
        raise ReadError("Give a file, or --question and --answer, not both.")
    if file is None:
        if question is None and answer is None and not sys.stdin.isatty():
            file = "-"
        elif question is None or answer is None:
            raise ReadError("Give a file, or both --question and --answer.")
    if file is not None:
        pair = _one_pair(file, row, identity, encoding)
        question, answer = pair["question"], pair["answer"]
        department = department or pair["department"]
        answered = answered or pair["answered"]
    else:
        pair = _one_pair([(question, answer)], None, None, encoding)
    import pqnlp

    opened = pqnlp.load(model, unsure_below=unsure_below)
    explanation = pqnlp.explain(question, answer, department, answered, model=opened)
    if as_json:
        typer.echo(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=2))
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        # click would strip the colours again where standard output is no terminal but they were asked for
        typer.echo(explanation.render(color=_colour(sys.stdout), width=width), color=_colour(sys.stdout))


@app.command()
def entities(
    inputs: Inputs,
    output: Output,
    encoding: Encoding = "utf-8",
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """List every department, organisation, law and date that questions and answers name, a row each.

    [bold]Example[/bold]: pqnlp entities answers.jsonl --output mentions.csv
    """
    from pqnlp.output import TableWriter

    if "-" in inputs and len(inputs) > 1:
        raise ReadError("Standard input (-) cannot be read together with files: give the one or the others.")
    writer = TableWriter(output)
    _check_not_input(inputs, output)
    counts: dict[str, int] = {}
    pairs = 0
    with _bar("pair", progress, lambda: _count(inputs, encoding)) as advance, writer:
        from types import SimpleNamespace

        import pqnlp
        from pqnlp.corpus import read_batches
        from pqnlp.pipeline import build_pipeline

        tagger = SimpleNamespace(nlp=build_pipeline())  # entities need no fitted model
        for batch in read_batches(inputs if len(inputs) > 1 else inputs[0], encoding=encoding):
            table = pqnlp.entities(batch, model=tagger)
            table["row"] += pairs
            writer.write(table)
            for kind, count in table["type"].value_counts().items():
                counts[kind] = counts.get(kind, 0) + int(count)
            pairs += len(batch)
            advance(len(batch))
    if not quiet:
        console = _console(err=output == "-")
        rows = [
            (kind, f"{count:,}", f"{count / pairs:.2f}") for kind, count in sorted(counts.items(), key=lambda c: -c[1])
        ]
        _print_table(console, f"{writer.rows:,} mentions in {pairs:,} pairs", ["type", "mentions", "a pair"], rows)
        if output != "-":
            console.print(f"Written: {output}", highlight=False, markup=False)


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
        texts=_few(texts),
        asks=asks,
        splits=splits,
        name=name,
        version=version,
        card=card,
        encoding=encoding,
    )
    console = _console()
    if done["scores"]:
        columns = {"this model": done["scores"], **done["baselines"]}
        rows = [("macro-F1", *(f"{of['macro_f1']:.3f}" for of in columns.values()))]
        for label in done["scores"]["per_class"]:
            rows.append((f"F1 {label}", *(f"{of['per_class'][label]['f1']:.3f}" for of in columns.values())))
        rows.append(("kappa", *(f"{of['kappa']:.3f}" for of in columns.values())))
        header = ["", *(name.replace("_", " ") for name in columns)]
        _print_table(console, f"Held out: {done['scores']['n']:,} pairs", header, rows)
    left_out = done["left_out"]
    if len(left_out):
        told = ", ".join(f"{count} {problem}" for problem, count in left_out["problem"].value_counts().items())
        console.print(f"Left out: {told}", markup=False)
    console.print(f"Written: {done['output']}, fitted on {done['rows']:,} pairs", markup=False)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model folder.", show_default=False)],
    labelled: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED", help="Tables with 'label' and texts, or 'label' and 'id'.", show_default=False
        ),
    ],
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts of the ids are; may be repeated."),
    ] = None,
    splits: Annotated[
        Optional[Path],
        typer.Option("--splits", metavar="FILE", help="CSV with id and split: measure on the rows of 'test' only."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on labelled answers that it was not fitted on.

    [bold]Example[/bold]: pqnlp evaluate models/default data/labels.csv --texts answers.parquet --splits data/splits.csv
    """
    import pqnlp

    ids = _held_out(splits) if splits else None
    result = pqnlp.evaluate(model, _few(labelled), texts=_few(texts), ids=ids)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    console = _console()
    per_class = result["per_class"]
    rows = [
        (label, *(f"{of[k]:.3f}" for k in ("precision", "recall", "f1")), f"{of['support']:,}")
        for label, of in per_class.items()
    ]
    _print_table(
        console, f"{result['model']} on {result['n']:,} pairs", ["label", "precision", "recall", "F1", "pairs"], rows
    )
    confusion = [(label, *map(str, row)) for label, row in zip(per_class, result["confusion"], strict=True)]
    _print_table(console, "True label by row, predicted by column", ["", *per_class], confusion)
    figures = [
        (name.replace("_", " "), f"{value:.3f}")
        for name, value in result.items()
        if isinstance(value, float) and name not in ("n",)
    ]
    _print_table(console, "Over all", ["", ""], figures)


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
    with _bar("id", progress, lambda: len(wanted)) as advance:
        summary = fetch_texts(
            wanted, output, source=source, api=api or API, rate=rate, encoding=encoding, progress=advance
        )
    said = f"Written: {output}, {summary['written']:,} of {summary['asked']:,} ids"
    typer.echo(said + (f" ({summary['resumed']:,} from an earlier run)" if summary["resumed"] else ""))
    if summary["missing"]:
        some = ", ".join(summary["missing"][:5]) + (", ..." if len(summary["missing"]) > 5 else "")
        typer.echo(f"Missing: {len(summary['missing']):,} ids ({some}), all in {output}.missing.txt", err=True)


def _few(files: list[str] | None) -> Any:
    return files[0] if files and len(files) == 1 else files or None


def _held_out(splits: Path) -> list[str]:
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


def _check_not_input(inputs: list[str], output: str) -> None:
    if output == "-" or not os.path.exists(output):
        return
    for name in inputs:
        if name != "-" and os.path.exists(name) and os.path.samefile(name, output):
            raise PqnlpError(f"{output} is the input: name another file to write.")


def _one_pair(source: Any, row: int | None, identity: str | None, encoding: str) -> dict:
    """Return the first pair of `source`, or the one that `row` or `identity` names; raise if it cannot be scored."""
    from pqnlp.corpus import PROBLEMS, read_batches

    seen = 0
    for batch in read_batches(source, encoding=encoding):
        rows = batch.index
        if identity is not None:
            rows = rows[batch["id"] == identity]
        elif row is not None:
            rows = rows[row - 1 - seen : row - seen] if row > seen else rows[:0]
        if len(rows):
            pair = {key: None if value != value else value for key, value in batch.loc[rows[0]].items()}
            if pair["problem"] not in ("", "duplicate_id", "not_english"):
                raise ReadError(
                    f"The pair {pair['id']} cannot be scored: {PROBLEMS[pair['problem']]} ({pair['problem']})."
                )
            return pair
        seen += len(batch)
    sought = f"id {identity!r}" if identity is not None else f"row {row}"
    raise ReadError(f"There is no {sought}: {source} has {seen} pairs.")


def _count(inputs: list[str], encoding: str) -> int | None:
    from pqnlp.formats import count_rows

    return count_rows(inputs, encoding=encoding)


@contextmanager
def _bar(unit: str, wanted: bool | None, total: Callable[[], int | None]) -> Iterator[Callable[[int], Any]]:
    """Yield a function to call with the number just done; it moves a bar with rate and time left on standard error."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield lambda done: None
        return
    from tqdm import tqdm

    # Nothing is shown of work that takes under a second.
    with tqdm(total=total(), unit=f" {unit}s", unit_scale=False, delay=1, dynamic_ncols=True, smoothing=0.1) as bar:
        yield bar.update


def _colour(stream) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _console(*, err: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=err, highlight=False, soft_wrap=False)


def _print_table(
    console: "Console", title: str, header: list[str], rows: list[tuple], *, stretch: int | None = None
) -> None:
    """Print a table; the column `stretch` is cut to what the others leave of the line."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    widths = [
        min(40, max(len(str(cell)) for cell in (name, *(row[at] for row in rows)))) for at, name in enumerate(header)
    ]
    if stretch is not None:  # a column is parted from the next by three characters
        widths[stretch] = max(10, console.width - sum(widths) + widths[stretch] - 3 * len(widths))
    for at, name in enumerate(header):
        figures = at > 0 and all(str(row[at])[:1].isdigit() for row in rows)
        table.add_column(
            name,
            no_wrap=True,
            overflow="ellipsis",
            **({"max_width": widths[at]} if at == stretch else {"min_width": widths[at]}),
            justify="right" if figures else "left",
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(Text(title, style="bold"))
    console.print(table)


def _print_summary(summary: dict, output: str) -> None:
    """Print what `score_file` says it did: counts of labels and problems, and the first few rows."""
    console = _console(err=output == "-")
    rows, scored = summary["rows"], summary["scored"]
    seconds = summary.get("seconds") or 0.0
    pace = f", {rows / seconds:,.0f} a second" if seconds > 1 else ""
    labels = [
        (label, f"{count:,}", f"{count / scored:.1%}" if scored else "")
        for label, count in sorted(summary["labels"].items(), key=lambda item: -item[1])
    ]
    _print_table(
        console, f"{rows:,} pairs, {scored:,} scored in {seconds:.1f} s{pace}", ["label", "pairs", "share"], labels
    )
    problems = {name: count for name, count in summary["problems"].items() if name and count}
    if problems:
        from pqnlp.corpus import PROBLEMS

        told = [
            (name, f"{count:,}", PROBLEMS.get(name, ""))
            for name, count in sorted(problems.items(), key=lambda p: -p[1])
        ]
        _print_table(console, "Problems", ["problem", "pairs", "what it means"], told, stretch=2)
    if output == "-":
        return
    from pqnlp.output import first_rows

    head = first_rows(output, 200)
    if {"id", "label", "evidence"} <= set(head.columns):
        some = head[head["label"].fillna("").astype(str) != ""].drop_duplicates("label").head(3)
        if len(some) < 3:
            some = head[head["label"].fillna("").astype(str) != ""].head(3)
        shown = [(r["id"], r["label"], " ".join(str(r["evidence"] or "").split())) for _, r in some.iterrows()]
        if shown:
            _print_table(console, "Some rows", ["id", "label", "evidence"], shown, stretch=2)
    console.print(f"Written: {output}", markup=False)
