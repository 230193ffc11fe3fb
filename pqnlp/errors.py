"""The errors that a user of pqnlp can meet, each a kind of `ValueError` or `OSError` with the mend in its message."""

from __future__ import annotations

__all__ = ["ModelError", "PqnlpError", "ReadError"]


class PqnlpError(ValueError):
    """Base of pqnlp's own errors; the command line shows the message alone."""


class ReadError(PqnlpError):
    """A file or frame that cannot be read as question-answer pairs.

    The message names the file, the row, line or byte, and the mend.
    """


class ModelError(PqnlpError):
    """A model folder that is missing, damaged, foreign, or made by libraries that this installation cannot follow."""
