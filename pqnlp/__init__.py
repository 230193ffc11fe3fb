"""pqnlp reads written parliamentary questions and the answers that ministers give, and says what kind each answer is.

Import is cheap: the model and the libraries behind it are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pqnlp._version import __version__

if TYPE_CHECKING:
    from pqnlp.corpus import read
    from pqnlp.evaluation import evaluate_model
    from pqnlp.explanation import Explanation, explain
    from pqnlp.model import Model, load
    from pqnlp.scoring import entities_table, score, score_file
    from pqnlp.training import train_model

_HOME = {
    "read": "corpus",
    "evaluate_model": "evaluation",
    "explain": "explanation",
    "Explanation": "explanation",
    "Model": "model",
    "load": "model",
    "score": "scoring",
    "score_file": "scoring",
    "entities_table": "scoring",
    "train_model": "training",
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
