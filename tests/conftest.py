"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before any library starts its threads; as the command line does.
os.environ.setdefault("OMP_NUM_THREADS", "1")


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
