"""Medians, spread, and results that are kept beside each other.

Seen red with the mean in place of the median, with a result file written anew, and with
contestants that never change places.
"""

import json
from pathlib import Path

from benchmarks.figures import absolute, alternate, ratio, save, table

MACHINE = {"cpu": "an abacus", "cores": 1}


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    figure = ratio("x_vs_y", [10, 100, 90], [5, 10, 100], aim=1.5, threads=2)
    assert (figure.value, figure.spread, figure.n) == (2, (0.9, 10), 3)
    assert figure.detail == {"ours_per_s": 90, "theirs_per_s": 10, "threads": 2}


def test_contestants_take_turns_and_change_places() -> None:
    ran: list[str] = []

    def run(name: str, rate: float) -> float:
        ran.append(name)
        return rate

    reached = alternate({"a": lambda: run("a", 1), "b": lambda: run("b", 2)}, 2)
    assert ran == ["a", "b", "b", "a"]
    assert reached == {"a": [1, 1], "b": [2, 2]}


def test_results_of_some_figures_leave_the_others(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    save([absolute("one", [1, 2, 3], "ms")], MACHINE, results)
    save([absolute("two", [4], "ms")], MACHINE, results)
    kept = json.loads(results.read_text())
    assert list(kept) == ["one", "two"]
    assert kept["one"] == {
        "value": 2,
        "unit": "ms",
        "n": 3,
        "spread": [1, 3],
        "aim": None,
        "limit": None,
        "detail": {"machine": MACHINE},
    }


def test_the_table_names_the_machine_and_the_aim() -> None:
    text = table([absolute("one", [2], "ratio", aim=0.55)], MACHINE)
    assert text.startswith("cpu an abacus, cores 1\n")
    assert "≥ 0.55" in text
    assert "≤ 30" in table([absolute("two", [2], "s", limit=30)], MACHINE)
