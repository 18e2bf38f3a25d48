"""What channels over HTTP share: a batch side by side, within a bound, every end an outcome."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import structlog
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from recovery_service.clock import Clock, SystemClock
from recovery_service.reminders.channels.addresses import (
    Resolver,
    UnresolvedHost,
    UnsafeEndpoint,
    check_form,
)
from recovery_service.reminders.channels.connections import Answer, Connections, Unanswered
from recovery_service.reminders.channels.protocol import Address, Dead, Message, Outcome, Retry

log = structlog.get_logger(__name__)

MAX_WAIT = timedelta(hours=1)
UNCERTAIN = Dead("uncertain")
"""It may have been taken; sending it again could be a second one."""

_WATCH_SECONDS = 0.5

_TROUBLES: tuple[tuple[type[Exception], Outcome], ...] = (
    (UnresolvedHost, Retry(None, "unresolved")),
    (UnsafeEndpoint, Dead("unsafe_endpoint")),
    (NewConnectionError, Retry(None, "unreachable")),  # which urllib3 counts as a timeout, too
    (HTTPTimeoutError, Retry(None, "timeout")),
    (HTTPError, Retry(None, "unreachable")),
    (OSError, Retry(None, "unreachable")),
    (ValueError, Dead("bad_message")),  # a header that cannot be one
)
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


@dataclass(frozen=True, slots=True)
class Request:
    """One POST; where it goes and what it says are kept out of `repr`."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Unsendable(Exception):
    """There is nothing to post for this pair; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class PostingChannel(ABC):
    """A channel that posts one request per message; see `Channel`.

    `resends` is False where a second copy is worse than none: then a request that was begun
    and not answered is `UNCERTAIN`, and never repeated.
    """

    name: str
    resends = True

    def __init__(self, settings: PostSettings, *, allow_private: bool) -> None:
        self._posting = settings
        self._allow_private = allow_private
        self._request_seconds = settings.connect_seconds + settings.read_seconds
        self._connections = Connections(
            concurrency=settings.concurrency,
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            allow_private=allow_private,
            ca_file=settings.ca_file,
            resolve=settings.resolve,
        )
        self._threads = ThreadPoolExecutor(settings.concurrency, self.name)

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
        started = time.monotonic()
        work = iter(enumerate(batch))
        threads = min(self._posting.concurrency, len(batch))
        running = [
            self._threads.submit(self._drain, work, outcomes, started) for _ in range(threads)
        ]
        give_up = started + self._posting.batch_seconds + self._request_seconds + 1
        while wait(running, timeout=_WATCH_SECONDS).not_done and time.monotonic() < give_up:
            self._connections.cut(longer_than=self._request_seconds)
        return list(outcomes)

    def close(self) -> None:
        """Close connections and end the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    def _drain(
        self,
        work: Iterator[tuple[int, tuple[Address, Message]]],
        outcomes: list[Outcome],
        started: float,
    ) -> None:
        """Take pairs until none is left or the batch's time is up."""
        for index, (address, message) in work:
            waited = time.monotonic() - started
            if waited > self._posting.batch_seconds:
                return
            # Stands if this request outlives the batch.
            outcomes[index] = self._unsure("timeout")
            try:
                outcomes[index] = self._deliver(address, message, message.ttl - int(waited))
            except Exception as error:  # noqa: BLE001 - must not stop the others
                broken = type(error).__name__  # its text or its frames could hold the address
                log.warning(
                    "post_broken", channel=self.name, delivery_id=message.delivery_id, error=broken
                )
                outcomes[index] = self._unsure("broken")

    def _deliver(self, address: Address, message: Message, ttl: int) -> Outcome:
        """Post one message; every way in which it can fail is an outcome."""
        if ttl <= 0:
            return Dead("expired")
        try:
            request = self.compose(address, message, ttl)
            check_form(request.url, self._allow_private)
            answer = self._connections.post(request.url, request.body, request.headers)
        except Unsendable as refusal:
            return refusal.outcome
        except Unanswered as lost:
            return _outcome_of(lost.trouble) if self.resends else UNCERTAIN
        except (HTTPError, OSError, ValueError) as trouble:
            return _outcome_of(trouble)
        return self.read(answer)

    def _unsure(self, reason: str) -> Outcome:
        return Retry(None, reason) if self.resends else UNCERTAIN


def _outcome_of(trouble: Exception) -> Outcome:
    return next(outcome for kind, outcome in _TROUBLES if isinstance(trouble, kind))


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
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=int(value[:9])), MAX_WAIT)
    until = _date(value)
    if until is None:
        return None
    since = _date(headers.get("Date", "")) or clock()
    return min(max(until - since, timedelta(0)), MAX_WAIT)


def _date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
