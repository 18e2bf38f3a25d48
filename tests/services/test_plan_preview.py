"""What a preview says is what publishing then does, for any edit and at any hour.

Each example edits a draft, looks, publishes for real, and compares the agenda before and
after. Defects planted, each of which turned it red: what is kept of today counted as gone;
the rows that stand left out; own times not applied; an expired row counted as open; what was
done ahead of time counted as open.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.database import transaction
from recovery_service.domain.occurrence_ids import encode
from recovery_service.errors import InvalidField, NothingToPublish
from recovery_service.extensions import parts
from recovery_service.models import Base, Episode, Occurrence, Patient, PlanItem
from recovery_service.services import plan_drafts, plan_edits
from recovery_service.services.agenda import agenda
from recovery_service.services.plan_edits import NewItem, NewRestriction
from recovery_service.services.plan_preview import PlanPreview, preview
from recovery_service.services.publishing import Publication, publish
from recovery_service.services.schedules import replan_episode
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import DAILY, Item, materialise, plan_item
from tests.services.courses import FOLLOWED, Home, send

pytestmark = pytest.mark.usefixtures("app_context")
START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
TODAY, TOMORROW = date(2026, 3, 2), date(2026, 3, 3)
OPEN = ("upcoming", "due", "snoozed")
WALK = {
    "anchor": "surgery",
    "from_day": 1,
    "to_day": 40,
    "every_days": 2,
    "slots": {"noon": "12:00"},
    "valid_for_minutes": 600,
}
POSTURE = {
    "anchor": "surgery",
    "from_day": 0,
    "to_day": 60,
    "weekdays": [1, 3, 5],
    "slots": {"late": "21:30"},
    "valid_for_minutes": 180,
}
STEP = {
    "anchor": "discharge",
    "from_day": 2,
    "slots": {"once": "10:00"},
    "valid_for_minutes": 2880,
}
KINDS = (("physiotherapy", DAILY), ("walking", WALK), ("posture", POSTURE), ("follow_up", STEP))
OWN_TIMES = {"reminder_times": {"walking": {"noon": "13:15"}}}
PAUSED = {"pause": {"from": "2026-03-03", "to": "2026-03-06"}}


@dataclass
class Scene:
    """A patient with a live plan, and the edit of its draft."""

    clinic: ClinicWithStaff
    patient: PatientAtHome
    items: list[Item] = field(default_factory=list)

    def edit(self, edits: Sequence[tuple[str, Any]], *, now: datetime) -> None:
        """Change the draft; an edit that cannot be is left out."""
        for name, told in edits:
            with suppress(InvalidField), transaction(self.clinic.id) as session:
                draft = plan_drafts.draft_of(
                    session, self.clinic.actor(), self.episode(session), now=now
                )
                EDITS[name](session, draft, self.items, told, now)

    def episode(self, session: Session) -> Episode:
        return session.get_one(Episode, (self.clinic.id, self.patient.episode_id))

    def look(self, wish: Publication, *, days: int, now: datetime) -> PlanPreview:
        with transaction(self.clinic.id) as session:
            return preview(
                session, self.episode(session), self.person(session), parts().content, None, wish,
                days=days, language="en", now=now,
            )  # fmt: skip

    def publish(self, wish: Publication, *, now: datetime) -> None:
        with transaction(self.clinic.id) as session:
            publish(
                session, self.clinic.actor(), self.episode(session), self.person(session),
                parts().content, wish, now=now,
            )  # fmt: skip

    def person(self, session: Session) -> Patient:
        return session.get_one(Patient, (self.clinic.id, self.patient.id))

    def open(self, until: date, *, now: datetime) -> dict[str, datetime]:
        """Return what is open on the agenda: id and time, of what is behind us as well."""
        since = TODAY - timedelta(days=3)
        with transaction(self.clinic.id) as session:
            entries = agenda(
                session, self.clinic.id, self.patient.id, since, until, now=now, language="en"
            )
        return {each.id: each.due_at for each in entries if each.state in OPEN}


def on(items: Sequence[Item], place: int) -> UUID:
    return items[place % len(items)].lineage


def gone(session: Any, draft: Any, items: Any, told: int, now: datetime) -> None:
    lineages = session.scalars(select(PlanItem.lineage_id).where(PlanItem.revision_id == draft.id))
    if on(items, told) in set(lineages):
        plan_edits.remove_item(session, draft, on(items, told), now=now)


def change(session: Any, draft: Any, items: Any, told: Any, now: datetime) -> None:
    place, rule = told
    lineages = session.scalars(select(PlanItem.lineage_id).where(PlanItem.revision_id == draft.id))
    if on(items, place) in set(lineages):
        plan_edits.change_item(session, draft, on(items, place), {"rule": rule}, now=now)


def added(session: Any, draft: Any, items: Any, told: Any, now: datetime) -> None:
    kind, rule = KINDS[told[0] % len(KINDS)]
    new = NewItem(kind=kind, title={"en": "New"}, rule=rule | told[1])
    plan_edits.add_item(session, draft, new, now=now)


def limited(session: Any, draft: Any, items: Any, told: int, now: datetime) -> None:
    limit = NewRestriction(code="lift", from_day=told, text={"en": "Lift little"})
    plan_edits.replace_restrictions(session, draft, [limit], now=now)


EDITS: dict[str, Any] = {"change": change, "remove": gone, "add": added, "limit": limited}

times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 15, 30)))
slots = st.dictionaries(
    st.sampled_from(("morning", "noon", "evening", "late", "once")), times, min_size=1, max_size=3
)
rules = st.one_of(
    st.fixed_dictionaries({"slots": slots}),
    st.fixed_dictionaries({"every_days": st.integers(1, 4)}),
    st.fixed_dictionaries({"weekdays": st.lists(st.integers(1, 7), min_size=1, unique=True)}),
    st.fixed_dictionaries({"from_day": st.integers(0, 12)}),
    st.fixed_dictionaries({"to_day": st.integers(0, 30)}),
    st.fixed_dictionaries({"from_day": st.integers(0, 9), "to_day": st.integers(0, 9)}),
    st.fixed_dictionaries({"anchor": st.sampled_from(("surgery", "discharge"))}),
    st.fixed_dictionaries({"valid_for_minutes": st.sampled_from((30, 300, 3000))}),
)
place = st.integers(0, 3)
edits: st.SearchStrategy[list[tuple[str, Any]]] = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.tuples(place, rules)),
        st.tuples(st.just("change"), st.tuples(place, rules)),
        st.tuples(st.just("remove"), place),
        st.tuples(st.just("add"), st.tuples(place, st.just({}))),
        st.tuples(st.just("limit"), st.integers(0, 5)),
    ),
    min_size=1,
    max_size=5,
)


def scene_of(clinic: ClinicWithStaff, preferences: dict[str, Any], *, now: datetime) -> Scene:
    """Return a patient whose plan has run until now, with some of it sent."""
    patient = make_patient(clinic, now=START, preferences=preferences)
    scene = Scene(clinic, patient)
    surgery, discharge = date(2026, 2, 27), date(2026, 3, 1)
    for kind, rule in KINDS:
        anchor = surgery if rule["anchor"] == "surgery" else discharge
        scene.items.append(plan_item(patient, kind, rule, now=START, anchor=anchor))
    Home(patient).edit(_replanned)
    for number, item in enumerate(scene.items):
        materialise(item, now=now - timedelta(minutes=5))
        if number != 1:
            send(item, now=now)
    with transaction(clinic.id) as session:
        session.add(_done_ahead(scene.items[0], TOMORROW))
    return scene


def _done_ahead(item: Item, day: date) -> Occurrence:
    """Return tomorrow evening's exercise as done already."""
    due = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
    return Occurrence(
        clinic_id=item.clinic_id, lineage_id=item.lineage, occ_key=f"{day:%Y%m%d}.evening",
        local_date=day, due_at=due, expires_at=due + timedelta(hours=4), state="done", round=0,
        closed_at=START,
    )  # fmt: skip


def _replanned(session: Session, episode: Episode, patient: Patient) -> None:
    replan_episode(session, episode, patient, now=START)


def said(found: PlanPreview) -> dict[str, tuple[str, datetime]]:
    return {
        encode(each.lineage_id, each.occ_key): (each.change, each.occurrence.due_at)
        for each in found.shifts
    }


def differs(
    before: dict[str, datetime], after: dict[str, datetime]
) -> dict[str, tuple[str, datetime]]:
    found = {key: ("appears", due) for key, due in after.items() if key not in before}
    found |= {key: ("vanishes", due) for key, due in before.items() if key not in after}
    return found | {
        key: ("moves", due) for key, due in after.items() if key in before and before[key] != due
    }


def rows_of(clinic: ClinicWithStaff) -> dict[str, list[str]]:
    names = (*FOLLOWED, "plan_revision", "plan_item", "plan_restriction", "appointment", "patient")
    with transaction(clinic.id) as session:
        return {
            name: sorted(map(str, session.execute(Base.metadata.tables[name].select())))
            for name in names
        }


@given(
    edits=edits,
    hour=st.integers(7, 23),
    tomorrow=st.booleans(),
    preferences=st.sampled_from(({}, OWN_TIMES, PAUSED, OWN_TIMES | PAUSED)),
    days=st.integers(1, 20),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)
def test_publishing_does_what_the_preview_said_and_the_preview_does_nothing(
    clinic: ClinicWithStaff,
    edits: list[tuple[str, Any]],
    hour: int,
    tomorrow: bool,
    preferences: dict[str, Any],
    days: int,
) -> None:
    """Any edit, at any hour, for today or tomorrow, with own times and pauses."""
    now = datetime(2026, 3, 2, hour, 20, tzinfo=UTC)
    scene = scene_of(clinic, preferences, now=now)
    scene.edit(edits, now=now)
    wish = Publication(effective_from=TOMORROW if tomorrow else None)
    stored = rows_of(clinic)
    try:
        found = scene.look(wish, days=days, now=now)
    except NothingToPublish:
        with pytest.raises(NothingToPublish):
            scene.publish(wish, now=now)
        return
    assert rows_of(clinic) == stored
    if found.draft is None:
        assert not found.shifts
        return
    before, long_before = (scene.open(day, now=now) for day in (found.to_date, found.later_until))
    scene.publish(wish, now=now)
    after, long_after = (scene.open(day, now=now) for day in (found.to_date, found.later_until))
    assert said(found) == differs(before, after)
    whole = sum(sum(each.shown.values()) + sum(each.later.values()) for each in found.totals)
    assert whole == len(differs(long_before, long_after))
    assert sum(sum(each.shown.values()) for each in found.totals) == len(found.shifts)
