"""What holds for every rule in every zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_service.domain.local_time import ZONE_NAMES, local_date
from recovery_service.domain.recurrence import (
    Place,
    Rule,
    next_after,
    occurrences,
    occurrences_from,
    step,
)
from tests.domain.calendar_oracle import DAY, brute_force, first_reading, transitions
from tests.domain.rules_in_brief import rule_of, utc

FIVE_YEARS = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
SKIPPED = [("Pacific/Apia", date(2011, 12, 30)), ("Pacific/Kwajalein", date(1993, 8, 21))]

minutes_of_day = st.lists(st.integers(0, 1439), min_size=1, max_size=6, unique=True)
# Many a gap and fold lies in the small hours.
small_hours = st.lists(st.integers(0, 240), min_size=1, max_size=6, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    minutes = sorted(draw(minutes_of_day | small_hours))
    first = draw(st.integers(0, 20))
    weekdays = draw(st.frozensets(st.integers(1, 7)))
    return Rule(
        anchor="surgery",
        from_day=first,
        to_day=draw(st.none() | st.integers(first + 7, first + 30)),
        every=None if weekdays else draw(st.integers(1, 9)),
        weekdays=weekdays,
        slots=tuple((f"slot{minute}", minute) for minute in minutes),
        valid_for=60,
    )


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, date]:
    """Choose a zone and a date, two times in three within days of a change of its clocks."""
    zone = draw(st.sampled_from(sorted(ZONE_NAMES)))
    days = [change.at.date() for change in transitions(zone, *FIVE_YEARS)]
    nearby = draw(st.integers(0, 2)) > 0
    if days and nearby:
        return zone, draw(st.sampled_from(days))
    anywhere = st.tuples(st.just(zone), st.dates(date(2025, 1, 1), date(2029, 12, 1)))
    return draw(anywhere | st.sampled_from(SKIPPED))


@settings(max_examples=300, deadline=None, database=None)
@given(rules(), windows(), st.integers(-20, 2), st.integers(0, 47), st.integers(0, 6))
def test_a_rule_agrees_with_trying_every_day(
    rule: Rule, window: tuple[str, date], anchored: int, hour: int, length: int
) -> None:
    zone, day = window
    anchor = day + anchored * DAY
    after = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour - 24)
    until = after + length * DAY
    found = list(occurrences(rule, anchor, zone, after, until))
    assert [(o.local_date, o.slot, o.due_at) for o in found] == list(
        brute_force(rule, anchor, zone, after, until)
    )
    assert all(a.due_at < b.due_at for a, b in pairwise(found))
    assert len({(o.local_date, o.slot) for o in found}) == len(found)
    following = next_after(rule, anchor, zone, after)
    assert found[:1] == ([following] if following and following.due_at <= until else [])
    for a, b in pairwise(found):
        assert step(rule, anchor, zone, a.place) == b == next_after(rule, anchor, zone, a.due_at)


def test_every_zone_through_every_change_of_its_clocks_for_five_years() -> None:
    """Forty-eight slots a day: every instant rises, every slot once, none but on its date."""
    half_hours = rule_of(**{"every_minutes": 30, "from": "00:00", "to": "23:30"})
    seen: set[object] = set()
    for zone in sorted(ZONE_NAMES):
        changes = transitions(zone, *FIVE_YEARS)
        if not changes or changes in seen:
            continue  # another name of clocks that were tried
        seen.add(changes)
        for change in changes:
            eve = local_date(zone, change.at) - DAY
            found = list(islice(occurrences_from(half_hours, eve, zone, Place(eve, 0)), 144))
            assert all(a.due_at < b.due_at for a, b in pairwise(found))
            assert len({o.occ_key for o in found}) == 144
            moved = (change.at <= o.due_at for o in found)
            assert any(moved)
            for o in found:
                wall = datetime(o.local_date.year, o.local_date.month, o.local_date.day, tzinfo=UTC)
                wall += timedelta(minutes=o.minute)
                offset = change.before if o.due_at < change.at else change.after
                assert o.due_at in (wall - offset, change.at), (zone, o)
    assert len(seen) > 30


def test_the_oracle_itself_knows_a_gap_a_fold_and_a_skipped_date() -> None:
    assert first_reading("Europe/London", date(2026, 3, 29), 90) == utc("2026-03-29T01:00")
    assert first_reading("Europe/London", date(2026, 10, 25), 90) == utc("2026-10-25T00:30")
    assert first_reading("Pacific/Apia", date(2011, 12, 30), 540) is None
