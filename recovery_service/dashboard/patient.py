"""One patient's page."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from flask import Response

from recovery_service.auth import allow_browser, current_actor, request_time
from recovery_service.dashboard.pages import LANGUAGE, page, pages
from recovery_service.dashboard.pain_chart import drawn_reference, pain_chart, pain_series
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.alerts import RESOLUTIONS
from recovery_service.domain.attention import is_warning_sign, needs_a_look
from recovery_service.extensions import parts
from recovery_service.models import CheckIn, PlanItem
from recovery_service.services.agenda import AgendaEntry
from recovery_service.services.patient_page import PatientPage, read_patient_page
from recovery_service.services.plans import RevisionView
from recovery_service.services.progress import Series
from recovery_service.services.reason_words import item_in_words
from recovery_service.services.recovery_standing import Reference

_NO_PHASE = "always"


@pages.get("/patients/<uuid:patient_id>")
@allow_browser(*CARE)
def patient(patient_id: UUID) -> Response:
    """Show one patient: what stands, what is planned, what was done and said."""
    return show_patient(patient_id)


def show_patient(
    patient_id: UUID,
    status: int = 200,
    *,
    problem: str | None = None,
    told: str | None = None,
    reply_refused: str | None = None,
    phase_told: str | None = None,
    phase_reason: str | None = None,
) -> Response:
    """Render the page, with what went wrong beside the plan, the alerts (`told`) or the phase.

    `phase_reason` is what was typed there: nobody writes it twice.
    """
    with transaction() as session:
        shown = read_patient_page(
            session,
            current_actor(),
            parts().content,
            patient_id,
            now=request_time(),
            language=LANGUAGE,
        )
    pain = pain_series(shown.progress.series)
    names = [item_in_words(parts().content, one.item, LANGUAGE) for one in pain]
    surgery = shown.standing.episode.surgery_date
    return page(
        "patient.html",
        status,
        shown=shown,
        problem=problem,
        refused=told,
        reply_refused=reply_refused,
        reply_id=uuid4(),
        phase_told=phase_told,
        phase_reason=phase_reason,
        resolutions=RESOLUTIONS,
        chart=pain_chart(pain, names, surgery) if pain else None,
        pain_names=names,
        pain_rows=_rows(pain),
        courses=_courses(pain, names),
        live=_by_phase(shown.plan.live) if shown.plan and shown.plan.live else None,
        draft=_by_phase(shown.plan.draft) if shown.plan and shown.plan.draft else None,
        told=[(one, *_answers(one)) for one in shown.check_ins],
        weeks=_weeks(shown),
        rejected=[(one, *_as_sent(one.payload)) for one in shown.rejected],
        today=_today(shown.today),
    )


def _today(agenda: Sequence[AgendaEntry]) -> list[tuple[str, list[AgendaEntry]]]:
    """Return the day by item, in the order in which each begins."""
    found: dict[str, list[AgendaEntry]] = {}
    for entry in agenda:
        found.setdefault(entry.title, []).append(entry)
    return list(found.items())


def _courses(pain: Sequence[Series], names: Sequence[str]) -> list[tuple[str, Reference]]:
    """Return the published courses that the chart may show, by the name of the question."""
    drawn = [(name, drawn_reference(one)) for one, name in zip(pain, names, strict=True)]
    return [(name, reference) for name, reference in drawn if reference is not None]


def _rows(series: Sequence[Series]) -> list[tuple[date, list[float | None]]]:
    """Return the chart's numbers as a table, the newest first."""
    columns = [{point.date: point.value for point in one.points} for one in series]
    days = sorted({day for column in columns for day in column}, reverse=True)
    return [(day, [column.get(day) for column in columns]) for day in days]


def _by_phase(view: RevisionView) -> list[tuple[dict[str, Any] | None, list[PlanItem]]]:
    """Return the items by phase in the plan's order, those of no phase first."""
    found: dict[str, list[PlanItem]] = {}
    for item in view.items:
        found.setdefault(item.phase or _NO_PHASE, []).append(item)
    phases = {phase["code"]: phase for phase in view.revision.phases}
    order = [_NO_PHASE, *phases, *(code for code in found if code not in phases)]
    return [(phases.get(code), found[code]) for code in dict.fromkeys(order) if code in found]


def _answers(check_in: CheckIn) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Return the answers worth a look, and the other ones that were given."""
    items = parts().content.check_ins.items
    given = [(name, answer) for name, answer in check_in.answers.items() if answer is not None]
    order = {name: place for place, name in enumerate(items)}
    given.sort(key=lambda pair: order.get(pair[0], len(order)))
    worth = [
        pair for pair in given if is_warning_sign(items.get(pair[0])) and needs_a_look(pair[1])
    ]
    return worth, [pair for pair in given if pair not in worth]


def _as_sent(payload: Any) -> tuple[list[tuple[str, Any]], str | None]:
    """Return the answers and the note of what a phone sent, as far as it has any."""
    sent = payload if isinstance(payload, dict) else {}
    answers, note = sent.get("answers"), sent.get("note")
    told = list(answers.items()) if isinstance(answers, dict) else []
    return told, note if isinstance(note, str) else None


def _weeks(shown: PatientPage) -> list[tuple[int, dict[str, Any]]]:
    """Return the weeks with their kinds, the latest first."""
    found: dict[int, dict[str, Any]] = {}
    for week in shown.weeks:
        found.setdefault(week.week, {})[week.kind] = week
    return list(found.items())
