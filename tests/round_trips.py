"""A proxy in front of PostgreSQL that counts how often a client waits for an answer."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOCKET = ".s.PGSQL.5432"


class RoundTrips:
    """Counts the times that the client spoke after the server did."""

    def __init__(self) -> None:
        self.count = 0

    def relay(self, client: socket.socket, server: socket.socket) -> None:
        """Pass bytes both ways until one side closes."""
        server_spoke_last = True
        with client, server, suppress(OSError):
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    sent = ready.recv(65536)
                    if not sent:
                        return
                    if ready is client and server_spoke_last:
                        self.count += 1
                    server_spoke_last = ready is server
                    (server if ready is client else client).sendall(sent)


@contextmanager
def counted(folder: Path, real: Path) -> Iterator[RoundTrips]:
    """Listen in a folder in place of the server whose socket is in another."""
    trips = RoundTrips()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / SOCKET))
        listener.listen()
        threading.Thread(target=_accept, args=(listener, real, trips), daemon=True).start()
        yield trips
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, real: Path, trips: RoundTrips) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(real / SOCKET))
            threading.Thread(target=trips.relay, args=(client, server), daemon=True).start()
