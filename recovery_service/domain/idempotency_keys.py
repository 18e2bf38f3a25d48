"""The key of a request that is repeated until it is answered.

The Internet-Draft draft-ietf-httpapi-idempotency-key-header says what it looks like.
"""

import re

LONGEST = 255

# A String of structured fields (RFC 9651, 3.3.3) with whatever parameters, or the same without
# quotes: many clients send a bare UUID. Two headers arrive as one with a comma, so a bare key
# has none.
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)" *(?:;[\x20-\x7e]*)?')
_BARE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class BadIdempotencyKey(ValueError):
    """What was sent is no key; the message says why."""


def read_key(header: str) -> str:
    """Return the key that a header carries; quoted or not it is the same one."""
    text = header.strip()
    quoted = _STRING.fullmatch(text)
    if quoted is not None:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        raise BadIdempotencyKey('must be one text in double quotes, such as "<a new UUID>"')
    if not 1 <= len(key) <= LONGEST or not _VISIBLE.fullmatch(key):
        raise BadIdempotencyKey(f"must have 1 to {LONGEST} visible characters of ASCII")
    return key
