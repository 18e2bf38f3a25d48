"""What share of the changes made on purpose the tests notice; `make mutants` asks for it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

LEAST = 0.85
COUNTED = Path("mutants/mutmut-cicd-stats.json")


def score(counted: Mapping[str, int]) -> float:
    """Return the share of noticed changes; one that nobody tried was not noticed either.

    A change that has the code go on for ever is noticed by the clock.
    """
    tried = counted["total"] - counted["skipped"]
    return (counted["killed"] + counted["timeout"]) / tried if tried else 0.0


def main() -> int:
    """Say the score; return 1 where it is too low."""
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    reached = score(counted)
    told = f"{reached:.1%} of {counted['total']} changes were noticed; {LEAST:.0%} are asked for"
    print(told)  # noqa: T201
    return int(reached < LEAST)


if __name__ == "__main__":
    sys.exit(main())
