"""What goes out: the neutral texts of a kind and opaque ids, never what the plan says."""

from datetime import datetime

from recovery_service.domain import notification_ids, occurrence_ids
from recovery_service.domain.keys import Keys
from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.reminder_kinds import reminder_kind
from recovery_service.reminders.channels.protocol import Address, Message
from recovery_service.reminders.fence import Held

_URGENT = 2


def address_of(held: Held) -> Address:
    """Return where a delivery goes."""
    return Address(
        destination_id=held.destination_id,
        channel=held.channel,
        address=held.address,
        subscription=held.subscription,
    )


def message_of(keys: Keys, held: Held, *, now: datetime) -> Message:
    """Return the message of a delivery; `ttl` is the whole seconds left at `now`.

    Every round and repeat of an occurrence has one collapse tag, so that a device that
    gets a second copy after a crash shows one.
    """
    kind, language = reminder_kind(held.kind), language_of(held.locale)
    occurrence_id = occurrence_ids.encode(held.lineage_id, held.occ_key)
    return Message(
        delivery_id=notification_ids.encode(keys, held.clinic_id, held.id),
        occurrence_id=occurrence_id,
        kind=held.kind,
        title=in_language(kind.titles, language),
        line=in_language(kind.lines, language),
        language=language,
        ttl=int((held.expires_at - now).total_seconds()),
        collapse=occurrence_id,
        urgency="high" if kind.priority <= _URGENT else "normal",
        deep_link=f"/occurrences/{occurrence_id}",
    )
