"""What the commands show: tables, colours and a progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def count(inputs: list[str], encoding: str) -> int | None:
    from pqnlp.formats import count_rows

    return count_rows(inputs, encoding=encoding)


@contextmanager
def bar(unit: str, wanted: bool | None, total: Callable[[], int | None]) -> Iterator[Callable[[int], Any]]:
    """Yield a function to call with the number just done; it moves a bar with rate and time left on standard error."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield lambda done: None
        return
    from tqdm import tqdm

    # Nothing is shown of work that takes under a second.
    with tqdm(total=total(), unit=f" {unit}s", unit_scale=False, delay=1, dynamic_ncols=True, smoothing=0.1) as bar:
        yield bar.update


@contextmanager
def stage() -> Iterator[Callable[[str], Any]]:
    """Yield a function to call with what is being done, shown with a spinner on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield lambda words: None
        return
    with open_console(err=True).status("") as status:
        yield lambda words: status.update(words[:1].upper() + words[1:])


def colour(stream) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def open_console(*, err: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=err, highlight=False, soft_wrap=False)


def print_table(
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
    needed = sum(widths) + 3 * len(widths) + 2
    # What a line of the terminal cannot hold goes on below; in a file or a pipe there is no line to fit.
    fits = needed if stretch is not None or not console.is_terminal or needed <= console.width else None
    for at, name in enumerate(header):
        figures = at > 0 and all(str(row[at])[:1].isdigit() for row in rows)
        table.add_column(
            name,
            **({"max_width": widths[at]} if at == stretch else {} if fits is None else {"min_width": widths[at]}),
            no_wrap=fits is not None,
            overflow="fold" if fits is None else "ellipsis",
            justify="right" if figures else "left",
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(Text(title, style="bold"))
    wide = None if console.is_terminal or stretch is not None else max(console.width, needed)
    console.print(table, width=wide, crop=wide is None)
