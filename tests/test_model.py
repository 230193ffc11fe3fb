import json
import pickle
import shutil
import zipfile

import pytest

import pqnlp
from pqnlp import model as folders
from pqnlp.errors import ModelError
from pqnlp.paths import default_model_dir

PAIRS = [
    ("To ask the Minister, how many there are.", "There are 12."),
    ("To ask the Minister, when it opens.", "In due course."),
]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(default_model_dir(), tmp_path / "model")


def _manifest(folder, **changes):
    """Change the manifest and sign it anew, as somebody would who means to deceive."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | changes
    manifest["digest"] = folders._manifest_digest(manifest)
    path.write_text(json.dumps(manifest))


def _replace_model(folder, write):
    write(folder / "model.skops")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    _manifest(folder, files=files | {"model.skops": folders._digest(folder / "model.skops")})


def test_copied_folder_predicts_the_same(folder):
    assert (
        pqnlp.load(folder).classifier.predict_proba(PAIRS).tolist()
        == pqnlp.load().classifier.predict_proba(PAIRS).tolist()
    )


def test_manifest_says_what_was_fitted():
    manifest = pqnlp.load().manifest
    assert manifest["training"]["rows"] > 4900
    assert len(manifest["training"]["ids_sha256"]) == 64
    assert (
        manifest["scores"]["model"]["macro_f1"]
        > manifest["scores"]["baselines"]["tfidf_logistic_regression"]["macro_f1"]
    )
    assert {"scikit-learn", "spacy", "skops"} <= set(manifest["libraries"])


def test_saved_again_it_is_the_same_model(folder, tmp_path):
    opened = pqnlp.load(folder)
    folders.save(opened.classifier, tmp_path / "again", name="again", version="2", unsure_below=0.5)
    again = pqnlp.load(tmp_path / "again")
    assert again.name == "again"
    assert abs(again.classifier.predict_proba(PAIRS) - opened.classifier.predict_proba(PAIRS)).max() < 1e-6


class _Bomb:
    def __reduce__(self):
        import os

        return os.system, ("echo pqnlp-ran-code > ran_code",)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: shutil.rmtree(f), "no model folder"),
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
        (lambda f: (f / "model.skops").unlink(), "lacks model.skops"),
        (lambda f: (f / "model.skops").write_bytes((f / "model.skops").read_bytes()[:-1000]), "checksum"),
        (lambda f: (f / "manifest.json").write_text("{"), "damaged"),
        (lambda f: (f / "manifest.json").write_text('{"files": {}}'), "damaged"),
        (
            lambda f: (f / "manifest.json").write_text(
                (f / "manifest.json").read_text().replace('"unsure_below": 0', '"unsure_below": 1')
            ),
            "damaged",
        ),
        (lambda f: _manifest(f, format=99), "format 99"),
        (lambda f: _manifest(f, golden=[[1, 0, 0]] * 5), "other probabilities"),
        (lambda f: _replace_model(f, lambda p: p.write_bytes(b"not a zip")), "not a whole model file"),
        (lambda f: _replace_model(f, lambda p: p.write_bytes(pickle.dumps(_Bomb()))), "not a whole model file"),
    ],
)
def test_damaged_folders_are_refused_with_the_reason(folder, damage, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    damage(folder)
    with pytest.raises(ModelError, match=words):
        pqnlp.load(folder)
    assert not (tmp_path / "ran_code").exists()


def test_foreign_types_are_named_and_not_built(folder):
    import skops.io

    def write(path):
        skops.io.dump({"classifier": _Bomb}, path)

    _replace_model(folder, write)
    with pytest.raises(ModelError, match="no part of a pqnlp model"):
        pqnlp.load(folder)


def test_zip_bomb_is_refused(folder):
    def write(path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", b"0" * 50_000_000)

    _replace_model(folder, write)
    with pytest.raises(ModelError, match="unpacks to"):
        pqnlp.load(folder)


def test_saving_does_not_overwrite_something_else(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years of work")
    opened = pqnlp.load()
    with pytest.raises(ModelError, match="no model folder"):
        folders.save(opened.classifier, tmp_path / "papers", name="x", version="1", unsure_below=0.5)
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "years of work"
