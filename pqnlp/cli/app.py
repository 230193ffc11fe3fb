"""The application that the commands register with, and how their errors are told."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from typer.core import TyperGroup

from pqnlp._version import __version__
from pqnlp.errors import PqnlpError

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
