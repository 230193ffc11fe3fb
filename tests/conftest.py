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
