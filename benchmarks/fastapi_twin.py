"""The bare work of a check-in and of the app's first page, as FastAPI's documentation does it.

Async SQLAlchemy with asyncpg, a session per request by dependency, pydantic in and out. The
same tables, columns and indexes as ours, without row-level security, and without most of what
ours does: no episode chosen by date, no reminder stopped, no answer checked against the
catalogue, no retry recognised, no content read.
"""
# ruff: noqa: D101 - tables and shapes, named as in the service

import hashlib
import os
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime

engine = create_async_engine(os.environ["TWIN_URL"], pool_size=16)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
bearer = HTTPBearer()


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads the class attribute
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class AccessToken(Base):
    __tablename__ = "access_token"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("token_family.id"))
    expires_at: Mapped[datetime]


class TokenFamily(Base):
    __tablename__ = "token_family"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    revoked_at: Mapped[datetime | None]


class Patient(Base):
    __tablename__ = "patient"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    locale: Mapped[str]
    contact_mode: Mapped[str]
    preferences: Mapped[dict[str, Any]]


class Episode(Base):
    __tablename__ = "episode"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    procedure: Mapped[str]
    surgery_date: Mapped[date | None]
    discharge_date: Mapped[date]
    state: Mapped[str]


class Occurrence(Base):
    __tablename__ = "occurrence"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(primary_key=True)
    lineage_id: Mapped[UUID]
    occ_key: Mapped[str]
    local_date: Mapped[date]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str]


class Schedule(Base):
    __tablename__ = "schedule"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    kind: Mapped[str]
    remind_via: Mapped[str]
    next_date: Mapped[date | None]
    next_due_at: Mapped[datetime | None]


class PlanItem(Base):
    __tablename__ = "plan_item"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    lineage_id: Mapped[UUID]
    title: Mapped[dict[str, Any]]


class CheckIn(Base):
    __tablename__ = "check_in"
    clinic_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    episode_id: Mapped[UUID]
    local_date: Mapped[date]
    recorded_at: Mapped[datetime]
    received_at: Mapped[datetime]
    time_zone: Mapped[str] = mapped_column(String(64))
    form_version: Mapped[str] = mapped_column(String(32))
    answers: Mapped[dict[str, Any]]
    note: Mapped[str | None]
    issues: Mapped[list[Any]]
    supersedes: Mapped[UUID | None]
    source: Mapped[str] = mapped_column(String(16))
    reported_by: Mapped[str | None]
    entered_by: Mapped[UUID | None]
    device_id: Mapped[UUID | None]
    device_verdict: Mapped[dict[str, Any] | None]


class NewCheckIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    date: date
    recorded_at: AwareDatetime
    time_zone: str = Field(max_length=64)
    form_version: str = Field(max_length=32)
    answers: dict[Annotated[str, Field(max_length=64)], bool | int | float | str | None]
    note: str | None = Field(default=None, max_length=2000)
    supersedes: UUID | None = None


class StoredCheckIn(NewCheckIn):
    episode_id: UUID
    received_at: datetime
    source: str
    issues: list[Any]


class Monitoring(BaseModel):
    state: str
    until_then: str


class Answer(BaseModel):
    check_in: StoredCheckIn
    advice: list[Any]
    monitoring: Monitoring


class Profile(BaseModel):
    id: UUID
    name: str
    time_zone: str
    locale: str
    contact_mode: str
    preferences: dict[str, Any]


class Recovery(BaseModel):
    id: UUID
    procedure: str
    surgery_date: date | None
    discharge_date: date
    state: str


class Due(BaseModel):
    kind: str
    title: str
    remind_via: str
    local_date: date
    due_at: datetime
    expires_at: datetime | None
    state: str


class Me(BaseModel):
    profile: Profile
    episode: Recovery
    due_today: list[Due]
    monitoring: Monitoring


NOBODY = Monitoring(state="not_monitored", until_then="Call the clinic if you are worried.")


async def session_of_request() -> AsyncIterator[AsyncSession]:
    """Lend a session for one request."""
    async with sessions() as session:
        yield session


SessionHere = Annotated[AsyncSession, Depends(session_of_request)]


async def current_patient(
    session: SessionHere, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> Patient:
    """Look the token up by its hash."""
    clinic, _, secret = credentials.credentials.partition(".")
    query = (
        select(Patient)
        .join(
            TokenFamily,
            (TokenFamily.clinic_id == Patient.clinic_id) & (TokenFamily.patient_id == Patient.id),
        )
        .join(
            AccessToken,
            (AccessToken.clinic_id == TokenFamily.clinic_id)
            & (AccessToken.family_id == TokenFamily.id),
        )
        .where(
            AccessToken.clinic_id == UUID(bytes=decoded(clinic)),
            AccessToken.token_hash == hashlib.sha256(decoded(secret)).digest(),
            AccessToken.expires_at > datetime.now(UTC),
            TokenFamily.revoked_at.is_(None),
        )
    )
    patient = (await session.scalars(query)).one_or_none()
    if patient is None:
        raise HTTPException(401)
    return patient


PatientHere = Annotated[Patient, Depends(current_patient)]


@app.post("/api/v1/me/check-ins", status_code=201)
async def report(new: NewCheckIn, session: SessionHere, patient: PatientHere) -> Answer:
    """Store what the patient reports."""
    episode = await open_episode(session, patient)
    row = CheckIn(
        clinic_id=patient.clinic_id,
        id=new.id,
        episode_id=episode.id,
        local_date=new.date,
        recorded_at=new.recorded_at,
        received_at=datetime.now(UTC),
        time_zone=new.time_zone,
        form_version=new.form_version,
        answers=new.answers,
        note=new.note,
        issues=[],
        supersedes=new.supersedes,
        source="app",
    )
    session.add(row)
    await session.commit()
    stored = StoredCheckIn(
        **new.model_dump(),
        episode_id=row.episode_id,
        received_at=row.received_at,
        source=row.source,
        issues=row.issues,
    )
    return Answer(check_in=stored, advice=[], monitoring=NOBODY)


@app.get("/api/v1/me")
async def me(session: SessionHere, patient: PatientHere) -> Me:
    """Show the patient, the episode, and what is due today or comes next today."""
    episode = await open_episode(session, patient)
    today = datetime.now(UTC).date()
    stored = (
        select(Occurrence, Schedule.kind, Schedule.remind_via, PlanItem.title)
        .join(
            Schedule,
            (Schedule.clinic_id == Occurrence.clinic_id) & (Schedule.id == Occurrence.lineage_id),
        )
        .join(
            PlanItem,
            (PlanItem.clinic_id == Schedule.clinic_id) & (PlanItem.lineage_id == Schedule.id),
        )
        .where(
            Schedule.clinic_id == patient.clinic_id,
            Schedule.patient_id == patient.id,
            Occurrence.occ_key.between(f"{today:%Y%m%d}", f"{today:%Y%m%d}~"),
        )
        .order_by(Occurrence.due_at)
    )
    ahead = (
        select(Schedule, PlanItem.title)
        .join(
            PlanItem,
            (PlanItem.clinic_id == Schedule.clinic_id) & (PlanItem.lineage_id == Schedule.id),
        )
        .where(
            Schedule.clinic_id == patient.clinic_id,
            Schedule.patient_id == patient.id,
            Schedule.next_date == today,
            Schedule.next_due_at.is_not(None),
        )
        .order_by(Schedule.next_due_at)
    )
    due = [
        Due(
            kind=kind,
            title=title[patient.locale],
            remind_via=remind_via,
            local_date=row.local_date,
            due_at=row.due_at,
            expires_at=row.expires_at,
            state=row.state,
        )
        for row, kind, remind_via, title in await session.execute(stored)
    ]
    due += [
        Due(
            kind=row.kind,
            title=title[patient.locale],
            remind_via=row.remind_via,
            local_date=row.next_date,
            due_at=row.next_due_at,
            expires_at=None,
            state="upcoming",
        )
        for row, title in await session.execute(ahead)
    ]
    return Me(
        profile=Profile.model_validate(patient, from_attributes=True),
        episode=Recovery.model_validate(episode, from_attributes=True),
        due_today=due,
        monitoring=NOBODY,
    )


async def open_episode(session: AsyncSession, patient: Patient) -> Episode:
    """Return the episode that has not ended."""
    query = select(Episode).where(
        Episode.clinic_id == patient.clinic_id,
        Episode.patient_id == patient.id,
        Episode.state != "ended",
    )
    return (await session.scalars(query)).one()


def decoded(text: str) -> bytes:
    """Read base64url without its padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
