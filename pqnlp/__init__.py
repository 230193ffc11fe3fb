"""pqnlp reads written parliamentary questions and the answers that ministers give, and says what kind each answer is."""

from pqnlp._version import __version__

__all__ = ["__version__"]
