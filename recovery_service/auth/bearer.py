"""Bearer tokens: one look-up a request, in one round trip."""

from datetime import datetime

from flask import request

from recovery_service.database import one_trip
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.tokens import MalformedTokenError, Token
from recovery_service.errors import AccessEnded, SessionExpired, Unauthenticated
from recovery_service.logs import request_id

# One look-up, so that a log-out or a disabled account holds on the very next request.
_HOLDER = """
SELECT f.id, f.patient_id, f.device_id, f.staff_id, f.revoked_at, f.revoke_reason,
       least(t.expires_at, f.expires_at), s.disabled_at, s.roles,
       coalesce(p.locale, s.locale), p.time_zone, d.platform, d.app_version,
       (SELECT c.sandbox_now FROM clinic c WHERE c.id = t.clinic_id)
  FROM access_token t
  JOIN token_family f ON f.clinic_id = t.clinic_id AND f.id = t.family_id
  LEFT JOIN patient p ON p.clinic_id = f.clinic_id AND p.id = f.patient_id
  LEFT JOIN staff_member s ON s.clinic_id = f.clinic_id AND s.id = f.staff_id
  LEFT JOIN device d ON d.clinic_id = f.clinic_id AND d.id = f.device_id
 WHERE t.clinic_id = %(clinic_id)s AND t.token_hash = %(token_hash)s
"""


def bearer_token() -> Token:
    """Return the token of the Authorization header."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    try:
        return Token.parse(text.strip())
    except MalformedTokenError:
        raise Unauthenticated from None


def bearer_actor(*, now: datetime) -> Actor:
    """Return who holds the request's token; raises Unauthenticated and its kinds."""
    token = bearer_token()
    rows = one_trip(
        _HOLDER,
        {"clinic_id": token.clinic_id, "token_hash": token.hash},
        clinic_id=token.clinic_id,
    )
    if not rows:
        raise SessionExpired
    (family, patient, device, staff, revoked, why, expires, disabled, roles, *said) = rows[0]
    locale, zone, platform, app_version, sandbox_now = said
    if revoked is not None and why == AccessEnded.code:
        raise AccessEnded
    if revoked is not None or disabled is not None or expires <= now:
        raise SessionExpired
    return Actor(
        clinic_id=token.clinic_id,
        kind="patient" if patient else "staff",
        id=patient or staff,
        roles=frozenset({Role.PATIENT}) if patient else frozenset(map(Role, roles)),
        locale=locale,
        time_zone=zone or "UTC",
        device_id=device,
        platform=platform,
        app_version=app_version,
        family_id=family,
        request_id=request_id(),
        sandbox_now=sandbox_now,
    )
