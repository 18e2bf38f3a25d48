"""The dashboard's sessions: server-side rows behind a random cookie."""

import hmac
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import g, request
from werkzeug.wrappers import Response

from recovery_service.database import one_trip
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.tokens import MalformedTokenError, Token
from recovery_service.errors import NotAllowed, SessionExpired, Unauthenticated
from recovery_service.extensions import parts
from recovery_service.logs import request_id

# A session that was used in the last minute is not written again: reading pages costs no write.
_TOUCH_AFTER = timedelta(minutes=1)

_HOLDER = """
SELECT b.staff_id, b.csrf_token, b.seen_at, b.expires_at, s.roles, s.locale, s.disabled_at,
       (SELECT c.sandbox_now FROM clinic c WHERE c.id = b.clinic_id)
  FROM staff_session b
  JOIN staff_member s ON s.clinic_id = b.clinic_id AND s.id = b.staff_id
 WHERE b.clinic_id = %(clinic_id)s AND b.token_hash = %(token_hash)s
"""
_TOUCH = """
UPDATE staff_session SET seen_at = %(now)s
 WHERE clinic_id = %(clinic_id)s AND token_hash = %(token_hash)s RETURNING 1
"""


def cookie_name() -> str:
    """Return the cookie's name; over TLS the browser binds it to this host."""
    return "__Host-recovery" if _over_tls() else "recovery"


def _over_tls() -> bool:
    return urlsplit(parts().base_url).scheme == "https"


def remember(response: Response, token: Token) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(),
        token.text,
        max_age=int(parts().session_life.total_seconds()),
        secure=_over_tls(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def forget(response: Response) -> None:
    """Take the session's cookie away."""
    response.delete_cookie(
        cookie_name(), secure=_over_tls(), httponly=True, samesite="Lax", path="/"
    )


def browser_token() -> Token:
    """Return the token of the session cookie."""
    try:
        return Token.parse(request.cookies.get(cookie_name(), ""))
    except MalformedTokenError:
        raise Unauthenticated from None


def browser_actor(*, now: datetime) -> Actor:
    """Return who is signed in with this browser; raises Unauthenticated and its kinds."""
    token = browser_token()
    key = {"clinic_id": token.clinic_id, "token_hash": token.hash}
    rows = one_trip(_HOLDER, key, clinic_id=token.clinic_id)
    if not rows:
        raise SessionExpired
    staff, csrf_token, seen, expires, roles, locale, disabled, sandbox_now = rows[0]
    if disabled is not None or expires <= now or seen + parts().session_idle <= now:
        raise SessionExpired
    if now - seen >= _TOUCH_AFTER:
        one_trip(_TOUCH, key | {"now": now}, clinic_id=token.clinic_id)
    g.csrf_token = csrf_token
    return Actor(
        clinic_id=token.clinic_id,
        kind="staff",
        id=staff,
        roles=frozenset(map(Role, roles)),
        locale=locale,
        request_id=request_id(),
        sandbox_now=sandbox_now,
    )


def require_csrf_token() -> None:
    """Refuse a form that was not ours, or that another site sent."""
    require_same_origin()
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode(), g.csrf_token.encode()):
        raise NotAllowed("send a form that this page did not give you")


def require_same_origin() -> None:
    """Refuse a request whose browser says that another site made it."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    told = urlsplit(origin)
    if told.netloc not in {request.host, urlsplit(parts().base_url).netloc}:
        raise NotAllowed("send a form from another site")
