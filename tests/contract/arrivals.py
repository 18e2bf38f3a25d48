"""What a channel's rig is: the channel, and the far end that tells what really arrived."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from recovery_service.reminders.channels.protocol import Address, Channel

Refusal: TypeAlias = Literal["later", "gone", "never", "not_us"]


@dataclass(frozen=True)
class Arrival:
    """One accepted message: what it says it is, and all that anybody on the way can read."""

    repeat_key: str
    seconds_left: int
    readable: str


class Rig(Protocol):
    """A channel with its provider."""

    channel: Channel

    def destination(self) -> Address: ...

    def arrived(self) -> list[Arrival]: ...

    def refuse(self, how: Refusal) -> None: ...
