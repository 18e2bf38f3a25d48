"""On what terms a channel connects to addresses that clients gave."""

from dataclasses import dataclass

from recovery_service.reminders.channels.addresses import AddressInfo, Resolver, public_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a channel connects; see `PostSettings`. Without `reuse`, once each."""

    concurrency: int
    connect_seconds: float
    read_seconds: float
    allow_private: bool = False
    resolve: Resolver | None = None
    reuse: bool = True

    @property
    def whole_seconds(self) -> float:
        """How long a request may take from its look-up to the end of its answer."""
        return self.connect_seconds + self.read_seconds

    def look_up(self, host: str, port: int) -> list[AddressInfo]:
        """Return where a host is, as it may be connected to; see `public_addresses`."""
        return public_addresses(host, port, allow_private=self.allow_private, resolve=self.resolve)
