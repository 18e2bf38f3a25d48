"""No channel tells anybody what a patient has, does or is called: from the row to the wire.

Planted: the kind as a push's Topic or in a webhook's event, an address in a log line, a
subscription or the kind in a `repr`.
"""

import io
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence

import pytest

from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.logs import configure_logs
from recovery_service.reminders.channels.protocol import Address, Channel, Message, Outcome
from tests.contract.arrivals import Rig
from tests.contract.canaries import (
    CANARY,
    canary_columns,
    canary_rows,
    store_canaries,
)
from tests.contract.rigs import LOCAL, REMOTE, InboxRig
from tests.fakes.push_provider import PushProvider
from tests.reminders.conftest import Bench

WORDS = (CANARY, "lumbar", "1970-01-01", *REMINDER_KINDS)


class Overheard:
    """A channel that remembers what it was handed and what it answered."""

    def __init__(self, channel: Channel) -> None:
        self.name = channel.name
        self.resends = channel.resends
        self.heard: list[object] = []
        self._channel = channel

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        outcomes = self._channel.send(batch)
        self.heard += [*batch, *outcomes]
        return outcomes

    def close(self) -> None:
        """Leave that to the rig."""


@pytest.fixture(scope="module")
def provider() -> Iterator[PushProvider]:
    with PushProvider() as running:
        yield running


@pytest.fixture(params=sorted(REMOTE | LOCAL))
def rig(request: pytest.FixtureRequest, provider: PushProvider) -> Iterator[Rig | InboxRig]:
    with (REMOTE | LOCAL)[request.param](provider) as built:
        yield built


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged, the least of it included."""
    stream = io.StringIO()
    configure_logs("json", level="DEBUG", stream=stream)
    yield stream
    configure_logs("json", level="WARNING")


def remind(bench: Bench, rig: Rig | InboxRig) -> tuple[Overheard, int]:
    """Let a patient of each kind be reminded at the rig's own destinations."""
    channel = Overheard(rig.channel)
    bench.channels = {channel.name: channel}
    for kind in REMINDER_KINDS:
        rows = canary_rows(kind, rig.destination())
        with bench.at_the_clinic(rows["clinic"]["id"]) as session:
            store_canaries(session, rows)
    return channel, bench.tick()["sent"]


def found_in(text: str) -> list[str]:
    """Return the words that can be read in a text, also through base64."""
    seen = [text, *(_decoded(each) for each in re.findall(r"[A-Za-z0-9+/_-]{12,}", text))]
    return [word for word in WORDS if any(word in each.lower() for each in seen)]


def _decoded(text: str) -> str:
    plain = text.replace("+", "-").replace("/", "_")
    whole = plain[:-1] if len(plain) % 4 == 1 else plain
    return urlsafe_b64decode(whole + "=" * (-len(whole) % 4)).decode("latin-1")


def test_every_personal_text_of_a_patient_is_a_canary() -> None:
    columns = canary_columns()
    assert len(columns) >= 25
    assert columns >= {
        ("patient", "name"),
        ("episode", "diagnosis"),
        ("plan_item", "title"),
        ("plan_item", "instructions"),
        ("check_in", "note"),
        ("occurrence_action", "note"),
        ("appointment", "title"),
    }


def test_a_canary_that_gets_out_is_found() -> None:
    assert found_in("a kanarya7 in the open") == [CANARY]
    assert found_in("its name in base64: bWVkaWNhdGlvbg") == ["medication"]
    assert found_in("Your plan has something for you.") == []


def test_nothing_of_a_patient_is_on_the_wire(bench: Bench, rig: Rig | InboxRig) -> None:
    _, sent = remind(bench, rig)
    assert sent == len(REMINDER_KINDS)
    if isinstance(rig, InboxRig):
        return  # the row is the message: nothing leaves
    arrived = rig.arrived()
    assert len(arrived) == len(REMINDER_KINDS)
    for arrival in arrived:
        assert found_in(arrival.readable + arrival.repeat_key) == []


def test_nothing_of_a_patient_is_logged_or_shown(
    bench: Bench, rig: Rig | InboxRig, lines: io.StringIO
) -> None:
    if not isinstance(rig, InboxRig):
        rig.refuse("gone")
    channel, _ = remind(bench, rig)
    where = [address for address, _ in (each for each in channel.heard if isinstance(each, tuple))]
    assert len(where) == len(REMINDER_KINDS)
    shown = lines.getvalue() + repr(channel.heard)
    assert found_in(shown) == []
    for address in where:
        assert address.address is None or address.address not in shown
        assert str(address.subscription) not in shown
    if not isinstance(rig, InboxRig):
        assert lines.getvalue().count("destination_retired") == len(REMINDER_KINDS)
