"""Organisations from a gazetteer, from the shape of their names, and by acronyms that the text defines."""

from __future__ import annotations

import re
from functools import lru_cache

from spacy.language import Language
from spacy.tokens import Doc

from pqnlp.entities.automaton import Automaton
from pqnlp.entities.mention import Mention, MentionTagger, doc_text, register_extensions
from pqnlp.registry import read_table

__all__ = ["OrganisationTagger"]

GOVUK = "https://www.gov.uk/government/organisations/"


@lru_cache(maxsize=1)
def gazetteer() -> dict[str, str]:
    """Return every spelling in the registries and its GOV.UK slug, ``""`` where it has none."""
    names: dict[str, str] = {}
    for row in read_table("organisations_govuk.csv"):
        for name in (row["name"], *filter(None, row["also"].split("|"))):
            names.setdefault(name, row["id"])
    return names


@lru_cache(maxsize=1)
def _automaton() -> Automaton:
    return Automaton(gazetteer())


_DEFINED = re.compile(r" \((?:the )?[‘“'\"]?([A-Z][\w&’'-]{1,9}[A-Zs]?)[’”'\"]?\)")


def _acronym_of(short: str, name: str) -> bool:
    letters = [w[0] for w in re.findall(r"[A-Za-z]+", name)]
    wanted = short.upper().replace("&", "").rstrip("S") if short[-1:] == "s" else short.upper().replace("&", "")
    it = iter("".join(letters).upper())
    return all(c in it for c in wanted)


@Language.factory(
    "pqnlp_organisations",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob", "token.ent_kb_id"],
    default_score_weights={"ents_f": 1.0},
)
def make_organisations(nlp: Language, name: str) -> "OrganisationTagger":
    """Build the component; see :class:`OrganisationTagger`."""
    return OrganisationTagger()


class OrganisationTagger(MentionTagger):
    """spaCy component that marks and links ORG mentions."""

    def __init__(self):
        register_extensions()

    def find(self, doc: Doc) -> list[Mention]:
        """Return the ORG mentions of `doc`."""
        text = doc_text(doc)
        found = _automaton().find(text)
        defined: dict[str, str] = {}
        for _, end, slug in found:
            m = _DEFINED.match(text, end)
            if m is not None:
                defined[m.group(1)] = slug
        out = [Mention(s, e, "ORG", slug, GOVUK + slug if slug else "") for s, e, slug in found]
        for short, slug in defined.items():
            for m in re.finditer(rf"(?<!\w){re.escape(short)}(?!\w)", text):
                out.append(Mention(*m.span(), "ORG", slug, GOVUK + slug if slug else ""))
        return out
