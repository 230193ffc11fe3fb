"""The pages and docstrings name everything that exists, and their examples run."""

from __future__ import annotations

import csv
import doctest
import importlib
import inspect
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import pqnlp
from pqnlp.cli import app
from pqnlp.codebook import ASK_KINDS, ENTITY_TYPES, LABEL_OF_REASON, LABELS, REASONS, ROLES, VERDICTS
from pqnlp.evaluation import unsure_threshold

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
COMMANDS = dict(typer.main.get_command(app).commands)
PUBLIC = [name for name in pqnlp.__all__ if name != "__version__"]
PACKAGE = Path(pqnlp.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if re.search(r"^ +>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)
NAMES = (*LABELS, *LABEL_OF_REASON, *ROLES, *ASK_KINDS, *VERDICTS, *ENTITY_TYPES)


def page(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def pages() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    )


def first_cells(text: str) -> list[str]:
    """Return the names in code type that stand in the first cells of tables."""
    return [
        name
        for cell in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    ]


# --- commands and functions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_shows_an_example_of_it(name):
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert re.search(rf"Example: pqnlp {name} \S", " ".join(result.stdout.split()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name):
    silent = [parameter.name for parameter in COMMANDS[name].params if not getattr(parameter, "help", None)]
    assert not silent


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_on_a_page(name):
    assert re.search(rf"\bpqnlp {name}\b", pages())


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring_that_names_its_parameters(name):
    thing = getattr(pqnlp, name)
    text = inspect.getdoc(thing) or ""
    assert len(text.splitlines()) > 3, text
    if inspect.isclass(thing):
        assert "Attributes\n---" in text
        return
    assert "Returns\n---" in text
    listed = text.split("Parameters\n---")[1].split("Returns\n---")[0]
    for parameter in inspect.signature(thing).parameters:
        assert re.search(rf"^(?:.*, )?\*{{0,2}}{parameter}\b.*$", listed, re.MULTILINE), parameter


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def test_what_most_people_call_has_examples():
    assert set(WITH_EXAMPLES) >= {
        f"pqnlp.{name}" for name in ("sentences", "question", "corpus", "scoring", "classifier")
    }


# --- the codebook -----------------------------------------------------------------------------------------------------


def test_codebook_explains_every_name_in_a_table():
    missing = set(NAMES) - set(first_cells(page("docs", "codebook.md")))
    assert not missing


def test_codebook_explains_no_name_that_there_is_not():
    unknown = set(first_cells(page("docs", "codebook.md"))) - set(NAMES)
    assert not unknown


def test_codebook_puts_reasons_under_their_labels():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", page("docs", "codebook.md"), re.MULTILINE)
    assert {reason: label for reason, label in rows if reason in LABEL_OF_REASON} == LABEL_OF_REASON


def test_every_row_of_the_codebook_has_an_example():
    for line in page("docs", "codebook.md").splitlines():
        if re.match(r"\| `\w+` \|", line):
            assert all(cell.strip() for cell in line.strip("|").split("|")), line
            assert len(line.strip("|").split("|")) >= 3, line


def test_links_of_the_pages_lead_somewhere():
    for path in (ROOT / "docs" / "codebook.md", DATA / "README.md"):
        text = path.read_text(encoding="utf-8")
        anchors = {
            re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        }
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in anchors, target
            elif "://" not in target:
                assert (path.parent / target).is_file(), target


# --- the data ---------------------------------------------------------------------------------------------------------


def section(name: str) -> str:
    return page("data", "README.md").split(f"\n## `{name}`\n")[1].split("\n## ")[0]


def rows(name: str) -> list[dict]:
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)) if name.endswith(".csv") else [json.loads(line) for line in file]


def counts(text: str) -> dict[str, int]:
    found = re.findall(r"^\|(?: `\w+` \|)? `(\w+)` \| ([\d,]+) \|", text, re.MULTILINE)
    return {name: int(number.replace(",", "")) for name, number in found}


FILES = sorted(path.name for path in DATA.iterdir() if path.name != "README.md" and not path.name.startswith("."))


@pytest.mark.parametrize("name", FILES)
def test_every_data_file_is_described_with_its_number_of_rows(name):
    assert section(name)
    told = re.search(rf"^\| `{re.escape(name)}` \| ([\d,]+) \|", page("data", "README.md"), re.MULTILINE)
    there = len((DATA / name).read_text(encoding="utf-8").splitlines()) - name.endswith(".csv")
    assert told and int(told[1].replace(",", "")) == there


def test_no_data_file_is_described_that_is_not_there():
    told = re.findall(r"^\| `([\w.]+\.\w+)` \|", page("data", "README.md"), re.MULTILINE)
    assert set(told) == set(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".txt")])
def test_every_field_of_a_data_file_is_described(name):
    table = section(name).split("| field | what |\n")[1].split("\n\n")[0]
    assert set(first_cells(table)) == {field for row in rows(name) for field in row}


def test_told_counts_of_reasons_and_roles_are_those_of_the_files():
    assert counts(section("labels.csv")) == Counter(row["reason"] for row in rows("labels.csv"))
    assert counts(section("asks.jsonl")) == Counter(
        sentence["role"] for row in rows("asks.jsonl") if row["pass"] == 1 for sentence in row["sentences"]
    )


def test_told_sources_and_their_counts_are_those_of_the_file():
    text, labels = section("labels.csv"), rows("labels.csv")
    sources = Counter(row["source"] for row in labels)
    first, *later = sources
    told = [f"`{name}` ({sources[name]:,})" for name in later]
    assert f"`{first}` ({sources[first]:,} rows), {', '.join(told[:-1])} or {told[-1]} |" in text
    table = re.findall(r"^\| `\w+` \| `(\w+)` \| [\d,]+ \| (.+) \|$", text, re.MULTILINE)
    for at, name in enumerate(later):
        of_reason = {reason: int(cells.split(" | ")[at].replace(",", "")) for reason, cells in table}
        found = Counter(row["reason"] for row in labels if row["source"] == name)
        assert {reason: count for reason, count in of_reason.items() if count} == found
    for name, count in sources.items():
        hard = sum(row["hard"] == "True" for row in labels if row["source"] == name)
        share = f"{hard / count:.0%}".replace("%", " %")
        assert f"{share} of {'the rows' if name == first else 'those'} of `{name}`" in text


def test_answers_chosen_for_their_difficulty_are_never_held_out():
    first = {row["id"] for row in rows("labels.csv") if row["source"] == "first"}
    assert {row["id"] for row in rows("splits.csv")} == first


def test_told_split_is_that_of_the_file():
    split = Counter(row["split"] for row in rows("splits.csv"))
    assert f"`train` ({split['train']:,}) or `test` ({split['test']:,})" in section("splits.csv")
    assert f"{len({row['group'] for row in rows('splits.csv')}):,} groups" in section("splits.csv")


def test_labels_of_the_data_are_those_of_the_codebook():
    assert {(row["label"], row["reason"]) for row in rows("labels.csv")} == {
        (label, reason) for label, reasons in REASONS.items() for reason in reasons
    }


# --- the model card ---------------------------------------------------------------------------------------------------


def test_notes_of_the_model_have_every_section_of_a_card():
    assert re.findall(r"^#+ (.+)$", page("docs", "model_notes.md").split("```")[0], re.MULTILINE) == [
        "What the mistakes look like",
        "What it may be used for",
        "What it must not be used for",
        "Labels",
        "How the label follows from the probabilities",
        "How `unsure` is set",
        "Known weaknesses",
    ]


def test_notes_of_the_model_have_no_links_that_break_beside_the_model():
    # The notes are copied to the model's folder, where a link relative to docs/ leads nowhere.
    assert not [
        target for target in re.findall(r"\]\(([^)\s]+)\)", page("docs", "model_notes.md")) if "://" not in target
    ]


def test_kinds_of_mistakes_are_as_many_as_were_read():
    numbers = re.findall(r"^\| \*\*.+?\*\*[^|]* \| (\d+) \|", page("docs", "model_notes.md"), re.MULTILINE)
    assert len(numbers) == 9
    assert sum(map(int, numbers)) == 60


def test_told_share_of_right_labels_above_the_threshold_is_the_one_asked_for():
    accuracy = inspect.signature(unsure_threshold).parameters["accuracy"].default
    assert f"at least {100 * accuracy:.0f} % were right" in " ".join(page("docs", "model_notes.md").split())


def test_told_figures_of_labels_fit_together():
    text = page("docs", "model_notes.md")
    told = re.findall(r"^\| `(\w+)` \| (0\.\d+) \| (0\.\d+) \| (0\.\d+) \|$", text, re.MULTILINE)
    assert [name for name, *_ in told] == list(LABELS)
    for _, precision, recall, f1 in told:
        assert 2 / (1 / float(precision) + 1 / float(recall)) == pytest.approx(float(f1), abs=0.001)


def test_the_summary_that_the_readme_shows_is_what_the_shipped_model_gives():
    told = re.findall(r"^ (direct|evasive|policy_restating) +(\d+) +[\d.]+%$", page("README.md"), re.MULTILINE)
    given = pqnlp.score(DATA / "sample_answers.jsonl")["label"].value_counts()
    assert {label: int(count) for label, count in told} == given.to_dict()
