"""Where the model and the labels that ship with pqnlp lie."""

from __future__ import annotations

from pathlib import Path

from pqnlp.errors import ModelError

__all__ = ["default_model_dir", "shipped_codebook", "shipped_data"]


def default_model_dir() -> Path:
    """Return the folder of the model that ships with pqnlp.

    A wheel carries the repository's ``models`` folder as ``pqnlp/models``; in a checkout and in an editable install it
    stands beside the package.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    ModelError
        If the folder is in neither place.
    """
    place = _lying("models", "default")
    if place is None:
        looked = " and ".join(map(str, _places("models", "default")))
        raise ModelError(
            f"The model that ships with pqnlp is missing: looked for {looked}. "
            "Install pqnlp again, name a model folder, or make one with 'pqnlp train'."
        )
    return place


def _places(*parts: str) -> list[Path]:
    """Return where a part of a wheel, or of the repository beside the package, would lie."""
    package = Path(__file__).resolve().parent
    return [package.joinpath(*parts), package.parent.joinpath(*parts)]


def _lying(*parts: str) -> Path | None:
    return next((place for place in _places(*parts) if place.exists()), None)


def shipped_data(name: str) -> Path:
    """Return a file of the labels that ship with pqnlp.

    A wheel carries them as ``pqnlp/data``; in a checkout and in an editable install the folder stands beside the package.

    Parameters
    ----------
    name : str
        ``labels.csv``, ``splits.csv`` or ``asks.jsonl``.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    ModelError
        If the file is in neither place.
    """
    place = _lying("data", name)
    if place is None:
        raise ModelError(f"The labels that ship with pqnlp are missing ({name}). Install pqnlp again.")
    return place


def shipped_codebook() -> Path | None:
    """Return the codebook of the shipped labels: the page of a checkout, or the copy beside the shipped model."""
    return _lying("docs", "codebook.md") or _lying("models", "default", "codebook.md")
