"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits  # comes with scikit-learn

# As the command line does. pytest has loaded scikit-learn by now, so that its own setting would come too late.
threadpool_limits(1)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of small invented files, each in a form that people hold."""
    return Path(__file__).parent / "data"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes text or bytes to a file in a fresh folder and gives its path."""

    def write_file(name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write_file


@pytest.fixture(scope="session")
def scored_sample():
    """Return the sample of invented answers, scored with entities. Take a copy to change it."""
    import pqnlp

    return pqnlp.score(Path(__file__).parents[1] / "data" / "sample_answers.jsonl", entities=True)


#: Settings under which a model is fitted in a second; it is small, and not the best.
SMALL = {"n_folds": 2, "min_df": 1, "max_iter": 20, "max_features": 600}


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """Return a folder with a small model of the replies about repairs. Take a copy to change it."""
    return _trained(tmp_path_factory.mktemp("models") / "repairs")


@pytest.fixture(scope="session")
def smaller_model(tmp_path_factory):
    """Return a folder with a model of the same replies that was told no deciding sentence and a third of them: a worse one."""
    return _trained(tmp_path_factory.mktemp("models") / "smaller", leave=("evidence",), rows=120)


def _trained(folder: Path, leave: tuple[str, ...] = (), rows: int | None = None) -> Path:
    import pandas as pd

    import pqnlp

    table = pd.read_csv(Path(__file__).parents[1] / "data" / "repairs.csv", nrows=rows).drop(columns=list(leave))
    pqnlp.train(table, output=folder, parameters=SMALL)
    return folder
