"""What a finding does to its rule's alert, and who is written to: the rules as tables.

Defects planted, each seen red: an emergency silenced; worsening after a resolution silenced;
a circle of two who stand in for each other asked for ever.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.content import read_content
from recovery_service.domain.alert_policy import parse_alert_policy
from recovery_service.domain.alerts import LastAlert, raising
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.emergency_numbers import parse_emergency_numbers
from recovery_service.domain.escalation import Colleague, recipients
from recovery_service.domain.opening_times import OpeningTimes

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
E, S, N = "emergency", "same_day", "next_business_day"


@pytest.mark.parametrize(
    ("before", "found", "days_since_resolution", "step"),
    [
        (None, N, None, "raised"),
        ((N, "open"), N, None, "found_again"),
        ((N, "open"), S, None, "worsened"),
        ((N, "acknowledged"), S, None, "worsened"),
        ((S, "acknowledged"), S, None, "found_again"),
        ((S, "open"), N, None, "found_again"),
        ((E, "open"), E, None, "found_again"),
        ((E, "acknowledged"), E, None, "reopened"),
        ((S, "resolved"), S, 6.9, "found_again"),
        ((S, "resolved"), S, 7, "raised"),
        ((N, "resolved"), S, 0, "raised"),
        ((S, "resolved"), N, 1, "found_again"),
        ((E, "resolved"), E, 0, "raised"),
        ((N, "resolved"), E, 0, "raised"),
    ],
)
def test_what_a_finding_does(
    before: tuple[str, str] | None, found: str, days_since_resolution: float | None, step: str
) -> None:
    last = None
    if before is not None:
        resolved = None if days_since_resolution is None else NOW - days_since_resolution * DAY
        last = LastAlert(uuid4(), "X", *before, None, resolved)
    assert raising(found, 7, last, now=NOW).step == step


LEAD, SECOND, CLERK, SURGEON, ADMIN = (UUID(int=place) for place in range(1, 6))
PEOPLE = [
    Colleague(id=LEAD, roles=frozenset({"physiotherapist"}), lead=True),
    Colleague(id=SECOND, roles=frozenset({"physiotherapist"}), lead=False),
    Colleague(id=CLERK, roles=frozenset({"coordinator"}), lead=False),
    Colleague(id=SURGEON, roles=frozenset({"surgeon"})),
    Colleague(id=ADMIN, roles=frozenset({"admin"}), lead=True),
]


@pytest.mark.parametrize(
    ("covers", "escalation", "assigned_to", "expected"),
    [
        ({}, 0, None, [LEAD]),
        ({}, 0, SECOND, [SECOND]),
        ({}, 1, None, [LEAD, SECOND, CLERK]),
        ({}, 2, None, [LEAD, SECOND, SURGEON]),
        ({}, 9, None, [LEAD, SECOND, SURGEON]),
        ({LEAD: SURGEON}, 0, None, [SURGEON]),
        ({LEAD: SECOND, SECOND: SURGEON}, 0, None, [SURGEON]),
        ({LEAD: SECOND, SECOND: LEAD}, 0, None, [CLERK]),
        ({LEAD: None}, 0, None, [SECOND, CLERK]),
        ({LEAD: None, SECOND: None, CLERK: None}, 0, None, [SURGEON]),
        ({LEAD: None, SECOND: None, CLERK: None, SURGEON: None}, 0, None, []),
        ({LEAD: ADMIN}, 0, None, [SECOND, CLERK]),  # an admin reads no health data
    ],
)
def test_who_is_written_to(
    covers: Any, escalation: int, assigned_to: UUID | None, expected: list[UUID]
) -> None:
    found = recipients(PEOPLE, covers, escalation=escalation, tier=E, assigned_to=assigned_to)
    assert [each.staff_id for each in found] == expected


def choosing(**of: tuple[str, str, int]) -> list[Colleague]:
    """Return the colleagues, some with (mail, push, number of devices) chosen, by name."""
    named = {"lead": LEAD, "second": SECOND, "clerk": CLERK, "surgeon": SURGEON}
    chosen = {named[name]: choice for name, choice in of.items()}
    made = []
    for one in PEOPLE:
        mail, push, count = chosen.get(one.id, (N, "none", 0))
        devices = tuple(UUID(int=100 * one.id.int + each) for each in range(count))
        made.append(replace(one, mail=mail, push=push, devices=devices))
    return made


@pytest.mark.parametrize(
    ("chosen", "covers", "tier", "expected"),
    [
        ({"lead": ("none", "none", 0)}, {}, E, [(SECOND, None), (CLERK, None)]),
        ({"lead": (E, "none", 0)}, {}, S, [(SECOND, None), (CLERK, None)]),
        ({"lead": (E, "none", 0)}, {}, E, [(LEAD, None)]),
        ({"lead": (S, E, 1)}, {}, E, [(LEAD, None), (LEAD, UUID(int=100))]),
        ({"lead": (S, E, 1)}, {}, S, [(LEAD, None)]),
        ({"lead": ("none", S, 2)}, {}, S, [(LEAD, UUID(int=100)), (LEAD, UUID(int=101))]),
        ({"lead": ("none", S, 0)}, {}, S, [(SECOND, None), (CLERK, None)]),  # nowhere to push to
        # Past who is absent to who stands in, and past who stands in and wants no word of it.
        ({"surgeon": ("none", "none", 0)}, {LEAD: SURGEON}, N, [(SECOND, None), (CLERK, None)]),
        (
            {"lead": (E, "none", 0), "second": (E, "none", 0), "clerk": (E, "none", 0)},
            {},
            N,
            [(SURGEON, None)],
        ),
        ({"lead": (E, "none", 0)}, {SECOND: None, CLERK: None}, S, [(SURGEON, None)]),
        (dict.fromkeys(("lead", "second", "clerk", "surgeon"), ("none", "none", 0)), {}, E, []),
    ],
)
def test_who_wants_no_word_of_a_tier_is_replaced_at_once(
    chosen: Any, covers: Any, tier: str, expected: list[tuple[UUID, UUID | None]]
) -> None:
    """Planted: stop at the first circle in which somebody is present, as it was."""
    found = recipients(choosing(**chosen), covers, escalation=0, tier=tier)
    assert list(found) == expected


CONTENT = Content.parse(read_content())
TIMES = OpeningTimes(time_zone="UTC", hours={str(day): [["08:00", "17:00"]] for day in range(1, 6)})


@pytest.mark.parametrize(
    ("tier", "found", "due"),
    [
        (E, "2026-03-02T09:00", "2026-03-02T10:00"),
        (E, "2026-03-02T16:30", "2026-03-03T08:30"),
        (S, "2026-03-02T09:00", "2026-03-02T13:00"),
        (S, "2026-03-02T15:30", "2026-03-02T17:00"),  # before it closes, as 90 minutes are left
        (S, "2026-03-02T16:30", "2026-03-03T11:30"),
        (S, "2026-03-07T09:00", "2026-03-09T12:00"),
        (N, "2026-03-02T09:00", "2026-03-03T17:00"),
        (N, "2026-03-06T18:00", "2026-03-09T17:00"),
    ],
)
def test_by_when_somebody_has_to_have_looked(tier: str, found: str, due: str) -> None:
    at = datetime.fromisoformat(found).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert CONTENT.alert_policy.paces[tier].respond_by(TIMES, at) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["tiers"].pop(S), "missing same_day"),
        (lambda raw: raw["tiers"][E].update(respond_by_open_day=1), "and not both"),
        (lambda raw: raw["tiers"][N].pop("respond_by_open_day"), "and not both"),
        (lambda raw: raw["tiers"][E].update(x=1), "unknown key 'x'"),
        (lambda raw: raw.update(source=["F:nobody"]), "unknown source"),
        (lambda raw: raw.update(monitored_days=0), "monitored_days must be"),
        (lambda raw: raw.update(alert_budget=2), "alert_budget must be"),
        (lambda raw: raw["tiers"][E].update(tell_patient_at_lapses=5), "tell_patient_at_lapses"),
        (lambda raw: raw["tiers"][E].update(in_quiet_hours="perhaps"), "in_quiet_hours"),
    ],
)
def test_a_wrong_policy_is_refused(change: Any, said: str) -> None:
    raw = read_content()["alert_policy"]
    change(raw)
    with pytest.raises(ContentError, match=said):
        parse_alert_policy(raw, sources=CONTENT.sources)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["numbers"][0]["countries"].append("XX"), "unknown country"),
        (lambda raw: raw["numbers"][0]["countries"].append("GB"), "second number for GB"),
        (lambda raw: raw["numbers"][0].update(number="call us"), "2 to 6 digits"),
        (lambda raw: raw["numbers"][0].update(source=[]), "known sources"),
        (lambda raw: raw["calls"].update(emergency=["nurse"]), "must name some of"),
        (lambda raw: raw["calls"].pop("crisis"), "calls.crisis"),
    ],
)
def test_wrong_numbers_are_refused(change: Any, said: str) -> None:
    raw = read_content()["emergency_numbers"]
    change(raw)
    with pytest.raises(ContentError, match=said):
        parse_emergency_numbers(raw, sources=CONTENT.sources)
