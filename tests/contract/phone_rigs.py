"""FCM and APNs for the contract: how to build each, and what really arrived."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.reminders.channels.apns import Apns, ApnsSettings
from recovery_service.reminders.channels.fcm import Fcm, FcmSettings
from recovery_service.reminders.channels.protocol import Address, Channel
from tests.contract.arrivals import Arrival, Refusal
from tests.fakes import apns_server, fcm_server
from tests.fakes.apns_server import ApnsServer
from tests.fakes.certificates import write_certificate
from tests.fakes.fcm_server import FcmServer

FCM_TOKEN = "fMEP0vJqS0:" + "APA91b" * 20
APNS_TOKEN = "0123456789abcdef" * 4


def fcm(origin: str, **settings: Any) -> Fcm:
    """Return a channel for which Google is at `origin`."""
    return Fcm.from_settings(
        FcmSettings(
            project_id=fcm_server.PROJECT,
            client_email=fcm_server.EMAIL,
            private_key=fcm_server.account_pem(),
            private_key_id=fcm_server.KEY_ID,
            token_uri=f"{origin}/token",
            origin=origin,
            **settings,
        )
    )


def apns(origin: str, **settings: Any) -> Apns:
    """Return a channel for which Apple is at `origin`."""
    return Apns.from_settings(
        ApnsSettings(
            private_key=apns_server.signing_pem(),
            key_id=apns_server.KEY_ID,
            team_id=apns_server.TEAM_ID,
            topic=apns_server.TOPIC,
            origin=origin,
            **settings,
        )
    )


def towards(platform: str, port: int, **settings: Any) -> Channel:
    """Return a channel whose provider is whatever listens on a port."""
    build = fcm if platform == "fcm" else apns
    return build(f"https://localhost:{port}", **settings)


def phone(platform: str, token: str | None = None) -> Address:
    """Return where a phone of `fcm` or `apns` is reached."""
    token = token or {"fcm": FCM_TOKEN, "apns": APNS_TOKEN}[platform]
    return Address(destination_id=uuid4(), channel=platform, subscription={"token": token})


class FcmRig:
    def __init__(self, server: FcmServer, certificate: Path) -> None:
        self._server = server
        self.channel: Channel = fcm(server.origin, ca_file=str(certificate))

    def destination(self) -> Address:
        return phone("fcm")

    def arrived(self) -> list[Arrival]:
        return [
            Arrival(
                message["apns"]["headers"]["apns-collapse-id"],
                int(message["android"]["ttl"].removesuffix("s")),
                json.dumps(message),
            )
            for message in self._server.messages
        ]

    def refuse(self, how: Refusal) -> None:
        code = {
            "later": "UNAVAILABLE",
            "gone": "UNREGISTERED",
            "never": "INVALID_ARGUMENT",
            "not_us": "THIRD_PARTY_AUTH_ERROR",
        }[how]
        self._server.refuse(code, field="message.data[0].value" if how == "never" else None)


class ApnsRig:
    """Its clock stands still, so that an absolute expiry says exactly what was left."""

    def __init__(self, server: ApnsServer, certificate: Path, clock: ManualClock) -> None:
        self._server = server
        self._clock = clock
        self.channel: Channel = apns(server.origin, ca_file=str(certificate), clock=clock)

    def destination(self) -> Address:
        return phone("apns")

    def arrived(self) -> list[Arrival]:
        now = int(self._clock().timestamp())
        return [
            Arrival(
                push["headers"]["apns-collapse-id"],
                int(push["headers"]["apns-expiration"]) - now,
                json.dumps(push, ensure_ascii=False),
            )
            for push in self._server.pushes
        ]

    def refuse(self, how: Refusal) -> None:
        self._server.refuse(
            {
                "later": "ServiceUnavailable",
                "gone": "Unregistered",
                "never": "BadCollapseId",
                "not_us": "InvalidProviderToken",
            }[how]
        )


@contextmanager
def fcm_rig(provider: object) -> Iterator[FcmRig]:
    with TemporaryDirectory() as folder:
        certificate = write_certificate(Path(folder) / "google.pem")
        with FcmServer(certificate) as server:
            rig = FcmRig(server, certificate)
            yield rig
            rig.channel.close()


@contextmanager
def apns_rig(provider: object) -> Iterator[ApnsRig]:
    clock = ManualClock(SystemClock()())
    with TemporaryDirectory() as folder:
        certificate = write_certificate(Path(folder) / "apple.pem")
        with ApnsServer(certificate, clock) as server:
            rig = ApnsRig(server, certificate, clock)
            yield rig
            rig.channel.close()
