"""Acts, Bills, statutory instruments, EU instruments and treaties, linked to legislation.gov.uk."""

from __future__ import annotations

import re

from spacy.language import Language
from spacy.tokens import Doc

from pqnlp.entities.mention import Mention, MentionTagger, doc_text, register_extensions

__all__ = ["LegislationTagger"]

_TITLE = re.compile(r"(?:(?:[A-Z][\w’'-]*|\([A-Z][^()]{1,80}\)),? (?:(?:and|of|the|for|etc\.?|to|in|on|with|or|from|&|by) )*)+(?:Act|Bill|Regulations?|Order|Rules|Measure|Directive|Convention|Treaty)(?: (?:19|20)\d\d)?(?!\w)")


@Language.factory(
    "pqnlp_legislation",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob", "token.ent_kb_id"],
    default_score_weights={"ents_f": 1.0},
)
def make_legislation(nlp: Language, name: str) -> "LegislationTagger":
    """Build the component; see :class:`LegislationTagger`."""
    return LegislationTagger()


class LegislationTagger(MentionTagger):
    """spaCy component that marks and links LEGISLATION mentions."""

    def __init__(self):
        register_extensions()

    def find(self, doc: Doc) -> list[Mention]:
        """Return the LEGISLATION mentions of `doc`."""
        return [Mention(*m.span(), "LEGISLATION") for m in _TITLE.finditer(doc_text(doc))]
