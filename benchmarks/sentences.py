"""Compare pqnlp's sentence splitter with spaCy's sentencizer and pysbd, in boundaries and in speed.

The gold passages were written for this file, in the manner of parliamentary answers: ``|`` marks each boundary inside
a passage, ``\\n`` begins a new line of it. Run from the repository's root::

    python benchmarks/sentences.py

pysbd takes part if it is installed (``pip install pysbd``).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pqnlp.sentences import split_sentences

GOLD = r"""
My hon. Friend the Member for Kelp Bay asked about eels. |The eels are well.
I thank the rt. hon. Lady for her letter. |I have replied to it.
The Rt.hon. Gentleman is right. |The quay is closed.
No. 10 was told of the plan. |So was No. 11.
I refer to the answer to Question No. 4125 of 3 May. |It still holds.
The figures are in para. 3 of the note. |Paras. 4 to 6 explain them.
It covers c. 200 sites. |Each has a keeper.
See p. 12 and pp. 14-16 of the report. |The annex has maps.
This is set out in s. 12 of the Eels Act 1962. |Reg. 4 applies as well.
Under art. 5 of the treaty, boats may land. |They must first be weighed.
The duty fell under sch. 2 to the Act. |It was repealed in 1994.
The firm is Kelp and Sons Ltd. |The contract ends in May.
Kelp and Sons Ltd. Harbour Division has left.
It was made by Marine Bolts plc. |Officials have met the company.
The U.K. Government has replied to the letter.
The U.S. Navy and the E.U. Commission were told.
Dr. Reef and Mr. Quay attended. |Mrs. Sand sent her regrets.
Prof. Anna Shoal chairs the panel. |Lt. Col. Brine is its deputy.
Sir J. M. Barrow opened the pier. |A. Smith closed it.
Cllr. Fry and Messrs. Dow & Co. wrote to us.
The diet is low in vitamin D. |The advice is to take it in winter.
It cost £1.5 million in 2022. |In 2023 it cost £2.25 million.
The rate rose by 0.4 per cent. |It fell by 1.1 per cent the year after.
In 2023-24 there were 12,400. |2,000 of them were in Wales.
It opened in 2019. |2020 was its busiest year.
The meeting was at 9 a.m. on Monday. |It ended at 4 p.m. |No minutes were kept.
Goats, sheep, etc. were counted. |Pigs were not.
Fees include mooring, water, etc. |The tariff is on the website.
Some costs, e.g. for rope, i.e. hemp rope, rose.
The answer is no. |The Department has no such plan.
Is it planned? |No. |It was never planned.
Was the letter sent? |It was! |Nobody knows why.
He said: “It is done.” |Then he left the room.
The Minister said "We are listening." |We still are.
(It was not.) |Now it is.
The sum was paid (see note 3). |It was paid late (in June.) |No interest was due.
The list is on www.gov.uk/kelp-list. |Further lists will follow.
See https://www.example.gov.uk/a.b/c?d=1.2. |The page was updated in May.
Write to ann.quay@harbour.example.org. |She will answer.
It is published on GOV.UK. |The next edition is due in May.
GOV.UK Notify sends the texts. |They are free.
The plan was set out in the Review.|The next step is a survey.
It is for the Board to decide.|We have told it so.
1. Repair the quay. |2. Paint the boat. |3. Count the eels.
The steps are:\n|• repair the quay\n|• paint the boat; and\n|• count the eels.
The steps are:\n|(a) repair the quay;\n|(b) paint the boat.
a. Repairs are under way.\n|b. Painting is done.
Figures follow.\n|Year | Boats\n2022 | 14\n2023 | 12\n|They are rounded.
Boats are listed below.\n|Port | Jan. | Feb.\nDeal | 1 | 2\nDover | 3 | 4
Source: Harbour Trust.\n|Note: 1. Figures are rounded. |2. They exclude dinghies.
The survey was late.[1] |It was also dear.
The Department for Transport (DfT) leads. |DfT's officials met the trust in Oct. 2023.
Phase 1 ran from Jan. to Mar. 2023. |Phase 2 began in Sept.
It took approx. 4 weeks. |The min. was 2 and the max. 9.
It was Regina v. Harbour Trust. |The trust lost.
The case of Reef vs. Quay was settled. |Costs were shared.
St. Ives and St. Mawes have slipways. |Deal has none.
The Bill (H.L. Bill 12) was read. |It fell at dissolution.
The Member for Reef (Mr. A. B. Cove) asked. |I answered.
Vol. 3, ch. 2, fig. 7 shows it. |Ed. note: it is not to scale.
It ended... |Then it began again.
It ended in 2019… |Nobody said so.
Mr Quay OBE FRS. |He retired in May.
The scheme is Band D. |Households in Band A pay less.
The Secretary of State met them on 4 Nov. |She will meet them again.
They asked about Ref. 12/34. |It was lost.
We have (i) met the trust; (ii) read its report; and (iii) replied. |No more is planned.
The Government will: 1. listen; 2. act. |That is all.
Exports to Jersey, Guernsey etc. Exports to Sark are nil.
The pier is owned by Pier Co. |It was sold in 1999.
"Kelp!" was the reply. |The House laughed.
It rose by 5%. |By 2030 it will double.
The vessel HMS Kelp sailed at 0600. |She returned at 1830.
Between 1 Apr. 2022 and 31 Mar. 2023, 14 sank. |None was crewed.
The total was 1,204 (Sept. 2023). |The target is 1,300.
""".strip().split("\n")


def passages() -> list[tuple[str, set[int]]]:
    """Return each passage with the offsets, in characters that print, at which a sentence begins."""
    out = []
    for line in GOLD:
        # In a table " | " parts cells, so a boundary is a bar without a space behind it.
        pieces = line.replace("\\n", "\n").replace(" | ", "\0").split("|")
        text = "".join(pieces).replace("\0", " | ")
        starts, length = set(), 0
        for piece in pieces[:-1]:
            length += len(piece.replace("\0", " | "))
            starts.add(_printing(text, length))
        out.append((text, starts))
    return out


def _printing(text: str, offset: int) -> int:
    return sum(not character.isspace() for character in text[:offset])


def starts_of(spans: list[tuple[int, int]], text: str) -> set[int]:
    """Return the offsets at which all spans but the first begin, in characters that print."""
    return {_printing(text, start) for start, _ in spans} - {0}


def splitters() -> dict[str, Callable[[str], list[tuple[int, int]]]]:
    """Return the splitters by name; each gives spans of characters."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    out: dict[str, Callable] = {
        "pqnlp": split_sentences,
        "spaCy sentencizer": lambda text: [(sent.start_char, sent.end_char) for sent in nlp(text).sents],
    }
    try:
        import pysbd
    except ImportError:
        return out
    segmenter = pysbd.Segmenter(language="en", clean=False, char_span=True)

    def by_pysbd(text: str) -> list[tuple[int, int]]:
        # Line by line: left whole, pysbd does not part list items from each other.
        spans, start = [], 0
        for line in text.split("\n"):
            spans += [(start + s.start, start + s.end) for s in segmenter.segment(line)] if line.strip() else []
            start += len(line) + 1
        return spans

    return {**out, "pysbd": by_pysbd}


def measure(split: Callable, gold: list[tuple[str, set[int]]]) -> tuple[float, float, float, int]:
    """Return precision, recall and F1 of the boundaries, and how many passages are wholly right."""
    right = found = known = whole = 0
    for text, starts in gold:
        got = starts_of(split(text), text)
        right, found, known = right + len(got & starts), found + len(got), known + len(starts)
        whole += got == starts
    precision, recall = right / max(found, 1), right / known
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9), whole


def speed(split: Callable, texts: list[str], *, seconds: float = 1.0) -> float:
    """Return characters a second, the best of three rounds."""
    best = 0.0
    for _ in range(3):
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds / 3:
            for text in texts:
                split(text)
                done += len(text)
        best = max(best, done / (time.perf_counter() - began))
    return best


def main() -> None:
    """Print the table."""
    gold = passages()
    texts = ["\n".join(text for text, _ in gold[k : k + 5]) for k in range(0, len(gold), 5)]
    sentences = sum(len(starts) + 1 for _, starts in gold)
    print(f"{len(gold)} passages, {sentences} sentences, {sum(len(starts) for _, starts in gold)} boundaries within")
    print(f"{'splitter':<20}{'precision':>10}{'recall':>8}{'F1':>7}{'whole':>8}{'characters/s':>15}{'ratio':>8}")
    base = None
    for name, split in splitters().items():
        precision, recall, f1, whole = measure(split, gold)
        pace = speed(split, texts)
        base = base or pace
        row = f"{name:<20}{precision:>10.3f}{recall:>8.3f}{f1:>7.3f}{whole:>5}/{len(gold)}"
        print(f"{row}{pace:>15,.0f}{pace / base:>8.2f}")


if __name__ == "__main__":
    main()
