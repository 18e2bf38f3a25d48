"""For each channel: how to build it, and the far end that tells what really arrived."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from recovery_service.reminders.channels import build_channels
from recovery_service.reminders.channels.email import EmailSettings
from recovery_service.reminders.channels.inbox import InboxSettings
from recovery_service.reminders.channels.protocol import Address, Channel
from recovery_service.reminders.channels.sms import SmsSettings
from recovery_service.reminders.channels.vapid import new_private_key
from recovery_service.reminders.channels.webhook import WebhookSettings
from recovery_service.reminders.channels.webpush import WebPushSettings
from tests.contract import phone_rigs
from tests.contract.arrivals import Arrival, Refusal, Rig
from tests.fakes import sms_gateway
from tests.fakes.certificates import write_certificate
from tests.fakes.http_server import Reply
from tests.fakes.push_provider import PushProvider
from tests.fakes.sms_gateway import SmsGateway
from tests.fakes.smtp_server import MailServer
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver


class InboxRig:
    """The inbox has no provider: what is settled as sent is what the app shows."""

    def __init__(self) -> None:
        self.channel = build_channels(inbox=InboxSettings())["inbox"]

    def destination(self) -> Address:
        return Address(destination_id=uuid4(), channel="inbox")


class WebPushRig:
    def __init__(self, provider: PushProvider, **settings: float) -> None:
        self._provider = provider
        self._since = len(provider.received())
        self.channel = web_push(**settings)

    def destination(self) -> Address:
        return Address(
            destination_id=uuid4(), channel="webpush", subscription=self._provider.subscribe()
        )

    def arrived(self) -> list[Arrival]:
        pushes = self._provider.received(self._since, accepted=True)
        return [Arrival(p["topic"], p["ttl"], json.dumps(p)) for p in pushes]

    def refuse(self, how: Refusal) -> None:
        status = {"later": 503, "gone": 410, "never": 400, "not_us": 403}[how]
        self._provider.behave(status=status)


class EmailRig:
    def __init__(self, server: MailServer) -> None:
        self._server = server
        self.channel = email(server.port)

    def destination(self) -> Address:
        return Address(destination_id=uuid4(), channel="email", address="patient@home.example")

    def arrived(self) -> list[Arrival]:
        return [
            Arrival(
                str(mail.message["Message-ID"]),
                int((_date(mail.message["Expires"]) - _date(mail.message["Date"])).total_seconds()),
                mail.raw.decode() + str(mail.message.get_content()),
            )
            for mail in self._server.mails
        ]

    def refuse(self, how: Refusal) -> None:
        self._server.refuse = {
            "later": {"rcpt": "451 4.3.0 later"},
            "gone": {"rcpt": "550 5.1.1 no such user"},
            "never": {"data": "554 5.6.0 not this"},
            "not_us": {"mail": "550 5.7.1 who are you"},
        }[how]


class SmsRig:
    longest = sms_gateway.LONGEST

    def __init__(self, gateway: SmsGateway, certificate: Path) -> None:
        self._gateway = gateway
        self.channel = sms(gateway.origin, ca_file=str(certificate))

    def destination(self) -> Address:
        return Address(destination_id=uuid4(), channel="sms", address="+447700900999")

    def arrived(self) -> list[Arrival]:
        return [
            Arrival(
                request.headers["idempotency-key"],
                int(text["ValidityPeriod"]),
                request.readable() + json.dumps(text, ensure_ascii=False),
            )
            for request, text in zip(self._gateway.accepted, self._gateway.texts, strict=True)
        ]

    def refuse(self, how: Refusal) -> None:
        status, code = {
            "later": (503, 20503),
            "gone": (400, 21610),
            "never": (400, 21602),
            "not_us": (401, 20003),
        }[how]
        self._gateway.reply = sms_gateway.error(status, code)


class WebhookRig:
    def __init__(self, receiver: WebhookReceiver) -> None:
        self._receiver = receiver
        self.channel = webhook()

    def destination(self) -> Address:
        return Address(destination_id=uuid4(), channel="webhook", address=self._receiver.url)

    def arrived(self) -> list[Arrival]:
        return [
            Arrival(request.headers["webhook-id"], event["ttl"], request.readable())
            for request, event in zip(self._receiver.accepted, self._receiver.events, strict=True)
        ]

    def refuse(self, how: Refusal) -> None:
        status = {"later": 503, "gone": 410, "never": 400, "not_us": 401}[how]
        self._receiver.reply = Reply(status)


def web_push(**settings: float) -> Channel:
    """Return a Web Push channel that may talk to this machine."""
    return build_channels(
        webpush=WebPushSettings(
            vapid_private_key=new_private_key(),
            vapid_subject="mailto:operations@clinic.example",
            allow_private_endpoints=True,
            **settings,  # type: ignore[arg-type]
        )
    )["webpush"]


def email(port: int, **settings: float) -> Channel:
    """Return an e-mail channel that speaks in clear to this machine."""
    return build_channels(
        email=EmailSettings(
            host="127.0.0.1",
            port=port,
            sender="reminders@clinic.example",
            security="none",
            base_url="https://recovery.clinic.example",
            **settings,  # type: ignore[arg-type]
        )
    )["email"]


def sms(gateway_url: str, **settings: Any) -> Channel:
    """Return an SMS channel that sends through a gateway."""
    return build_channels(
        sms=SmsSettings(
            gateway_url=gateway_url,
            account=sms_gateway.ACCOUNT,
            token=sms_gateway.TOKEN,
            sender=sms_gateway.SENDER,
            base_url="https://recovery.clinic.example",
            **settings,
        )
    )["sms"]


def webhook(**settings: Any) -> Channel:
    """Return a webhook channel that may post to this machine."""
    return build_channels(
        webhook=WebhookSettings(secrets=(SECRET,), allow_private_endpoints=True, **settings)
    )["webhook"]


@contextmanager
def inbox_rig(provider: PushProvider) -> Iterator[InboxRig]:
    yield InboxRig()


@contextmanager
def web_push_rig(provider: PushProvider) -> Iterator[WebPushRig]:
    rig = WebPushRig(provider)
    yield rig
    provider.behave()
    rig.channel.close()


@contextmanager
def email_rig(provider: PushProvider) -> Iterator[EmailRig]:
    with MailServer() as server:
        rig = EmailRig(server)
        yield rig
        rig.channel.close()


@contextmanager
def sms_rig(provider: PushProvider) -> Iterator[SmsRig]:
    with TemporaryDirectory() as folder:
        certificate = write_certificate(Path(folder) / "gateway.pem")
        with SmsGateway(certificate) as gateway:
            rig = SmsRig(gateway, certificate)
            yield rig
            rig.channel.close()


@contextmanager
def webhook_rig(provider: PushProvider) -> Iterator[WebhookRig]:
    with WebhookReceiver() as receiver:
        rig = WebhookRig(receiver)
        yield rig
        rig.channel.close()


REMOTE: dict[str, Callable[[PushProvider], AbstractContextManager[Rig]]] = {
    "webpush": web_push_rig,
    "email": email_rig,
    "sms": sms_rig,
    "webhook": webhook_rig,
    "fcm": phone_rigs.fcm_rig,
    "apns": phone_rigs.apns_rig,
}
"""Every channel that has a provider."""

LOCAL: dict[str, Callable[[PushProvider], AbstractContextManager[Rig | InboxRig]]] = {
    "inbox": inbox_rig
}


def towards(name: str, port: int, **seconds: float) -> tuple[Channel, Address]:
    """Return a channel whose provider is whatever listens on a port, and a destination."""
    if name == "email":
        mailbox = Address(destination_id=uuid4(), channel=name, address="patient@home.example")
        return email(port, **seconds), mailbox
    if "timeout_seconds" in seconds:
        seconds["read_seconds"] = seconds.pop("timeout_seconds")
    # A request has both together: silence may begin with TLS, which is part of connecting.
    seconds["connect_seconds"] = seconds.get("read_seconds", 3.0)
    if name in {"fcm", "apns"}:
        return phone_rigs.towards(name, port, **seconds), phone_rigs.phone(name)
    if name == "sms":
        number = Address(destination_id=uuid4(), channel=name, address="+447700900999")
        return sms(f"https://localhost:{port}", **seconds), number
    if name == "webhook":
        url = Address(destination_id=uuid4(), channel=name, address=f"http://127.0.0.1:{port}/")
        return webhook(**seconds), url
    keys = {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
        "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",  # RFC 8291 §5, the receiver's example
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    }
    subscription = {"endpoint": f"http://127.0.0.1:{port}/push/1", "keys": keys}
    return web_push(**seconds), Address(
        destination_id=uuid4(), channel=name, subscription=subscription
    )


@contextmanager
def silent_port() -> Iterator[int]:
    """Open a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _date(value: object) -> datetime:
    return parsedate_to_datetime(str(value))
