"""What goes out: the neutral texts of a kind and opaque ids, never what the plan says."""

from datetime import datetime

from recovery_service.domain import notification_ids, occurrence_ids
from recovery_service.domain.keys import Keys
from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.reminder_kinds import BUNDLE_LINES, reminder_kind
from recovery_service.reminders.channels.protocol import Address, Message
from recovery_service.reminders.held import Held
from recovery_service.reminders.parcels import Parcel

_URGENT = 2


def address_of(held: Held) -> Address:
    """Return where a delivery goes."""
    return Address(
        destination_id=held.destination_id,
        channel=held.channel,
        address=held.address,
        subscription=held.subscription,
    )


def message_of(keys: Keys, parcel: Parcel, *, now: datetime) -> Message:
    """Return the message of a parcel; `ttl` is the whole seconds left at `now`.

    Every repeat has one collapse tag, so that a device that gets a second copy after a
    crash shows one. One that carries several says how many, and of none what it is.
    """
    held = parcel.lead
    kind, language = reminder_kind(held.kind), language_of(held.locale)
    occurrence_id = occurrence_ids.encode(held.lineage_id, held.occ_key)
    address = occurrence_ids.address_of(held.lineage_id, held.occ_key)
    line = in_language(kind.lines if parcel.carries == 1 else BUNDLE_LINES, language)
    return Message(
        delivery_id=notification_ids.encode(keys, held.clinic_id, held.id),
        occurrence_id=occurrence_id,
        kind=held.kind,
        title=in_language(kind.titles, language),
        line=line.replace("{count}", str(parcel.carries)),
        language=language,
        ttl=int((parcel.expires_at - now).total_seconds()),
        collapse=occurrence_id,
        urgency="high" if kind.priority <= _URGENT else "normal",
        deep_link=address if parcel.carries == 1 else "/today",
        carries=parcel.carries,
    )
