"""pqnlp reads written parliamentary questions and the answers that ministers give, and says what kind each answer is.

Import is cheap: the model and the libraries behind it are loaded by the first call that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pqnlp._version import __version__

if TYPE_CHECKING:
    from pqnlp import entities
    from pqnlp.agreement import agree
    from pqnlp.comparison import compare
    from pqnlp.corpus import read
    from pqnlp.estimation import rates
    from pqnlp.evaluation import evaluate
    from pqnlp.explanation import Explanation, explain
    from pqnlp.model import Model, load
    from pqnlp.reporting import report
    from pqnlp.scoring import score, score_file
    from pqnlp.spread import score_dask
    from pqnlp.suggestion import suggest
    from pqnlp.training import train

_HOME = {
    "agree": "agreement",
    "compare": "comparison",
    "read": "corpus",
    "evaluate": "evaluation",
    "explain": "explanation",
    "Explanation": "explanation",
    "Model": "model",
    "load": "model",
    "rates": "estimation",
    "report": "reporting",
    "score": "scoring",
    "score_dask": "spread",
    "score_file": "scoring",
    "suggest": "suggestion",
    "train": "training",
}

__all__ = [
    "Explanation",
    "Model",
    "__version__",
    "agree",
    "compare",
    "entities",
    "evaluate",
    "explain",
    "load",
    "rates",
    "read",
    "report",
    "score",
    "score_dask",
    "score_file",
    "suggest",
    "train",
]


def __getattr__(name: str):
    if name in ("entities", "findings", "plot", "spark"):  # modules; the first can be called
        return import_module(f"pqnlp.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'pqnlp' has no attribute {name!r}")
    value = getattr(import_module(f"pqnlp.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
