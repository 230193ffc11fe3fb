"""Departments, organisations, legislation and dates as linked spans.

Each type has a spaCy component of its own (``pqnlp_departments``, ``pqnlp_organisations``, ``pqnlp_legislation``,
``pqnlp_dates``) that adds to ``doc.ents``: the longest span wins. ``ent.kb_id_`` is the identity, ``ent._.pqnlp_url``
an address, ``ent._.pqnlp_from`` and ``ent._.pqnlp_to`` the days of a DATE, ``ent._.pqnlp_successor`` the department
that does the work today. Set ``doc._.pqnlp_department`` (the answering body's name), ``doc._.pqnlp_date`` (the ISO
date the text is read on) and ``doc._.pqnlp_question`` (the question that an answer replies to) before the components
run, by ``nlp.pipe(..., as_tuples=True)`` or on ``nlp.make_doc(text)``, to have them used.

The package is callable: ``pqnlp.entities(frame)`` gives one row for each mention of a whole table of pairs.

Parameters
----------
source : DataFrame, path, or list of pairs
    See `pqnlp.read`.
model : Model, optional
    Whose pipeline to use; a new one by default.

Returns
-------
DataFrame
    See :func:`pqnlp.scoring.entities_table`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pqnlp.entities.mention import Mention, register_extensions

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["COLOURS", "Mention", "mentions"]

COLOURS = {"DEPARTMENT": "#9cc9e8", "ORG": "#f3c98b", "LEGISLATION": "#c9b3e6", "DATE": "#b5dfb0"}
"""Colours for displaCy: ``displacy.render(doc, style="ent", options={"colors": COLOURS})``."""

register_extensions()


def mentions(doc) -> list[dict]:
    """List the entities of `doc` as plain rows.

    Parameters
    ----------
    doc : spacy.tokens.Doc
        A Doc that some of the four components have seen.

    Returns
    -------
    list of dict
        In order of appearance: ``start`` and ``end`` (character offsets), ``text``, ``type``, ``id``, ``url``,
        ``from``, ``to``, ``successor`` (None where there is none).
    """
    data = doc.user_data
    rows = []
    for ent in doc.ents:
        start, end = ent.start_char, ent.end_char
        rows.append(
            {
                "start": start,
                "end": end,
                "text": ent.text,
                "type": ent.label_,
                "id": ent.kb_id_ or None,
                "url": data.get(("._.", "pqnlp_url", start, end)) or None,
                "from": data.get(("._.", "pqnlp_from", start, end)) or None,
                "to": data.get(("._.", "pqnlp_to", start, end)) or None,
                "successor": data.get(("._.", "pqnlp_successor", start, end)) or None,
            }
        )
    return rows


class _CallablePackage(ModuleType):
    """The type of this package, so that ``pqnlp.entities(frame)`` works beside ``pqnlp.entities.mentions(doc)``."""

    def __call__(self, source: Any, *, model: "Model | None" = None) -> "pd.DataFrame":
        from pqnlp.scoring import entities_table

        return entities_table(source, model=model)


# Python lets a module change its own class: https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access
sys.modules[__name__].__class__ = _CallablePackage
