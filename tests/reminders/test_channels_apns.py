"""Reminders by APNs, against an Apple that checks proofs, headers and payloads."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.reminders.channels.apns import Apns, ApnsSettings
from recovery_service.reminders.channels.protocol import Dead, Outcome, Retired, Retry, Sent
from tests.contract.messages import message
from tests.contract.phone_rigs import APNS_TOKEN, apns, phone
from tests.fakes import fcm_server
from tests.fakes.apns_server import ApnsServer
from tests.fakes.certificates import write_certificate

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("apple") / "apple.pem")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock()())


@pytest.fixture
def apple(certificate: Path, clock: ManualClock) -> Iterator[ApnsServer]:
    with ApnsServer(certificate, clock) as server:
        yield server


@contextmanager
def sender(apple: ApnsServer, certificate: Path, **settings: object) -> Iterator[Apns]:
    channel = apns(apple.origin, ca_file=str(certificate), **settings)
    yield channel
    channel.close()


@pytest.fixture
def channel(apple: ApnsServer, certificate: Path, clock: ManualClock) -> Iterator[Apns]:
    with sender(apple, certificate, clock=clock) as built:
        yield built


def push(channel: Apns, count: int = 1, **changes: object) -> list[Outcome]:
    return channel.send([(phone("apns"), message(**changes))] * count)


def all_sent(outcomes: list[Outcome]) -> bool:
    return all(isinstance(outcome, Sent) for outcome in outcomes)


def test_a_phone_gets_the_neutral_line_and_may_put_its_own_words_in_its_place(
    apple: ApnsServer, channel: Apns
) -> None:
    [outcome] = push(channel, carries=2)
    assert isinstance(outcome, Sent)
    assert len(outcome.provider_id or "") == 36
    [told] = apple.pushes
    assert told["device"] == APNS_TOKEN
    assert told["payload"] == {
        "aps": {
            "alert": {"title": "Recovery plan", "body": "Your plan has something for you."},
            "mutable-content": 1,
            "interruption-level": "active",
            "sound": "default",
        },
        "t": "reminder",
        "id": "d-1",
        "occurrence": "o-1",
        "open": "/o/o-1",
        "carries": "2",
    }


def test_it_expires_at_an_instant_and_says_how_urgent_it_is(
    apple: ApnsServer, channel: Apns, clock: ManualClock
) -> None:
    for urgency in ("high", "normal", "low", "very-low"):
        push(channel, urgency=urgency, ttl=90)
    headers = [told["headers"] for told in apple.pushes]
    expiry = str(int(clock().timestamp()) + 90)
    assert {each["apns-expiration"] for each in headers} == {expiry}
    assert [each["apns-priority"] for each in headers] == ["10", "10", "5", "1"]
    levels = [told["payload"]["aps"]["interruption-level"] for told in apple.pushes]
    assert levels == ["time-sensitive", "active", "passive", "passive"]
    assert "sound" not in apple.pushes[2]["payload"]["aps"]


def test_a_sync_is_a_background_push(apple: ApnsServer, channel: Apns) -> None:
    assert all_sent(push(channel, silent=True, title="", line="", urgency="high"))
    [told] = apple.pushes
    assert told["payload"] == {"aps": {"content-available": 1}, "t": "sync"}
    assert told["headers"]["apns-push-type"] == "background"
    assert told["headers"]["apns-priority"] == "5"


def test_a_repeat_replaces_its_notification_and_its_mark_says_nothing(
    apple: ApnsServer, channel: Apns
) -> None:
    for collapse in ("medication-1", "medication-1", "o" * 500):
        push(channel, collapse=collapse)
    first, repeat, other = (told["headers"]["apns-collapse-id"] for told in apple.pushes)
    assert first == repeat != other
    assert "medication" not in json.dumps(apple.pushes)


def test_a_payload_too_large_is_not_sent(apple: ApnsServer, channel: Apns) -> None:
    assert push(channel, line="x" * 4096) == [Dead("too_large")]
    assert apple.requests == []


@pytest.mark.parametrize(
    "token", ["", "ab", "xy" * 32, "ab" * 32 + "/../x", "ab" * 101, "ab" * 31 + "a"]
)
def test_what_cannot_be_a_token_is_not_tried(apple: ApnsServer, channel: Apns, token: str) -> None:
    assert channel.send([(phone("apns", token or " "), message())]) == [Retired("bad_token")]
    assert apple.requests == []


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("Unregistered", Retired("gone")),
        ("ExpiredToken", Retired("gone")),
        ("BadDeviceToken", Retired("bad_token")),
        ("DeviceTokenNotForTopic", Dead("wrong_topic")),
        ("PayloadTooLarge", Dead("too_large")),
        ("BadCollapseId", Dead("provider_rejected")),
        ("BadExpirationDate", Dead("provider_rejected")),
        ("BadPriority", Dead("provider_rejected")),
        ("InvalidPushType", Dead("provider_rejected")),
        ("PayloadEmpty", Dead("provider_rejected")),
        ("BadPath", Dead("provider_rejected")),
        ("MethodNotAllowed", Dead("provider_rejected")),
        ("BadTopic", Retry(None, "provider_refused")),
        ("MissingTopic", Retry(None, "provider_refused")),
        ("TopicDisallowed", Retry(None, "provider_refused")),
        ("InvalidProviderToken", Retry(None, "provider_refused")),
        ("MissingProviderToken", Retry(None, "provider_refused")),
        ("Forbidden", Retry(None, "provider_refused")),
        ("TooManyProviderTokenUpdates", Retry(None, "provider_refused")),
        ("TooManyRequests", Retry(None, "throttled")),
        ("IdleTimeout", Retry(None, "provider_error")),
        ("InternalServerError", Retry(None, "provider_error")),
        ("ServiceUnavailable", Retry(None, "provider_error")),
        ("Shutdown", Retry(None, "provider_error")),
    ],
)
def test_every_documented_reason_is_an_outcome(
    apple: ApnsServer, channel: Apns, reason: str, outcome: Outcome
) -> None:
    assert all_sent(push(channel))
    apple.refuse(reason)
    assert push(channel) == [outcome]
    assert len(apple.proofs) == 1  # none of them is a reason for another provider token


def test_retry_after_is_kept(apple: ApnsServer, channel: Apns) -> None:
    apple.refuse("TooManyRequests", retry_after="45")
    assert push(channel) == [Retry(timedelta(seconds=45), "throttled")]
    apple.refuse("ServiceUnavailable", retry_after="5")
    assert push(channel) == [Retry(timedelta(seconds=5), "provider_error")]


def test_the_wrong_environment_does_not_retire_every_phone(
    apple: ApnsServer, channel: Apns
) -> None:
    """Planted: `_judged` without its doubt."""
    apple.refuse("BadDeviceToken")
    assert push(channel, 20) == [Dead("bad_token")] * 20
    apple.refuse(None)
    assert all_sent(push(channel))
    apple.refuse("BadDeviceToken")
    assert push(channel) == [Retired("bad_token")]


def test_one_phone_that_is_gone_changes_nothing_for_the_others(
    apple: ApnsServer, channel: Apns
) -> None:
    apple.refuse_token(OTHER, "Unregistered")
    batch = [(phone("apns"), message()) for _ in range(9)]
    batch[4] = (phone("apns", OTHER.upper()), message())
    outcomes = channel.send(batch)
    assert outcomes.pop(4) == Retired("gone")
    assert all_sent(outcomes)


def test_one_provider_token_serves_until_it_is_forty_minutes_old(
    apple: ApnsServer, channel: Apns, clock: ManualClock
) -> None:
    """Planted: a token for each batch, which Apple calls too many updates."""
    assert all_sent(push(channel, 50))
    clock.advance(timedelta(minutes=39))
    assert all_sent(push(channel))
    assert (len(apple.proofs), apple.connections) == (1, 1)
    clock.advance(timedelta(minutes=2))
    assert all_sent(push(channel, 50))
    assert len(apple.proofs) == 2


def test_a_provider_token_that_apple_calls_expired_is_renewed_once_and_the_push_repeated(
    apple: ApnsServer, channel: Apns, clock: ManualClock
) -> None:
    assert all_sent(push(channel))
    clock.advance(timedelta(minutes=25))
    apple.refuse("ExpiredProviderToken")
    assert push(channel, 20) == [Retry(None, "provider_refused")] * 20
    apple.refuse(None)
    assert all_sent(push(channel))
    assert len(apple.proofs) == 2


def test_a_push_refused_for_an_expired_token_goes_out_with_the_new_one(
    apple: ApnsServer, certificate: Path, clock: ManualClock
) -> None:
    """Planted: `_post` without its second try. Our clock is 35 minutes behind Apple's."""
    ours = ManualClock(clock() - timedelta(minutes=35))
    with sender(apple, certificate, clock=ours) as channel:
        assert all_sent(push(channel))
        clock.advance(timedelta(minutes=30))  # 65 minutes old for Apple, 30 for us
        ours.advance(timedelta(minutes=30))
        assert all_sent(push(channel, 20))
    assert len(apple.proofs) == 2


def test_a_provider_token_is_never_renewed_within_twenty_minutes(
    apple: ApnsServer, channel: Apns, clock: ManualClock
) -> None:
    """Planted: `ProviderToken.refused` that always signs."""
    assert all_sent(push(channel))
    apple.refuse("ExpiredProviderToken")
    for _ in range(3):
        clock.advance(timedelta(minutes=6))
        assert push(channel) == [Retry(None, "provider_refused")]
    assert len(apple.proofs) == 1


def test_a_clock_that_is_set_back_a_little_changes_nothing(
    apple: ApnsServer, channel: Apns, clock: ManualClock
) -> None:
    assert all_sent(push(channel))
    clock.advance(timedelta(seconds=-30))
    assert all_sent(push(channel))
    assert len(apple.proofs) == 1


@pytest.mark.parametrize("goaway", [True, False])
def test_a_connection_that_ended_while_idle_is_not_noticed(
    apple: ApnsServer, channel: Apns, *, goaway: bool
) -> None:
    assert all_sent(push(channel, 3))
    apple.drop_connections(goaway=goaway)
    assert all_sent(push(channel, 3))
    assert (apple.connections, len(apple.pushes)) == (2, 6)


@pytest.mark.parametrize("mode", ["goaway", "goaway_after", "abort"])
def test_a_connection_that_ends_in_the_middle_is_opened_again(
    apple: ApnsServer, channel: Apns, mode: str
) -> None:
    """Planted: `Http2.post` without its second try."""
    assert all_sent(push(channel))
    apple.behave(mode=mode, times=1)
    assert all_sent(push(channel, 30))
    assert all_sent(push(channel, 30))


def test_a_certificate_that_nobody_vouches_for_gets_nothing(apple: ApnsServer) -> None:
    channel = apns(apple.origin)
    outcomes = push(channel, 5)
    channel.close()
    assert outcomes == [Retry(None, "untrusted")] * 5
    assert apple.requests == []


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_slow_apple_costs_no_more_than_the_bound(
    apple: ApnsServer, certificate: Path, mode: str
) -> None:
    with sender(
        apple, certificate, connect_seconds=0.3, read_seconds=0.4, batch_seconds=0.5, concurrency=8
    ) as channel:
        apple.behave(mode=mode)
        began = time.monotonic()
        outcomes = push(channel, 100)
        took = time.monotonic() - began
    assert took < 0.5 + 0.7 + 1.5
    assert outcomes[0] == Retry(None, "timeout")
    assert outcomes[-1] == Retry(None, "not_tried")


def test_one_push_that_hangs_changes_nothing_for_the_others(
    apple: ApnsServer, certificate: Path
) -> None:
    """Planted: `Http2._ask` that keeps the line; the next batches find it full of dead streams."""
    with sender(apple, certificate, connect_seconds=0.5, read_seconds=0.5) as channel:
        assert all_sent(push(channel))
        apple.behave(mode="hang", times=1)
        outcomes = push(channel, 20)
        assert outcomes.count(Retry(None, "timeout")) == 1
        assert sum(isinstance(outcome, Sent) for outcome in outcomes) == 19
        assert all_sent(push(channel, 20))
    assert apple.connections == 2


def test_no_token_of_anybody_gets_into_a_log(
    apple: ApnsServer,
    channel: Apns,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    apple.refuse_token(OTHER, "BadDeviceToken")
    channel.send([(phone("apns"), message()), (phone("apns", OTHER), message())])
    apple.drop_connections(goaway=True)
    push(channel)
    logged = caplog.text + "".join(capsys.readouterr())
    for secret in (APNS_TOKEN, OTHER, "eyJ", "o-1"):
        assert secret not in logged


@pytest.mark.parametrize("key", ["", "no key", fcm_server.account_pem()])
def test_a_key_that_is_none_is_an_error_at_the_start(key: str) -> None:
    settings = ApnsSettings(private_key=key, key_id="K", team_id="T", topic="a.b")
    with pytest.raises(ValueError, match=r"key|PEM"):
        Apns.from_settings(settings)
    assert "private_key" not in repr(settings)
