"""Reminders by FCM, against a Google that checks proofs, tokens and messages."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from recovery_service.reminders.channels.fcm import Fcm, FcmSettings
from recovery_service.reminders.channels.protocol import Dead, Outcome, Retired, Retry, Sent
from tests.contract.messages import message
from tests.contract.phone_rigs import FCM_TOKEN, fcm, phone
from tests.fakes import apns_server
from tests.fakes.certificates import write_certificate
from tests.fakes.fcm_server import FcmServer
from tests.fakes.h2_server import Reply

OTHER = "other-phone:" + "APA91b" * 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("google") / "google.pem")


@pytest.fixture
def google(certificate: Path) -> Iterator[FcmServer]:
    with FcmServer(certificate) as server:
        yield server


@contextmanager
def sender(google: FcmServer, certificate: Path, **settings: object) -> Iterator[Fcm]:
    channel = fcm(google.origin, ca_file=str(certificate), **settings)
    yield channel
    channel.close()


@pytest.fixture
def channel(google: FcmServer, certificate: Path) -> Iterator[Fcm]:
    with sender(google, certificate) as built:
        yield built


def push(channel: Fcm, count: int = 1, **changes: object) -> list[Outcome]:
    return channel.send([(phone("fcm"), message(**changes))] * count)


def all_sent(outcomes: list[Outcome]) -> bool:
    return all(isinstance(outcome, Sent) for outcome in outcomes)


def test_a_phone_gets_the_neutral_line_and_opaque_ids(google: FcmServer, channel: Fcm) -> None:
    [outcome] = push(channel, carries=2)
    assert outcome == Sent("projects/clinic-app/messages/1")
    [told] = google.messages
    assert told["token"] == FCM_TOKEN
    assert told["notification"] == {
        "title": "Recovery plan",
        "body": "Your plan has something for you.",
    }
    assert told["data"] == {
        "t": "reminder",
        "id": "d-1",
        "occurrence": "o-1",
        "open": "/o/o-1",
        "carries": "2",
    }
    assert told["android"]["ttl"] == "1800s"


def test_an_iphone_may_fill_in_its_own_words(google: FcmServer, channel: Fcm) -> None:
    push(channel)
    apple = google.messages[0]["apns"]
    assert apple["payload"]["aps"]["mutable-content"] == 1
    assert apple["headers"]["apns-push-type"] == "alert"
    left = int(apple["headers"]["apns-expiration"]) - time.time()  # noqa: TID251 - the real clock
    assert 1790 < left <= 1800


def test_a_sync_carries_no_notification(google: FcmServer, channel: Fcm) -> None:
    assert all_sent(push(channel, silent=True, title="", line="", kind="sync"))
    [told] = google.messages
    assert told["data"] == {"t": "sync"}
    assert "notification" not in told
    assert "notification" not in told["android"]
    assert told["apns"]["payload"] == {"aps": {"content-available": 1}}
    assert told["apns"]["headers"]["apns-push-type"] == "background"
    assert told["apns"]["headers"]["apns-priority"] == "5"


def test_a_repeat_replaces_its_notification_and_nothing_else_does(
    google: FcmServer, channel: Fcm
) -> None:
    for collapse in ("one", "one", "two"):
        push(channel, collapse=collapse)
    first, repeat, other = (told["android"]["notification"]["tag"] for told in google.messages)
    assert first == repeat != other


def test_all_kinds_share_four_collapse_keys_and_none_can_be_read(
    google: FcmServer, channel: Fcm
) -> None:
    """Planted: the kind's own digest as the key, of which there are as many as kinds."""
    kinds = [f"kind-{n}" for n in range(12)]
    for urgency in ("high", "normal", "low"):
        channel.send([(phone("fcm"), message(kind=kind, urgency=urgency)) for kind in kinds])
    push(channel, silent=True)
    keys = [told["android"]["collapse_key"] for told in google.messages]
    assert len(set(keys)) == 4
    assert not set(keys[:12]) & set(keys[12:])  # what can wait never replaces what is urgent
    assert "kind" not in json.dumps(google.messages)


def test_only_what_can_wait_waits_for_a_dozing_phone(google: FcmServer, channel: Fcm) -> None:
    for urgency in ("high", "normal", "low", "very-low"):
        push(channel, urgency=urgency)
    told = [each["android"]["priority"] for each in google.messages]
    assert told == ["HIGH", "HIGH", "NORMAL", "NORMAL"]


def test_a_time_beyond_googles_longest_is_shortened(google: FcmServer, channel: Fcm) -> None:
    assert all_sent(push(channel, ttl=60 * 24 * 3600))
    assert google.messages[0]["android"]["ttl"] == "2419200s"


def test_a_message_too_large_is_not_sent(google: FcmServer, channel: Fcm) -> None:
    assert push(channel, line="x" * 5000) == [Dead("too_large")]
    assert google.requests == []


@pytest.mark.parametrize("token", ["", "short", "spaces in it are none", "ä" * 40, "x" * 4097])
def test_what_cannot_be_a_token_is_not_tried(google: FcmServer, channel: Fcm, token: str) -> None:
    assert channel.send([(phone("fcm", token or " "), message())]) == [Retired("bad_token")]
    assert google.requests == []


@pytest.mark.parametrize(
    ("code", "how", "outcome"),
    [
        ("UNREGISTERED", {}, Retired("gone")),
        ("SENDER_ID_MISMATCH", {}, Dead("wrong_project")),
        ("INVALID_ARGUMENT", {"field": "message.token"}, Retired("bad_token")),
        (
            "INVALID_ARGUMENT",
            {"message": "The registration token is not a valid FCM registration token"},
            Retired("bad_token"),
        ),
        ("INVALID_ARGUMENT", {"field": "message.data[0].value"}, Dead("provider_rejected")),
        ("INVALID_ARGUMENT", {}, Dead("provider_rejected")),
        ("QUOTA_EXCEEDED", {"retry_after": "90"}, Retry(timedelta(seconds=90), "throttled")),
        ("QUOTA_EXCEEDED", {}, Retry(timedelta(seconds=60), "throttled")),
        ("UNAVAILABLE", {"retry_after": "7"}, Retry(timedelta(seconds=7), "provider_error")),
        ("UNAVAILABLE", {}, Retry(None, "provider_error")),
        ("INTERNAL", {}, Retry(None, "provider_error")),
        ("THIRD_PARTY_AUTH_ERROR", {}, Retry(None, "provider_refused")),
    ],
)
def test_every_documented_refusal_is_an_outcome(
    google: FcmServer, channel: Fcm, code: str, how: dict[str, str], outcome: Outcome
) -> None:
    google.refuse(code, **how)
    assert push(channel) == [outcome]
    assert google.proofs == 1  # none of them is a reason for another access token


def test_one_phone_that_is_gone_changes_nothing_for_the_others(
    google: FcmServer, channel: Fcm
) -> None:
    google.refuse_token(OTHER, "UNREGISTERED")
    batch = [(phone("fcm"), message()) for _ in range(9)]
    batch[4] = (phone("fcm", OTHER), message())
    outcomes = channel.send(batch)
    assert outcomes.pop(4) == Retired("gone")
    assert all_sent(outcomes)


def test_one_access_token_serves_all_threads_and_all_batches(
    google: FcmServer, channel: Fcm
) -> None:
    """Planted: `_renewed` without its look at the renewal under way."""
    google.behave(path="/token", delay=0.2)
    gate = threading.Barrier(8)

    def run(_: int) -> list[Outcome]:
        gate.wait()
        return push(channel, 10)

    with ThreadPoolExecutor(8) as threads:
        assert all(all_sent(outcomes) for outcomes in threads.map(run, range(8)))
    assert (google.proofs, google.connections) == (1, 1)


def test_an_access_token_is_renewed_before_it_expires(google: FcmServer, channel: Fcm) -> None:
    google.token_life = 1.0
    assert all_sent(push(channel))
    time.sleep(0.85)
    assert all_sent(push(channel))
    assert google.proofs == 2
    assert [request.path for request in google.requests].count("/token") == 2
    assert len(google.requests) == 4  # none was refused and repeated


def test_an_access_token_that_ended_early_is_renewed_once_and_the_push_repeated(
    google: FcmServer, channel: Fcm
) -> None:
    assert all_sent(push(channel))
    google.revoke()
    assert all_sent(push(channel, 20))
    assert google.proofs == 2
    assert len(google.messages) == 21


def test_a_token_that_is_never_accepted_is_not_renewed_for_each_push(
    google: FcmServer, channel: Fcm
) -> None:
    """Planted: `AccessToken.refused` without its calm."""
    google.accepts = False
    outcomes = push(channel, 30) + push(channel, 30)
    assert outcomes == [Retry(None, "provider_refused")] * 60
    assert google.proofs == 2


def test_a_token_endpoint_that_fails_is_left_in_peace(google: FcmServer, channel: Fcm) -> None:
    google.token_status = 503
    assert push(channel, 30) + push(channel, 30) == [Retry(None, "provider_error")] * 60
    assert google.proofs == 1
    assert google.messages == []


def test_a_revoked_account_is_our_own_trouble(google: FcmServer, channel: Fcm) -> None:
    google.token_status = 400
    assert push(channel) == [Retry(None, "provider_refused")]


def test_a_renewal_that_fails_is_not_felt_while_the_old_token_lives(
    google: FcmServer, channel: Fcm
) -> None:
    google.token_life = 2.0
    assert all_sent(push(channel))
    google.token_status = 503
    time.sleep(1.7)
    assert all_sent(push(channel))
    assert google.proofs == 2


@pytest.mark.parametrize("goaway", [True, False])
def test_a_connection_that_ended_while_idle_is_not_noticed(
    google: FcmServer, channel: Fcm, *, goaway: bool
) -> None:
    assert all_sent(push(channel, 3))
    google.drop_connections(goaway=goaway)
    assert all_sent(push(channel, 3))
    assert google.connections == 2
    assert len(google.messages) == 6


@pytest.mark.parametrize("mode", ["goaway", "abort"])
def test_a_connection_that_ends_in_the_middle_is_opened_again(
    google: FcmServer, channel: Fcm, mode: str
) -> None:
    assert all_sent(push(channel))
    google.behave(path="messages:send", mode=mode, times=1)
    assert all_sent(push(channel, 30))
    assert len(google.messages) >= 31


def test_a_certificate_that_nobody_vouches_for_gets_nothing(google: FcmServer) -> None:
    channel = fcm(google.origin)
    outcomes = push(channel, 5)
    channel.close()
    assert outcomes == [Retry(None, "untrusted")] * 5
    assert google.requests == []


def test_a_certificate_for_another_name_gets_nothing(google: FcmServer, certificate: Path) -> None:
    channel = fcm(google.origin.replace("localhost", "127.0.0.1"), ca_file=str(certificate))
    outcomes = push(channel)
    channel.close()
    assert outcomes == [Retry(None, "untrusted")]
    assert google.requests == []


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_slow_google_costs_no_more_than_the_bound(
    google: FcmServer, certificate: Path, mode: str
) -> None:
    with sender(
        google, certificate, connect_seconds=0.3, read_seconds=0.4, batch_seconds=0.5, concurrency=8
    ) as channel:
        google.behave(path="messages:send", mode=mode)
        began = time.monotonic()
        outcomes = push(channel, 100)
        took = time.monotonic() - began
    assert took < 0.5 + 0.7 + 1.5
    assert {type(outcome) for outcome in outcomes} == {Retry}
    assert outcomes[0] == Retry(None, "timeout")
    assert outcomes[-1] == Retry(None, "not_tried")


def test_one_push_that_hangs_changes_nothing_for_the_others(
    google: FcmServer, certificate: Path
) -> None:
    with sender(google, certificate, connect_seconds=0.5, read_seconds=0.5) as channel:
        assert all_sent(push(channel))
        google.behave(path="messages:send", mode="hang", times=1)
        outcomes = push(channel, 20)
        assert outcomes.count(Retry(None, "timeout")) == 1
        assert sum(isinstance(outcome, Sent) for outcome in outcomes) == 19
        assert all_sent(push(channel, 20))


def test_time_that_passes_before_its_turn_is_taken_off(
    google: FcmServer, certificate: Path
) -> None:
    """Planted: `message.ttl` as it was when the batch was handed over."""
    with sender(google, certificate, concurrency=1) as channel:
        assert all_sent(push(channel))
        google.behave(path="messages:send", delay=1.1)
        outcomes = push(channel, 3, ttl=2)
    assert outcomes[2] == Dead("expired")
    assert all_sent(outcomes[:2])
    assert [told["android"]["ttl"] for told in google.messages[1:]] == ["2s", "1s"]


def test_at_most_so_many_are_under_way_at_once(google: FcmServer, certificate: Path) -> None:
    with sender(google, certificate, concurrency=4) as channel:
        push(channel)
        google.behave(path="messages:send", delay=0.2)
        began = time.monotonic()
        with ThreadPoolExecutor(2) as threads:
            both = list(threads.map(lambda _: push(channel, 8), range(2)))
        assert time.monotonic() - began > 0.75  # 16 pushes, 4 at once, 0.2 s each
    assert all_sent(both[0] + both[1])


def test_a_push_that_drips_ends_at_its_own_time_and_not_with_the_batch(
    google: FcmServer, certificate: Path
) -> None:
    """Planted: `Batches._one` without its timeout."""
    with sender(google, certificate, connect_seconds=0.4, read_seconds=0.4) as channel:
        assert all_sent(push(channel))
        google.behave(path="messages:send", mode="drip", times=1)
        began = time.monotonic()
        assert push(channel).pop() == Retry(None, "timeout")
        assert time.monotonic() - began < 5


def test_a_redirect_is_an_answer(google: FcmServer, channel: Fcm) -> None:
    google.answer_all(Reply(302, None, {"location": f"{google.origin}/elsewhere"}))
    assert push(channel) == [Dead("redirected")]
    assert [request.path for request in google.requests].count("/elsewhere") == 0


def test_no_proxy_is_taken_from_the_environment(
    google: FcmServer, channel: Fcm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert all_sent(push(channel))


def test_no_token_of_anybody_gets_into_a_log(
    google: FcmServer,
    channel: Fcm,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Planted: `_TALKATIVE` empty, which lets hpack log every header."""
    caplog.set_level(logging.DEBUG)
    google.refuse_token(OTHER, "UNREGISTERED")
    channel.send([(phone("fcm"), message()), (phone("fcm", OTHER), message())])
    google.drop_connections(goaway=True)
    push(channel)
    logged = caplog.text + "".join(capsys.readouterr())
    for secret in ("APA91b", "ya29", "eyJ", "o-1"):
        assert secret not in logged
    assert FCM_TOKEN not in repr(phone("fcm"))


def test_a_channel_that_is_closed_leaves_no_thread(google: FcmServer, certificate: Path) -> None:
    def threads() -> int:
        return sum(thread.name == "http2" for thread in threading.enumerate())

    before = threads()
    with sender(google, certificate) as channel:
        assert threads() == before  # none until there is something to send
        push(channel)
        assert threads() == before + 1
    assert threads() == before


@pytest.mark.parametrize("key", ["", "no key", apns_server.signing_pem()])
def test_a_key_that_is_none_is_an_error_at_the_start(key: str) -> None:
    settings = FcmSettings(
        project_id="p", client_email="a@b.example", private_key=key, private_key_id="k"
    )
    with pytest.raises(ValueError, match=r"key|PEM"):
        Fcm.from_settings(settings)
    assert "key=" not in repr(settings).replace("private_key_id=", "")
