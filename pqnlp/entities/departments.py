"""Departments by name, abbreviation, minister's office and self-reference ("her Department"), linked to GOV.UK slugs."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from spacy.language import Language

from pqnlp.entities.automaton import Automaton
from pqnlp.entities.mention import (
    KNOWN_DATE,
    KNOWN_DEPARTMENT,
    KNOWN_QUESTION,
    Mention,
    MentionTagger,
    register_extensions,
)
from pqnlp.registry import read_json

__all__ = ["DepartmentTagger", "department_on", "resolve_department", "successors"]

GOVUK = "https://www.gov.uk/government/organisations/"

# Bodies that answer questions under a name that is no department's own.
_ANSWERING = {
    "women and equalities": "office-for-equality-and-opportunity",
    "attorney general": "attorney-generals-office",
    "prime minister": "prime-ministers-office-10-downing-street",
    "leader of the house": "the-office-of-the-leader-of-the-house-of-commons",
    "treasury": "hm-treasury",
}
# Too short or too common to be looked for in running text; still understood by resolve_department.
_NOT_IN_TEXT = {"CO", "HO", "DH", "OAG", "GEO", "DSS", "DCA", "OEO", "Chancellor of Exchequer", "NS and I"}
_OWNERS = frozenset("her his my our their your Her His My Our Their Your".split())
_DETERMINERS = frozenset("the The this This that".split())
_WORD_BEFORE = re.compile(r"([\w’']+) $")
_OTHER_HEAD = re.compile(
    r" (?:(?:for|of) (?:the )?[A-Z]|stores?\b|heads?\b(?! of)|-)|[-/]\w|s\b",
)
_SECRETARY = re.compile(r" for (?:the )?[A-Z][\w’'-]*(?:(?:,? and|,| &| of| for)? [A-Z][\w’'-]*){0,8}")
_DEVOLVED = re.compile(
    r"(?:UK,? (?:Government)?(?:, | and ))?(?:Scottish|Welsh|Northern Ireland|Northern Irish)(?:(?:, and |, | and | or )(?:the )?(?:Scottish|Welsh|Northern Ireland|Northern Irish))+"
    r" (?:[Gg]overnments?|[Ee]xecutives?|[Aa]dministrations?)(?!\w)"
)
_ASKED = re.compile(r"To ask (?:the |Mr |Mrs |Ms |Dr |Mr\. )?(.{4,140}?)(?=, (?:what|whether|if|how|when|which|who|why|where|pursuant|with|for|on|in|further|by|to|whose|as|at|has|are|is|does|did|did|under|following)\b|,? representing|$)")  # fmt: skip


@lru_cache(maxsize=1)
def _departments() -> dict[str, dict]:
    return {row["id"]: row for row in read_json("departments.json")}


@lru_cache(maxsize=1)
def _predecessors() -> dict[str, list[str]]:
    before: dict[str, list[str]] = {}
    for row in _departments().values():
        for successor in row["successors"]:
            before.setdefault(successor, []).append(row["id"])
    return before


def _spellings(name: str) -> Iterable[str]:
    """Yield `name` as official style and ordinary prose spell it: "&" or "and", with and without the serial comma."""
    name = re.sub(r" \(.*\)$", "", name)
    forms = {name}
    for old, new in ((", and ", " and "), (" and ", " & "), (" & ", " and "), (" and ", ", and ")):
        forms |= {
            form.replace(old, new) for form in set(forms) if old in form and not (old == " and " and ", and " in form)
        }
    for form in set(forms):
        forms.add(form.replace("'", "’"))
    return forms


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for row in _departments().values():
        for name in (row["name"], *row["abbreviations"], *row["variants"], *row["offices"]):
            for form in _spellings(name):
                ids = names.setdefault(form, [])
                if row["id"] not in ids:
                    ids.append(row["id"])
    return {name: tuple(ids) for name, ids in names.items()}


def _key(name: str) -> str:
    return " ".join(re.sub(r"[,.]", " ", name.replace("&", " and ").replace("’", "'").lower()).split())


@lru_cache(maxsize=1)
def _keys() -> dict[str, tuple[str, ...]]:
    keys: dict[str, tuple[str, ...]] = {}
    for name, ids in _names().items():
        keys.setdefault(_key(name), ids)
    for name, slug in _ANSWERING.items():
        keys[name] = (slug,)
    return keys


def _in_office(row: dict, date: str) -> bool:
    return (row["start"] or "") <= date and date <= (row["end"] or "9999")


def successors(slug: str, date: str = "") -> list[str]:
    """Return the departments that hold the work of `slug` on `date`.

    Parameters
    ----------
    slug : str
        A department of the registry.
    date : str, default today
        ISO date.

    Returns
    -------
    list of str
        `slug` itself while it exists; several where its work was split, the main heir first; empty where none is known.
    """
    date = date or datetime.date.today().isoformat()
    row = _departments().get(slug)
    if row is None:
        return []
    if date <= (row["end"] or "9999"):
        return [slug]
    heirs: list[str] = []
    for heir in row["successors"]:
        heirs += [h for h in successors(heir, date) if h not in heirs]
    return heirs


@lru_cache(maxsize=4096)
def department_on(ids: tuple[str, ...], date: str) -> tuple[str, str]:
    """Return the department of the day for a name, and the body that the name itself belongs to.

    Parameters
    ----------
    ids : tuple of str
        The registry's departments of that name, latest first.
    date : str
        ISO date; ``""`` if unknown.

    Returns
    -------
    (str, str)
        The slug of the department that did the work on `date`, and that of the body named. A renaming is followed
        ("DCLG" on a day of 2025 is the Ministry of Housing, Communities and Local Government), a department
        that was split among several is not: it keeps its own slug.
    """
    table = _departments()
    if not date:
        return ids[0], ids[0]
    named = next((i for i in ids if _in_office(table[i], date)), None)
    if named is not None:
        return named, named
    # The latest body of that name that existed before the day, else the first.
    before = [i for i in ids if (table[i]["start"] or "") <= date]
    named = (
        max(before, key=lambda i: table[i]["start"] or "")
        if before
        else min(ids, key=lambda i: table[i]["start"] or "")
    )
    if date > (table[named]["end"] or "9999"):
        heirs = successors(named, date)
        return (heirs[0] if len(heirs) == 1 else named), named
    current = named
    while date < (table[current]["start"] or ""):
        earlier = [i for i in _predecessors().get(current, []) if len(table[i]["successors"]) == 1]
        if len(earlier) != 1:
            return named, named
        current = earlier[0]
    return current, named


def resolve_department(name_or_text: str, date: str | None = None) -> str | None:
    """Find the GOV.UK slug of a department.

    Parameters
    ----------
    name_or_text : str
        An answering body as Parliament's data names it ("Treasury"), a minister's office, an abbreviation, or a
        question that opens "To ask the Secretary of State for ...".
    date : str, optional
        ISO date the name is read on; see :func:`department_on`.

    Returns
    -------
    str or None

    Examples
    --------
    >>> resolve_department("To ask the Secretary of State for Transport, when the bridge will open.")
    'department-for-transport'
    >>> resolve_department("DCLG", "2022-03-01")
    'department-for-levelling-up-housing-and-communities'
    """
    if not name_or_text:
        return None
    text = name_or_text.strip()
    ids = _keys().get(_key(re.sub(r"^[Tt]he ", "", text)))
    if ids is None:
        asked = _ASKED.match(text)
        if asked is not None:
            ids = _keys().get(_key(asked.group(1)))
            if ids is None:  # "the hon. Member for Leeds, representing the Church Commissioners" stays unresolved
                found = next(iter(_matches(text[: asked.end()])), None)
                ids = found[2] if found is not None else None
    if not ids:
        return None
    return department_on(ids, date or "")[0]


@lru_cache(maxsize=1)
def _automaton() -> Automaton:
    names = {name: ids for name, ids in _names().items() if name not in _NOT_IN_TEXT}
    names["Secretary of State"] = ()
    return Automaton(names)


def _matches(text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    return _automaton().find(text)


@Language.factory(
    "pqnlp_departments",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob", "token.ent_kb_id"],
    default_config={"link_self_references": True},
    default_score_weights={"ents_f": 1.0},
)
def make_departments(nlp: Language, name: str, link_self_references: bool) -> "DepartmentTagger":
    """Build the component; see :class:`DepartmentTagger`."""
    return DepartmentTagger(link_self_references=link_self_references)


class DepartmentTagger(MentionTagger):
    """spaCy component that marks and links DEPARTMENT mentions.

    Parameters
    ----------
    link_self_references : bool, default True
        Link "her Department", "the Department" and "the Secretary of State" to the answering department, taken from
        ``doc._.pqnlp_department`` or from the opening of the question. They are marked either way.
    """

    def __init__(self, *, link_self_references: bool = True):
        self.link_self_references = link_self_references
        register_extensions()

    def find_in(self, text: str, known: Mapping) -> list[Mention]:
        """Return the DEPARTMENT mentions of `text`; see :meth:`MentionTagger.find_in`."""
        date = known.get(KNOWN_DATE, "")
        found: list[tuple[int, int, tuple[str, ...]]] = []
        for start, end, ids in _matches(text):
            if ids == ():
                if text[max(0, start - 3) : start] in ("US ", ".S.") or text[max(0, start - 6) : start - 1] == "Under":
                    continue
                extended = _SECRETARY.match(text, end)
                if extended is not None:
                    end = extended.end()
                    ids = _keys().get(_key(text[start:end]), ())
                found.append((start, end, ids))
            elif not _is_something_else(text, start, end):
                found.append((start, end, ids))
        found += _bare(text)
        if "Scottish" in text or "Welsh" in text:
            found += [(m.start(), m.end(), None) for m in _DEVOLVED.finditer(text)]
        if not found:
            return []
        own: str | None = None
        out = []
        for start, end, ids in found:
            if ids is None:
                out.append(Mention(start, end, "DEPARTMENT"))
                continue
            named = ""
            if ids:
                slug, named = department_on(ids, date)
            elif self.link_self_references:
                if own is None:
                    own = self._answering(known, text, date)
                slug = own
            else:
                slug = ""
            heirs = _heirs_today(slug) if slug else ""
            out.append(
                Mention(
                    start,
                    end,
                    "DEPARTMENT",
                    slug,
                    GOVUK + slug if slug else "",
                    successor=heirs if heirs != slug else "",
                    named=named if named != slug else "",
                )
            )
        return out

    @staticmethod
    def _answering(known: Mapping, text: str, date: str) -> str:
        for source in (
            known.get(KNOWN_DEPARTMENT, ""),
            known.get(KNOWN_QUESTION, ""),
            text if text.startswith("To ask") else "",
        ):
            slug = _resolved(source[:200], date) if source else None
            if slug:
                return slug
        return ""


@lru_cache(maxsize=4096)
def _resolved(name_or_text: str, date: str) -> str | None:
    return resolve_department(name_or_text, date)


@lru_cache(maxsize=1024)
def _heirs_today(slug: str) -> str:
    return " ".join(successors(slug))


def _is_something_else(text: str, start: int, end: int) -> bool:
    """Tell whether the match is part of another body's name: "US Treasury", "Under-Secretary of State"."""
    return text[max(0, start - 6) : start].endswith(("US ", "Under-"))


def _bare(text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    found = []
    for word in ("epartment", "inistry"):
        at = text.find(word)
        while at > 0:
            start, end = at - 1, at + len(word)
            at = text.find(word, end)
            first = text[start]
            if first not in "DdM" or text[end : end + 1].isalnum() or _OTHER_HEAD.match(text, end):
                continue
            before = _WORD_BEFORE.search(text, max(0, start - 16), start)
            if before is None:
                continue
            word_before = before.group(1)
            if word_before in _OWNERS:
                found.append((before.start(1), end, ()))
            elif word_before in _DETERMINERS and (first != "M" or word_before != "that"):
                found.append((start, end, ()))
    return found
