"""Read the package's tables of departments, organisations and legislation (``pqnlp/registries``)."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from importlib import resources

__all__ = ["read_table", "read_json"]


@lru_cache(maxsize=None)
def read_json(name: str):
    """Return the parsed JSON registry `name` (read once)."""
    return json.loads(resources.files("pqnlp.registries").joinpath(name).read_text(encoding="utf-8"))


@lru_cache(maxsize=None)
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of the CSV registry `name` (read once)."""
    text = resources.files("pqnlp.registries").joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
