import json
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import pqnlp
from pqnlp import model as folders
from pqnlp.errors import ModelError

DOC = (Path(__file__).parents[1] / "docs" / "models.md").read_text(encoding="utf-8")

PAIRS = [
    ("To ask the Minister, how many there are.", "There are 12."),
    ("To ask the Minister, when it opens.", "In due course."),
]


@pytest.fixture
def folder(small_model, tmp_path):
    return shutil.copytree(small_model, tmp_path / "model")


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


def test_texts_that_git_gave_the_line_ends_of_windows_are_those_that_were_saved(folder, small_model):
    for file in (*folder.glob("*.md"), *folder.glob("*.txt"), folder / "manifest.json"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    expected = pqnlp.load(small_model).classifier.predict_proba(PAIRS).tolist()
    assert pqnlp.load(folder).classifier.predict_proba(PAIRS).tolist() == expected


@pytest.mark.parametrize("place", ["elsewhere", "with space and ü/deeper"])
def test_a_folder_moved_elsewhere_predicts_the_same(place, small_model, folder, tmp_path):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    moved = folder.rename(tmp_path / place)
    expected = pqnlp.load(small_model).classifier.predict_proba(PAIRS).tolist()
    assert pqnlp.load(moved).classifier.predict_proba(PAIRS).tolist() == expected


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


# --- folders that are broken, as docs/models.md tells of them ---------------------------------------------------------


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def _edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _foreign_types(path):
    import skops.io

    skops.io.dump({"classifier": _Bomb}, path)


def _zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"0" * 50_000_000)


def _another_estimator(path):
    import skops.io
    from sklearn.linear_model import LogisticRegression

    skops.io.dump(LogisticRegression(), path)


def _trees_that_go_round(path):
    import skops.io

    classifier = skops.io.load(path, trusted=list(folders._TRUSTED))
    tree = next(t.nodes for trees in classifier.trees_._predictors for t in trees if len(t.nodes) > 1)
    tree["left"][tree["is_leaf"] == 0] = 0
    skops.io.dump(classifier, path)


def _files(folder):
    return json.loads((folder / "manifest.json").read_text())["files"]


def _file_in_place(folder):
    shutil.rmtree(folder)
    folder.write_text("a model?")


def _only(folder, name, content):
    for path in folder.iterdir():
        path.unlink()
    (folder / name).write_text(content)


#: What is done to a good folder, by its name in the table of docs/models.md.
BROKEN = {
    "no folder": lambda f: shutil.rmtree(f),
    "a file in its place": _file_in_place,
    "a spaCy pipeline": lambda f: _only(f, "meta.json", '{"lang": "en"}'),
    "`manifest.json` lost": lambda f: (f / "manifest.json").unlink(),
    "`manifest.json` cut": lambda f: _cut(f / "manifest.json"),
    "`manifest.json` edited": lambda f: _edit(f / "manifest.json", '"seed": 0', '"seed": 1'),
    "`model.skops` lost": lambda f: (f / "model.skops").unlink(),
    "`model.skops` cut": lambda f: _cut(f / "model.skops"),
    "`model.skops` with one bit flipped": lambda f: _flip(f / "model.skops"),
    "the card edited": lambda f: _edit(f / "README.md", "#", "# The best"),
    "of a later format": lambda f: _manifest(f, format=folders.FORMAT + 1, pqnlp="9.0"),
    "of an earlier format": lambda f: _manifest(f, format=0, pqnlp="0.0.1"),
    "signed anew, with a pickle": lambda f: _replace_model(f, lambda p: p.write_bytes(pickle.dumps(_Bomb()))),
    "signed anew, with foreign types": lambda f: _replace_model(f, _foreign_types),
    "signed anew, with another estimator": lambda f: _replace_model(f, _another_estimator),
    "signed anew, with a zip bomb": lambda f: _replace_model(f, _zip_bomb),
    "signed anew, with trees that go round": lambda f: _replace_model(f, _trees_that_go_round),
    "signed anew, with a path that leads out": lambda f: _manifest(f, files=_files(f) | {"../secret.txt": "0" * 64}),
    "signed anew, with a field of another kind": lambda f: _manifest(f, unsure_below="high"),
    "libraries that give other probabilities": lambda f: _manifest(
        f, golden=[[1, 0, 0]] * 5, libraries=json.loads((f / "manifest.json").read_text())["libraries"] | {"scikit-learn": "1.2.0"}
    ),
}  # fmt: skip


def documented() -> dict[str, str]:
    table = DOC.split("## What broken folders get")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.M)
    return {name: said for name, said in found if name not in ("folder", "---")}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_gets_what_the_page_says(name, folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    BROKEN[name](folder)
    with pytest.raises(ModelError) as told:
        pqnlp.load("model")
    said = ".*".join(map(re.escape, documented()[name].split("…")))
    assert re.fullmatch(said, str(told.value)), str(told.value)
    assert not (tmp_path / "ran_code").exists()


def test_every_row_of_the_page_is_tried():
    assert set(documented()) == set(BROKEN)
    assert len(BROKEN) >= 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("golden", "none"), ("golden", [["a"]]), ("libraries", None), ("libraries", {"numpy": 2}), ("labels", ["x"]), ("name", 3),
        ("unsure_below", 7), ("scores", []), ("files", {"model.skops": 1}), ("files", {"README.md": ""}), ("format", True),
        ("format", "2"),
    ],
)  # fmt: skip
def test_a_manifest_signed_anew_with_nonsense_is_refused(field, value, folder):
    _manifest(folder, **{field: value})
    with pytest.raises(ModelError):
        pqnlp.load(folder)


def test_a_model_made_with_older_libraries_loads_if_it_says_the_same(folder, recwarn):
    _manifest(folder, libraries={name: "1.0.0" for name in folders._LIBRARIES}, pqnlp="0.0.1", python="3.11.0")
    assert pqnlp.load(folder).name == "repairs"
    assert not [warning for warning in recwarn if "version" in str(warning.message)]


def test_a_peek_gives_the_papers_and_opens_the_classifier_when_asked(folder):
    seen, whole = folders.peek(folder), pqnlp.load(folder)
    for name in ("name", "version", "labels", "unsure_below", "path"):
        assert getattr(seen, name) == getattr(whole, name)
    assert seen.classifier is whole.classifier
    assert folders.peek(folder, unsure_below=0.9).unsure_below == 0.9
    _cut(folder / "model.skops")
    with pytest.raises(ModelError, match="checksum"):
        folders.peek(folder)


def test_several_processes_open_the_model_and_the_first_one_does_not(folder, monkeypatch):
    rows = [(question, f"{answer} See page {k}.") for k in range(150) for question, answer in PAIRS]
    many = pd.DataFrame(rows, columns=["question", "answer"])  # more than one shard
    alone = pqnlp.score(many, model=folder)
    folders._CACHE.clear()
    monkeypatch.setattr(folders, "_open", lambda folder: pytest.fail("it was opened here"))
    pd.testing.assert_frame_equal(pqnlp.score(many, model=folder, jobs=2), alone)


def test_a_model_that_no_process_can_open_is_refused_as_by_one(folder, tmp_path):
    _manifest(folder, golden=[[1, 0, 0]] * 5)
    pd.DataFrame(PAIRS, columns=["question", "answer"]).to_csv(tmp_path / "in.csv")
    said = []
    for jobs in (1, 2):
        with pytest.raises(ModelError) as refused:
            pqnlp.score_file(tmp_path / "in.csv", tmp_path / "out.csv", model=folder, jobs=jobs)
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert not list(tmp_path.glob("out.csv*"))


def test_libraries_that_give_other_probabilities_are_all_named(folder):
    _manifest(folder, golden=[[1, 0, 0]] * 5, libraries=dict.fromkeys(folders._LIBRARIES, "1.0.0"))
    with pytest.raises(ModelError, match="pip install 'scikit-learn==1.0.0' 'numpy==1.0.0' 'scipy==1.0.0'"):
        pqnlp.load(folder)


def test_a_loaded_model_serves_everywhere(folder):
    model = pqnlp.load(folder)
    table = pd.DataFrame(PAIRS, columns=["question", "answer"])
    assert set(model.score(table)["label"]) <= {"fixed", "promised", "refused"}
    assert model.explain(*PAIRS[0]).label in ("fixed", "promised", "refused")
    assert model.entities([("To ask the Home Office, why.", "Soon.")])["type"].tolist() == ["DEPARTMENT"]
    assert len(model.suggest(table, count=1)) == 1


# --- bits that flip ---------------------------------------------------------------------------------------------------


def test_flipped_bits_are_found_and_run_no_code(small_model):
    """In a process of its own, that it may crash. For a long run: python -m benchmarks.fuzz_model FOLDER --flips 100000."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.fuzz_model",
        str(small_model),
        "--flips",
        "300",
        "--signed",
        "40",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert set(found["damaged"]) <= {"refused", "the same model"} and sum(found["damaged"].values()) == 300
    assert set(found["signed anew"]) <= {"refused", "another model", "the same model"}
    assert sum(found["signed anew"].values()) == 40


def test_the_watcher_sees_a_crash_and_code(small_model, monkeypatch, tmp_path):
    """Or the test above would say nothing."""
    program = (
        "import os, sys; import benchmarks.fuzz_model as fuzz\n"
        "def attempt(*rest):\n"
        "    attempt.n = getattr(attempt, 'n', 0) + 1\n"
        "    os.system('true') if attempt.n == 1 else os.abort()\n"
        "    return 'refused'\n"
        "fuzz.attempt = attempt; sys.argv[0] = fuzz.__file__; sys.exit(fuzz.main())"
    )
    command = [sys.executable, "-c", program, str(small_model), "--flips", "2", "--signed", "0", "--first", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert json.loads(done.stdout) == [0, "ran code"]
    assert done.returncode < 0


def test_saving_does_not_overwrite_something_else(folder, tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("years of work")
    opened = pqnlp.load(folder)
    with pytest.raises(ModelError, match="no model folder"):
        folders.save(opened.classifier, tmp_path / "papers", name="x", version="1", unsure_below=0.5)
    assert (tmp_path / "papers" / "thesis.txt").read_text() == "years of work"
