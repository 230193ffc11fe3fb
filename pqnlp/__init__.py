"""pqnlp reads written parliamentary questions and the answers that ministers give, and says what kind each answer is.

Import is cheap: the model and the libraries behind it are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pqnlp._version import __version__

if TYPE_CHECKING:
    from pqnlp.corpus import read
    from pqnlp.evaluate import evaluate_model
    from pqnlp.explain import Explanation, explain
    from pqnlp.model import Model, load
    from pqnlp.score import entities_table, score, score_file
    from pqnlp.train import train_model

_HOME = {
    "read": "corpus",
    "evaluate_model": "evaluate",
    "explain": "explain",
    "Explanation": "explain",
    "Model": "model",
    "load": "model",
    "score": "score",
    "score_file": "score",
    "entities_table": "score",
    "train_model": "train",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'pqnlp' has no attribute {name!r}")
    value = getattr(import_module(f"pqnlp.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
