"""Where the model that ships with pqnlp lies."""

from __future__ import annotations

from pathlib import Path

from pqnlp.errors import ModelError

__all__ = ["default_model_dir"]


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
