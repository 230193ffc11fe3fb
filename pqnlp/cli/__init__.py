"""The command line: arguments in, text out. Each command calls one function of the library.

A module a command; importing it registers the command. They import the library inside their functions, so that
``pqnlp --help`` does not wait for it.
"""

# ruff: noqa: I001, F401, in the order that --help lists them
from pqnlp.cli import score
from pqnlp.cli import explain
from pqnlp.cli import entities
from pqnlp.cli import train
from pqnlp.cli import train_entities
from pqnlp.cli import evaluate
from pqnlp.cli import compare
from pqnlp.cli import agree
from pqnlp.cli import suggest
from pqnlp.cli import fetch
from pqnlp.cli import findings
from pqnlp.cli import report
from pqnlp.cli.app import app, main

__all__ = ["app", "main"]
