from __future__ import annotations

import sys

import altair as alt
import numpy as np
import pandas as pd
import pytest

import pqnlp
from pqnlp import plot
from pqnlp.codebook import LABELS, REASONS
from pqnlp.plot import PlotError
from pqnlp.reporting.figures import draw


def rates_table(groups, labels=LABELS) -> pd.DataFrame:
    """Return a table as `pqnlp.rates` does, with a rate of its own for each group and label."""
    rows = []
    for k, (group, n) in enumerate(groups):
        for j, label in enumerate(labels):
            rate = (0.2 + 0.1 * k + 0.05 * j) % 1
            rows.append(
                {
                    "group": group, "label": label, "n": n, "n_labelled": 0, "naive": rate, "naive_low": rate, "naive_high": rate,
                    "rate": rate, "low": rate - 0.05, "high": rate + 0.05, "method": "naive", "small": n < 30,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def rows_of(chart: alt.TopLevelMixin) -> list[dict]:
    return chart.to_dict()["layer"][0].get("data", chart.to_dict().get("data"))["values"]


TABLE = rates_table([("Treasury", 400), ("Home Office", 300), ("Wales Office", 7), ("Scotland Office", 90)])


def test_rates_draw_a_panel_for_each_label():
    assert isinstance(plot.rates(TABLE), alt.HConcatChart)
    assert len(plot.rates(TABLE).to_dict()["hconcat"]) == len(LABELS)


def test_rates_of_one_label_are_sorted_and_small_groups_come_last():
    rows = rows_of(plot.rates(TABLE, label="direct"))
    assert [row["group"] for row in rows] == ["Scotland Office", "Home Office", "Treasury", "Wales Office"]
    assert [row["small"] for row in rows] == [False, False, False, True]


def test_rates_show_the_interval_of_the_table():
    (row,) = [row for row in rows_of(plot.rates(TABLE, label="evasive")) if row["group"] == "Treasury"]
    assert (row["low"], row["high"]) == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    ("periods", "first"),
    [(["2024-12", "2024-11"], "2024-11-01"), (["2025-Q1", "2024-Q4"], "2024-10-01"), (["2025", "2024"], "2024-01-01")],
)
def test_periods_run_in_order_of_time(periods, first):
    rows = rows_of(plot.rates(rates_table([(period, 50) for period in periods]), label="direct"))
    assert [row["group"] for row in rows] == sorted(periods)
    assert rows[0]["at"].startswith(first)


def test_names_that_are_cut_alike_stay_two_groups():
    long = "Committee for the Oversight of Bridges over Tidal Waters "
    svg = draw(plot.rates(rates_table([(long + "North", 50), (long + "South", 60)]), label="direct"), "Two")
    assert svg.count("Committee for the Oversight of…") == 2


def test_reasons_of_a_scored_table_are_counted():
    scored = pd.DataFrame({"reason": ["cost", "cost", "full", None, "no such reason"]})
    rows = rows_of(plot.reasons(scored))
    assert [(row["reason"], row["label"], row["n"]) for row in rows] == [("cost", "evasive", 2), ("full", "direct", 1)]


def test_reasons_of_rates_have_intervals():
    names = [reason for reasons in REASONS.values() for reason in reasons]
    chart = plot.reasons(rates_table([("all", 500)], names))
    assert {row["name"] for row in rows_of(chart)} >= {"not held", "other body"}
    assert len(chart.to_dict()["layer"]) == 2


def scored_with(p, labels) -> pd.DataFrame:
    frame = pd.DataFrame({"id": [str(k) for k in range(len(p))], "label": labels})
    frame["p_direct"] = np.where(frame["label"] == "direct", p, (1 - np.array(p)) / 2)
    frame["p_evasive"] = np.where(frame["label"] == "evasive", p, (1 - np.array(p)) / 2)
    frame["p_policy_restating"] = 1 - frame["p_direct"] - frame["p_evasive"]
    return frame


def test_calibration_compares_probability_and_share_right():
    # Ten labels at 0.6, of which six are right, and ten at 0.9, of which nine are.
    frame = scored_with([0.6] * 10 + [0.9] * 10, ["direct"] * 20)
    truth = ["direct"] * 6 + ["evasive"] * 4 + ["direct"] * 9 + ["evasive"]
    points = plot.calibration(frame, truth, bins=2).to_dict()["layer"][1]["data"]["values"]
    assert [(row["p"], row["right"], row["n"]) for row in points] == [
        (pytest.approx(0.6), pytest.approx(0.6), 10),
        (pytest.approx(0.9), pytest.approx(0.9), 10),
    ]
    assert all(row["low"] < row["right"] < row["high"] for row in points)


def test_calibration_takes_labels_by_id():
    frame = scored_with([0.7, 0.8, 0.9], ["direct"] * 3)
    points = plot.calibration(frame, {"2": "direct", "0": "evasive"}, bins=1).to_dict()["layer"][1]["data"]["values"]
    assert [(row["n"], row["right"]) for row in points] == [(2, 0.5)]


def test_entities_count_pairs_and_join_wordings_of_one_id():
    def mention(text, kind, identity):
        return {"field": "answer", "start": 0, "end": 1, "text": text, "type": kind, "id": identity, "url": None, "from": None, "to": None}  # fmt: skip

    ofsted = [mention("Ofsted", "ORG", "ofsted"), mention("Ofsted", "ORG", "ofsted")]
    frame = pd.DataFrame({"entities": [ofsted, [mention("OFSTED", "ORG", "ofsted"), mention("May", "DATE", None)], []]})
    assert [(row["name"], row["n"]) for row in plot.entities(frame).to_dict()["data"]["values"]] == [("Ofsted", 2)]
    assert [row["name"] for row in plot.entities(frame, kind="DATE").to_dict()["data"]["values"]] == ["May"]


def test_entities_take_the_list_of_mentions():
    table = pqnlp.entities(
        [("To ask the Secretary of State for Wales, what she did.", "The Welsh Government met Ofcom.")]
    )
    assert "Ofcom" in {row["name"] for row in plot.entities(table).to_dict()["data"]["values"]}


@pytest.mark.parametrize(
    "call",
    [
        lambda: plot.rates(pd.DataFrame({"label": ["direct"]})),
        lambda: plot.rates(TABLE.iloc[:0]),
        lambda: plot.rates(TABLE, label="honest"),
        lambda: plot.reasons(pd.DataFrame({"reason": [None]})),
        lambda: plot.entities(pd.DataFrame({"answer": ["x"]})),
        lambda: plot.entities(pd.DataFrame({"entities": [[]]})),
        lambda: plot.calibration(scored_with([0.5], ["direct"]), {"nowhere": "direct"}),
    ],
    ids=["no rates", "empty", "unknown label", "no reasons", "no mentions", "none found", "no truth"],
)
def test_a_table_that_cannot_be_drawn_gets_an_error_with_the_mend(call):
    with pytest.raises(PlotError, match="give|has no|has:|check|it has"):
        call()


def test_without_altair_charts_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(PlotError, match=r"altair: pip install 'pqnlp\[report\]'"):
        plot.rates(TABLE)


def test_picture_for_the_page_leaves_colours_and_size_to_it():
    svg = draw(plot.rates(TABLE, label="evasive"), 'Shares of "evasive" <all>')
    assert 'aria-label="Shares of &#34;evasive&#34; &lt;all&gt;"' in svg
    assert "var(--evasive)" in svg and "var(--ink)" in svg
    assert "#c4520a" not in svg and "font-family" not in svg
