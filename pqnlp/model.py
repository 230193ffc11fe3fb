"""Model folders: what was fitted, on what, with which versions, and how to open it without running code from it.

A folder holds ``model.skops`` (the classifier), ``manifest.json`` (what it is), ``README.md`` (the model card) and
``codebook.md`` (what the labels mean).
skops builds only types that are named here; a pickle is never read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tempfile
import warnings
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqnlp._version import __version__
from pqnlp.errors import ModelError

if TYPE_CHECKING:
    from spacy.language import Language

    from pqnlp.classifier import AnswerClassifier

__all__ = ["Model", "add_recogniser", "load", "peek", "save"]

FORMAT = 4
_FILE = "model.skops"
_MANIFEST = "manifest.json"
_CARD = "README.md"
#: Digests of the answers that a model was fitted on, so that it is not measured on them unawares; a line each.
FITTED_ON = "fitted_on.txt"
#: A recogniser of organisations other than the shipped one; few folders have it.
ORGANISATIONS = "organisations.json"
#: Types that a model file may hold besides those that skops trusts itself.
_TRUSTED = (
    "pqnlp.classifier.AnswerClassifier",
    "pqnlp.features.SentenceFeatures",
    "pqnlp.network.AnswerNetwork",
    "pqnlp.ngrams.NgramTable",
    "pqnlp.roles.RoleTagger",
    "pqnlp.roles.VerdictTagger",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
#: The fields of a manifest that are relied on, and their kinds.
_FIELDS = {
    "name": str,
    "version": str,
    "libraries": dict,
    "labels": list,
    "reasons": list,
    "unsure_below": (int, float),
    "training": dict,
    "scores": dict,
    "golden": list,
}
_LIBRARIES = ("scikit-learn", "numpy", "scipy", "skops", "spacy")
_MAX_BYTES = 500_000_000
_MAX_RATIO = 200
# Written for this purpose: a loaded model must say of them what it said when it was saved.
_GOLDEN = (
    ("To ask the Secretary of State for Transport, how many stations have step-free access.", "There are 512 such stations."),
    ("To ask the Secretary of State for Health and Social Care, what steps he is taking to reduce waiting times.",
     "The Government is committed to reducing waiting times. We will set out our plans in due course."),
    ("To ask the Chancellor of the Exchequer, whether she plans to raise the rate of the levy.",
     "All taxes are kept under review. Decisions are made at fiscal events."),
    ("To ask the Secretary of State for Defence, how much was spent on (a) fuel and (b) spares in 2024.",
     "The information requested is not held centrally and could be obtained only at disproportionate cost."),
    ("To ask the Minister for the Cabinet Office, if he will publish the report.",
     "I refer the hon. Member to the answer given on 3 March 2025 to Question 1234."),
)  # fmt: skip


class Model:
    """A classifier with its pipeline and its papers.

    Attributes
    ----------
    name, version : str
        Of the model; results carry both.
    path : Path or None
        The folder that it was loaded from.
    classifier : AnswerClassifier
    labels : list of str
        In the order of the classifier's probabilities.
    manifest : dict
        As in ``manifest.json``.
    unsure_below : float
        Labels with a smaller probability are flagged ``unsure``.
    """

    def __init__(
        self,
        classifier: "AnswerClassifier | None",
        manifest: dict,
        *,
        path: Path | None = None,
        unsure_below: float | None = None,
    ):
        self._classifier = classifier
        self.manifest = manifest
        self.path = path
        self.name = manifest.get("name", "unnamed")
        self.version = manifest.get("version", "0")
        self.unsure_below = float(manifest.get("unsure_below", 0.0) if unsure_below is None else unsure_below)
        if not 0 <= self.unsure_below <= 1:
            raise ValueError(f"unsure_below is {self.unsure_below}: expected a probability between 0 and 1.")
        self._nlp = None

    @property
    def classifier(self) -> "AnswerClassifier":
        """The classifier, opened when first asked for if `peek` made this model."""
        if self._classifier is None:
            self._classifier = load(self.path).classifier
        return self._classifier

    @property
    def labels(self) -> list[str]:
        """The names of the labels, which need no opened classifier."""
        return list(self.manifest["labels"]) if self._classifier is None else list(map(str, self.classifier.classes_))

    def answers_fitted_on(self) -> frozenset[str]:
        """Return the digests (`pqnlp.labels.digest`) of the answers that the model was fitted on, as far as its folder says."""
        if self.path is None or FITTED_ON not in self.manifest.get("files", ()):
            return frozenset()
        return frozenset((self.path / FITTED_ON).read_text(encoding="utf-8").split())

    @property
    def nlp(self) -> "Language":
        """The spaCy pipeline, built when first asked for."""
        if self._nlp is None:
            from pqnlp.pipeline import build_pipeline

            recogniser = None
            if self.path is not None and ORGANISATIONS in self.manifest.get("files", ()):
                from pqnlp.entities.recogniser import OrganisationModel

                recogniser = OrganisationModel.read(self.path / ORGANISATIONS)
            self._nlp = build_pipeline(organisations=recogniser)
        return self._nlp

    def __repr__(self) -> str:
        return f"Model(name={self.name!r}, version={self.version!r}, labels={self.labels})"

    def score(self, source, **options):
        """Score pairs with this model; see `pqnlp.score`."""
        from pqnlp.scoring import score

        return score(source, model=self, **options)

    def explain(self, question: str, answer: str, **options):
        """Explain one pair with this model; see `pqnlp.explain`."""
        from pqnlp.explanation import explain

        return explain(question, answer, model=self, **options)

    def entities(self, source):
        """Tag entities with this model's recogniser; see `pqnlp.entities`."""
        from pqnlp import entities

        return entities(source, model=self)

    def suggest(self, corpus, **options):
        """Choose answers to label next, so that this model gets better; see `pqnlp.suggest`."""
        from pqnlp.suggestion import suggest

        return suggest(corpus, model=self, **options)


_CACHE: dict[tuple[str, int], Model] = {}


def load(path: str | Path | None = None, *, unsure_below: float | None = None) -> Model:
    """Load a model folder.

    Parameters
    ----------
    path : path, optional
        The folder; the model that ships with pqnlp by default.
    unsure_below : float, optional
        Flag labels whose probability is smaller as ``unsure``, in place of the model's own threshold, which was chosen
        so that 95 % of the labels above it were right on held-out answers.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the folder is missing, damaged, holds types that are not a model's, was changed after it was written, or was
        made by library versions that cannot be followed. The message says which and what to do.
    ValueError
        If `unsure_below` is not between 0 and 1.
    """
    if isinstance(path, Model):
        return (
            path
            if unsure_below is None
            else Model(path.classifier, path.manifest, path=path.path, unsure_below=unsure_below)
        )
    from pqnlp.paths import default_model_dir

    folder = Path(path) if path is not None else default_model_dir()
    manifest_file = folder / _MANIFEST
    key = (str(folder.resolve()), manifest_file.stat().st_mtime_ns if manifest_file.is_file() else 0)
    if key not in _CACHE:
        _CACHE.clear()  # one model at a time: a replaced one must not stay in memory
        _CACHE[key] = _open(folder)
    kept = _CACHE[key]
    if unsure_below is None:
        return kept
    model = Model(kept.classifier, kept.manifest, path=kept.path, unsure_below=unsure_below)
    model._nlp = kept._nlp
    return model


def peek(path: "str | Path | Model | None" = None, *, unsure_below: float | None = None) -> Model:
    """Read a model's papers, so that other processes can be told what to load; `load` in a fraction of time and memory.

    Parameters
    ----------
    path, unsure_below
        As for `load`.

    Returns
    -------
    Model
        Its files are those that were saved; whether its classifier can be opened shows when it is first asked for.

    Raises
    ------
    ModelError
        If the folder is missing or damaged.
    ValueError
        If `unsure_below` is not between 0 and 1.
    """
    if isinstance(path, Model):
        return load(path, unsure_below=unsure_below)
    from pqnlp.paths import default_model_dir

    folder = Path(path) if path is not None else default_model_dir()
    manifest, _ = _read_files(folder)
    return Model(None, manifest, path=folder, unsure_below=unsure_below)


def _open(folder: Path) -> Model:
    manifest, content = _read_files(folder)
    classifier = _load_skops(content, folder / _FILE, manifest)
    _check_golden(classifier, manifest, folder)
    return Model(classifier, manifest, path=folder)


def _read_files(folder: Path) -> tuple[dict, bytes]:
    """Return the manifest, and the classifier's file as it was when its checksum was compared."""
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "is not there"
        raise ModelError(f"There is no model folder {folder}: it {what}. Name a folder that 'pqnlp train' wrote.")
    manifest = _read_manifest(folder)
    content = b""
    for name, digest in manifest["files"].items():
        part = folder / name
        if Path(name).name != name or not part.is_file():
            raise ModelError(f"The model folder {folder} lacks {name}. Copy the whole folder again.")
        if part.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{part} is larger than {_MAX_BYTES // 1_000_000} MB, which no pqnlp model is.")
        try:
            data = part.read_bytes()
        except OSError as error:
            raise ModelError(f"Cannot read {part}: {error.strerror or error}.") from None
        same = hashlib.sha256(data).hexdigest() == digest
        if not same and name != _FILE:  # git may have given a text the line ends of the system
            same = hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest() == digest
        if not same:
            raise ModelError(
                f"{part} is not the file that was saved (its checksum differs). Copy or train the model again."
            )
        if name == _FILE:
            content = data  # what was checked is what is opened, whatever happens to the file meanwhile
    return manifest, content


def _read_manifest(folder: Path) -> dict:
    path = folder / _MANIFEST
    if not path.is_file():
        raise ModelError(f"{folder} is no pqnlp model: it has no {_MANIFEST}. Name a folder that 'pqnlp train' wrote.")
    try:
        if path.stat().st_size > 50_000_000:
            raise ValueError("it is too large")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if (
            not isinstance(manifest, dict)
            or not isinstance(manifest.get("files"), dict)
            or _FILE not in manifest["files"]
        ):
            raise ValueError("it does not list the model's files")
        digest = manifest.pop("digest", None)
        if digest != _manifest_digest(manifest):
            raise ValueError("its checksum differs from its content")
        version = manifest.get("format")
        if version == FORMAT:
            _check_manifest(manifest)
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}. Copy or train the model again.") from None
    if version != FORMAT:
        is_newer = type(version) is int and version > FORMAT
        mend = "install that version or a later one" if is_newer else "install that version, or train the model again"
        raise ModelError(
            f"{folder} has model format {version!r}, this pqnlp {__version__} reads {FORMAT}. "
            f"It was written by pqnlp {manifest.get('pqnlp', 'unknown')}: {mend}."
        )
    return manifest


def _check_manifest(manifest: dict) -> None:
    """Raise `ValueError` where a field is not of the kind that `save` writes: nothing below has to doubt them."""
    for name, kind in _FIELDS.items():
        if not isinstance(manifest.get(name), kind):
            raise ValueError(f"its field {name!r} is not what a model has there")
    odd = [name for name in ("files", "libraries") if not all(isinstance(v, str) for v in manifest[name].values())]
    if odd or not 0 <= manifest["unsure_below"] <= 1:
        raise ValueError(f"its field {(odd or ['unsure_below'])[0]!r} is not what a model has there")


def _load_skops(content: bytes, file: Path, manifest: dict) -> "AnswerClassifier":
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(info.file_size for info in archive.infolist())
            if size > _MAX_BYTES or size > _MAX_RATIO * len(content):
                raise ModelError(f"{file} unpacks to {size / 1e6:.0f} MB, which no pqnlp model does: refused.")
        unknown = [name for name in skops.io.get_untrusted_types(data=content) if name not in _TRUSTED]
    except ModelError:
        raise
    except Exception as error:  # skops and zipfile raise what the bytes lead them to
        raise ModelError(
            f"{file} is not a whole model file ({type(error).__name__}). Copy or train the model again."
        ) from None
    if unknown:
        raise ModelError(
            f"{file} holds types that are no part of a pqnlp model: {', '.join(unknown[:5])}. It was not opened."
        )
    try:
        with warnings.catch_warnings():
            # Another version may read the same bytes otherwise; the replay of known answers decides whether it did.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            classifier = skops.io.loads(content, trusted=list(_TRUSTED))
    except Exception as error:
        raise ModelError(f"{file} cannot be opened ({type(error).__name__}: {error}). {_versions(manifest)}") from None
    from pqnlp.classifier import AnswerClassifier

    if not isinstance(classifier, AnswerClassifier):
        raise ModelError(f"{file} holds a {type(classifier).__name__}, not an answer classifier.")
    if not _are_trees_whole(classifier):
        raise ModelError(
            f"{file} holds trees that lead out of themselves. It was not used. Copy or train the model again."
        )
    return classifier


def _are_trees_whole(classifier: "AnswerClassifier") -> bool:
    """Tell whether every node of the boosted trees leads to a later one and asks for a column that there is.

    Compiled code follows nodes without looking, so a forged tree could send it anywhere, or round for ever.
    """
    import numpy as np

    trees = getattr(classifier, "trees_", None)
    try:
        for predictor in (predictor for round_ in trees._predictors for predictor in round_):
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            places, last = np.arange(len(nodes))[inner], len(nodes) - 1
            children = np.stack([nodes["left"][inner], nodes["right"][inner]]).astype(np.int64)
            column = nodes["feature_idx"][inner]
            whole = (children > places).all() and (children <= last).all()
            if not whole or last < 0 or nodes["is_categorical"].any() or (column < 0).any():
                return False
            if (column >= trees.n_features_in_).any():
                return False
    except (AttributeError, TypeError, ValueError, IndexError):
        return False
    return True


def _versions(manifest: dict) -> str:
    """Say which libraries are others than those that the model was made with, and what to do."""
    made = manifest["libraries"]
    have = {package: metadata.version(package) for package in _LIBRARIES}
    others = {package: version for package, version in made.items() if have.get(package, version) != version}
    if not others:
        return "The libraries are those that it was made with: copy or train the model again."
    told = ", ".join(f"{package} {version} (here {have[package]})" for package, version in others.items())
    asked = " ".join(f"'{package}=={version}'" for package, version in others.items())
    return f"It was made with {told}: pip install {asked}, or train the model again."


def _check_golden(classifier, manifest: dict, folder: Path) -> None:
    import numpy as np

    try:
        probabilities = classifier.predict_proba(list(_GOLDEN))
        expected = np.array(manifest["golden"], dtype=float)
    except Exception as error:
        raise ModelError(
            f"The model in {folder} does not run here ({type(error).__name__}: {error}). {_versions(manifest)}"
        ) from None
    labels = [str(name) for name in getattr(classifier, "classes_", ())]
    # NaN is near nothing, so that a model of NaN is refused as well.
    same = expected.shape == probabilities.shape and np.allclose(expected, probabilities, atol=2e-3)
    if not same or labels != manifest["labels"]:
        raise ModelError(
            f"The model in {folder} gives other probabilities than when it was saved. {_versions(manifest)}"
        )


def save(
    classifier: "AnswerClassifier",
    folder: str | Path,
    *,
    name: str,
    version: str,
    unsure_below: float,
    training: dict[str, Any] | None = None,
    scores: dict[str, Any] | None = None,
    card: str = "",
    papers: dict[str, str] | None = None,
) -> Path:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    classifier : AnswerClassifier
        Fitted.
    folder : path
        Replaced if it holds a pqnlp model already.
    name, version : str
    unsure_below : float
        See `Model`.
    training : dict, optional
        What it was fitted on: rows, digest of ids, command, seed.
    scores : dict, optional
        Held-out scores.
    card : str, optional
        The model card, Markdown.
    papers : dict of str, optional
        Further texts to lay beside it, such as the codebook, by file name.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If `folder` exists and is something else than a model folder, or cannot be written.
    """
    import skops.io

    folder = Path(folder)
    check_place(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            skops.io.dump(classifier, new / _FILE, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
            texts = {_CARD: card or f"# {name} {version}\n", **(papers or {})}
            for file, text in texts.items():
                (new / file).write_text(text, encoding="utf-8", newline="\n")
            manifest = {
                "format": FORMAT,
                "name": name,
                "version": version,
                "pqnlp": __version__,
                "python": ".".join(map(str, sys.version_info[:3])),
                "libraries": {package: metadata.version(package) for package in _LIBRARIES},
                "labels": [str(c) for c in classifier.classes_],
                "reasons": [str(c) for c in classifier.outcomes_],
                "parameters": classifier.get_params(),
                "unsure_below": round(float(unsure_below), 4),
                "training": training or {},
                "scores": scores or {},
                "golden": [[round(float(p), 6) for p in row] for row in classifier.predict_proba(list(_GOLDEN))],
                "files": {file: _digest(new / file) for file in (_FILE, *texts)},
            }
            manifest["digest"] = _manifest_digest(manifest)
            (new / _MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            if folder.exists():
                os.replace(folder, Path(scratch) / "old")
            os.replace(new, folder)
    except OSError as error:
        raise ModelError(f"Cannot write the model folder {folder}: {error.strerror or error}.") from None
    return folder


def check_place(folder: str | Path) -> None:
    """Refuse a folder that `save` could not write, before the work of training is done.

    Parameters
    ----------
    folder : path

    Raises
    ------
    ModelError
        If `folder` exists and is something else than a model folder, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / _MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f"{folder} exists and is no model folder: name another, or empty it first.")
    if (folder / _MANIFEST).is_file():
        listed = {_MANIFEST, _FILE, _CARD, FITTED_ON, ORGANISATIONS, *_listed(folder)}
        others = sorted(path.name for path in folder.iterdir() if path.name not in listed)
        if others:
            raise ModelError(
                f"{folder} holds {', '.join(others[:5])}, which is no part of the model there and would be lost: move it away first."
            )
    place = next((part for part in folder.absolute().parents if part.exists()), Path("/"))
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise ModelError(f"Cannot write the model folder {folder}: {place} cannot be written to. Name another.")


def _listed(folder: Path) -> list[str]:
    """Return the names of the files that a manifest speaks of, none where it cannot be read."""
    try:
        return list(json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _digest(file: Path) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _manifest_digest(manifest: dict) -> str:
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def add_recogniser(model: Model, folder: str | Path, recogniser: Any, scores: dict[str, Any]) -> Path:
    """Write a model folder with the classifier of `model` and another recogniser of organisations.

    Parameters
    ----------
    model : Model
        Loaded from a folder, whose papers go along.
    folder : path
        Replaced if it holds a pqnlp model already.
    recogniser : pqnlp.entities.recogniser.OrganisationModel
    scores : dict
        Its scores on spans held out, before and after; they are kept in the manifest as ``entities`` of ``scores``.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        As `save`.
    """
    manifest = model.manifest
    papers = {
        name: (model.path / name).read_text(encoding="utf-8")
        for name in manifest.get("files", ())
        if model.path is not None and name != _FILE
    }
    card = papers.pop(_CARD, f"# {model.name} {model.version}\n").rstrip("\n")
    note = (
        f"\n\n## Organisations\n\nThis folder has its own recogniser of organisations. On {scores['spans']} spans of {scores['texts']} "
        f"texts held out its F1 is {scores['after']['f1']:.3f}, that of the shipped one {scores['before']['f1']:.3f}.\n"
    )
    return save(
        model.classifier,
        folder,
        name=model.name,
        version=model.version,
        unsure_below=float(manifest.get("unsure_below", 0.0)),
        training=manifest.get("training"),
        scores={**manifest.get("scores", {}), "entities": scores},
        card=card.partition("\n\n## Organisations\n")[0] + note,
        papers=papers | {ORGANISATIONS: recogniser.to_json()},
    )
