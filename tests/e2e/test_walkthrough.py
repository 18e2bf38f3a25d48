"""The walkthrough as a test: the real processes, a real Web Push endpoint, one minute."""

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.conftest import environ_for
from tests.e2e.installation import Installation
from tests.e2e.walkthrough import Walkthrough
from tests.fakes.push_provider import PushProvider


def test_a_clinic_walks_from_a_discharge_date_to_a_page_that_shows_it(
    postgres: EmbeddedPostgres, own_database: str
) -> None:
    """To plant: a worker that ticks every ten seconds; a plan that is replanned from nothing."""
    steps: list[str] = []
    with PushProvider() as provider, Installation(environ_for(postgres, own_database)) as place:
        place.start("web")
        place.start("worker")
        Walkthrough(place, provider, steps.append).walk()
    assert steps[-1].startswith("Done")
