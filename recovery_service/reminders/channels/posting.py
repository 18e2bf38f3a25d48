"""What channels over HTTP share: a batch side by side, within a bound, every end an outcome."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus

import structlog

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.addresses import (
    Resolver,
    UnresolvedHost,
    UnsafeEndpoint,
    check_form,
)
from recovery_service.reminders.channels.answers import (
    Answer,
    Ending,
    NoAnswer,
    Unanswered,
    Unsendable,
)
from recovery_service.reminders.channels.connections import Connections
from recovery_service.reminders.channels.protocol import Address, Dead, Message, Outcome, Retry
from recovery_service.reminders.channels.terms import Terms
from recovery_service.reminders.channels.wire import Request

log = structlog.get_logger(__name__)

MAX_WAIT = timedelta(hours=1)
UNCERTAIN = Dead("uncertain")
"""It may have been taken; sending it again could be a second one."""

_PASSING: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "provider_refused",  # our key is not theirs: no device's fault
    HTTPStatus.FORBIDDEN: "provider_refused",
    HTTPStatus.REQUEST_TIMEOUT: "throttled",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostSettings:
    """How a channel posts.

    `batch_seconds` is how long new requests of one batch are begun; `send` returns at most
    one request's timeouts (11 s) and a second later, so a lease must be longer. `ca_file` is
    trusted instead of the system's authorities. `clock` is the machine's own, also where the
    product's time is injected: providers compare what we say with theirs.
    """

    concurrency: int = 16
    batch_seconds: float = 20.0
    connect_seconds: float = 3.0
    read_seconds: float = 8.0
    ca_file: str | None = None
    resolve: Resolver | None = field(default=None, repr=False)
    clock: Clock = field(default_factory=SystemClock)

    @property
    def push_seconds(self) -> float:
        """How long one request may take, with all that belongs to it."""
        return self.connect_seconds + self.read_seconds


class PostingChannel(ABC):
    """A channel that posts one request per message; see `Channel`.

    `resends` is False where a second copy is worse than none: then a request that was begun
    and not answered is `UNCERTAIN`, never repeated, and has a connection of its own.
    """

    name: str
    resends = True

    def __init__(self, settings: PostSettings, *, allow_private: bool) -> None:
        self._posting = settings
        self._allow_private = allow_private
        terms = Terms(
            concurrency=settings.concurrency,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            allow_private=allow_private,
            resolve=settings.resolve,
            reuse=self.resends,
        )
        self._connections = Connections(terms, ca_file=settings.ca_file)

    @abstractmethod
    def compose(self, address: Address, message: Message, ttl: int) -> Request:
        """Return the request of a message that has `ttl` seconds left.

        Raises `Unsendable` when there is none, `ValueError` when it cannot be written.
        """

    @abstractmethod
    def read(self, answer: Answer) -> Outcome:
        """Return what an answer means."""

    def send(self, batch: Sequence[tuple[Address, Message]]) -> list[Outcome]:
        """Post to every destination; see `Channel.send`."""
        outcomes: list[Outcome] = [Retry(None, "not_tried")] * len(batch)
        requests = self._requests(batch, outcomes, since=time.monotonic())
        self._connections.post(requests, partial(self._settle, batch, outcomes))
        return outcomes

    def close(self) -> None:
        """Close connections and end the threads."""
        self._connections.close()

    def _requests(
        self, batch: Sequence[tuple[Address, Message]], outcomes: list[Outcome], *, since: float
    ) -> Iterator[tuple[int, Request]]:
        """Write each request when it can be begun, until the batch's time is up."""
        for index, (address, message) in enumerate(batch):
            waited = time.monotonic() - since
            if waited > self._posting.batch_seconds:
                return
            try:
                request = self._request(address, message, message.ttl - int(waited))
            except Unsendable as refusal:
                outcomes[index] = refusal.outcome
            except ValueError as trouble:
                outcomes[index] = _outcome_of(trouble)
            except Exception as error:  # noqa: BLE001 - must not stop the others
                outcomes[index] = self._broken(message, error)
            else:
                outcomes[index] = self._unsure("timeout")
                yield index, request

    def _request(self, address: Address, message: Message, ttl: int) -> Request:
        if ttl <= 0:
            raise Unsendable(Dead("expired"))
        request = self.compose(address, message, ttl)
        check_form(request.url, self._allow_private)
        return request

    def _settle(
        self,
        batch: Sequence[tuple[Address, Message]],
        outcomes: list[Outcome],
        index: int,
        ending: Ending,
    ) -> None:
        """Read how one ended; every way in which it can fail is an outcome."""
        try:
            outcomes[index] = self._outcome(ending)
        except Exception as error:  # noqa: BLE001 - must not stop the others
            outcomes[index] = self._broken(batch[index][1], error)

    def _outcome(self, ending: Ending) -> Outcome:
        match ending:
            case Answer():
                return self.read(ending)
            case Unanswered(reason=reason):
                return self._unsure(reason)
            case NoAnswer(reason=reason):
                return Retry(None, reason)
            case trouble:
                return _outcome_of(trouble)

    def _broken(self, message: Message, error: Exception) -> Outcome:
        broken = type(error).__name__  # its text or its frames could hold the address
        log.warning("post_broken", channel=self.name, delivery_id=message.delivery_id, error=broken)
        return self._unsure("broken")

    def _unsure(self, reason: str) -> Outcome:
        return Retry(None, reason) if self.resends else UNCERTAIN


def _outcome_of(trouble: ValueError) -> Outcome:
    if isinstance(trouble, UnresolvedHost):
        return Retry(None, "unresolved")
    unsafe = isinstance(trouble, UnsafeEndpoint)
    return Dead("unsafe_endpoint" if unsafe else "bad_message")  # e.g. what cannot be a header


def refusal(answer: Answer, final: Mapping[int, Outcome], clock: Clock) -> Outcome:
    """Return what a status that is no success means; `final` are the channel's own."""
    status = answer.status
    if status in final:
        return final[status]
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(retry_after(answer.headers, clock), _PASSING.get(status, "provider_error"))
    return Dead("redirected" if status < HTTPStatus.BAD_REQUEST else "provider_rejected")


def is_success(answer: Answer) -> bool:
    """Tell whether the provider took it."""
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def retry_after(headers: Mapping[str, str], clock: Clock) -> timedelta | None:
    """Return how long a provider asks us to wait, at most an hour; None if it does not say.

    A date is measured from the answer's own Date, so that clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAX_WAIT)
    until = _date(value)
    if until is None:
        return None
    since = _date(headers.get("date", "")) or clock()
    return min(max(until - since, timedelta(0)), MAX_WAIT)


def _date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
