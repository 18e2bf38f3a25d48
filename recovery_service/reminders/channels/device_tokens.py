"""Tokens of phones: what can be one, and finding it in an address."""

import re

from recovery_service.reminders.channels.answers import Unsendable
from recovery_service.reminders.channels.protocol import Address, Dead, Retired

LONGEST_TOKEN = 4096
_FORMS = {
    # Google fixes neither length nor alphabet; URL-safe text and colons is all that is seen.
    "fcm": re.compile(r"[A-Za-z0-9_:.\-]{16,4096}"),
    # Apple fixes no length; 32 bytes today. It becomes part of a path: nothing but digits.
    "apns": re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}"),
}


class BadToken(ValueError):
    """Not a token of that platform; the text does not repeat it."""


def check_token(platform: str, token: str) -> None:
    """Raise `BadToken` unless a phone of `platform` (`fcm` or `apns`) could have that token."""
    if not _FORMS[platform].fullmatch(token):
        raise BadToken(f"is not a token of {platform}")


def token_of(address: Address, platform: str) -> str:
    """Return the token of an address; raises `Unsendable` where there is none that could be one."""
    if address.subscription is None:
        raise Unsendable(Dead("no_address"))
    token = address.subscription.get("token")
    try:
        check_token(platform, token if isinstance(token, str) else "")
    except BadToken:
        raise Unsendable(Retired("bad_token")) from None
    return str(token)
