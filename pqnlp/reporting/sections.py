"""What the parts of the report show: plain data, computed by `pqnlp.rates` and `pqnlp.findings`, made into HTML by `page`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pqnlp.codebook import LABELS
from pqnlp.highlight import visible
from pqnlp.plot import label_name

if TYPE_CHECKING:
    import pandas as pd

    from pqnlp.model import Model

__all__ = ["BREAKDOWNS", "Answers", "breakdown", "finding_sections", "headline", "model_quality"]

#: The columns by which the report counts: title of the part, whether it is a row of times, and the word for a missing value.
BREAKDOWNS = {
    "department": ("Department", "Whom the question was put to; where the table of scores does not say, read from the question."),
    "month": ("Month", "The month of the answer."),
    "house": ("House", "The House in which the question was asked."),
    "government": ("Party of government", "The party in government on the day of the answer."),
    "ask": ("Kind of ask", "What the first thing that a question asks is about: a number, a date, a plan. "
            "A question with several asks counts once, by the first."),
}  # fmt: skip
#: Rows that a table of findings shows.
SHOWN = 15
#: Of the answers behind one row, how many must be readable in the page, where there is room.
READABLE = 3


def model_quality(model: "Model") -> dict[str, Any]:
    """Say how good a model is, by its own papers.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict
        ``name``, ``version``, ``n`` (held-out answers; 0 if it was not measured), ``accuracy``, ``majority``, ``kappa``,
        ``macro_f1``, ``per_class`` (list of ``label``, ``precision``, ``recall``, ``f1``, ``support``), ``kept``, ``kept_accuracy``,
        ``trained_on``, ``shipped`` (whether it is the model that comes with pqnlp).
    """
    from pqnlp.paths import default_model_dir

    scores = model.manifest.get("scores") or {}
    held_out = scores.get("model") or {}
    per_class = [{"label": name, **of} for name, of in (held_out.get("per_class") or {}).items()]
    return {
        "name": model.name,
        "version": model.version,
        "n": held_out.get("n") or 0,
        "accuracy": held_out.get("accuracy"),
        "majority": ((scores.get("baselines") or {}).get("majority") or {}).get("accuracy"),
        "kappa": held_out.get("kappa"),
        "macro_f1": held_out.get("macro_f1"),
        "kept": held_out.get("kept"),
        "kept_accuracy": held_out.get("kept_accuracy"),
        "per_class": per_class,
        "trained_on": (model.manifest.get("training") or {}).get("rows"),
        "shipped": model.path is not None and model.path.resolve() == default_model_dir().resolve(),
    }


def _cells(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a row a group, in the order of the table, with a dictionary of figures by label."""
    rows: dict[str, dict[str, Any]] = {}
    for r in table.itertuples():
        row = rows.setdefault(
            str(r.group),
            {"group": str(r.group), "n": int(r.n), "small": bool(r.small), "by": {}, "labelled": int(r.n_labelled)},
        )
        row["by"][r.label] = {
            "rate": float(r.rate), "low": float(r.low), "high": float(r.high), "naive": float(r.naive), "method": r.method,
        }  # fmt: skip
    return list(rows.values())


def headline(scored: "pd.DataFrame", options: dict[str, Any], reason_options: dict[str, Any]) -> dict[str, Any]:
    """Compute the shares of labels and reasons over all answers.

    Parameters
    ----------
    scored : DataFrame
    options, reason_options : dict
        As `pqnlp.rates` takes them, for labels and for reasons.

    Returns
    -------
    dict
        ``labels`` (table of rates), ``names`` (of the labels), ``rows`` (as a dictionary), ``method``, ``warning``; ``reasons`` (table of
        rates, or None where no answer has a reason) and with it ``reason_rows``, ``reason_method``.
    """
    from pqnlp.estimation import rates

    labels = rates(scored, **options)
    (rows,) = _cells(labels)
    out = {
        "labels": labels,
        "names": list(rows["by"]),
        "rows": rows,
        "method": labels["method"].iloc[0],
        "warning": labels.attrs.get("warning", ""),
        "reasons": None,
    }
    if scored["reason"].notna().any():  # a model of labels of one's own may give none
        reasons = rates(scored, of="reason", **reason_options)
        (reason_rows,) = _cells(reasons)
        out |= {
            "reasons": reasons,
            "reason_rows": sorted(reason_rows["by"].items(), key=lambda item: -item[1]["rate"]),
            "reason_method": reasons["method"].iloc[0],
        }
    return out


def breakdown(scored: "pd.DataFrame", name: str, options: dict[str, Any]) -> dict[str, Any] | None:
    """Compute the shares of labels by the values of a column.

    Parameters
    ----------
    scored : DataFrame
    name : str
        The column, a key of `BREAKDOWNS`.
    options : dict
        As `pqnlp.rates` takes them.

    Returns
    -------
    dict or None
        ``table`` (of rates), ``rows`` (as dictionaries), ``known`` (answers whose value is known), ``small`` (number of small
        groups), ``methods``, ``warning``; None if the value is known of no answer.
    """
    from pqnlp.estimation import rates

    known = int(scored[name].notna().sum())
    if not known:
        return None
    table = rates(scored, name, **options)
    rows = _cells(table)
    if name == "month":
        rows.sort(key=lambda row: row["group"])
    return {
        "name": name,
        "title": BREAKDOWNS[name][0],
        "says": BREAKDOWNS[name][1],
        "table": table,
        "rows": rows,
        "known": known,
        "small": sum(row["small"] for row in rows),
        "methods": sorted(set(table["method"])),
        "warning": table.attrs.get("warning", ""),
    }


class Answers:
    """Rows of the scored table by id, and the named groups of them that the page's links show.

    Parameters
    ----------
    frame : DataFrame
        The scored rows, with a fresh index.

    Attributes
    ----------
    sets : dict of str to dict
        ``title`` and ``rows`` of each group.
    cited : list of int
        Rows whose texts should travel with the page, most wanted first.
    """

    def __init__(self, frame: "pd.DataFrame"):
        self.place: dict[str, int] = {}
        for k, identity in enumerate(frame["id"]):
            self.place.setdefault(str(identity), k)
        self.uins = [value if isinstance(value, str) else "" for value in frame["uin"]]
        self.ids = [str(value) for value in frame["id"]]
        self.sets: dict[str, dict] = {}
        self.cited: list[int] = []

    def link(self, key: str, title: str, ids: Iterable[Any], text: str | None = None) -> dict[str, Any]:
        """Name a group of answers.

        Parameters
        ----------
        key : str
            Unique in the page.
        title : str
            What the group is, shown above the table.
        ids : iterable of str
        text : str, optional
            Of the link; by default, the number of one answer, or how many they are.

        Returns
        -------
        dict
            ``key`` (None if none of the ids is an answer of the table) and ``text``.
        """
        rows = sorted({self.place[str(one)] for one in ids if isinstance(one, str) and str(one) in self.place})
        if text is None:
            text = self.number(rows[0]) if len(rows) == 1 else f"{len(rows):,} answers"
        if not rows:
            return {"key": None, "text": text}
        self.sets[key] = {"title": visible(title), "rows": rows}
        self.cited += rows[:READABLE]
        return {"key": key, "text": text}

    def number(self, row: int) -> str:
        """Return how an answer is called: by Parliament's number if known, else by its id."""
        return self.uins[row] or f"id {self.ids[row]}"


def finding_sections(
    scored: "pd.DataFrame", answers: Answers, *, at: str | None, progress: Callable[[], None]
) -> list[dict[str, Any]]:
    """Search the answers for chains, lines, promises, gaps and contradictions.

    Parameters
    ----------
    scored : DataFrame
        With texts.
    answers : Answers
        Gets the groups that the tables link to.
    at : str or None
        ISO date on which promises are judged.
    progress : callable
        Called after each.

    Returns
    -------
    list of dict
        For each: ``key``, ``title``, ``says`` (paragraphs), ``header`` (list of str), ``rows`` (lists of cells: a str, or a link as
        `Answers.link` returns it), ``of`` (how many there are in all).
    """
    sections = []
    for search in (_referrals, _policy_lines, _promises, _data_gaps, _inconsistencies):
        sections.append(search(scored, answers, at))
        progress()
    return sections


def _said(value: Any, otherwise: str = "") -> str:
    return value if isinstance(value, str) and value else otherwise


def _listed(values: Any, most: int = 3) -> str:
    values = [str(value) for value in (values if hasattr(values, "__len__") and not isinstance(values, str) else [])]
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more} more" if more > 0 else "")


def _counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _cut(text: Any, most: int = 320) -> str:
    text = re.sub(r"\s+", " ", _said(text)).strip()
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def _referrals(scored, answers: Answers, at) -> dict[str, Any]:
    from pqnlp import findings

    found = findings.resolve_referrals(scored)
    status = Counter(found["status"])
    reached = found[found["status"] == "reached"]
    ends = Counter(reached["end_label"].dropna())
    says = [
        f"{_counted(found['id'].nunique(), 'answer refers', 'answers refer')} to an earlier answer, "
        f"{_counted(found.loc[found['whole'].astype(bool), 'id'].nunique(), 'of them says', 'of them say')} nothing else. "
        "Each reference is followed by number and date to the answer meant, and on from there to the end."
    ]
    if len(found):
        says.append(
            f"Of {_counted(len(found), 'reference')}, {status['reached']:,} end in an answer that is in this table, "
            f"{status['not_in_corpus']:,} lead to one that is not, {status['unnumbered']:,} give no number, "
            f"{status['ambiguous']:,} fit several answers, and {status['loop']:,} run in a circle."
        )
    if ends:
        parts = ", ".join(f"{label_name(name)} {ends[name]:,}" for name in sorted(ends))
        says.append(f"The model calls the answers at the end: {parts}.")
    # The longest first: what takes a reader two steps or more is what a table can save.
    rows = []
    order = found.sort_values(["steps", "answered"], ascending=[False, False], kind="stable")
    order = order[order["status"].isin(["reached", "loop"])].drop_duplicates(["department", "answered", "end_id"])
    for k, r in enumerate(order.head(SHOWN).itertuples()):
        rows.append([
            answers.link(f"referral-{k}", "An answer that refers", [r.id]),
            _said(r.answered, "not known"),
            _said(r.department, "not known"),
            str(int(r.steps)),
            "circle" if r.status == "loop" else "reached",
            answers.link(f"referral-end-{k}", "The answer at the end of a referral", [_said(r.end_id)]),
            label_name(_said(r.end_label, "")),
            answers.link(f"referral-path-{k}", "A chain of referrals", list(r.path), "whole chain"),
        ])  # fmt: skip
    header = ["Answer", "Day", "Department", "Steps", "Ends", "In answer", "Of the kind", "Answers"]
    return _section("referral-chains", "Referral chains", says, header, rows, len(order))


def _policy_lines(scored, answers: Answers, at) -> dict[str, Any]:
    from pqnlp import findings

    uses = findings.find_line_uses(scored)
    lines = findings.find_policy_lines(scored, uses=uses)
    shares = findings.stock_shares(scored, uses=uses)["stock_share"]
    says = [
        f"{_counted(len(lines), 'sentence')} of eight words or more stand in three answers or more, word for word or nearly so. "
        "The same text given to several questions on one day counts once."
    ]
    if len(shares):
        says.append(
            f"{(shares > 0).mean():.0%} of the answers have such a sentence; in {(shares >= 0.5).mean():.0%}, at least half of "
            "the words stand in one. A repeated sentence may well answer the question: the label says what the model thinks."
        )
    rows = []
    for k, r in enumerate(lines.head(SHOWN).itertuples()):
        counts = ", ".join(f"{label_name(name)} {int(getattr(r, name)):,}" for name in LABELS if getattr(r, name))
        rows.append([
            {"quote": _cut(r.text)},
            f"{int(r.uses):,}",
            _listed(r.departments),
            _said(r.first_answered, "not known"),
            _said(r.last_answered, "not known"),
            counts,
            answers.link(f"line-{k}", "Answers with one policy line: " + _cut(r.text, 80), list(r.ids)),
        ])  # fmt: skip
    header = ["Sentence", "Uses", "Departments", "First", "Last", "Labels", "Answers"]
    return _section("policy-lines", "Policy lines", says, header, rows, len(lines))


def _promises(scored, answers: Answers, at) -> dict[str, Any]:
    from pqnlp import findings

    found = findings.find_promises(scored, at=at)
    # Without the day of the answer, a year in a sentence may as well be that of an Act.
    dated = found[found["answered"].notna()]
    states = Counter(dated["state"])
    day = at or _last_day(scored)
    says = [
        f"{_counted(len(found), 'sentence promises', 'sentences promise')} something to come: to write, publish, respond, consult."
    ]
    if len(dated):
        says[0] += (
            f" For {len(dated):,} the day of the answer is known. Of these, at {day}, the time named has passed for "
            f"{states['overdue']:,}, is running for {states['due']:,}, and is to come for {states['coming']:,}; {states['undated']:,} name "
            "none that can be worked out."
        )
        says.append(
            "“Passed” does not say that a promise was broken: whether it was kept is not in these answers. The table shows "
            "those whose time passed longest ago."
        )
    rows = []
    late = dated[dated["state"].eq("overdue") & dated["due_to"].ge(dated["answered"])]
    # Grouped questions share an answer.
    late = late.sort_values(["due_to", "id"], kind="stable").drop_duplicates(["answered", "sentence"])
    for k, r in enumerate(late.head(SHOWN).itertuples()):
        rows.append([
            answers.link(f"promise-{k}", "An answer with a promise", [r.id]),
            _said(r.answered, "not known"),
            _said(r.department, "not known"),
            str(r.promise),
            {"quote": _cut(r.sentence)},
            _said(r.by),
            _said(r.due_to),
        ])  # fmt: skip
    header = ["Answer", "Day", "Department", "Promise", "Sentence", "By when", "That is"]
    return _section("promises", "Promises", says, header, rows, len(late))


def _last_day(scored) -> str | None:
    days = scored["answered"].dropna()
    return max(days) if len(days) else None


def _data_gaps(scored, answers: Answers, at) -> dict[str, Any]:
    from pqnlp import findings

    gaps = findings.find_data_gaps(scored)
    counted = findings.count_data_gaps(gaps)
    kinds = Counter(gaps["gap"])
    says = [
        f"{_counted(gaps['id'].nunique(), 'answer says', 'answers say')} that data asked for is not held ({kinds['not_held']:,}), "
        f"not collected ({kinds['not_collected']:,}) or too costly to gather ({kinds['cost']:,}). Asks for the same measure are "
        "counted together, whatever the place and period."
    ]
    rows = []
    for k, r in enumerate(counted.head(SHOWN).itertuples()):
        rows.append([
            {"quote": _cut(r.measure, 160)},
            f"{int(r.asked):,}",
            f"{int(r.not_held):,}",
            f"{int(r.not_collected):,}",
            f"{int(r.cost):,}",
            _listed(r.departments),
            answers.link(f"gap-{k}", "Answers without data on: " + _cut(r.measure, 80), list(r.ids)),
        ])  # fmt: skip
    header = ["Measure", "Asked", "Not held", "Not collected", "Cost", "Departments", "Answers"]
    return _section("data-gaps", "Data gaps", says, header, rows, len(counted))


def _inconsistencies(scored, answers: Answers, at) -> dict[str, Any]:
    from pqnlp import findings

    found = findings.find_inconsistencies(scored)
    says = [
        f"{_counted(len(found), 'group')} of questions in nearly the same words got answers of different kinds. Some differ "
        "for good reason (the data came to be published), and some only by an error of the model: open both and read."
    ]
    rows = []
    for k, r in enumerate(found.head(SHOWN).itertuples()):
        rows.append([
            {"quote": _cut(r.question)},
            f"{int(r.n):,}",
            {"dates": "days", "departments": "departments", "both": "days and departments"}.get(r.differs, "nothing else"),
            label_name(r.a_label),
            answers.link(f"one-{k}", "One of two answers that differ", [r.a_id]),
            label_name(r.b_label),
            answers.link(f"other-{k}", "The other of two answers that differ", [r.b_id]),
            answers.link(f"alike-{k}", "Answers to nearly the same question", list(r.ids), "all of them"),
        ])  # fmt: skip
    header = ["Question", "Times", "They differ in", "One is", "Answer", "Another", "Answer ", "Answers"]
    return _section("consistency", "Consistency", says, header, rows, len(found))


def _section(key: str, title: str, says: list[str], header: list[str], rows: list[list], of: int) -> dict[str, Any]:
    return {"key": key, "title": title, "says": says, "header": header, "rows": rows, "of": of}
