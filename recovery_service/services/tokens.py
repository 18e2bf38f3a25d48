"""Tokens: issue, rotate, revoke.

A refresh token's successor is derived from it with the installation's key,
so an answer that was lost can be given again without the secret ever being
stored. RFC 9700 section 4.14 has the reasons for rotation.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recovery_service.domain.identifiers import new_id
from recovery_service.domain.keys import Keys
from recovery_service.domain.tokens import Token
from recovery_service.errors import AccessEnded, SessionExpired
from recovery_service.models import AccessToken, RefreshToken, TokenFamily

IDLE = timedelta(days=60)
GRACE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets: ``expires_in`` is the access token's life in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Makes pairs: the keys, and how long an access token lives."""

    keys: Keys
    life: timedelta

    def successor(self, token: Token) -> Token:
        """Return the refresh token that follows a refresh token."""
        return Token(token.clinic_id, self.keys.keyed_hash("token.refresh", token.secret))

    def access(self, token: Token) -> Token:
        """Return the access token that goes with a refresh token."""
        return Token(token.clinic_id, self.keys.keyed_hash("token.access", token.secret))

    def pair(self, token: Token) -> TokenPair:
        """Return both tokens in their wire form."""
        return TokenPair(self.access(token).text, token.text, int(self.life.total_seconds()))


def issue_tokens(
    session: Session,
    issuer: Issuer,
    clinic_id: UUID,
    *,
    now: datetime,
    ends: datetime | None = None,
    **holder: Any,
) -> TokenPair:
    """Begin a family for a holder: ``patient_id`` and ``device_id``, or ``staff_id``."""
    family = TokenFamily(
        clinic_id=clinic_id, id=new_id(now=now), created_at=now, expires_at=ends, **holder
    )
    session.add(family)
    session.flush()
    first = Token.issue(clinic_id)
    _store(session, issuer, family.id, first, parent=None, now=now)
    return issuer.pair(first)


def refresh_tokens(
    session: Session, issuer: Issuer, token: Token, *, now: datetime
) -> TokenPair | None:
    """Return the next pair; None when an old token was used again.

    None instead of an error, because the family is revoked by then and that
    must be committed. Raises SessionExpired or AccessEnded.
    """
    found = session.execute(
        select(RefreshToken, TokenFamily)
        .join(
            TokenFamily,
            (TokenFamily.clinic_id == RefreshToken.clinic_id)
            & (TokenFamily.id == RefreshToken.family_id),
        )
        .where(RefreshToken.clinic_id == token.clinic_id, RefreshToken.token_hash == token.hash)
        .with_for_update(of=[RefreshToken, TokenFamily])
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise SessionExpired
    stored, family = found
    _require_alive(stored, family, now=now)
    if stored.used_at is None:
        stored.used_at = now
        successor = issuer.successor(token)
        _store(session, issuer, family.id, successor, parent=token.hash, now=now)
        return issuer.pair(successor)
    return _answer_again(session, issuer, token, stored, now=now)


def revoke_families(
    session: Session, clinic_id: UUID, *, reason: str, now: datetime, **which: UUID
) -> None:
    """Revoke all living families of a ``patient_id``, ``device_id``, ``staff_id`` or ``id``."""
    living = update(TokenFamily).where(
        TokenFamily.clinic_id == clinic_id, TokenFamily.revoked_at.is_(None)
    )
    session.execute(living.filter_by(**which).values(revoked_at=now, revoke_reason=reason))


def _require_alive(stored: RefreshToken, family: TokenFamily, *, now: datetime) -> None:
    if family.revoke_reason == AccessEnded.code:
        raise AccessEnded
    ended = family.expires_at is not None and family.expires_at <= now
    if family.revoked_at is not None or ended or stored.expires_at <= now:
        raise SessionExpired


def _answer_again(
    session: Session, issuer: Issuer, token: Token, stored: RefreshToken, *, now: datetime
) -> TokenPair | None:
    """Give the immediate successor again while nobody has used it; else end the family."""
    successor = issuer.successor(token)
    next_one = session.get(RefreshToken, (token.clinic_id, successor.hash))
    fresh = stored.used_at is not None and now - stored.used_at <= GRACE
    if fresh and next_one is not None and next_one.used_at is None:
        return issuer.pair(successor)
    revoke_families(
        session, token.clinic_id, reason=SessionExpired.code, now=now, id=stored.family_id
    )
    return None


def _store(
    session: Session,
    issuer: Issuer,
    family_id: UUID,
    token: Token,
    *,
    parent: bytes | None,
    now: datetime,
) -> None:
    access = issuer.access(token)
    session.add_all(
        [
            RefreshToken(
                clinic_id=token.clinic_id,
                token_hash=token.hash,
                family_id=family_id,
                parent_hash=parent,
                expires_at=now + IDLE,
                created_at=now,
            ),
            AccessToken(
                clinic_id=token.clinic_id,
                token_hash=access.hash,
                family_id=family_id,
                expires_at=now + issuer.life,
            ),
        ]
    )
    session.flush()
