"""Print how far two independent annotations of the same answers agree.

    python -m benchmarks.agreement [data/asks.jsonl] [--json]

Needs nothing but the file of annotations: the rows that stand in it twice, with ``pass`` 1 and ``pass`` 2. Both passes
are by annotators of one kind, so the figures measure their consistency, not truth.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from pqnlp.errors import PqnlpError
from pqnlp.labels import annotations

__all__ = ["measure", "paired", "span_f1"]

Pair = tuple[dict, dict]

RESAMPLES = 1000


def paired(rows: Iterable[dict]) -> list[Pair]:
    """Return the two annotations of each pair that was annotated twice.

    Parameters
    ----------
    rows : iterable of dict
        As `pqnlp.labels.annotations` yields them.

    Returns
    -------
    list of (dict, dict)
        Pass 1 and pass 2, in order of the id.

    Raises
    ------
    PqnlpError
        If no id stands there with both passes, one stands there twice with the same, or the two are not of one text.
    """
    by_id: dict[str, dict[int, dict]] = {}
    for row in rows:
        passes = by_id.setdefault(str(row["id"]), {})
        number = row.get("pass", 1)
        if number in passes:
            raise PqnlpError(f"Pair {row['id']} has two annotations of pass {number}: number the passes 1 and 2.")
        passes[number] = row
    pairs = [(passes[1], passes[2]) for _, passes in sorted(by_id.items()) if {1, 2} <= set(passes)]
    if not pairs:
        raise PqnlpError("No pair was annotated twice: expected rows of the same id with pass 1 and pass 2.")
    for first, second in pairs:
        if first.get("digest") != second.get("digest") or _spans(first) != _spans(second):
            raise PqnlpError(f"The two annotations of pair {first['id']} are not of the same sentences.")
    return pairs


def measure(pairs: Sequence[Pair]) -> dict[str, float]:
    """Compare the passes.

    Parameters
    ----------
    pairs : list of (dict, dict)
        As `paired` returns them.

    Returns
    -------
    dict of str to float
        ``role_kappa`` (Cohen's kappa of the sentence roles), ``verdict_kappa`` and ``kind_kappa`` (of the asks that both
        marked with the same span), ``*_same`` (plain shares of agreement), ``span_f1`` and ``span_kind_f1`` (exact spans, by
        themselves and with their kind), ``evidence_same`` (share of answers with the same decisive sentence).
        Kappa is NaN where both passes use one and the same category throughout.
    """
    from sklearn.metrics import cohen_kappa_score

    roles = [
        (a["role"], b["role"]) for one, two in pairs for a, b in zip(one["sentences"], two["sentences"], strict=True)
    ]
    shared = [
        (ask, other[ask["start"], ask["end"]])
        for one, two in pairs
        for other in [{(ask["start"], ask["end"]): ask for ask in two["asks"]}]
        for ask in one["asks"]
        if (ask["start"], ask["end"]) in other
    ]
    columns = {
        "role": roles,
        "verdict": [(a["verdict"], b["verdict"]) for a, b in shared],
        "kind": [(a["kind"], b["kind"]) for a, b in shared],
    }
    out: dict[str, float] = {}
    for name, both in columns.items():
        one, two = zip(*both, strict=True) if both else ((), ())
        varied = len(set(one) | set(two)) > 1
        out[f"{name}_kappa"] = float(cohen_kappa_score(one, two)) if varied else float("nan")
        out[f"{name}_same"] = float(np.mean([a == b for a, b in both])) if both else float("nan")
    out["span_f1"] = span_f1(pairs, lambda ask: (ask["start"], ask["end"]))
    out["span_kind_f1"] = span_f1(pairs, lambda ask: (ask["start"], ask["end"], ask["kind"]))
    out["evidence_same"] = float(np.mean([one["evidence"] == two["evidence"] for one, two in pairs]))
    return out


def span_f1(pairs: Sequence[Pair], key: Callable[[dict], tuple]) -> float:
    """Return the F1 of one pass's asks against the other's; it is the same whichever is called true.

    Parameters
    ----------
    pairs : list of (dict, dict)
    key : callable
        Gives what must be equal in both.

    Returns
    -------
    float
    """
    both = total = 0
    for one, two in pairs:
        a, b = {key(ask) for ask in one["asks"]}, {key(ask) for ask in two["asks"]}
        both += len(a & b)
        total += len(a) + len(b)
    return 2 * both / total if total else float("nan")


def intervals(pairs: Sequence[Pair], *, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile bootstrap intervals of what `measure` gives, whole pairs drawn again."""
    rng = np.random.default_rng(seed)
    draws = [measure([pairs[k] for k in rng.integers(len(pairs), size=len(pairs))]) for _ in range(RESAMPLES)]
    return {
        name: tuple(float(q) for q in np.nanpercentile([draw[name] for draw in draws], [2.5, 97.5]))
        for name in draws[0]
    }


def _spans(row: dict) -> list[tuple[int, int]]:
    return [(sentence["start"], sentence["end"]) for sentence in row["sentences"]]


_NAMES = {
    "role_kappa": "sentence roles, Cohen's kappa",
    "role_same": "sentence roles, share the same",
    "span_f1": "asks, F1 of exact spans",
    "span_kind_f1": "asks, F1 of exact spans with kind",
    "kind_kappa": "kinds of asks with equal spans, Cohen's kappa",
    "kind_same": "kinds of asks with equal spans, share the same",
    "verdict_kappa": "verdicts on asks with equal spans, Cohen's kappa",
    "verdict_same": "verdicts on asks with equal spans, share the same",
    "evidence_same": "decisive sentence, share the same",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "data" / "asks.jsonl"
    parser.add_argument("file", nargs="?", default=default, help="annotations (JSON lines)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    try:
        pairs = paired(annotations(given.file))
    except PqnlpError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    figures, ranges = measure(pairs), intervals(pairs)
    if given.json:
        print(json.dumps({"pairs": len(pairs), **figures, "intervals": ranges}, indent=1))
        return 0
    counted = {
        what: [sum(len(row[what]) for row in rows) for rows in zip(*pairs, strict=True)]
        for what in ("asks", "sentences")
    }
    print(
        f"{len(pairs)} pairs, {counted['sentences'][0]} sentences, {counted['asks'][0]} and {counted['asks'][1]} asks"
    )
    for name, words in _NAMES.items():
        low, high = ranges[name]
        print(f"{words:<52} {figures[name]:.3f}  (95 % interval {low:.3f} to {high:.3f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
