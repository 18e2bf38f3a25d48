"""What every channel keeps, whatever it is made of."""

import json
import time
from collections.abc import Iterator
from typing import get_args

import pytest

from recovery_service.reminders.channels import REGISTRY, Registry, build_channels
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from tests.contract.arrivals import Refusal, Rig
from tests.contract.messages import message
from tests.contract.rigs import (
    LOCAL,
    REMOTE,
    InboxRig,
    closed_port,
    silent_port,
    towards,
)
from tests.fakes.push_provider import PushProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[PushProvider]:
    with PushProvider() as running:
        yield running


@pytest.fixture(params=sorted(REMOTE))
def rig(request: pytest.FixtureRequest, provider: PushProvider) -> Iterator[Rig]:
    with REMOTE[request.param](provider) as built:
        yield built


@pytest.fixture(params=sorted(REMOTE | LOCAL))
def any_rig(request: pytest.FixtureRequest, provider: PushProvider) -> Iterator[Rig | InboxRig]:
    with (REMOTE | LOCAL)[request.param](provider) as built:
        yield built


def test_every_registered_channel_is_under_this_contract() -> None:
    assert set(REMOTE) | set(LOCAL) == set(REGISTRY)


def test_a_channel_goes_by_the_name_it_is_registered_under(any_rig: Rig | InboxRig) -> None:
    assert any_rig.channel.name == any_rig.destination().channel
    assert any_rig.channel.name in REGISTRY


def test_a_name_is_registered_once() -> None:
    registry = Registry()
    registry.add("inbox", REGISTRY["inbox"])
    with pytest.raises(ValueError, match="already registered"):
        registry.add("inbox", REGISTRY["inbox"])


def test_a_misspelt_channel_is_an_error_and_an_unset_one_is_left_out() -> None:
    with pytest.raises(ValueError, match="webpsuh"):
        build_channels(webpsuh=object())
    assert build_channels(inbox=None) == {}


def test_every_pair_gets_its_outcome(any_rig: Rig | InboxRig) -> None:
    batch = [(any_rig.destination(), message(delivery_id=f"d-{n}")) for n in range(20)]
    outcomes = any_rig.channel.send(batch)
    assert [type(outcome) for outcome in outcomes] == [Sent] * 20


def test_an_empty_batch_has_no_outcomes(any_rig: Rig | InboxRig) -> None:
    assert any_rig.channel.send([]) == []


def test_an_expired_message_is_dead(any_rig: Rig | InboxRig) -> None:
    batch = [(any_rig.destination(), message(ttl=ttl)) for ttl in (0, -5)]
    assert any_rig.channel.send(batch) == [Dead("expired"), Dead("expired")]


def test_an_expired_message_is_not_sent(rig: Rig) -> None:
    rig.channel.send([(rig.destination(), message(ttl=0))])
    assert rig.arrived() == []


def test_one_bad_destination_changes_nothing_for_the_others(rig: Rig) -> None:
    nowhere = Address(destination_id=rig.destination().destination_id, channel=rig.channel.name)
    batch = [(rig.destination(), message(delivery_id=f"d-{n}")) for n in range(9)]
    batch[4] = (nowhere, message())
    outcomes = rig.channel.send(batch)
    assert outcomes.pop(4) == Dead("no_address")
    assert [type(outcome) for outcome in outcomes] == [Sent] * 8
    assert len(rig.arrived()) == 8


@pytest.mark.parametrize("left", [1, 1800, 40 * 3600])
def test_the_provider_is_told_what_is_left_until_expiry(rig: Rig, left: int) -> None:
    rig.channel.send([(rig.destination(), message(ttl=left))])
    longest = getattr(rig, "longest", left)  # for which this provider keeps anything
    assert [arrival.seconds_left for arrival in rig.arrived()] == [min(left, longest)]


def test_a_repeat_is_recognisable_as_one(rig: Rig) -> None:
    pair = (rig.destination(), message())
    rig.channel.send([pair])
    rig.channel.send([pair])
    first, second = rig.arrived()
    assert first.repeat_key == second.repeat_key != ""


@pytest.mark.parametrize(
    ("how", "outcome"), [("later", Retry), ("gone", Retired), ("never", Dead), ("not_us", Retry)]
)
def test_a_refusal_is_an_outcome_and_only_a_gone_address_is_retired(
    rig: Rig, how: Refusal, outcome: type[Outcome]
) -> None:
    rig.refuse(how)
    outcomes = rig.channel.send([(rig.destination(), message()) for _ in range(3)])
    assert [type(each) for each in outcomes] == [outcome] * 3
    assert rig.arrived() == []


@pytest.mark.parametrize("name", sorted(REMOTE))
def test_a_refused_connection_is_retried(name: str) -> None:
    channel, destination = towards(name, closed_port())
    outcomes = channel.send([(destination, message())] * 3)
    channel.close()
    assert outcomes == [Retry(None, "unreachable")] * 3


@pytest.mark.parametrize("name", sorted(REMOTE))
def test_a_silent_provider_costs_no_more_than_the_bound(name: str) -> None:
    with silent_port() as port:
        channel, destination = towards(name, port, timeout_seconds=0.3, batch_seconds=0.5)
        began = time.monotonic()
        outcomes = channel.send([(destination, message())] * 200)
        took = time.monotonic() - began
        channel.close()
    assert took < 3
    assert [type(outcome) for outcome in outcomes] == [Retry] * 200


def test_nobody_on_the_way_learns_what_the_reminder_is_about(rig: Rig) -> None:
    destination = rig.destination()
    rig.channel.send([(destination, message(title="Recovery plan", line="Please look."))])
    [arrival] = rig.arrived()
    assert "Please look." in arrival.readable
    assert "canary" not in arrival.readable
    assert str(destination.destination_id) not in arrival.readable


def test_reasons_are_codes_without_anything_of_the_provider_or_the_patient(rig: Rig) -> None:
    for how in get_args(Refusal):
        rig.refuse(how)
        [outcome] = rig.channel.send([(rig.destination(), message())])
        assert not isinstance(outcome, Sent)
        assert outcome.reason.replace("_", "").isalpha()


def test_a_silent_message_shows_nothing_or_is_not_sent_at_all(rig: Rig) -> None:
    """Planted: webpush without its `silent` branch; a mail server that got the mail."""
    rig.channel.send([(rig.destination(), message())])
    [shown] = rig.arrived()
    [outcome] = rig.channel.send([(rig.destination(), message(silent=True))])
    silent = rig.arrived()[1:]
    if isinstance(outcome, Sent):
        [sync] = silent
        assert json.dumps({"t": "sync"})[1:-1] in sync.readable
        assert sync.repeat_key != shown.repeat_key
        assert not any(word in sync.readable for word in ("alert", "Your plan", "d-1", "o-1"))
    else:
        assert outcome == Dead("not_silent")
        assert silent == []


def test_the_inbox_shows_what_is_in_it_and_so_nothing_silent() -> None:
    rig = InboxRig()
    assert rig.channel.send([(rig.destination(), message(silent=True))]) == [Dead("not_silent")]


@pytest.mark.parametrize("name", ["apns", "fcm", "webpush"])
def test_the_app_learns_how_many_reminders_a_push_stands_for(
    name: str, provider: PushProvider
) -> None:
    with REMOTE[name](provider) as rig:
        rig.channel.send([(rig.destination(), message(carries=3))])
        [arrival] = rig.arrived()
    assert '"carries": "3"' in arrival.readable
