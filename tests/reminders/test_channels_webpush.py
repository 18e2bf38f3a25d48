"""Reminders by Web Push, against a provider that checks and decrypts them."""

# ruff: noqa: RUF001 - Turkish has a dotless i

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery_service.clock import ManualClock
from recovery_service.reminders.channels.posting import retry_after
from recovery_service.reminders.channels.protocol import (
    Dead,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.vapid import VapidIdentity, public_key
from recovery_service.reminders.channels.webpush import WebPush, WebPushSettings
from tests.contract.messages import message
from tests.fakes.push_provider import PushProvider
from tests.reminders.web_push import KEY, SUBJECT, at, web_push

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[PushProvider]:
    with PushProvider() as provider:
        yield provider


@pytest.fixture
def provider(running: PushProvider) -> Iterator[PushProvider]:
    yield running
    running.behave()


@pytest.fixture
def channel() -> Iterator[WebPush]:
    built = web_push()
    yield built
    built.close()


def test_the_device_decrypts_the_neutral_line_and_opaque_ids(
    provider: PushProvider, channel: WebPush
) -> None:
    since = len(provider.received())
    subscription = provider.subscribe(public_key(KEY))
    [outcome] = channel.send([(at(subscription), message(line="Planınıza bakın."))])
    assert isinstance(outcome, Sent)
    [push] = provider.wait_for(1, since=since)
    assert push["endpoint"] == subscription["endpoint"]
    assert push["payload"] == {
        "t": "reminder",
        "id": "d-1",
        "occurrence": "o-1",
        "carries": "1",
        "title": "Recovery plan",
        "line": "Planınıza bakın.",
        "lang": "en",
        "open": "/o/o-1",
    }


def test_each_provider_gets_a_proof_made_out_to_itself(
    provider: PushProvider, channel: WebPush
) -> None:
    with PushProvider() as other:
        batch = [(at(each.subscribe()), message()) for each in (provider, other) * 4]
        assert all(isinstance(outcome, Sent) for outcome in channel.send(batch))


def test_a_proof_serves_many_pushes_and_is_renewed_in_time() -> None:
    clock = ManualClock(NOW)
    identity = VapidIdentity(KEY, SUBJECT, clock=clock)
    first = identity.authorization("https://push.example/a")
    clock.advance(timedelta(minutes=59))
    assert identity.authorization("https://push.example/b") == first
    assert identity.authorization("https://other.example/b") != first
    clock.advance(timedelta(minutes=2))
    assert identity.authorization("https://push.example/b") != first


@pytest.mark.parametrize("subject", ["", "operations", "http://clinic.example"])
def test_a_malformed_contact_is_an_error_at_start(subject: str) -> None:
    with pytest.raises(Exception, match="sub"):
        web_push(vapid_subject=subject)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Dead("provider_rejected")),
        (401, Retry(None, "provider_refused")),
        (403, Retry(None, "provider_refused")),
        (404, Retired("gone")),
        (408, Retry(None, "throttled")),
        (410, Retired("gone")),
        (413, Dead("too_large")),
        (418, Dead("provider_rejected")),
        (429, Retry(None, "throttled")),
        (500, Retry(None, "provider_error")),
        (503, Retry(None, "provider_error")),
    ],
)
def test_a_status_is_read_as_the_push_services_mean_it(
    provider: PushProvider, channel: WebPush, status: int, outcome: Outcome
) -> None:
    provider.behave(status=status)
    assert channel.send([(at(provider.subscribe()), message())]) == [outcome]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_sent(provider: PushProvider, channel: WebPush, status: int) -> None:
    provider.behave(status=status)
    [outcome] = channel.send([(at(provider.subscribe()), message())])
    assert isinstance(outcome, Sent)


def test_the_wait_that_a_provider_asks_for_is_kept(
    provider: PushProvider, channel: WebPush
) -> None:
    provider.behave(status=429, retry_after=17, times=1)
    [outcome] = channel.send([(at(provider.subscribe()), message())])
    assert outcome == Retry(timedelta(seconds=17), "throttled")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "17"}, timedelta(seconds=17)),
        ({"retry-after": "999999999999999"}, timedelta(hours=1)),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, timedelta(seconds=30)),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, timedelta(0)),
        ({"retry-after": "Mon, 02 Mar 2026 12:00:00 GMT"}, timedelta(hours=1)),
        (
            {
                "retry-after": "Tue, 03 Mar 2026 08:00:40 GMT",
                "date": "Tue, 03 Mar 2026 08:00:00 GMT",
            },
            timedelta(seconds=40),
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_has_a_ceiling(
    headers: dict[str, str], wait: timedelta | None
) -> None:
    assert retry_after(headers, ManualClock(NOW)) == wait


def test_a_redirect_is_not_followed(provider: PushProvider, channel: WebPush) -> None:
    since = len(provider.received())
    target = provider.subscribe()["endpoint"]
    for status in (301, 302, 307, 308):
        provider.behave(status=status, location=target, times=1)
        outcome = channel.send([(at(provider.subscribe()), message())])
        assert outcome == [Dead("redirected")]
    assert target not in {push["endpoint"] for push in provider.received(since)}


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        {"keys": {"p256dh": None, "auth": None}},
        {"keys": {"p256dh": "BA" + "A" * 85, "auth": "A" * 22}},
        {"keys": {"auth": "A" * 22}},
        {"keys": "none"},
        {"keys": None},
    ],
)
def test_keys_that_no_device_has_retire_the_device(
    provider: PushProvider, channel: WebPush, changes: dict[str, Any]
) -> None:
    broken = {**provider.subscribe(), **changes}
    outcomes = channel.send([(at(broken), message()), (at(provider.subscribe()), message())])
    assert outcomes[0] == Retired("bad_subscription")
    assert isinstance(outcomes[1], Sent)


def test_the_topic_collapses_by_kind_without_naming_it(
    provider: PushProvider, channel: WebPush
) -> None:
    since = len(provider.received())
    device = at(provider.subscribe())
    for collapse in ("medication", "medication", "walking"):
        channel.send([(device, message(kind=collapse, collapse=collapse))])
    first, again, other = (push["topic"] for push in provider.wait_for(3, since=since))
    assert first == again != other
    assert len(first) == 32
    assert "medication" not in first


def test_the_length_of_a_push_does_not_tell_its_kind(
    provider: PushProvider, channel: WebPush
) -> None:
    since = len(provider.received())
    for line in ("Go.", "A considerably longer line of the kind that medication has." * 2):
        channel.send([(at(provider.subscribe()), message(line=line))])
    lengths = {push["headers"]["content-length"] for push in provider.wait_for(2, since=since)}
    assert len(lengths) == 1


@pytest.mark.parametrize(("size", "expected"), [(3700, Sent), (4000, Dead)])
def test_what_does_not_fit_is_dead(
    provider: PushProvider, channel: WebPush, size: int, expected: type[Outcome]
) -> None:
    [outcome] = channel.send([(at(provider.subscribe()), message(line="x" * size))])
    assert isinstance(outcome, expected)


@pytest.mark.parametrize(
    "changes", [{"urgency": "high\r\nX-Other: 1"}, {"line": "\ud800"}, {"language": "\udfff"}]
)
def test_a_message_that_cannot_be_sent_is_dead(
    provider: PushProvider, channel: WebPush, changes: dict[str, str]
) -> None:
    outcome = channel.send([(at(provider.subscribe()), message(**changes))])
    assert outcome == [Dead("bad_message")]


def test_a_defect_of_ours_costs_one_push_only(provider: PushProvider) -> None:
    channel = web_push(concurrency=2)
    batch = [(at(provider.subscribe()), message(line=object())) for _ in range(4)]
    batch.append((at(provider.subscribe()), message()))
    outcomes = channel.send(batch)
    channel.close()
    assert outcomes[:4] == [Retry(None, "broken")] * 4
    assert isinstance(outcomes[4], Sent)


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_an_endpoint_that_stalls_is_cut_and_the_others_go_out(
    provider: PushProvider, mode: str
) -> None:
    channel = web_push(concurrency=2, connect_seconds=0.3, read_seconds=0.5, batch_seconds=5)
    trap = provider.subscribe()
    provider.behave(mode=mode, endpoint=trap["endpoint"])
    batch = [(at(trap), message())] + [(at(provider.subscribe()), message()) for _ in range(20)]
    began = time.monotonic()
    stalled, *others = channel.send(batch)
    took = time.monotonic() - began
    channel.close()
    assert isinstance(stalled, Retry)
    assert all(isinstance(outcome, Sent) for outcome in others)
    assert took < 3


def test_a_connection_lost_before_the_answer_is_retried(
    provider: PushProvider, channel: WebPush
) -> None:
    provider.behave(mode="close", times=1)
    outcomes = channel.send([(at(provider.subscribe()), message())])
    assert outcomes == [Retry(None, "unreachable")]
    [outcome] = channel.send([(at(provider.subscribe()), message())])
    assert isinstance(outcome, Sent)


def test_what_expires_while_it_waits_in_the_batch_is_not_sent(provider: PushProvider) -> None:
    channel = web_push(concurrency=1)
    slow = provider.subscribe()
    provider.behave(delay=1.2, endpoint=slow["endpoint"])
    batch = [(at(slow), message(ttl=60)), (at(provider.subscribe()), message(ttl=1))]
    outcomes = channel.send([*batch, (at(provider.subscribe()), message(ttl=60, collapse="last"))])
    channel.close()
    assert outcomes[1] == Dead("expired")
    assert provider.received()[-1]["ttl"] == 59


def test_neither_key_nor_endpoint_shows_in_a_repr(provider: PushProvider) -> None:
    settings = WebPushSettings(vapid_private_key=KEY, vapid_subject=SUBJECT)
    assert KEY not in repr(settings)
    assert "push/" not in repr(at(provider.subscribe()))
