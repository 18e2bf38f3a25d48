"""Which form an instrument has in a clinic: the shipped one, or the licensed one that is active."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.instruments import Instrument
from recovery_service.domain.questionnaire_import import read_questionnaire
from recovery_service.domain.questionnaire_items import QuestionnaireForm
from recovery_service.errors import InvalidField
from recovery_service.models import Questionnaire


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A form that can be answered; `questionnaire_id` is None for a shipped one."""

    instrument: Instrument
    form: QuestionnaireForm
    questionnaire_id: UUID | None = None

    @property
    def form_version(self) -> str | None:
        """Return what names the content of the form."""
        return self.form.version


def offered(
    session: Session, clinic_id: UUID, instruments: Iterable[Instrument], language: str
) -> list[Offered]:
    """Return the forms of those instruments that have one, in the order given; one statement.

    Where a clinic has licensed versions in several languages, the reader's own comes first.
    """
    wanted = tuple(instruments)
    active: dict[str, list[Questionnaire]] = {}
    for row in session.scalars(
        select(Questionnaire)
        .where(
            Questionnaire.clinic_id == clinic_id,
            Questionnaire.instrument.in_([one.code for one in wanted]),
            Questionnaire.active,
        )
        .order_by(Questionnaire.created_at.desc(), Questionnaire.id.desc())
    ):
        active.setdefault(row.instrument, []).append(row)
    found = []
    for instrument in wanted:
        if instrument.form is not None:
            found.append(Offered(instrument=instrument, form=instrument.form))
        elif rows := active.get(instrument.code):
            row = min(rows, key=lambda one: (one.language != language, language not in one.title))
            form = _form(row, instrument)
            if form is not None:
                found.append(Offered(instrument=instrument, form=form, questionnaire_id=row.id))
    return found


def form_answered(
    session: Session, clinic_id: UUID, instrument: Instrument, questionnaire_id: UUID | None
) -> Offered:
    """Return the form that somebody answered, also one that is active no more.

    Raises InvalidField where the instrument has no such form.
    """
    if instrument.form is not None:
        if questionnaire_id is not None:
            raise InvalidField("/questionnaire", "The form of this instrument is a shipped one.")
        return Offered(instrument=instrument, form=instrument.form)
    if questionnaire_id is None:
        raise InvalidField("/questionnaire", "Say which version was answered.")
    row = session.get(Questionnaire, (clinic_id, questionnaire_id))
    form = _form(row, instrument) if row and row.instrument == instrument.code else None
    if form is None:
        raise InvalidField("/questionnaire", "There is no such version of this instrument.")
    return Offered(instrument=instrument, form=form, questionnaire_id=questionnaire_id)


def _form(row: Questionnaire, instrument: Instrument) -> QuestionnaireForm | None:
    return read_questionnaire(row.content, instrument.scoring).form
