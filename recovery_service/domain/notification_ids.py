"""Public ids of notifications: neither guessable nor an index.

A delivery's key is a serial number, so showing it would tell how many reminders the
clinic sends, and its neighbours would be somebody else's. The id is the number hidden
and signed with a keyed hash (the synthetic-IV construction of RFC 5297): the tag over
clinic and number is both the check and the mask's seed, so an id has one form, works
in one clinic, and a changed character is refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest
from uuid import UUID

from recovery_service.domain.keys import Keys

LENGTH = 24

_NUMBER = 8
_TAG = 10
_LARGEST = 2**63 - 1


class MalformedNotificationId(ValueError):
    """The text is no id that this clinic's service gave out."""


def encode(keys: Keys, clinic_id: UUID, delivery_id: int) -> str:
    """Return the id of a delivery, 24 URL-safe characters; raises ValueError for no bigint."""
    if not 0 <= delivery_id <= _LARGEST:
        raise ValueError("not a delivery's key")
    number = delivery_id.to_bytes(_NUMBER, "big")
    tag = _tag(keys, clinic_id, number)
    return urlsafe_b64encode(tag + _masked(keys, clinic_id, tag, number)).decode()


def decode(keys: Keys, clinic_id: UUID, text: str) -> int:
    """Return the delivery's key of an id; raises `MalformedNotificationId`."""
    try:
        packed = urlsafe_b64decode(text.encode("ascii")) if len(text) == LENGTH else b""
    except ValueError:
        packed = b""
    tag, hidden = packed[:_TAG], packed[_TAG:]
    number = _masked(keys, clinic_id, tag, hidden.rjust(_NUMBER, b"\0"))
    genuine = compare_digest(tag, _tag(keys, clinic_id, number))
    if not genuine or urlsafe_b64encode(packed).decode() != text:
        raise MalformedNotificationId("not a notification id")
    return int.from_bytes(number, "big")


def _tag(keys: Keys, clinic_id: UUID, number: bytes) -> bytes:
    return keys.keyed_hash("notification_id.tag", clinic_id.bytes, number)[:_TAG]


def _masked(keys: Keys, clinic_id: UUID, tag: bytes, number: bytes) -> bytes:
    mask = keys.keyed_hash("notification_id.mask", clinic_id.bytes, tag)[:_NUMBER]
    masked = int.from_bytes(number, "big") ^ int.from_bytes(mask, "big")
    return masked.to_bytes(_NUMBER, "big")
