"""Organisations from name lists, from a linear model over capital-word candidates, and by acronyms that the text defines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from spacy.language import Language

from pqnlp.entities.automaton import Automaton
from pqnlp.entities.departments import _names as department_names
from pqnlp.entities.mention import KNOWN_QUESTION, Mention, MentionTagger, register_extensions
from pqnlp.entities.recogniser import HEADS, Candidate, OrganisationModel, candidates, names_in, sequences
from pqnlp.registry import read_table

__all__ = ["OrganisationTagger", "all_candidates", "gazetteer"]

GOVUK = "https://www.gov.uk/government/organisations/"

_DEFINED = re.compile(r",? \((?:the |or |“|‘|'|\"|known as )*([A-Z][\w&’'+-]{1,14})[”’'\"]?\)")
_BRACKET = re.compile(_DEFINED.pattern.removeprefix(",?"))
_DEFINES = re.compile(r"\((?:the |“|‘|'|\")*[A-Z][\w&+-]{1,14}[”’'\"]?\)")
_DEMONYM = (
    "Afghan|Albanian|Algerian|American|Angolan|Argentine|Argentinian|Armenian|Australian|Austrian|Azerbaijani|Bahraini|Bangladeshi|Belarusian|Belgian|Bolivian|"
    "Bosnian|Brazilian|Bulgarian|Burmese|Cambodian|Cameroonian|Canadian|Chilean|Chinese|Colombian|Congolese|Croatian|Cuban|Cypriot|Czech|Danish|Dutch|Ecuadorian|"
    "Egyptian|Emirati|Eritrean|Estonian|Ethiopian|Finnish|French|Georgian|German|Ghanaian|Greek|Guatemalan|Haitian|Hungarian|Icelandic|Indian|Indonesian|Iranian|"
    "Iraqi|Irish|Israeli|Italian|Jamaican|Japanese|Jordanian|Kazakh|Kenyan|Korean|Kuwaiti|Latvian|Lebanese|Libyan|Lithuanian|Malawian|Malaysian|Maldivian|Maltese|"
    "Mauritian|Mexican|Moldovan|Mongolian|Moroccan|Nepalese|Nepali|Nigerian|Norwegian|Omani|Pakistani|Palestinian|Peruvian|Philippine|Polish|Portuguese|Qatari|"
    "Romanian|Russian|Rwandan|Saudi|Saudi Arabian|Serbian|Singaporean|Slovak|Slovenian|Somali|South African|South Korean|South Sudanese|Spanish|Sri Lankan|Sudanese|"
    "Swedish|Swiss|Syrian|Taiwanese|Tanzanian|Thai|Tunisian|Turkish|Ugandan|Ukrainian|US|U\\.S\\.|USA|United States|Venezuelan|Vietnamese|Yemeni|Zambian|Zimbabwean|"
    "Hong Kong|Taiwan|Falkland Islands|St Helena|Gibraltar|Bermudian|Montserrat|Cayman Islands|Trump|Biden|Maduro|Assad"
)
_COMPANY = re.compile(
    r"(?<!\w)[A-Z][\w&-]*(?:[’'](?!s\b)\w*)?(?: (?:[A-Z0-9][\w&’'.-]*|\([A-Z][\w ]+\)|&|and(?= [A-Z])|of)){0,6} (?:Ltd|Limited|plc|PLC|LLP|Inc|GmbH)(?!\w)"
    r"|(?<!\w)[A-Z][\w&’'-]+(?: (?!and\b|with\b|for\b|to\b|the\b|by\b|is\b|that\b|as\b|or\b|has\b|are\b|was\b|issued\b|be\b|were\b|of\b|in\b)[\w&’'-]+){0,5} (?:ltd|limited)(?= ?(?:[,;.()]|and\b|\n|$))"
)
# Names that go on after a head: a mission abroad, a parliamentary group's subject, a prison's, a borough's or a board's place.
_LONGER = re.compile(
    r"(?:British )?(?:Embassy|High Commission|Consulate(?:[- ]General)?) in [A-Z]\w+(?: [A-Z]\w+)*"
    r"|All[- ]Party[- ]Parliamentary Group (?:for|on) (?:the )?[A-Z][\w-]+(?: (?:and |in |of |the |for |on )*[A-Z][\w-]+)*"
    r"|HM(?:P|YOI|P/YOI|P & YOI|P and YOI) [A-Z][\w-]+(?: [A-Z]\w+)?"
    r"|(?:London|Royal) Borough of [A-Z]\w+(?: and [A-Z]\w+| Hamlets| Forest| upon Thames)*"
    r"|University of (?:the )?[A-Z][\w’-]+(?: [A-Z][\w’-]+| and [A-Z]\w+(?= (?:University|College)))*"
    r"|NHS (?:[A-Z][\w’-]+,? (?:and )?){1,8}(?:ICB|Integrated Care Board)(?!\w)"
)
_LONGER_WORDS = Automaton(
    {
        w: w
        for w in (
            "Embassy in",
            "Commission in",
            "Consulate",
            "Parliamentary Group on",
            "Parliamentary Group for",
            "HMP",
            "HMYOI",
            "Borough of",
            "University of",
            "ICB",
            "Integrated Care Board",
        )
    }
)
_COMPANY_WORDS = Automaton(
    {word: word for word in ("Limited", "limited", "Ltd", "ltd", "plc", "PLC", "LLP", "Inc", "GmbH")}
)
_FIRST = re.compile(r"(?:The|In|By|For|With|And|However|While|From|To|At|On|Under|Contract|Suppliers?|Total) ")
_STATES = frozenset(_DEMONYM.replace("\\", "").split("|"))
_STATE_BODIES = """Government government Administration administration Armed_Forces armed_forces Navy navy Air_Force air_force Parliament parliament Embassy
    Interim_Government interim_government Transitional_Government""".split()
_GOVERNMENT_OF = re.compile(
    r"Government of (?:the )?(?!the\b|United\b|the United\b|Wales|Scotland|National|UK|Great|Britain|Northern|Law|Day)[A-Z][\w.]+(?: (?:and |of )?[A-Z][\w]+)*"
)


_Scored = tuple[float, int, int, str]
# What is remembered of a sequence in which no name can be.
_NO_NAMES: tuple[tuple[_Scored, ...], tuple[Candidate, ...]] = ((), ())
_STATE = "a state's"  # what the automaton returns for "the Kenyan Government"


def _plain(name: str) -> str:
    return name.replace("’", "'")


@lru_cache(maxsize=1)
def gazetteer() -> dict[str, tuple[str, bool]]:
    """Return every spelling in the registries, its GOV.UK slug (``""`` if none) and whether it is an ordinary word too."""
    names: dict[str, tuple[str, bool]] = {}
    for row in read_table("organisations.csv"):
        common = frozenset(row["common"].split("|"))
        for name in (row["name"], *filter(None, row["also"].split("|"))):
            names.setdefault(_plain(name), (row["id"], name in common))
    for row in read_table("organisations_govuk.csv"):
        for name in (row["name"], *filter(None, row["also"].split("|"))):
            known = names.get(_plain(name))
            if known is None or not known[0]:
                names[_plain(name)] = (row["id"], known[1] if known else False)
    return names


@lru_cache(maxsize=1)
def _automaton() -> Automaton:
    phrases: dict[str, str] = {}
    for name in gazetteer():
        phrases[name] = name
        if "'" in name:
            phrases[name.replace("'", "’")] = name
    for state in _STATES:
        for body in _STATE_BODIES:
            phrases.setdefault(f"{state} {body.replace('_', ' ')}", _STATE)
    return Automaton(phrases)


def all_candidates(text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, name) of every stretch of `text` that the model scores."""
    found = {(start, end): name for group in candidates(text) for start, end, name in group}
    for start, end, name in _automaton().find(text):
        if name is not _STATE:
            found.setdefault((start, end), name)
    return [(start, end, name) for (start, end), name in found.items()]


@lru_cache(maxsize=1)
def _departments() -> frozenset[str]:
    return frozenset(map(_plain, department_names()))


@lru_cache(maxsize=65536)
def _lists(name: str) -> tuple[str, ...]:
    """Return the name lists that hold `name`, as the model's features."""
    plain = _plain(name)
    entry = gazetteer().get(plain)
    if entry is not None:
        return ("common",) if entry[1] else ("gazetteer",)
    if plain in _departments():
        return ("department",)
    return ()


@Language.factory(
    "pqnlp_organisations",
    assigns=["doc.ents", "token.ent_type", "token.ent_iob", "token.ent_kb_id"],
    default_config={"recogniser": "linear", "threshold": -0.5},
    default_score_weights={"ents_f": 1.0},
)
def make_organisations(nlp: Language, name: str, recogniser: str, threshold: float) -> "OrganisationTagger":
    """Build the component; see :class:`OrganisationTagger`."""
    return OrganisationTagger(recogniser=recogniser, threshold=threshold)


class OrganisationTagger(MentionTagger):
    """spaCy component that marks ORG mentions and links those that GOV.UK lists.

    Parameters
    ----------
    recogniser : {"linear", "gazetteer"}, default "linear"
        ``"linear"`` scores every candidate by the shipped model; ``"gazetteer"`` marks listed names and defined
        acronyms alone.
    threshold : float, default -0.5
        Log-odds above which the model marks a candidate; higher marks fewer, more surely.
    model : OrganisationModel, optional
        Weights other than the shipped ones.
    """

    def __init__(self, *, recogniser: str = "linear", threshold: float = -0.5, model: OrganisationModel | None = None):
        if recogniser not in ("linear", "gazetteer"):
            raise ValueError(f"Unknown recogniser {recogniser!r}: expected 'linear' or 'gazetteer'.")
        register_extensions()
        self.recogniser = recogniser
        self.threshold = threshold
        self.model = model or (OrganisationModel.load() if recogniser == "linear" else None)
        self._added: dict[str, str] = {}
        self._extra: Automaton | None = None
        self._sequences: dict[str, tuple[tuple[_Scored, ...], tuple[Candidate, ...]]] = {}

    def add_names(self, names: Mapping[str, str]) -> None:
        """Add names to mark always, each with its identity (``""`` if none); kept when the pipeline is saved."""
        self._added |= dict(names)
        self._extra = Automaton({name: name for name in self._added})

    def _state(self) -> dict:
        own = self.model is not None and self.model is not OrganisationModel.load()
        return {"names": self._added, "weights": self.model.weights if own else None}

    def _set_state(self, state: dict) -> None:
        if state.get("names"):
            self.add_names(state["names"])
        if state.get("weights"):
            self.use_model(OrganisationModel(state["weights"]))

    def use_model(self, model: OrganisationModel) -> None:
        """Recognise by other weights from now on; kept when the pipeline is saved."""
        self.model = model
        self._sequences.clear()

    def find_in(self, text: str, known: Mapping) -> list[Mention]:
        """Return the ORG mentions of `text`; see :meth:`MentionTagger.find_in`."""
        question = known.get(KNOWN_QUESTION, "")
        return [
            Mention(s, e, "ORG", slug, GOVUK + slug if slug and "/" not in slug else "")
            for s, e, slug in self.find_spans(text, question)
        ]

    def find_spans(self, text: str, question: str = "") -> list[tuple[int, int, str]]:
        """Return (start, end, slug) of the organisations in `text`; `question` may define acronyms that it uses."""
        inherited: dict[str, str] = {}
        if question and question != text and _DEFINES.search(question):
            _, inherited = self._find(question, {})
        return self._find(text, inherited, question)[0]

    def _scored(
        self, text: str, elsewhere: str, *, refused_too: bool
    ) -> tuple[list[_Scored], list[tuple[int, int, str]]]:
        """Return the candidates above the threshold with their scores and, if asked for, the others."""
        threshold = self.threshold
        remembered = self._sequences.get
        promising: list[_Scored] = []
        hopeless: list[tuple[int, tuple[Candidate, ...]]] = []
        for sequence in sequences(text):
            found = remembered(sequence[0])
            if found is None:
                found = self._remember(sequence[0])
            if found is _NO_NAMES:
                continue
            likely, unlikely = found
            base = sequence.start()
            for score, start, end, name in likely:
                promising.append((score, start + base, end + base, name))
            if unlikely:
                hopeless.append((base, unlikely))
        listed = _automaton().find(text)
        if listed:
            self._add_listed(text, listed, promising, hopeless)
        chosen, refused = [], []
        place_score = self.model.place_score
        for candidate in promising:
            score, start, end, name = candidate
            # The words around a name cannot save one that is far below the line, but for "the Council".
            if -2.0 < score < 12.0 or score < 0 and name in HEADS:
                score += place_score(text, start, end, elsewhere, needed=threshold - score)
                candidate = (score, start, end, name)
            if score > threshold:
                chosen.append(candidate)
            else:
                refused.append(candidate[1:])
        if refused_too:
            refused += [(start + base, end + base, name) for base, names in hopeless for start, end, name in names]
        return chosen, refused

    def _add_listed(self, text: str, listed, promising: list[_Scored], hopeless) -> None:
        """Add the listed names to `promising`, but those that are candidates already."""
        seen = {(start, end) for _, start, end, _ in promising}
        everything = None
        for start, end, name in listed:
            if name is _STATE:
                promising.append((50.0, start, end, name))
            elif (start, end) not in seen:
                if everything is None:
                    everything = seen | {(s + base, e + base) for base, names in hopeless for s, e, _ in names}
                if (start, end) in everything:
                    continue
                # "Rivers Trust" is listed, the Brambleford Rivers Trust is another body.
                longer = (
                    start
                    and text[start - 1] == " "
                    and " " in name
                    and any(e == end and s < start and text[s:start].istitle() for s, e in everything)
                )
                promising.append((self.model.name_score(name, () if longer else _lists(name)), start, end, name))

    def _remember(self, words: str) -> tuple[tuple[_Scored, ...], tuple[Candidate, ...]]:
        """Score the names in a sequence of capital words by themselves; few sequences make most of a corpus."""
        if len(self._sequences) > 100_000:
            self._sequences.clear()
        least = min(-2.0, self.threshold)
        likely, unlikely = [], []
        for start, end, name in names_in(words):
            score = self.model.name_score(name, _lists(name))
            if score > least or name in HEADS:
                likely.append((score, start, end, name))
            else:
                unlikely.append((start, end, name))
        found = (tuple(likely), tuple(unlikely)) if likely or unlikely else _NO_NAMES
        self._sequences[words] = found
        return found

    def _find(
        self, text: str, inherited: dict[str, str], elsewhere: str = ""
    ) -> tuple[list[tuple[int, int, str]], dict[str, str]]:
        known = gazetteer()
        defines = "(" in text and _BRACKET.search(text) is not None
        if self.recogniser == "gazetteer":
            chosen = [(s, e, name) for s, e, name in _automaton().find(text) if name is _STATE or not known[name][1]]
            refused: list[tuple[int, int, str]] = []
        else:
            chosen, refused = self._scored(text, elsewhere, refused_too=defines)
            if len(chosen) > 1:
                chosen = _best([(score - self.threshold, s, e, name) for score, s, e, name in chosen])
            else:
                chosen = [(s, e, name) for _, s, e, name in chosen]
        spans = {(s, e): known.get(_plain(name), ("", False))[0] for s, e, name in chosen}
        if "overnment of " in text:
            for m in _GOVERNMENT_OF.finditer(text):
                spans.setdefault(m.span(), "")
        for at, stop, _ in _COMPANY_WORDS.find(text):
            for m in _COMPANY.finditer(
                text, text.rfind("\n", max(0, at - 90), at) + 1 or max(0, at - 90), min(len(text), stop + 1)
            ):
                start = m.start()
                while (first := _FIRST.match(text, start, m.end())) is not None:
                    start = first.end()
                if text.find(" ", start, m.end()) > 0:
                    spans.setdefault((start, m.end()), "")
        if _LONGER_WORDS.find(text):
            for m in _LONGER.finditer(text):
                if not (m.start() and text[m.start() - 1].isalnum()):
                    spans[m.span()] = ""
        if self._extra is not None:
            for s, e, name in self._extra.find(text):
                spans[s, e] = self._added[name]
        defined = dict(inherited)
        if defines:
            for (start, end), slug in list(spans.items()):
                m = _DEFINED.match(text, end)
                # "Leeds Integrated Care Board (ICB)" says what an ICB is, not which one.
                if m is not None and not _only_kind(m.group(1), text[start:end]):
                    defined[m.group(1)] = slug
        for short, slug in defined.items():
            at = text.find(short)
            while at >= 0:
                end = at + len(short)
                if not (at and text[at - 1].isalnum() or end < len(text) and text[end].isalnum()):
                    spans[at, end] = spans.get((at, end)) or slug
                at = text.find(short, end)
        if defines:
            for _, e, name in refused:  # "Value Added Tax (VAT)": the short form is no organisation either
                m = _DEFINED.match(text, e) if len(name) > 8 else None
                if m is not None and m.group(1) not in defined and _stands_for(m.group(1), name):
                    spans = {(a, b): v for (a, b), v in spans.items() if text[a:b] != m.group(1)}
        return [(s, e, slug) for (s, e), slug in spans.items()], defined


def _stands_for(short: str, name: str) -> bool:
    initials = "".join(w[0] for w in re.findall(r"[A-Za-z]+", name) if w[0].isupper())
    return short.upper().rstrip("S") == initials.upper().rstrip("S")


def _only_kind(short: str, name: str) -> bool:
    initials = "".join(w[0] for w in re.findall(r"[A-Za-z]+", name) if w[0].isupper())
    letters = short.upper().rstrip("S") if short[-1:] == "s" else short.upper()
    return (
        len(letters) > 1
        and len(initials) > len(letters)
        and initials.endswith(letters)
        and not initials.startswith(letters)
    )


def _best(scored: list[tuple[float, int, int, str]]) -> list[tuple[int, int, str]]:
    """Choose the candidates that do not overlap and add up to the highest score."""
    scored.sort(key=lambda c: c[2])
    best: list[tuple[float, int]] = [(0.0, -1)]  # sum, index of the last one taken
    picks: list[tuple[int, ...]] = [()]
    ends: list[int] = []
    from bisect import bisect_right

    for i, (score, start, end, _) in enumerate(scored):
        before = bisect_right(ends, start)
        with_it = best[before][0] + score
        if with_it > best[-1][0]:
            best.append((with_it, i))
            picks.append((*picks[before], i))
        else:
            best.append(best[-1])
            picks.append(picks[-1])
        ends.append(end)
    return [scored[i][1:] for i in picks[-1]]
