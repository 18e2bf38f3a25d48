"""Foreign keys inside one clinic."""

from collections.abc import Sequence

from sqlalchemy import ForeignKeyConstraint


def within_clinic(
    target: str,
    *columns: str,
    to: Sequence[str] = ("id",),
    ondelete: str | None = None,
) -> ForeignKeyConstraint:
    """Return a foreign key that cannot cross clinics.

    Referential checks skip row-level security, so the clinic is part of
    every key: a row of clinic A can never point at a row of clinic B.
    """
    return ForeignKeyConstraint(
        ["clinic_id", *columns],
        [f"{target}.clinic_id", *(f"{target}.{name}" for name in to)],
        ondelete=ondelete,
    )


def of_clinic() -> ForeignKeyConstraint:
    """Return the foreign key to the clinic itself."""
    return ForeignKeyConstraint(["clinic_id"], ["clinic.id"])
