"""`pqnlp findings`: what a scored corpus tells, as a table."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pqnlp.cli.app import app
from pqnlp.cli.console import bar, count, open_console, print_table
from pqnlp.cli.options import Encoding, Output, Progress, check_not_input, few

if TYPE_CHECKING:
    import pandas as pd


class Kind(str, Enum):
    """The findings, as the command line names them."""

    REFERRAL_CHAINS = "referral-chains"
    POLICY_LINES = "policy-lines"
    STOCK_SHARES = "stock-shares"
    PROMISES = "promises"
    DATA_GAPS = "data-gaps"
    CONSISTENCY = "consistency"


@app.command()
def findings(
    scored: Annotated[
        str, typer.Argument(metavar="SCORED", help="Table that 'pqnlp score' wrote.", show_default=False)
    ],
    output: Output,
    kind: Annotated[Kind, typer.Option("--kind", "-k", help="What to look for.", show_default=False)],
    texts: Annotated[
        Optional[list[str]],
        typer.Option("--texts", metavar="FILE", help="Where the texts are, if SCORED lacks them; may be repeated."),
    ] = None,
    at: Annotated[
        Optional[str],
        typer.Option(
            "--at", metavar="DATE", help="Promises: day on which due is judged; without it, the last day of answer."
        ),
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="U", help="Policy lines: compare each 'sentence' or each 'paragraph'.")
    ] = "sentence",
    min_uses: Annotated[
        int, typer.Option("--min-uses", metavar="N", min=2, help="Policy lines: answers that a line must be in.")
    ] = 3,
    counted: Annotated[
        bool, typer.Option("--counted", help="Data gaps: a row for each thing asked for, with how often.")
    ] = False,
    encoding: Encoding = "utf-8",
    progress: Progress = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> None:
    """Look through a scored table for referral chains, policy lines, promises, data gaps or inconsistent answers.

    The columns of each are in docs/findings.md, with how often they are right.

    [bold]Example[/bold]: pqnlp findings scored.parquet --kind promises --output promises.csv
    """
    from pqnlp import findings as library
    from pqnlp.errors import PqnlpError
    from pqnlp.output import TableWriter, write_table

    if unit not in ("sentence", "paragraph"):
        raise PqnlpError(f"--unit is {unit!r}: choose 'sentence' or 'paragraph'.")
    TableWriter(output)  # a bad place is told now, not after the work
    check_not_input([scored], output)
    with bar("answer", progress, lambda: count([scored], encoding)) as advance:
        frame = library.read_scored(scored, texts=few(texts), encoding=encoding)
        try:
            found = _find(library, kind, frame, at=at, unit=unit, min_uses=min_uses, counted=counted, advance=advance)
        except ValueError as error:
            raise PqnlpError(f"--{error}") from None
        write_table(found, output)
    if not quiet:
        _print_summary(kind, found, output)


def _find(library: Any, kind: Kind, frame: "pd.DataFrame", *, at, unit, min_uses, counted, advance) -> "pd.DataFrame":
    if kind is Kind.REFERRAL_CHAINS:
        return library.resolve_referrals(frame, progress=advance)
    if kind is Kind.POLICY_LINES:
        return library.find_policy_lines(frame, unit=unit, min_uses=min_uses, progress=advance)
    if kind is Kind.STOCK_SHARES:
        return library.stock_shares(frame, unit=unit, min_uses=min_uses, progress=advance)
    if kind is Kind.PROMISES:
        return library.find_promises(frame, at=at, progress=advance)
    if kind is Kind.CONSISTENCY:
        return library.find_inconsistencies(frame, progress=advance)
    gaps = library.find_data_gaps(frame, progress=advance)
    return library.count_data_gaps(gaps) if counted else gaps


#: The column whose values the summary counts.
_COUNTED = {
    Kind.REFERRAL_CHAINS: "status",
    Kind.PROMISES: "state",
    Kind.DATA_GAPS: "gap",
    Kind.CONSISTENCY: "differs",
}


def _print_summary(kind: Kind, found: "pd.DataFrame", output: str) -> None:
    console = open_console(err=output == "-")
    column = _COUNTED.get(kind)
    told = f"{len(found):,} rows"
    if column not in found.columns or found.empty:
        console.print(told, markup=False)
    else:
        print_table(
            console, told, [column, "rows"], [(name, f"{n:,}") for name, n in found[column].value_counts().items()]
        )
    if output != "-":
        console.print(f"Written: {output}", markup=False)
