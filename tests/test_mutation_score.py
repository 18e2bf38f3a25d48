"""The score of `make mutants`: what was not tried counts against it."""

import json
from pathlib import Path

import pytest

from tests.mutation_score import COUNTED, main, score

NOTHING = {"killed": 0, "timeout": 0, "skipped": 0, "total": 0}


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ({"killed": 8, "timeout": 1, "total": 10}, 0.9),
        ({"killed": 8, "skipped": 2, "total": 10}, 1.0),
        ({"killed": 5, "total": 10}, 0.5),  # the rest survived, has no test, or was never tried
        ({}, 0.0),
    ],
)
def test_the_score_is_the_share_of_what_was_noticed(
    counted: dict[str, int], expected: float
) -> None:
    assert score(NOTHING | counted) == expected


@pytest.mark.parametrize(("killed", "status"), [(84, 1), (85, 0)])
def test_a_low_score_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: int, status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    COUNTED.parent.mkdir()
    COUNTED.write_text(json.dumps(NOTHING | {"killed": killed, "total": 100}))
    assert main() == status
