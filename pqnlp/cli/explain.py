"""`pqnlp explain`: why one answer gets its label."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Annotated, Any, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import colour
from pqnlp.cli.options import (
    AsJson,
    Encoding,
    ModelDir,
    UnsureBelow,
)
from pqnlp.errors import ReadError


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
    as_json: AsJson = False,
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
        typer.echo(explanation.render(color=colour(sys.stdout), width=width), color=colour(sys.stdout))


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
