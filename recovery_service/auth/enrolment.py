"""Enrolling a phone: from a typed code to tokens, before anybody is known."""

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from recovery_service.database import transaction
from recovery_service.errors import EnrolmentCodeInvalid, RecoveryError
from recovery_service.extensions import parts
from recovery_service.logs import request_id
from recovery_service.services import directory
from recovery_service.services.attempts import clear_attempts, count_attempt
from recovery_service.services.redemption import Enrolled, NewEnrolment, redeem_code
from recovery_service.services.tokens import Issuer

LIMIT = 30
WINDOW = timedelta(minutes=15)
_SUBSCRIBER_PREFIX = 64
# Looked in for a code that nobody knows: it then costs what a known one costs.
_NOWHERE = UUID(int=0)


def token_issuer() -> Issuer:
    """Return what issues tokens in the current application."""
    return Issuer(keys=parts().keys, life=parts().access_token_life)


def enrol(issuer: Issuer, new: NewEnrolment, address: str | None, *, now: datetime) -> Enrolled:
    """Return the enrolled patient and tokens; `address` is where the request came from.

    Raises EnrolmentCodeInvalid for a wrong code as for a wrong date of birth,
    EnrolmentCodeUsed, EnrolmentCodeExpired, EnrolmentCodeLocked, DeviceIdTaken, and
    TooManyRequests for whoever tries codes.
    """
    bucket = issuer.keys.keyed_hash("attempts.enrolment", subscriber(address).encode())
    with transaction() as session:
        count_attempt(session, bucket, limit=LIMIT, window=WINDOW, now=now)
    with transaction() as session:
        key = issuer.keys.enrolment_code(new.code)
        clinics = directory.clinics_of(session, "enrolment_code", key)
    if not clinics:
        _count_unknown(issuer, key, now=now)
    refusal: RecoveryError = EnrolmentCodeInvalid()
    for clinic_id in clinics or [_NOWHERE]:
        with transaction(clinic_id) as session:
            outcome = redeem_code(session, issuer, clinic_id, new, request_id=request_id(), now=now)
        if isinstance(outcome, Enrolled):
            # A hospital's network enrols many phones; only failures count against it.
            with transaction() as session:
                clear_attempts(session, bucket)
            return outcome
        refusal = outcome
    raise refusal


def _count_unknown(issuer: Issuer, key: bytes, *, now: datetime) -> None:
    """Write the try down, as that of a known code is: the times taken must not tell them apart."""
    with transaction() as session:
        bucket = issuer.keys.keyed_hash("attempts.unknown_code", key)
        count_attempt(session, bucket, limit=LIMIT, window=WINDOW, now=now)


def subscriber(address: str | None) -> str:
    """Return what one subscriber's addresses have in common; IPv6 gives each of them 2**64."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, _SUBSCRIBER_PREFIX), strict=False))
    return str(parsed)
