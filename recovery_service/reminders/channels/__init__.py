"""The ways to reach a patient: one module each, and one line here."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from recovery_service.reminders.channels.apns import Apns
from recovery_service.reminders.channels.email import Email
from recovery_service.reminders.channels.fcm import Fcm
from recovery_service.reminders.channels.inbox import Inbox
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.channels.sms import Sms
from recovery_service.reminders.channels.webhook import Webhook
from recovery_service.reminders.channels.webpush import WebPush

Factory: TypeAlias = Callable[[Any], Channel]
"""Builds a channel from its own settings object, or says at once what is wrong with it."""


class Registry(Mapping[str, Factory]):
    """Channel names and how each is built; a name is taken once."""

    def __init__(self) -> None:
        self._factories: dict[str, Factory] = {}

    def add(self, name: str, factory: Factory) -> None:
        """Register a channel; two with one name would silently take each other's mail."""
        if name in self._factories:
            raise ValueError(f"channel {name!r} is already registered")
        self._factories[name] = factory

    def __getitem__(self, name: str) -> Factory:
        return self._factories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)


REGISTRY = Registry()
REGISTRY.add("inbox", Inbox.from_settings)
REGISTRY.add("webpush", WebPush.from_settings)
REGISTRY.add("email", Email.from_settings)
REGISTRY.add("sms", Sms.from_settings)
REGISTRY.add("webhook", Webhook.from_settings)
REGISTRY.add("fcm", Fcm.from_settings)
REGISTRY.add("apns", Apns.from_settings)


def build_channels(**settings: object) -> dict[str, Channel]:
    """Return the channels that are configured, by name.

    One keyword per channel with its settings object, or None where it is not set up:
    `build_channels(inbox=InboxSettings(), webpush=WebPushSettings(…), email=None)`. An unknown
    name is a `ValueError`, so that a misspelt channel is not one that never sends.
    """
    unknown = settings.keys() - REGISTRY.keys()
    if unknown:
        raise ValueError(f"no such channel: {', '.join(sorted(unknown))}")
    return {
        name: REGISTRY[name](settings[name]) for name in REGISTRY if settings.get(name) is not None
    }
