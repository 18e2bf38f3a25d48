"""The verification that the Standard Webhooks specification describes, written from its text.

It shares nothing with the service: a fault in what signs cannot hide in what verifies.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def verified(secret: str, headers: Mapping[str, str], body: bytes, *, now: float) -> bool:
    """Tell whether a request is of who holds the secret, and of the last five minutes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = headers["webhook-timestamp"]
    if not stamp.isdigit() or abs(int(stamp) - now) > 300:
        return False
    content = f"{headers['webhook-id']}.{stamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    found = False
    for each in headers["webhook-signature"].split(" "):
        version, _, given = each.partition(",")
        found |= version == "v1" and hmac.compare_digest(given, expected)
    return found
