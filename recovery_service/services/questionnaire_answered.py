"""Which answers to questionnaires stand: those that nobody has corrected."""

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.orm import aliased

from recovery_service.models import QuestionnaireResponse


def standing() -> ColumnElement[bool]:
    """Return the condition that nobody has corrected a response.

    A correction is of the same episode and instrument, and not older than what it corrects;
    two cannot cancel each other.
    """
    row, other = QuestionnaireResponse, aliased(QuestionnaireResponse)
    return ~exists().where(
        other.clinic_id == row.clinic_id,
        other.episode_id == row.episode_id,
        other.instrument == row.instrument,
        other.supersedes == row.id,
        or_(
            other.received_at > row.received_at,
            (other.received_at == row.received_at) & row.supersedes.is_distinct_from(other.id),
        ),
    )
