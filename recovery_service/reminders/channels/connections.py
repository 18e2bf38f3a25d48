"""A channel's connections: bounded, guarded where clients gave the address, never redirected.

libcurl keeps them. It is driven by the thread that sends; where several threads send at
once, one drives for all. So the bound is the channel's, and nobody's batch waits for a slow
answer of another's.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

import pycurl

from recovery_service.reminders.channels.answers import Ending, NoAnswer
from recovery_service.reminders.channels.lookups import Lookups
from recovery_service.reminders.channels.terms import Terms
from recovery_service.reminders.channels.wire import Handle, Request

Requests: TypeAlias = Iterator[tuple[int, Request]]
"""Requests by a number of the caller's own; each is asked for when it can be begun."""

Settle: TypeAlias = Callable[[int, Ending], None]
"""Hears how each ended; must not raise."""

_KEPT = 64  # connections, whatever is under way
_LOOK_SECONDS = 0.05  # from one look at what else there is to do to the next
_LOOKUP_SECONDS = 0.005
_CLOSING_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class _Batch:
    """What one thread wants sent."""

    requests: Requests
    settle: Settle
    under_way: int = 0
    exhausted: bool = False

    @property
    def over(self) -> bool:
        """Tell whether every request has ended."""
        return self.exhausted and not self.under_way


@dataclass(eq=False, slots=True)
class _Exchange:
    """One request from its look-up to its end."""

    batch: _Batch
    index: int
    request: Request
    place: str | Future[str]
    since: float = field(default_factory=time.monotonic)

    @property
    def placed(self) -> bool:
        """Tell whether it is known where to send it, or that there is nowhere."""
        return isinstance(self.place, str) or self.place.done()

    def pinned(self) -> str:
        """Return the address; raises what the look-up raised."""
        return self.place if isinstance(self.place, str) else self.place.result()


class Connections:
    """Posts batches of requests, from any number of threads.

    Every host is looked up by us and each address checked; the connection goes to the very
    address that was checked, and the certificate is still the name's. Redirects are answers,
    and no proxy is taken from the environment. An idle connection that turns out to be closed
    is replaced and its request repeated, except on terms without `reuse`.
    """

    def __init__(self, terms: Terms, *, ca_file: str | None = None) -> None:
        self._terms = terms
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._line: _Line | None = None
        self._left_behind: list[_Line] = []

    def post(self, requests: Requests, settle: Settle) -> None:
        """Send what the iterator gives until it ends, and return when all of it has ended.

        An ending is an answer; an `UnsafeEndpoint` for an address that is not public, another
        ValueError for what cannot be sent; `Unanswered` when the request was begun and nothing
        came back, and another `NoAnswer` when it was not.
        """
        self._line_here().run(_Batch(requests, settle))

    def close(self) -> None:
        """Close every connection; what is under way ends without an answer."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None and line.process == os.getpid():
            line.close()

    def _line_here(self) -> "_Line":
        """Return this process's line.

        That of the process that forked this one is never let go: to close its connections
        here would take them from that process, which goes on using them.
        """
        with self._lock:
            if self._line is None or self._line.process != os.getpid():
                self._left_behind += [self._line] if self._line is not None else []
                self._line = _Line(self._terms, self._ca_file)
            return self._line


class _Line:
    """One process's part: libcurl's handles, and whose turn it is to drive them."""

    def __init__(self, terms: Terms, ca_file: str | None) -> None:
        self.process = os.getpid()
        self._terms = terms
        self._ca_file = ca_file
        self._turn = threading.Condition()
        self._driven = self._closing = False
        self._waiting: deque[_Batch] = deque()
        self._lookups = Lookups(terms)
        self._looked_up: list[_Exchange] = []
        self._under_way: dict[pycurl.Curl, tuple[Handle, _Exchange]] = {}
        self._free: list[Handle] = []
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, max(_KEPT, terms.concurrency))

    def run(self, batch: _Batch) -> None:
        """Drive until this batch is over, unless somebody else does."""
        with self._turn:
            if self._closing:
                return
            self._waiting.append(batch)
            self._turn.wait_for(lambda: batch.over or not self._driven)
            if batch.over:
                return
            self._driven = True
        try:
            while not batch.over:
                self._step()
        finally:
            self._give_up_the_turn()

    def close(self) -> None:
        """End what is under way; whoever drives does that, at the next step."""
        with self._turn:
            self._closing = True
            ours = self._turn.wait_for(lambda: not self._driven, _CLOSING_SECONDS)
            self._driven = True
        self._lookups.close()
        if not ours:
            return
        self._end_all()
        self._multi.close()
        for handle in self._free:
            handle.curl.close()
        self._give_up_the_turn()

    def _give_up_the_turn(self) -> None:
        with self._turn:
            self._driven = False
            self._turn.notify_all()

    def _step(self) -> None:
        if self._closing:
            self._end_all()
            return
        self._begin()
        self._add_found()
        self._multi.perform()
        if not self._take_ended():
            self._rest()

    def _begin(self) -> None:
        """Ask each batch in turn for its next request, as long as there is room."""
        while self._waiting and self._room():
            batch = self._waiting.popleft()
            asked = next(batch.requests, None)
            if asked is None:
                batch.exhausted = True
                self._say_if_over(batch)
                continue
            self._waiting.append(batch)
            batch.under_way += 1
            index, request = asked
            place = self._lookups.find(request.url)
            self._looked_up.append(_Exchange(batch, index, request, place))

    def _room(self) -> bool:
        return len(self._under_way) + len(self._looked_up) < self._terms.concurrency

    def _add_found(self) -> None:
        """Hand over to libcurl whatever is known where to send."""
        asked, self._looked_up = self._looked_up, []
        for each in asked:
            if each.placed:
                self._add(each)
            elif time.monotonic() - each.since > self._terms.connect_seconds:
                self._end(each, NoAnswer("timeout"))
            else:
                self._looked_up.append(each)

    def _add(self, exchange: _Exchange) -> None:
        handle = self._free.pop() if self._free else Handle(self._terms, self._ca_file)
        left = self._terms.whole_seconds - (time.monotonic() - exchange.since)
        try:
            handle.load(exchange.request, exchange.pinned(), seconds=left)
        except ValueError as trouble:
            self._free.append(handle)
            self._end(exchange, trouble)
            return
        self._multi.add_handle(handle.curl)
        self._under_way[handle.curl] = handle, exchange

    def _take_ended(self) -> bool:
        """Settle what has ended; tell whether anything had."""
        took, more = False, 1
        while more:
            more, fine, failed = self._multi.info_read()
            for curl, code in [(each, 0) for each in fine] + [each[:2] for each in failed]:
                self._finish(curl, code)
                took = True
        return took

    def _finish(self, curl: pycurl.Curl, code: int) -> None:
        handle, exchange = self._under_way.pop(curl)
        self._multi.remove_handle(curl)
        self._free.append(handle)
        self._end(exchange, handle.ending(code))

    def _end(self, exchange: _Exchange, ending: Ending) -> None:
        exchange.batch.under_way -= 1
        exchange.batch.settle(exchange.index, ending)
        self._say_if_over(exchange.batch)

    def _say_if_over(self, batch: _Batch) -> None:
        if batch.over:
            with self._turn:
                self._turn.notify_all()

    def _rest(self) -> None:
        """Wait until a socket has something, or there may be something else to do."""
        wish = self._multi.timeout()
        most = _LOOKUP_SECONDS if self._looked_up else _LOOK_SECONDS
        seconds = most if wish < 0 else min(wish / 1000, most)
        # Sockets above select's reach are not waited for: then this is the pace.
        if seconds and self._multi.select(seconds) <= 0:
            time.sleep(0.001)

    def _end_all(self) -> None:
        while self._waiting:
            self._waiting.popleft().exhausted = True
        for curl in list(self._under_way):
            self._finish(curl, pycurl.E_ABORTED_BY_CALLBACK)
        for each in self._looked_up:
            self._end(each, NoAnswer("unreachable"))
        self._looked_up = []
        with self._turn:
            self._turn.notify_all()
