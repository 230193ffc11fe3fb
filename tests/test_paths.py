from __future__ import annotations

import configparser
from pathlib import Path

import pytest

import pqnlp.paths
from pqnlp.errors import ModelError
from pqnlp.paths import default_model_dir

ROOT = Path(__file__).parents[1]


def test_the_model_that_ships_is_found():
    assert (default_model_dir() / "manifest.json").is_file()


@pytest.mark.parametrize("place", ["site-packages/pqnlp/models/default", "site-packages/models/default"])
def test_wheel_and_checkout_keep_the_model_in_their_own_places(place, tmp_path, monkeypatch):
    (tmp_path / place).mkdir(parents=True)
    monkeypatch.setattr(pqnlp.paths, "__file__", str(tmp_path / "site-packages" / "pqnlp" / "paths.py"))
    assert default_model_dir() == (tmp_path / place).resolve()


def test_a_missing_model_is_told_with_both_places(tmp_path, monkeypatch):
    monkeypatch.setattr(pqnlp.paths, "__file__", str(tmp_path / "pqnlp" / "paths.py"))
    with pytest.raises(ModelError, match="looked for .*default and .*default"):
        default_model_dir()


def test_every_package_of_the_checkout_is_in_the_wheel():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split()) - {"pqnlp.models", "pqnlp.data"}
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "pqnlp").rglob("__init__.py")}
    assert listed == found
    patterns = setup["options.package_data"]["pqnlp.registries"].split()
    registries = [p for p in (ROOT / "pqnlp" / "registries").iterdir() if p.is_file() and p.suffix != ".py"]
    assert all(any(p.match(pattern) for pattern in patterns) for p in registries)
    carried = setup["options.package_data"]["pqnlp.data"].split()
    assert set(carried) == {"labels.csv", "splits.csv", "asks.jsonl"}
    assert all((ROOT / "data" / name).is_file() for name in carried)
