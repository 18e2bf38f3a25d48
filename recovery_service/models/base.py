"""What every table shares: keys, column types, and the privacy class of each column."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.orm.properties import MappedColumn
from sqlalchemy.types import TypeDecorator, UserDefinedType

from recovery_service.models.privacy import Privacy

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class NaiveDatetimeError(ValueError):
    """A datetime without a zone reached the database's edge."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as ``timestamptz`` and read back in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive datetime: its meaning would depend on the server's zone."""
        if value is not None and value.tzinfo is None:
            raise NaiveDatetimeError(value.isoformat())
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give every reader the same zone."""
        return None if value is None else value.astimezone(UTC)


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's ``xid8``: the number of a transaction, which is never used again."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "xid8"


# Reflection knows PostgreSQL's types by name; this one SQLAlchemy does not have.
ischema_names["xid8"] = TransactionId


# None is SQL's NULL, which constraints see; JSON's own null would pass every NOT NULL.
JSON_OBJECT = JSONB(none_as_null=True)


class Base(DeclarativeBase):
    """The declarative base; knows no Flask."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads the class attribute
        datetime: Instant(),
        dict[str, Any]: JSON_OBJECT,
        list[Any]: JSON_OBJECT,
        UUID: Uuid(),
    }


def column(privacy: Privacy, *args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a mapped column that carries its privacy class."""
    return mapped_column(*args, info={"privacy": privacy}, **kwargs)


def operational(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a column that says nothing about a person by itself."""
    return column(Privacy.OPERATIONAL, *args, **kwargs)


def identifying(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a column that tells who a person is."""
    return column(Privacy.IDENTIFYING, *args, **kwargs)


def contact(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a column by which a person can be reached."""
    return column(Privacy.CONTACT, *args, **kwargs)


def health(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a column that holds health data."""
    return column(Privacy.HEALTH, *args, **kwargs)


def secret(*args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Return a column that opens a door: a hash, a seed, an endpoint."""
    return column(Privacy.SECRET, *args, **kwargs)


_KEY = {"privacy": Privacy.OPERATIONAL}

ClinicKey = Annotated[UUID, mapped_column(primary_key=True, sort_order=-20, info=_KEY)]
PrimaryKey = Annotated[UUID, mapped_column(primary_key=True, sort_order=-10, info=_KEY)]
SerialKey = Annotated[
    int,
    mapped_column(BigInteger, Identity(always=False), primary_key=True, sort_order=-10, info=_KEY),
]
Reference = Annotated[UUID, mapped_column(info=_KEY)]
OptionalReference = Annotated[UUID | None, mapped_column(info=_KEY)]


class Stamped:
    """When a row came to be; the edge passes the time in."""

    created_at: Mapped[datetime] = operational(sort_order=90)


class Versioned(Stamped):
    """A shared object that several people edit: each change counts its version up."""

    version: Mapped[int] = operational(default=1, sort_order=91)
    updated_at: Mapped[datetime] = operational(sort_order=92)


class Synced:
    """A row that phones hold a copy of: the transaction that wrote it last.

    The default says it for what is new, a trigger for what is changed. Compared with a
    snapshot it says what a phone has not seen, however transactions overlap.
    """

    changed_in: Mapped[str] = operational(
        TransactionId, server_default=text("pg_current_xact_id()"), sort_order=95
    )
