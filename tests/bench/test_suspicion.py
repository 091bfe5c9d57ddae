"""The bench of suspicions counts what it should; on made rows, since training them takes minutes."""

from __future__ import annotations

from typing import Any

import pytest

from bench.suspicion import WAYS, cases, disagreements, harm, numbers_table, rates_table, wilson


def row(dose: str, z: float, *said: str, name: str = "T 0.1") -> dict[str, Any]:
    name = f"{name}, {dose or '0 bits'}"
    verdicts = {way: way in said for way in WAYS}
    told = {"family": "digits", "name": name, "dose": dose, "planted": bool(dose), "seed": 0}
    return told | {"numbers": {"ideal": 0.8, "z": z, "gap": None}, "verdicts": verdicts}


ROWS = [row("", 0.9), row("2 bits", 0.85, "data"), row("8 bits", 0.2, "data", "rule"), row("", 0.9, "rule", name="T 1")]


def test_the_interval_of_a_share() -> None:
    assert wilson(0, 0) == (0, 1)
    assert wilson(10, 10) == pytest.approx((0.722, 1), abs=1e-3)
    assert wilson(5, 10) == pytest.approx((0.237, 0.763), abs=1e-3)


def test_harm_is_against_the_same_run_without_bits() -> None:
    assert [harm(each, ROWS) for each in ROWS] == [None, pytest.approx(0.05), pytest.approx(0.7), None]
    assert harm(ROWS[1], ROWS[1:3]) is None


def test_rates_are_of_planted_and_of_sound_runs() -> None:
    lines = {line[:24].strip(): line[24:] for line in rates_table(ROWS).splitlines()}
    rule = {name: cells.rsplit("%)", 2)[-2].strip() for name, cells in lines.items() if "of" in cells}
    assert rule["nothing planted"].startswith("1 of 2")
    assert rule["planted: all"].startswith("1 of 2")
    assert rule["bits that do harm"].startswith("1 of 1")
    assert rule["bits that do none"].startswith("0 of 1")


def test_where_ways_disagree() -> None:
    line = next(
        line for line in disagreements(ROWS).splitlines() if line.split(",")[0].strip() == "data" and "rule" in line
    )
    assert "1 of which 1 planted" in line
    assert "1 of which 0 planted" in line


def test_every_number_has_its_column() -> None:
    table = numbers_table(ROWS).splitlines()
    assert table[0].split() == ["ideal", "z", "gap", "says"]
    assert table[3].split()[-5:] == ["0.80", "0.20", "-", "data,", "rule"]


def test_the_rows_have_names_of_their_own() -> None:
    every = cases()
    assert len({(case.family, case.name) for case in every}) == len(every)
    assert {case.family for case in every if not case.planted} >= {"digits", "vectors", "colour", "sound"}
