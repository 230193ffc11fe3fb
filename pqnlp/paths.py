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
    package = Path(__file__).resolve().parent
    places = (package / "models" / "default", package.parent / "models" / "default")
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(map(str, places))
    raise ModelError(
        f"The model that ships with pqnlp is missing: looked for {looked}. "
        "Install pqnlp again, name a model folder, or make one with 'pqnlp train'."
    )


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
    package = Path(__file__).resolve().parent
    for place in (package / "data" / name, package.parent / "data" / name):
        if place.is_file():
            return place
    raise ModelError(f"The labels that ship with pqnlp are missing ({name}). Install pqnlp again.")


def shipped_codebook() -> Path | None:
    """Return the codebook of the shipped labels: the page of a checkout, or the copy beside the shipped model."""
    package = Path(__file__).resolve().parent
    places = (
        package.parent / "docs" / "codebook.md",
        package / "models" / "default" / "codebook.md",
        package.parent / "models" / "default" / "codebook.md",
    )
    return next((place for place in places if place.is_file()), None)
