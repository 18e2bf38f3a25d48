"""In which order what a phone sends takes effect, whatever the order it came in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(Generic[Content]):
    """One operation: when it happened by the phone's clock, and which one it corrects.

    Without an instant (`at`) it takes its turn after those that have one.
    """

    id: UUID
    content: Content
    at: datetime | None = None
    corrects: UUID | None = None


def as_it_happened(sent: Sequence[Sent[Content]]) -> list[Sent[Content]]:
    """Return the operations as they would have come had the phone been connected.

    In order of the phone's own instants; a correction after what it corrects, whatever the
    clock did in between; the rest afterwards, as it was sent.
    """
    by_id = {each.id: each for each in sent}
    dated = sorted((each for each in sent if each.at is not None), key=_instant)
    ordered: dict[UUID, Sent[Content]] = {}
    for each in dated:
        for one in _first_what_it_corrects(each, by_id):
            ordered.setdefault(one.id, one)
    return [*ordered.values(), *(each for each in sent if each.at is None)]


def _instant(sent: Sent[Content]) -> datetime:
    assert sent.at is not None  # noqa: S101 - asked of what has one
    return sent.at


def _first_what_it_corrects(
    sent: Sent[Content], by_id: dict[UUID, Sent[Content]]
) -> Iterable[Sent[Content]]:
    chain = [sent]
    while (before := by_id.get(chain[-1].corrects or chain[-1].id)) not in chain:
        if before is None or before.at is None:
            break
        chain.append(before)
    return reversed(chain)
