"""Where hosts are: looked up beside the work, checked, and known for a moment."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

from recovery_service.reminders.channels.addresses import UnresolvedHost
from recovery_service.reminders.channels.terms import Terms

_KNOWN_SECONDS = 15.0
_KNOWN_MOST = 512
_ADDRESSES_TRIED = 2  # of one host, sharing the connect timeout
_PORTS = {"https": 443, "http": 80}


class Lookups:
    """Finds hosts and refuses those that are not public.

    Look-ups have threads: the system's resolver knows no other way, and may be slow.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._threads = ThreadPoolExecutor(terms.concurrency, "lookup")
        self._known: dict[tuple[str, str], tuple[float, str | Future[str]]] = {}

    def find(self, url: str) -> str | Future[str]:
        """Return where the host of a well-formed URL is, or what will know it.

        That is `host:port:address,address`; the error is an `UnsafeEndpoint`.
        """
        parts = urlsplit(url)
        origin = parts.scheme, parts.netloc
        since, found = self._known.get(origin, (0.0, None))
        now = time.monotonic()
        if isinstance(found, Future) and found.done():
            found = _result(found)
        if found is None or now - since > _KNOWN_SECONDS:
            self._forget_old(now)
            since, port = now, parts.port or _PORTS[parts.scheme]
            found = self._threads.submit(self._look_up, str(parts.hostname), port)
        self._known[origin] = since, found
        return found

    def close(self) -> None:
        """Let the threads go; nobody waits for a resolver that does not answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, host: str, port: int) -> str:
        infos = self._terms.look_up(host, port)[:_ADDRESSES_TRIED]
        if not infos:
            raise UnresolvedHost("its host is not known")
        addresses = [_written(str(at[0])) for *_, at in infos]
        return f"{_written(host)}:{port}:{','.join(dict.fromkeys(addresses))}"

    def _forget_old(self, now: float) -> None:
        if len(self._known) >= _KNOWN_MOST:
            old = now - _KNOWN_SECONDS
            self._known = {place: each for place, each in self._known.items() if each[0] > old}


def _result(found: Future[str]) -> str | None:
    """Return what was found; None where that failed and is to be tried again."""
    return None if found.exception() is not None else found.result()


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
