"""Sessions of the dashboard: a row behind a random cookie, gone when somebody signs out."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_urlsafe
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from recovery_service.domain.tokens import Token
from recovery_service.models import StaffSession

_CSRF_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """Who signed in, and how long the session may live whether it is used or not."""

    clinic_id: UUID
    staff_id: UUID
    life: timedelta
    replaces: Token | None = field(default=None, repr=False)


def open_session(session: Session, new: NewSession, *, now: datetime) -> Token:
    """Begin a session with an id of its own; the one that the browser had before is dead."""
    if new.replaces is not None:
        close_session(session, new.replaces)
    _forget_expired(session, new, now=now)
    token = Token.issue(new.clinic_id)
    session.add(
        StaffSession(
            clinic_id=new.clinic_id,
            token_hash=token.hash,
            staff_id=new.staff_id,
            csrf_token=token_urlsafe(_CSRF_BYTES),
            created_at=now,
            seen_at=now,
            expires_at=now + new.life,
        )
    )
    session.flush()
    return token


def close_session(session: Session, token: Token) -> None:
    """End a session; one that is not there is ended already."""
    session.execute(
        delete(StaffSession).where(
            StaffSession.clinic_id == token.clinic_id, StaffSession.token_hash == token.hash
        )
    )


def _forget_expired(session: Session, new: NewSession, *, now: datetime) -> None:
    session.execute(
        delete(StaffSession).where(
            StaffSession.clinic_id == new.clinic_id,
            StaffSession.staff_id == new.staff_id,
            StaffSession.expires_at <= now,
        )
    )
