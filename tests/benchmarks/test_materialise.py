"""The race of the dispatchers, at a size that measures nothing.

The race itself compares every row that its contestants write; seen red with a place that is
a minute off in what the SQL statement reads, and with a statement that writes no deliveries.
"""

import pytest

from benchmarks import materialise, materialise_million
from benchmarks.__main__ import main
from benchmarks.materialise import NAMES
from recovery_service.embedded_postgres import EmbeddedPostgres


def test_all_contestants_write_the_same_rows(postgres: EmbeddedPostgres) -> None:
    figures = materialise.measure(postgres, count=120, jobs=8, rounds=1)
    assert [each.name for each in figures] == [*NAMES]
    assert all(each.value > 0 for each in figures)


def test_the_million_is_as_many_times_the_tenth(postgres: EmbeddedPostgres) -> None:
    figures = materialise_million._measured(postgres, frozenset(materialise_million.NAMES), 240, 1)
    assert [each.name for each in figures] == [*materialise_million.NAMES]
    assert [each.detail["schedules"] for each in figures] == [240, 240]


def test_a_figure_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "materialise_vs_sql,perpetual_motion"])
    assert "no such figure: perpetual_motion" in capsys.readouterr().err
