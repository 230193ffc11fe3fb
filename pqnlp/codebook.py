"""The labels, reasons, roles, kinds and entity types, each spelled once. ``docs/codebook.md`` says what they mean."""

from __future__ import annotations

__all__ = [
    "ASK_KINDS",
    "ENTITY_TYPES",
    "LABELS",
    "LABEL_OF_REASON",
    "REASONS",
    "ROLES",
    "VERDICTS",
    "VERDICT_OF_REASON",
]

LABELS = ("direct", "evasive", "policy_restating")

REASONS = {
    "direct": ("full", "partial", "nil", "referral"),
    "evasive": ("cost", "not_held", "withheld", "deferred", "other_body", "unresponsive"),
    "policy_restating": ("policy",),
}

LABEL_OF_REASON = {reason: label for label, reasons in REASONS.items() for reason in reasons}

ROLES = ("answer", "referral", "decline", "policy", "context")

ASK_KINDS = (
    "how_many", "how_much", "when", "where", "who", "which", "what", "why", "whether", "if_will", "steps", "assessment",
    "discussions", "plans", "publish",
)  # fmt: skip

VERDICTS = ("supplied", "declined", "not_addressed")

#: What a reason says of the ask where the question has one only.
VERDICT_OF_REASON = {
    **dict.fromkeys(REASONS["direct"], "supplied"),
    **dict.fromkeys(REASONS["evasive"], "declined"),
    "unresponsive": "not_addressed",
    "policy": "not_addressed",
}

ENTITY_TYPES = ("DEPARTMENT", "ORG", "LEGISLATION", "DATE")
