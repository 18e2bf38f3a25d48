"""One request over libcurl, and the handle that it is made with: set once, used again.

What is shared by all requests of a channel is set when a handle is made. libcurl is never
told to follow, to ask a proxy or to look a name up: addresses come from us.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import pycurl

from recovery_service.reminders.channels.addresses import UnsafeEndpoint, is_public
from recovery_service.reminders.channels.answers import Answer, Ending, NoAnswer, Unanswered
from recovery_service.reminders.channels.terms import Terms

_BODY_KEPT = 2048  # bytes of an answer read so that its connection can be used again
_IDLE_SECONDS = 15
_END_OF_HEAD = b"\r\n"
# Without a value, what libcurl would say by itself is left out.
_ALWAYS = ("User-Agent: recovery-service", "Accept-Encoding: identity", "Expect:", "Accept:")


@dataclass(frozen=True, slots=True)
class Request:
    """One POST; where it goes and what it says are kept out of `repr`."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Handle:
    """A handle of libcurl's for one request at a time, and what came back for it."""

    def __init__(self, terms: Terms, authorities: str | None) -> None:
        self._terms = terms
        self._head: list[bytes] = []
        self._body = bytearray()
        self._led_inside = False
        self.curl = pycurl.Curl()
        for option, value in self._fixed(authorities):
            self.curl.setopt(option, value)

    def load(self, request: Request, pinned: str | None, *, seconds: float) -> None:
        """Prepare a request that may take so long; raises ValueError for what is no header.

        `pinned` is `host:port:address,address`, as libcurl reads it: where the host is.
        """
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        said = "".join(lines)
        if not (said.isascii() and said.isprintable()):
            raise ValueError("must be a header")
        self._head.clear()
        self._body.clear()
        self._led_inside = False
        curl = self.curl
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.POSTFIELDS, request.body)
        curl.setopt(pycurl.HTTPHEADER, [*_said_always(tuple(request.headers)), *lines])
        curl.setopt(pycurl.TIMEOUT_MS, max(int(seconds * 1000), 1))
        if pinned is not None:
            curl.setopt(pycurl.RESOLVE, [pinned])

    def ending(self, code: int) -> Ending:
        """Return how the request ended: its answer, or in a word why there is none.

        The status is the answer: a body that breaks off, or is longer than what is kept,
        changes nothing about it.
        """
        if self._head[-1:] == [_END_OF_HEAD]:
            status = self.curl.getinfo(pycurl.RESPONSE_CODE)
            return Answer(status, _Fields(tuple(self._head)), bytes(self._body[:_BODY_KEPT]))
        if self._led_inside:
            return UnsafeEndpoint("must not lead to a private address")
        if code == pycurl.E_URL_MALFORMAT:
            return UnsafeEndpoint("must be a well-formed URL")
        reason = "timeout" if code == pycurl.E_OPERATION_TIMEDOUT else "unreachable"
        begun = self.curl.getinfo(pycurl.REQUEST_SIZE) > 0  # bytes that left
        return Unanswered(reason) if begun else NoAnswer(reason)

    def _fixed(self, authorities: str | None) -> Sequence[tuple[int, Any]]:
        terms = self._terms
        reused: list[tuple[int, Any]] = [(pycurl.MAXAGE_CONN, _IDLE_SECONDS)]
        once: list[tuple[int, Any]] = [(pycurl.FRESH_CONNECT, 1), (pycurl.FORBID_REUSE, 1)]
        guarded: list[tuple[int, Any]] = [(pycurl.OPENSOCKETFUNCTION, self._open)]
        return [
            (pycurl.POST, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (pycurl.PROTO_HTTP * terms.allow_private)),
            (pycurl.PROXY, ""),  # and none from the environment
            (pycurl.NOSIGNAL, 1),
            (pycurl.CONNECTTIMEOUT_MS, int(terms.connect_seconds * 1000)),
            (pycurl.HEADERFUNCTION, self._head.append),
            (pycurl.WRITEFUNCTION, self._keep),
            *trusted(authorities),
            *(reused if terms.reuse else once),
            *([] if terms.allow_private else guarded),
        ]

    def _keep(self, piece: bytes) -> int | None:
        """Keep a piece of the body; refuse what is too much, which ends the request."""
        self._body += piece
        return None if len(self._body) <= _BODY_KEPT else 0

    def _open(self, _purpose: int, address: tuple[int, int, int, tuple[Any, ...]]) -> Any:
        """Open the socket for an address: the last look, whoever looked it up."""
        family, kind, proto, at = address
        if not is_public(str(at[0])):
            self._led_inside = True
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, proto)


def trusted(authorities: str | None) -> list[tuple[int, str]]:
    """Return whose certificates are believed: a file's, else the system's."""
    if authorities is not None:
        return [(pycurl.CAINFO, authorities)]
    paths = ssl.get_default_verify_paths()
    found = [(pycurl.CAINFO, paths.cafile), (pycurl.CAPATH, paths.capath)]
    return [(option, path) for option, path in found if path is not None]


@lru_cache(maxsize=64)
def _said_always(names: tuple[str, ...]) -> list[str]:
    """Return what is said always, unless the request says it itself."""
    own = {name.lower() for name in names}
    return [line for line in _ALWAYS if line.partition(":")[0].lower() not in own]


class _Fields(Mapping[str, str]):
    """A head's fields, names in lower case; read when somebody asks, as hardly anybody does."""

    def __init__(self, head: Sequence[bytes]) -> None:
        self._head = head

    def __getitem__(self, name: str) -> str:
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    @cached_property
    def _read(self) -> dict[str, str]:
        """Return those of the last head; an interim answer has one, too."""
        fields: dict[str, str] = {}
        for line in self._head:
            if line.startswith(b"HTTP/"):
                fields.clear()
                continue
            name, colon, value = line.decode("latin-1").partition(":")
            if colon:
                fields[name.strip().lower()] = value.strip()
        return fields
