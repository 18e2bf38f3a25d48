"""Events to integrators' endpoints: signed as the webhook channel signs, each by its own secret."""

from dataclasses import dataclass, field
from http import HTTPStatus

from recovery_service.reminders.channels.answers import Answer, Unsendable
from recovery_service.reminders.channels.posting import (
    PostingChannel,
    PostSettings,
    is_success,
    retry_after,
)
from recovery_service.reminders.channels.protocol import (
    Address,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.channels.webhook import signed_headers
from recovery_service.reminders.channels.wire import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Message):
    """A message that brings its own body; what is for people in it stays empty."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Address):
    """An address with the keys of its own that sign, the one in force first."""

    keys: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings(PostSettings):
    """How events are posted; `allow_private_endpoints` is for tests and the demo."""

    allow_private_endpoints: bool = False


class Events(PostingChannel):
    """One POST per event; an id that the receiver knows already is known for a repeat."""

    name = "events"

    def __init__(self, settings: EventSettings) -> None:
        super().__init__(settings, allow_private=settings.allow_private_endpoints)
        self._clock = settings.clock

    def compose(self, address: Address, message: Message, ttl: int) -> Request:  # noqa: ARG002
        """Return the signed request; the time that is signed is that of this attempt."""
        if not isinstance(address, Endpoint) or not isinstance(message, Event):
            raise Unsendable(Dead("bad_message"))
        if address.address is None:
            raise Unsendable(Dead("no_address"))
        headers = signed_headers(address.keys, message.delivery_id, message.body, now=self._clock())
        return Request(address.address, message.body, headers)

    def read(self, answer: Answer) -> Outcome:
        """Read an answer: 410 ends the endpoint; whatever else is no success may be mended."""
        if is_success(answer):
            return Sent()
        if answer.status == HTTPStatus.GONE:
            return Retired("gone")
        # Not among the words for deliveries: integrators read the status itself.
        reason = f"status_{answer.status}"
        return Retry(retry_after(answer.headers, self._clock), reason)
