"""Print the behavioural table of a model, and with --write set the floors of tests/test_behaviour.py below it.

python benchmarks/behaviour.py [--model models/default] [--write]
"""

import argparse
import json
from pathlib import Path

import pandas as pd

import pqnlp

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "behaviour"


def measure(model: str | None) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the table of a model by kind and family, and the shares of all cases that the floors are of.

    Returns
    -------
    table : DataFrame, by kind and family
        ``cases``, ``right`` (share with the expected label) and ``same_as_base`` (share with the label that the base gets).
    figures : dict
        ``all``, ``invariance`` and ``directional``.
    """
    cases = pd.DataFrame(
        [json.loads(line) for line in (FOLDER / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    )
    cases["predicted"] = pqnlp.score(
        list(zip(cases["question"], cases["answer"], strict=True)), model=model
    ).label.to_numpy()
    cases["right"] = cases["predicted"] == cases["label"]
    by_id = cases.set_index("id")["predicted"]
    base = cases["base"].where(cases["base"].notna(), cases["id"])
    cases["same"] = cases["predicted"].to_numpy() == by_id.loc[base].to_numpy()
    table = cases.groupby(["kind", "family"]).agg(
        cases=("right", "size"), right=("right", "mean"), same_as_base=("same", "mean")
    )
    varied = cases[cases["base"].notna()]
    figures = {
        "all": cases["right"].mean(),
        "invariance": varied[varied["kind"] == "invariance"]["same"].mean(),
        "directional": 1 - varied[varied["kind"] == "directional"]["same"].mean(),
    }
    return table, figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    table, figures = measure(given.model)
    print(table.round(2).to_string())
    print({name: round(float(value), 3) for name, value in figures.items()})
    if given.write:
        total = table.assign(right=table["right"] * table["cases"]).groupby("family")[["right", "cases"]].sum()
        right = total["right"] / total["cases"]
        floors = {name: round(float(value) - 0.03, 2) for name, value in figures.items()}
        floors["families"] = {name: round(float(value) - 0.15, 2) for name, value in right.items() if value >= 0.85}
        (FOLDER / "floors.json").write_text(json.dumps(floors, indent=1) + "\n")


if __name__ == "__main__":
    main()
