"""Invented repair requests and landlords' replies: labelled pairs that have nothing to do with a parliament.

python -m benchmarks.repairs [--rows 360] [--output data/repairs.csv]

Three labels, each with reasons: `fixed` (the work is done), `promised` (it will be) and `refused` (it will not). A reply has one
deciding sentence between others that any reply may have. Half of the replies also say what became of another tenant's repair, in
words that would decide another label: only the question tells which sentence counts. One in eight is a stock reply that others
share.
"""

import argparse
import random
from datetime import date, timedelta

import pandas as pd

FAULTS = [
    ("boiler", "in the airing cupboard", "has lost pressure again"), ("kitchen tap", "over the sink", "drips all night"),
    ("extractor fan", "in the bathroom", "rattles and draws no air"), ("front door", "of the flat", "no longer shuts"),
    ("bedroom window", "on the street side", "lets the rain in"), ("radiator", "in the hall", "stays cold at the bottom"),
    ("smoke alarm", "on the landing", "chirps every minute"), ("shower", "upstairs", "runs hot and then cold"),
    ("stair light", "outside number nine", "has been out for a week"), ("gutter", "above the porch", "spills over the wall"),
    ("garden fence", "by the alley", "came down in the wind"), ("toilet cistern", "on the ground floor", "will not refill"),
    ("damp patch", "behind the wardrobe", "is growing"), ("entry phone", "by the bins", "rings in the wrong flat"),
    ("oven door", "in the kitchen", "hangs from one hinge"), ("floorboard", "under the sofa", "has cracked through"),
    ("letterbox", "in the lobby", "was forced last weekend"), ("immersion heater", "in the loft", "trips the fuse"),
]  # fmt: skip
ASKED = [
    "The {item} {place} {fault}. Can someone please look at it?",
    "I reported on {day} that the {item} {place} {fault}. What is happening?",
    "Could you tell me when the {item} {place} will be seen to? It {fault}.",
    "Our {item} {fault}. We have a baby in the house. Will you repair it this week?",
    "For the third time: the {item} {place} {fault}. Who is going to mend it?",
    "Is the {item} {place} yours to repair or mine? It {fault}.",
    "May I have a date for the {item}? It {fault} and the agent never rings back.",
    "The {item} {fault} since the last visit. Please send a different firm.",
]
DECIDING = {
    ("fixed", "repaired"): [
        "{firm} repaired the {item} on {day} and tested it before leaving.",
        "Our man called on {day}, mended the {item} and had your neighbour sign for it.",
        "The {item} was put right yesterday; the cause was a worn {part}.",
        "I am glad to say that the {item} is working again since {day}.",
        "The engineer's sheet shows the {item} as completed at {hour} on {day}.",
    ],
    ("fixed", "replaced"): [
        "We had a new {item} put in on {day}, under a guarantee of {years} years.",
        "{firm} took the old {item} away and fitted another on {day}.",
        "The {part} could not be saved, so the whole {item} was changed on {day}.",
        "A replacement {item} went in this morning and the old one is off the premises.",
    ],
    ("promised", "booked"): [
        "{firm} is booked for {later} between {hour} and noon.",
        "You are on the round for {later}, and the caretaker will let them in.",
        "I have asked {firm} to come on {later}; they will ring first.",
        "Someone will be with you on {later} to see to the {item}.",
    ],
    ("promised", "waiting"): [
        "The {part} has been ordered and we will fit it as soon as it is delivered.",
        "We shall mend the {item} once the scaffolding comes down in {month}.",
        "This has gone on our list for {month}, when the whole row is done.",
        "As soon as the insurer agrees the sum, the {item} will be seen to.",
        "It will be repaired, though I cannot yet give you the day.",
    ],
    ("refused", "tenant"): [
        "Under clause {clause} of your agreement the {item} is for the tenant to keep in repair.",
        "The {part} was broken by misuse, so the cost falls to you and we will not be sending anyone.",
        "Small parts such as a {part} are not ours to supply; any hardware shop has them.",
        "You fitted the {item} yourselves, and we do not maintain what tenants install.",
    ],
    ("refused", "not_needed"): [
        "Our surveyor saw nothing wrong with the {item} and the file is closed.",
        "We looked at the photographs and do not consider that any work is called for.",
        "The noise that you describe is usual for a {item} of that age, and we shall leave it as it is.",
        "The {item} passed its inspection on {day}, so no visit will be made.",
    ],
    ("refused", "sold"): [
        "The block is to be sold in {month} and the owner will spend nothing more on the {item}.",
        "There is no money for the {item} before the end of the lease, and we have to decline.",
    ],
}
OPENING = [
    "Thank you for your message of {day}.", "I am sorry that you had to write again.", "Your letter has been passed to me.",
    "I have now spoken to the caretaker.", "Thank you for the photographs.", "We take every report of a fault seriously.", "",
]  # fmt: skip
BETWEEN = [
    "We look after {number} homes in this part of the town and repair most faults within the month.",
    "Last year {firm} repaired the roof and replaced the lift for all residents.",
    "Please keep the area clear of bicycles at all times.",
    "Our standard is to answer within five working days.",
    "The winter has been hard on all of the older buildings.",
    "A new rota for the caretakers will be put up in {month}.",
    "Your neighbour in number {number} wrote about the same thing.",
    "Rent is due on the first of the month as always.",
    "We do not cover contents, for which tenants have their own insurance.",
    "The stairs are to be painted in {month}.",
    "The gas certificate was renewed on {day}.",
]
CLOSING = ["Do ring the office if anything is unclear.", "With kind regards, {name}.", "I hope that this helps.", ""]
FIRMS = ["Harbottle Plumbing", "Nye and Sons", "Marsh Lane Heating", "Quickfix Joinery", "Olive Tree Electrics"]
PARTS = ["washer", "hinge", "thermostat", "valve", "fuse", "bracket", "seal", "relay", "spindle"]
NAMES = ["Ines Farrow", "Tom Adeyemi", "Ruth Callow", "P. Vasquez", "Morag Lunn"]
MONTHS = ["February", "April", "June", "September", "November"]


ELSEWHERE = ["As for number {number}:", "Across the yard,", "By contrast, at number {number}:", "For your neighbour:"]
BEFORE = ["", "", "", "To be plain,", "As you ask:", "After some delay,", "About the {item}:", "In short,"]


def _said(text: str, before: str) -> str:
    """Put a few words before a sentence."""
    if not before:
        return text
    first = text.split(" ", 1)[0]
    keep = first in ("I", "{firm}") or not first[0].isalpha()
    return f"{before} {text if keep else text[0].lower() + text[1:]}"


def _filled(text: str, rng: random.Random, fault: tuple[str, str, str], day: date) -> str:
    def told(when: date) -> str:
        return f"{when.day} {when:%B}"

    slots = {
        "item": fault[0], "place": fault[1], "fault": fault[2], "firm": rng.choice(FIRMS), "part": rng.choice(PARTS),
        "name": rng.choice(NAMES), "month": rng.choice(MONTHS), "day": told(day - timedelta(rng.randint(1, 20))),
        "later": told(day + timedelta(rng.randint(2, 30))), "hour": rng.choice(["eight", "ten", "half past nine"]),
        "clause": rng.randint(3, 19), "years": rng.randint(2, 6), "number": rng.randint(4, 90),
    }  # fmt: skip
    return text.format(**slots)


def repairs(rows: int = 360, seed: int = 0) -> pd.DataFrame:
    """Make labelled pairs.

    Parameters
    ----------
    rows : int, default 360
    seed : int, default 0

    Returns
    -------
    DataFrame
        ``id``, ``building``, ``answered``, ``question``, ``answer``, ``label``, ``reason``, ``evidence``.
    """
    rng = random.Random(seed)
    stock: dict[tuple[str, str], tuple[str, str]] = {}
    out = []
    for number in range(1, rows + 1):
        fault, day = rng.choice(FAULTS), date(2025, 1, 6) + timedelta(rng.randint(0, 300))
        key = rng.choices(list(DECIDING), weights=[4, 3, 4, 4, 4, 3, 2])[0]
        question = _filled(rng.choice(ASKED), rng, fault, day)
        evidence = _filled(_said(rng.choice(DECIDING[key]), rng.choice(BEFORE)), rng, fault, day)
        others = [_filled(text, rng, rng.choice(FAULTS), day) for text in rng.sample(BETWEEN, rng.randint(0, 3))]
        if rng.random() < 1 / 2:
            other_fault = rng.choice([other for other in FAULTS if other != fault])
            text = rng.choice(DECIDING[rng.choice([other for other in DECIDING if other[0] != key[0]])])
            others.append(_filled(_said(text, rng.choice(ELSEWHERE)), rng, other_fault, day))
        others.insert(rng.randint(0, len(others)), evidence)
        parts = [_filled(rng.choice(OPENING), rng, fault, day), *others, _filled(rng.choice(CLOSING), rng, fault, day)]
        answer = " ".join(part for part in parts if part)
        if rng.random() < 1 / 8:
            answer, evidence = stock.setdefault(key, (answer, evidence))
        label, reason = key
        out.append(
            {
                "id": f"repair-{number:03d}", "building": rng.choice(["Albion House", "Dock Row", "Mill Court", "St Ann's",
                "Fern Street", "The Maltings", "Quay Side", "Hill Rise", "Park Mews", "Chapel Yard", "Orchard End", "Station Road"]),
                "answered": day.isoformat(), "question": question, "answer": answer, "label": label, "reason": reason,
                "evidence": evidence,
            }
        )  # fmt: skip
    return pd.DataFrame(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=360)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="data/repairs.csv")
    given = parser.parse_args()
    repairs(given.rows, given.seed).to_csv(given.output, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
