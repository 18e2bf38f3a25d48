"""Reminders by mail."""

# ruff: noqa: RUF001 - Turkish has a dotless i

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.reminders.channels.email import (
    BadMailbox,
    Email,
    EmailSettings,
    check_mailbox,
)
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from tests.contract.messages import message
from tests.fakes.certificates import write_certificate
from tests.fakes.smtp_server import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def email(server: MailServer, **changes: Any) -> Email:
    settings: dict[str, Any] = {
        "host": "localhost",
        "port": server.port,
        "sender": "reminders@clinic.example",
        "security": "none",
        "base_url": "https://recovery.clinic.example/",
        **changes,
    }
    return Email(EmailSettings(**settings))


def to(mailbox: str | None = "patient@home.example") -> Address:
    return Address(destination_id=uuid4(), channel="email", address=mailbox)


def test_the_mail_says_the_neutral_line_in_the_patients_language(server: MailServer) -> None:
    title, line = "İyileşme planınız", "Planınızda sizin için bir şey var."
    email(server).send([(to(), message(title=title, line=line, language="tr"))])
    [mail] = server.mails
    assert mail.recipients == ("patient@home.example",)
    assert mail.message["Subject"] == title
    assert mail.message["Content-Language"] == "tr"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message.get_content().splitlines() == [
        line,
        "",
        "https://recovery.clinic.example/o/o-1",
    ]


def test_the_message_id_is_the_deliverys(server: MailServer) -> None:
    [outcome] = email(server).send([(to(), message(delivery_id="0193-ab"))])
    assert outcome == Sent("<0193-ab@clinic.example>")
    assert server.mails[0].message["Message-ID"] == "<0193-ab@clinic.example>"


def test_a_batch_is_one_connection(server: MailServer) -> None:
    email(server).send([(to(), message())] * 10)
    assert server.connections == 1
    assert len(server.mails) == 10


HOSTILE = [
    "a@b.example\r\nBcc: everyone@b.example",
    "a@b.example\nRCPT TO:<x@y.example>",
    "a@b.example, c@d.example",
    "a@b.example;c@d.example",
    "<a@b.example>",
    '"a b"@c.example',
    "a@b.example>\x00",
    "a@b@c.example",
    "a@-b.example",
    "@b.example",
    "a@",
    "",
    "ä@b.example",
    "a@b.example ",
    "a" * 65 + "@b.example",
    "a@" + "b" * 64 + ".example",
    "a@" + ".".join(["b" * 60] * 5),
]


@pytest.mark.parametrize("mailbox", HOSTILE)
def test_an_address_that_is_more_than_one_mailbox_is_refused_and_retired(
    server: MailServer, mailbox: str
) -> None:
    with pytest.raises(BadMailbox):
        check_mailbox(mailbox)
    outcomes = email(server).send([(to(mailbox), message()), (to(), message())])
    assert outcomes[0] == Retired("bad_address")
    assert isinstance(outcomes[1], Sent)
    assert [mail.recipients for mail in server.mails] == [("patient@home.example",)]


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Plan\r\nBcc: everyone@b.example"},
        {"title": "Plan\nBcc: everyone@b.example"},
        {"language": "en\r\nBcc: everyone@b.example"},
        {"delivery_id": "d>\r\nBcc: everyone@b.example"},
        {"delivery_id": "d 1"},
        {"deep_link": "/o/1\nBcc: x"},
        {"deep_link": "https://elsewhere.example/"},
        {"deep_link": ".elsewhere.example/"},
    ],
)
def test_no_field_of_a_message_becomes_a_header_or_another_link(
    server: MailServer, changes: dict[str, str]
) -> None:
    assert email(server).send([(to(), message(**changes))]) == [Dead("bad_message")]
    assert server.mails == []


def test_a_line_that_looks_like_smtp_is_only_text(server: MailServer) -> None:
    email(server).send([(to(), message(line="one\r\n.\r\nRSET\r\nBcc: x@y.example"))])
    [mail] = server.mails
    assert "Bcc" not in mail.message
    assert "RSET" in mail.message.get_content()


@pytest.mark.parametrize(
    ("refuse", "outcome"),
    [
        ({"rcpt": "450 4.2.1 busy"}, Retry(None, "throttled")),
        ({"rcpt": "550 no such user"}, Retired("refused")),
        ({"rcpt": "551 5.1.6 moved"}, Retired("refused")),
        ({"rcpt": "553 5.1.3 bad name"}, Retired("refused")),
        ({"rcpt": "550 5.2.1 disabled"}, Retired("refused")),
        ({"rcpt": "550 5.7.1 your server is on a list"}, Dead("provider_rejected")),
        ({"rcpt": "552 5.2.2 full"}, Dead("provider_rejected")),
        ({"data": "451 4.3.0 later"}, Retry(None, "provider_error")),
        ({"data": "421 4.3.2 closing"}, Retry(None, "provider_error")),
        ({"data": "554 5.7.1 spam"}, Dead("provider_rejected")),
        ({"mail": "550 5.7.1 not you"}, Retry(None, "provider_refused")),
    ],
)
def test_a_refusal_is_read_for_what_it_is_about(
    server: MailServer, refuse: dict[str, str], outcome: Outcome
) -> None:
    server.refuse = refuse
    channel = email(server)
    assert channel.send([(to(), message())] * 2) == [outcome] * 2
    server.refuse = {}
    assert isinstance(channel.send([(to(), message())])[0], Sent)


def test_without_tls_on_offer_nothing_is_sent(server: MailServer) -> None:
    assert email(server, security="starttls").send([(to(), message())]) == [Retry(None, "no_tls")]
    assert server.mails == []


def test_an_unknown_certificate_gets_nothing(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "mail.pem")
    with MailServer(certificate) as server:
        distrusting = email(server, security="starttls")
        assert distrusting.send([(to(), message())]) == [Retry(None, "unreachable")]
        assert server.mails == []
        trusting = email(server, security="starttls", ca_file=str(certificate))
        assert isinstance(trusting.send([(to(), message())])[0], Sent)
        assert [mail.encrypted for mail in server.mails] == [True]


def test_a_wrong_password_is_our_set_up_and_costs_one_connection(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "mail.pem")
    with MailServer(certificate, login=("clinic", "right")) as server:
        common = {"security": "starttls", "ca_file": str(certificate), "username": "clinic"}
        wrong = email(server, password="wrong", **common)
        assert wrong.send([(to(), message())] * 5) == [Retry(None, "provider_refused")] * 5
        assert server.connections == 1
        right = email(server, password="right", **common)
        assert isinstance(right.send([(to(), message())])[0], Sent)


def test_a_malformed_sender_is_an_error_at_start() -> None:
    with pytest.raises(BadMailbox):
        Email(EmailSettings(host="localhost", port=25, sender="Clinic <a@b.example>"))


def test_neither_password_nor_mailbox_shows_in_a_repr() -> None:
    settings = EmailSettings(host="h", port=25, sender="a@b.example", password="hunter2")
    assert "hunter2" not in repr(settings)
    assert "patient@home" not in repr(to())
