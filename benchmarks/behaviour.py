"""Print the behavioural table of a model, and with --write set the floors of tests/test_behaviour.py below it.

python benchmarks/behaviour.py [--model models/default] [--write]
"""

import argparse
import json
from pathlib import Path

import pandas as pd

import pqnlp

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "behaviour"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    cases = pd.DataFrame(
        [json.loads(line) for line in (FOLDER / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    )
    cases["predicted"] = pqnlp.score(
        list(zip(cases["question"], cases["answer"], strict=True)), model=given.model
    ).label.to_numpy()
    cases["right"] = cases["predicted"] == cases["label"]
    by_id = cases.set_index("id")["predicted"]
    base = cases["base"].where(cases["base"].notna(), cases["id"])
    cases["same"] = cases["predicted"].to_numpy() == by_id.loc[base].to_numpy()
    table = cases.groupby(["kind", "family"]).agg(
        cases=("right", "size"), right=("right", "mean"), same_as_base=("same", "mean")
    )
    print(table.round(2).to_string())
    varied = cases[cases["base"].notna()]
    figures = {
        "all": cases["right"].mean(),
        "invariance": varied[varied["kind"] == "invariance"]["same"].mean(),
        "directional": 1 - varied[varied["kind"] == "directional"]["same"].mean(),
    }
    print({name: round(float(value), 3) for name, value in figures.items()})
    if given.write:
        right = cases.groupby("family")["right"].mean()
        floors = {name: round(float(value) - 0.03, 2) for name, value in figures.items()}
        floors["families"] = {name: round(float(value) - 0.15, 2) for name, value in right.items() if value >= 0.85}
        (FOLDER / "floors.json").write_text(json.dumps(floors, indent=1) + "\n")


if __name__ == "__main__":
    main()
