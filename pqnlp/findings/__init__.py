"""What a scored corpus tells: referral chains, policy lines, promises, data gaps and inconsistent answers.

Each finding is a function over a scored table that returns a table. ``docs/findings.md`` lists their columns, how often they
are right, and what they cannot tell.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pqnlp.findings.consistency import find_inconsistencies
    from pqnlp.findings.data_gaps import count_data_gaps, find_data_gaps
    from pqnlp.findings.policy_lines import find_line_uses, find_policy_lines, stock_shares
    from pqnlp.findings.promises import find_promises
    from pqnlp.findings.referrals import resolve_referrals
    from pqnlp.findings.scored import read_scored

_HOME = {
    "count_data_gaps": "data_gaps",
    "find_data_gaps": "data_gaps",
    "find_inconsistencies": "consistency",
    "find_line_uses": "policy_lines",
    "find_policy_lines": "policy_lines",
    "find_promises": "promises",
    "read_scored": "scored",
    "resolve_referrals": "referrals",
    "stock_shares": "policy_lines",
}

__all__ = [
    "count_data_gaps",
    "find_data_gaps",
    "find_inconsistencies",
    "find_line_uses",
    "find_policy_lines",
    "find_promises",
    "read_scored",
    "resolve_referrals",
    "stock_shares",
]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'pqnlp.findings' has no attribute {name!r}")
    value = getattr(import_module(f"pqnlp.findings.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
