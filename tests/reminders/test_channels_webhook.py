"""Reminders to other systems, against a receiver that believes only what is signed."""

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, AF_INET6, SOCK_STREAM
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.clock import ManualClock
from recovery_service.reminders.channels.addresses import AddressInfo, Resolver
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.webhook import (
    BadSecret,
    Webhook,
    WebhookSettings,
    signature,
)
from tests.contract.messages import message
from tests.contract.rigs import closed_port
from tests.fakes.certificates import write_certificate
from tests.fakes.http_server import Reply
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER_SECRET = "whsec_" + b64encode(b"another secret of the tests").decode()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def channel() -> Iterator[Webhook]:
    built = webhook()
    yield built
    built.close()


def webhook(**changes: Any) -> Webhook:
    settings: dict[str, Any] = {
        "secrets": (SECRET,),
        "allow_private_endpoints": True,
        **changes,
    }
    return Webhook(WebhookSettings(**settings))


def at(url: str | None) -> Address:
    return Address(destination_id=uuid4(), channel="webhook", address=url)


def test_the_event_is_the_neutral_text_and_opaque_ids() -> None:
    channel = webhook(clock=ManualClock(NOON))
    request = channel.compose(at("https://a.example"), message(carries=3), 600)
    channel.close()
    assert json.loads(request.body) == {
        "type": "reminder",
        "id": "d-1",
        "occurrence_id": "o-1",
        "title": "Recovery plan",
        "line": "Your plan has something for you.",
        "language": "en",
        "carries": 3,
        "sent_at": "2026-03-02T12:00:00+00:00",
        "expires_at": "2026-03-02T12:10:00+00:00",
        "ttl": 600,
    }
    assert request.headers["webhook-id"] == "d-1"
    assert request.headers["webhook-timestamp"] == "1772452800"


def test_a_signature_is_that_of_the_schemes_own_example() -> None:
    """As the reference implementations of Standard Webhooks sign this example.

    Planted: leave the id out of what is signed.
    """
    key = b64decode("plJ3nmyCDGBKInavdOK15jsl")
    body = b'{"event_type":"ping","data":{"success":true}}'
    signed = signature(key, "msg_loFOjxBNrRLzqYUf", "1731705121", body)
    assert signed == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_a_receiver_that_checks_believes_it(receiver: WebhookReceiver, channel: Webhook) -> None:
    assert channel.send([(at(receiver.url), message())]) == [Sent()]
    assert [event["id"] for event in receiver.events] == ["d-1"]


def test_a_receiver_with_another_secret_refuses_and_that_is_ours_to_mend(
    channel: Webhook,
) -> None:
    with WebhookReceiver(secret=OTHER_SECRET) as stranger:
        outcomes = channel.send([(at(stranger.url), message())])
    assert outcomes == [Retry(None, "provider_refused")]


@pytest.mark.parametrize("known", [SECRET, OTHER_SECRET])
def test_while_secrets_change_a_receiver_may_know_either(known: str) -> None:
    """Planted: sign with the first secret only."""
    channel = webhook(secrets=(OTHER_SECRET, SECRET))
    with WebhookReceiver(secret=known) as receiver:
        assert channel.send([(at(receiver.url), message())]) == [Sent()]
    channel.close()


def test_a_repeat_has_the_same_id_and_a_fresh_signature(receiver: WebhookReceiver) -> None:
    clock = ManualClock(NOON)
    channel = webhook(clock=clock)
    pair = (at("https://a.example"), message())
    first = channel.compose(*pair, 600)
    clock.advance(timedelta(seconds=30))
    second = channel.compose(*pair, 570)
    channel.close()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    ends = [json.loads(each.body)["expires_at"] for each in (first, second)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Dead("provider_rejected")),
        (401, Retry(None, "provider_refused")),
        (403, Retry(None, "provider_refused")),
        (404, Dead("provider_rejected")),
        (408, Retry(None, "throttled")),
        (410, Retired("gone")),
        (413, Dead("too_large")),
        (429, Retry(None, "throttled")),
        (500, Retry(None, "provider_error")),
        (503, Retry(None, "provider_error")),
    ],
)
def test_a_status_is_read(
    receiver: WebhookReceiver, channel: Webhook, status: int, outcome: Outcome
) -> None:
    receiver.reply = Reply(status)
    assert channel.send([(at(receiver.url), message())]) == [outcome]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_sent(receiver: WebhookReceiver, channel: Webhook, status: int) -> None:
    receiver.reply = Reply(status)
    assert channel.send([(at(receiver.url), message())]) == [Sent()]


def test_the_wait_that_a_receiver_asks_for_is_kept(
    receiver: WebhookReceiver, channel: Webhook
) -> None:
    receiver.reply = Reply(503, headers={"Retry-After": "17"})
    outcomes = channel.send([(at(receiver.url), message())])
    assert outcomes == [Retry(timedelta(seconds=17), "provider_error")]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    receiver: WebhookReceiver, channel: Webhook, status: int
) -> None:
    receiver.reply = Reply(status, headers={"Location": receiver.origin + "/elsewhere"})
    assert channel.send([(at(receiver.url), message())]) == [Dead("redirected")]
    assert [each.path for each in receiver.received] == ["/reminders"]


@pytest.mark.parametrize("mode", ["hang", "drip", "close"])
def test_a_receiver_that_stalls_is_cut_and_the_others_go_out(
    receiver: WebhookReceiver, mode: str
) -> None:
    channel = webhook(concurrency=2, connect_seconds=0.3, read_seconds=0.5, batch_seconds=5)
    with WebhookReceiver() as trap:
        trap.reply = Reply(mode=mode)
        batch = [(at(trap.url), message())] + [(at(receiver.url), message())] * 20
        began = time.monotonic()
        stalled, *others = channel.send(batch)
        took = time.monotonic() - began
    channel.close()
    assert isinstance(stalled, Retry)
    assert others == [Sent()] * 20
    assert took < 3


def test_a_long_answer_is_not_read_to_its_end(receiver: WebhookReceiver, channel: Webhook) -> None:
    receiver.reply = Reply(200, b"x" * 5_000_000)
    assert channel.send([(at(receiver.url), message())]) == [Sent()]
    receiver.reply = None
    assert channel.send([(at(receiver.url), message())]) == [Sent()]


@pytest.mark.parametrize(
    "changes",
    [
        {"delivery_id": "d\r\nX-Other: 1"},
        {"delivery_id": "d\nwebhook-signature: v1,x"},
        {"delivery_id": "d\u0131"},
        {"line": "\ud800"},
        {"title": "\udfff"},
    ],
)
def test_no_field_of_a_message_becomes_a_header(
    receiver: WebhookReceiver, channel: Webhook, changes: dict[str, str]
) -> None:
    outcomes = channel.send([(at(receiver.url), message(**changes)), (at(receiver.url), message())])
    assert outcomes == [Dead("bad_message"), Sent()]
    assert [event["id"] for event in receiver.events] == ["d-1"]


def test_it_has_nothing_silent_to_say(receiver: WebhookReceiver, channel: Webhook) -> None:
    assert channel.send([(at(receiver.url), message(silent=True))]) == [Dead("not_silent")]
    assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/x",
        "https://8.8.8.8:8443/x",
        "https://user:pass@8.8.8.8/x",
        "https://10.0.0.1/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[fd00::1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://8.8.8.8\\@127.0.0.1/x",
        "https://8.8.8.8/x\r\nHost: inside",
        "file:///etc/passwd",
        "x",
        "",
    ],
)
def test_an_address_that_could_reach_inside_is_dead(url: str) -> None:
    channel = webhook(allow_private_endpoints=False)
    assert channel.send([(at(url), message())]) == [Dead("unsafe_endpoint")]
    channel.close()


def resolver(answers: Iterator[str], port: int) -> Resolver:
    def resolve(host: str, _: int) -> list[AddressInfo]:
        ip = next(answers)
        family = AF_INET6 if ":" in ip else AF_INET
        return [(family, SOCK_STREAM, 6, "", (ip, port))]

    return resolve


@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_a_name_that_leads_inside_the_second_time_gains_nothing(
    tmp_path: Path, inside: str
) -> None:
    """Planted: check the address when it is stored, and not when it is connected to."""
    certificate = write_certificate(tmp_path / "hook.pem")
    with WebhookReceiver(certificate) as receiver:
        answers = iter(["8.8.8.8", inside])
        resolve = resolver(answers, receiver.port)
        resolve("localhost", 443)  # the first time
        channel = webhook(allow_private_endpoints=False, ca_file=str(certificate), resolve=resolve)
        outcomes = channel.send([(at("https://localhost/reminders"), message())])
        channel.close()
        assert outcomes == [Dead("unsafe_endpoint")]
        assert receiver.connections == 0


def test_an_unknown_certificate_gets_nothing(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "hook.pem")
    with WebhookReceiver(certificate) as receiver:
        distrusting, trusting = webhook(), webhook(ca_file=str(certificate))
        pair = (at(receiver.url), message())
        assert distrusting.send([pair]) == [Retry(None, "unreachable")]
        assert receiver.received == []
        assert trusting.send([pair]) == [Sent()]
        distrusting.close()
        trusting.close()


def test_a_receiver_that_is_away_is_tried_again(channel: Webhook) -> None:
    away = at(f"http://127.0.0.1:{closed_port()}/x")
    nowhere = at("https://nowhere.invalid/x")
    outcomes = channel.send([(away, message()), (nowhere, message())])
    assert outcomes == [Retry(None, "unreachable"), Retry(None, "unresolved")]


@pytest.mark.parametrize(
    "secrets",
    [(), ("whsec_AAAA",), ("AAAA" * 8,), ("whsec_" + "?" * 32,), (SECRET,) * 3],
)
def test_a_malformed_secret_is_an_error_at_start(secrets: tuple[str, ...]) -> None:
    with pytest.raises(BadSecret) as refusal:
        webhook(secrets=secrets)
    assert "AAAA" not in str(refusal.value)


def test_neither_secret_nor_address_shows_in_a_repr(channel: Webhook) -> None:
    assert SECRET not in repr(WebhookSettings(secrets=(SECRET,)))
    url = "https://hooks.example/secret-path"
    assert "secret-path" not in repr(at(url))
    assert "secret-path" not in repr(channel.compose(at(url), message(), 60))
