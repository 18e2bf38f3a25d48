"""Reminders by SMS, against a gateway that speaks Twilio's shape over TLS."""

# ruff: noqa: RUF001 - Turkish has a dotless i

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.sms import Sms, SmsSettings
from tests.contract.messages import message
from tests.contract.rigs import closed_port
from tests.fakes.certificates import write_certificate
from tests.fakes.http_server import Reply, json_reply
from tests.fakes.sms_gateway import ACCOUNT, SENDER, TOKEN, SmsGateway, error

BASE = "https://recovery.clinic.example"
UNCERTAIN = Dead("uncertain")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("sms") / "gateway.pem")


@pytest.fixture
def gateway(certificate: Path) -> Iterator[SmsGateway]:
    with SmsGateway(certificate) as running:
        yield running


@pytest.fixture
def channel(gateway: SmsGateway, certificate: Path) -> Iterator[Sms]:
    built = sms(gateway.origin, certificate)
    yield built
    built.close()


def sms(origin: str, certificate: Path | None = None, **changes: Any) -> Sms:
    settings: dict[str, Any] = {
        "gateway_url": origin,
        "account": ACCOUNT,
        "token": TOKEN,
        "sender": SENDER,
        "base_url": BASE,
        "ca_file": certificate and str(certificate),
        **changes,
    }
    return Sms(SmsSettings(**settings))


def to(number: str | None = "+447700900999") -> Address:
    return Address(destination_id=uuid4(), channel="sms", address=number)


def test_the_text_is_the_neutral_line_and_where_to_sign_in(
    gateway: SmsGateway, channel: Sms
) -> None:
    line = "Planınızda sizin için bir şey var."
    [outcome] = channel.send([(to(), message(line=line, language="tr", deep_link="/o/o-1"))])
    assert outcome == Sent("SM" + "0" * 32)
    assert gateway.texts == [
        {
            "To": "+447700900999",
            "From": SENDER,
            "Body": f"{line} {BASE}",
            "ValidityPeriod": "1800",
        }
    ]


def test_a_messaging_service_takes_the_place_of_the_number(
    gateway: SmsGateway, certificate: Path
) -> None:
    service = "MG" + "0a" * 16
    channel = sms(gateway.origin + "/", certificate, sender=service)
    channel.send([(to(), message())])
    channel.close()
    [text] = gateway.texts
    assert text["MessagingServiceSid"] == service
    assert "From" not in text


# GSM 03.38 without its escapes: what one septet can say.
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


def segments(text: str) -> int:
    """Return how many short messages a text is sent as."""
    one, more = (160, 153) if set(text) <= _GSM else (70, 67)
    return 1 if len(text) <= one else -(-len(text) // more)


@pytest.mark.parametrize("kind", sorted(REMINDER_KINDS))
def test_english_is_one_short_message_and_turkish_at_most_two(
    gateway: SmsGateway, channel: Sms, kind: str
) -> None:
    """Turkish letters are not in the GSM alphabet: 70 characters a message instead of 160."""
    for language, most in (("en", 1), ("tr", 2)):
        line = REMINDER_KINDS[kind].lines[language]
        channel.send([(to(), message(line=line, language=language))])
        assert segments(gateway.texts[-1]["Body"]) <= most
        assert segments(line) == 1, "with a short address, one"


@pytest.mark.parametrize(("left", "told"), [(1, "1"), (36_000, "36000"), (90_000, "36000")])
def test_what_is_left_is_told_within_the_gateways_bounds(
    gateway: SmsGateway, channel: Sms, left: int, told: str
) -> None:
    channel.send([(to(), message(ttl=left))])
    assert [text["ValidityPeriod"] for text in gateway.texts] == [told]


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, 21211, Retired("bad_address")),
        (400, 21614, Retired("bad_address")),
        (400, 21610, Retired("opted_out")),
        (400, 30005, Retired("bad_address")),
        (400, 30003, Retry(None, "phone_off")),
        (400, 21611, Retry(None, "throttled")),
        (429, 20429, Retry(None, "throttled")),
        (400, 21408, Retry(None, "provider_refused")),
        (400, 21606, Retry(None, "provider_refused")),
        (401, 20003, Retry(None, "provider_refused")),
        (403, 20005, Retry(None, "provider_refused")),
        (404, 20404, Retry(None, "provider_refused")),
        (400, 21602, Dead("provider_rejected")),
        (400, 30007, Dead("provider_rejected")),
        (500, 20500, Retry(None, "provider_error")),
        (503, 20503, Retry(None, "provider_error")),
    ],
)
def test_an_error_is_read_by_its_code(
    gateway: SmsGateway, channel: Sms, status: int, code: int, outcome: Outcome
) -> None:
    gateway.reply = error(status, code)
    assert channel.send([(to(), message())] * 2) == [outcome] * 2


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Dead("provider_rejected")),
        (401, Retry(None, "provider_refused")),
        (403, Retry(None, "provider_refused")),
        (404, Retry(None, "provider_refused")),
        (408, UNCERTAIN),
        (429, Retry(None, "throttled")),
        (500, UNCERTAIN),
        (502, UNCERTAIN),
        (503, Retry(None, "provider_error")),
        (504, UNCERTAIN),
    ],
)
def test_an_error_without_a_code_may_come_from_in_front_of_the_gateway(
    gateway: SmsGateway, channel: Sms, status: int, outcome: Outcome
) -> None:
    """Planted: retry every 5xx, as a push may be."""
    gateway.reply = Reply(status, b"<html>Bad gateway</html>")
    assert channel.send([(to(), message())]) == [outcome]


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[]", b'{"code": []}', b'{"code": "21610"}', b"[" * 2000, b"\xff\xfe"],
)
def test_an_answer_of_another_shape_is_read_by_its_status(
    gateway: SmsGateway, channel: Sms, body: bytes
) -> None:
    gateway.reply = Reply(400, body)
    assert channel.send([(to(), message())]) == [Dead("provider_rejected")]
    gateway.reply = Reply(200, body)
    assert channel.send([(to(), message())]) == [Sent(None)]


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"sid": "SM1", "status": "accepted"}, Sent("SM1")),
        ({"sid": "SM1", "status": "failed", "error_code": 30003}, Retry(None, "phone_off")),
        ({"sid": "SM1", "status": "failed", "error_code": 21610}, Retired("opted_out")),
        ({"sid": "SM1", "status": "undelivered"}, Dead("provider_rejected")),
        ({"sid": ["SM1"], "status": ["queued"]}, Sent(None)),
    ],
)
def test_an_acceptance_may_still_say_that_it_failed(
    gateway: SmsGateway, channel: Sms, fields: dict[str, Any], outcome: Outcome
) -> None:
    gateway.reply = json_reply(201, fields)
    assert channel.send([(to(), message())]) == [outcome]


def test_who_answered_stop_is_left_alone(gateway: SmsGateway, channel: Sms) -> None:
    gateway.stopped.add("+447700900999")
    batch = [(to(), message()), (to("+447700900111"), message())]
    outcomes = channel.send(batch)
    assert outcomes[0] == Retired("opted_out")
    assert isinstance(outcomes[1], Sent)


def test_the_wait_that_the_gateway_asks_for_is_kept(gateway: SmsGateway, channel: Sms) -> None:
    gateway.reply = error(429, 20429, **{"Retry-After": "17"})
    assert channel.send([(to(), message())]) == [Retry(timedelta(seconds=17), "throttled")]


@pytest.mark.parametrize("mode", ["hang", "drip", "close"])
def test_a_text_that_may_have_been_taken_is_never_repeated(
    gateway: SmsGateway, certificate: Path, mode: str
) -> None:
    """Planted: `resends = True`, and these are retried."""
    channel = sms(gateway.origin, certificate, read_seconds=0.4, connect_seconds=0.6)
    gateway.reply = Reply(201, mode=mode)
    began = time.monotonic()
    outcomes = channel.send([(to(), message())] * 3)
    took = time.monotonic() - began
    channel.close()
    assert outcomes == [UNCERTAIN] * 3
    assert len(gateway.received) == 3
    assert took < 4


def test_an_answer_whose_body_breaks_off_is_an_answer(gateway: SmsGateway, channel: Sms) -> None:
    gateway.reply = json_reply(201, {"sid": "SM1"}, mode="cut")
    assert isinstance(channel.send([(to(), message())])[0], Sent)


def test_no_connection_is_used_twice(gateway: SmsGateway, certificate: Path) -> None:
    """One that the gateway closes as it is used again would leave us not knowing."""
    channel = sms(gateway.origin, certificate, concurrency=1)
    channel.send([(to(), message())] * 3)
    channel.close()
    assert gateway.connections == 3


def test_a_text_that_never_left_is_tried_again(certificate: Path) -> None:
    for origin, reason in (
        (f"https://localhost:{closed_port()}", "unreachable"),
        ("https://nowhere.invalid", "unresolved"),
    ):
        channel = sms(origin, certificate)
        assert channel.send([(to(), message())]) == [Retry(None, reason)]
        channel.close()


def test_an_unknown_certificate_gets_nothing(gateway: SmsGateway) -> None:
    channel = sms(gateway.origin)
    assert channel.send([(to(), message())]) == [Retry(None, "unreachable")]
    channel.close()
    assert gateway.received == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(gateway: SmsGateway, channel: Sms, status: int) -> None:
    gateway.reply = Reply(status, headers={"Location": gateway.origin + "/elsewhere"})
    assert channel.send([(to(), message())]) == [Dead("redirected")]
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    "number",
    [
        "",
        "447700900999",
        "+0477009009",
        "+44 7700 900999",
        "+447700900999\n",
        "+44&Body=x",
        "+٤٤٧٧٠٠",
    ],
)
def test_what_is_no_number_is_retired_and_not_sent(
    gateway: SmsGateway, channel: Sms, number: str
) -> None:
    assert channel.send([(to(number), message())]) == [Retired("bad_address")]
    assert gateway.received == []


@pytest.mark.parametrize("delivery_id", ["d\r\nX-Other: 1", 'd"1', "d 1", "d\u0131", ""])
def test_no_id_becomes_a_header(gateway: SmsGateway, channel: Sms, delivery_id: str) -> None:
    assert channel.send([(to(), message(delivery_id=delivery_id))]) == [Dead("bad_message")]
    assert gateway.received == []


def test_a_line_cannot_become_another_field(gateway: SmsGateway, channel: Sms) -> None:
    channel.send([(to(), message(line="one&To=+15005550006&From=x"))])
    [text] = gateway.texts
    assert text["To"] == "+447700900999"
    assert text["Body"].startswith("one&To=")


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"silent": True}, Dead("not_silent")),
        ({"line": "x" * 1600}, Dead("too_large")),
        ({"line": "\ud800"}, Dead("bad_message")),
    ],
)
def test_what_cannot_be_a_text_is_dead(
    gateway: SmsGateway, channel: Sms, changes: dict[str, Any], outcome: Outcome
) -> None:
    assert channel.send([(to(), message(**changes))]) == [outcome]
    assert gateway.received == []


def test_a_defect_of_ours_is_never_a_second_text(gateway: SmsGateway, channel: Sms) -> None:
    outcomes = channel.send([(to(), message(ttl="soon")), (to(), message())])
    assert outcomes[0] == UNCERTAIN
    assert isinstance(outcomes[1], Sent)


def test_a_malformed_gateway_is_an_error_at_start() -> None:
    with pytest.raises(ValueError, match="must be"):
        sms("ftp://gateway.example")


def test_neither_token_nor_number_shows_in_a_repr(channel: Sms) -> None:
    settings = SmsSettings(
        gateway_url=BASE, account="AC1", token="hunter2", sender=SENDER, base_url=BASE
    )
    assert "hunter2" not in repr(settings)
    assert "+4477" not in repr(to())
    assert "+4477" not in repr(channel.compose(to(), message(), 60))
