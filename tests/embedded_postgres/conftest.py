"""Clusters for these tests: real ones, in folders that the server's account can reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.embedded_postgres.clusters import Cluster, remember


@pytest.fixture
def place() -> Iterator[Path]:
    """Make a folder that the server's account may pass through; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def cluster(place: Path) -> Iterator[Cluster]:
    """Return what makes clusters that are gone after the test, servers included."""
    made: list[EmbeddedPostgres] = []

    def make(
        folder: Path | None = None, *, version: int = 18, durable: bool = False
    ) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder or place / "c", version=version, durable=durable))
        return made[-1]

    yield make
    for one in made:
        one.stop("immediate")
    for one in made:
        one.remove()


@pytest.fixture(scope="package")
def shared_place() -> Iterator[Path]:
    """Make a reachable folder for the clusters that several tests share."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def postgres(shared_place: Path) -> Iterator[EmbeddedPostgres]:
    """Share one running cluster among the tests that leave it as it was."""
    shared = EmbeddedPostgres(shared_place / "shared", durable=False)
    shared.start()
    shared.create_database("recovery")
    yield shared
    shared.remove()


@pytest.fixture(scope="package")
def lasting(shared_place: Path) -> Iterator[EmbeddedPostgres]:
    """Share one durable cluster, with a row to keep, among the tests that kill its server."""
    shared = EmbeddedPostgres(shared_place / "lasting")
    shared.start()
    remember(shared)
    yield shared
    shared.remove()
