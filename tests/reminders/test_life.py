"""Whatever happens in a patient's life, the phone rings when it should and only then.

Hypothesis makes up lives; `diary.py` is the oracle. `RECOVERY_LIVES` is how many (10 in the
suite), `RECOVERY_LIFE_STEPS` how eventful each. The same lives every time, so that a red run
can be had again.
"""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any, ClassVar
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from recovery_service.domain.occurrence_ids import decode, encode
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.errors import NothingToReopen
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.diary import DAY, Diary, Item, Key, Member, Ring, minute_of
from tests.reminders.life import Life

LIVES = int(os.environ.get("RECOVERY_LIVES", "10"))
STEPS = int(os.environ.get("RECOVERY_LIFE_STEPS", "18"))
PHASES = (Phase.explicit, Phase.generate, *[Phase.shrink] * ("RECOVERY_SHRINK" in os.environ))

# Both directions over the date line, both nights of changing clocks, half-hour steps.
ZONES = (
    "Europe/London", "Pacific/Auckland", "Pacific/Honolulu", "America/New_York",
    "Australia/Lord_Howe", "Asia/Tokyo", "Pacific/Kiritimati",
)  # fmt: skip
STARTS = tuple(
    datetime(2026, month, day, 9, tzinfo=UTC) for month, day in ((3, 6), (3, 27), (4, 3), (10, 23))
)
TIMES = ("02:30", "07:30", "09:00", "09:10", "10:30", "13:00", "18:00", "20:55", "21:30", "23:50")
VALID = (30, 240, 780, 780)
OPEN = frozenset({"due", "snoozed"})

times = st.sampled_from(TIMES)
picks = st.integers(0, 20)


@st.composite
def habits(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["physiotherapy", "walking", "posture"]))
    at = draw(st.lists(times, min_size=1, max_size=2, unique=True))
    return {
        "kind": kind,
        "slots": tuple(zip(("one", "two"), at, strict=False)),
        "valid_for": draw(st.sampled_from(VALID)),
        "quiet": "drop" if kind == "posture" else draw(st.sampled_from(["shift", "ignore"])),
        "every": draw(st.sampled_from([1, 1, 2])),
    }


lessons = st.builds(
    lambda day, at: {"kind": "education", "slots": (("read", at),), "valid_for": 4320}
    | {"from_day": day},
    st.integers(1, 5), times,
)  # fmt: skip
reports = st.builds(lambda at: {"kind": "check_in", "slots": (("day", at),)}, times)


def event(**drawn: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a rule of what happens, some time after what happened before it."""

    def after(step: Callable[..., None]) -> Any:
        @wraps(step)
        def later(life: "LifeWithReminders", waited: int, **values: Any) -> None:
            if waited:  # if not, it meets what a worker that was down has left
                life.go_on(timedelta(minutes=waited))
            step(life, **values)

        made: Any = rule(waited=st.sampled_from((0, 1, 31, 125, 300, 600)), **drawn)
        return made(later)

    return after


class LifeWithReminders(RuleBasedStateMachine):
    """The rules are what happens; every tick is judged by the diary."""

    bench: ClassVar[Bench]
    forget: ClassVar[Callable[[], None]]

    @initialize(
        start=st.sampled_from(STARTS),
        zone=st.sampled_from(ZONES),
        some=st.lists(habits(), min_size=1, max_size=2),
        lesson=lessons,
        report=reports,
        ample=st.booleans(),
    )
    def enrol(
        self, start: Any, zone: str, some: Any, lesson: Any, report: Any, *, ample: bool
    ) -> None:
        LifeWithReminders.forget()
        self.bench.clock.set(start)
        self.snoozed: set[tuple[Key, datetime]] = set()
        self.reopened: set[Key] = set()
        self.given_up: set[tuple[Key, datetime]] = set()
        self.put_off: set[tuple[Key, str | None, datetime]] = set()
        self.explained: set[tuple[Member, str, datetime]] = set()
        local = Diary(zone, date.min, date.min).today(start)
        self.diary = Diary(zone, local - 3 * DAY, local - DAY)
        self.life = Life.begin(
            self.bench, zone=zone, discharge=local - DAY, surgery=local - 3 * DAY
        )
        if ample:
            self.life.allow('{"budget": [{"pushes": 20}]}')
            self.diary.budget = ((None, 20),)
        for each in (*some, lesson, report):
            self._add(Item(uuid4(), **each))
        self._publish(tomorrow=False)

    # --- time ------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([14, 121, 1440, 2880]))
    def time_passes(self, minutes: int) -> None:
        self.go_on(timedelta(minutes=minutes))

    def go_on(self, by: timedelta) -> None:
        """Let time pass with a worker that looks whenever there is something to do."""
        until = self.life.now + by
        while True:
            coming = self.life.next_moment()
            if coming is None or coming > until:
                break
            self.bench.clock.set(coming)
            self._tick()
        self.bench.clock.set(until)
        self._tick()

    @rule(hours=st.sampled_from([1, 5, 14, 40, 80]))
    def the_worker_is_down(self, hours: int) -> None:
        self.bench.later(hours=hours)

    @event(statement=st.integers(0, 22))
    def the_worker_dies(self, statement: int) -> None:
        """While it has something in hand, if there is anything to come."""
        self.diary.crashes += 1
        self.bench.clock.set(self.life.next_moment() or self.life.now)
        rings, settled = self.life.tick_until_cut(statement), self.life.sent()
        for ring in rings:
            self._hear(ring, dying=ring.delivery_id not in settled)
        self._note_given_up()
        self.bench.clock.advance(2 * LEASE)

    @event(hours=st.sampled_from([-1, 1]))
    def the_clock_jumps_and_comes_back(self, hours: int) -> None:
        self.bench.later(hours=hours)
        self._tick()
        self.bench.later(hours=-hours)

    @event()
    def the_provider_goes_away_or_returns(self) -> None:
        self.life.out = not self.life.out

    # --- the patient -----------------------------------------------------------------------

    @event(zone=st.sampled_from(ZONES))
    def travels(self, zone: str) -> None:
        self.life.travel(zone)
        if zone != self.diary.zone:
            self.diary.zone = zone
            self._edited()

    @precondition(lambda self: self.diary.open)
    @event(pick=picks, done=st.booleans())
    def completes_or_skips(self, pick: int, *, done: bool) -> None:
        self._tap(pick, "complete" if done else "skip")

    @precondition(lambda self: self.diary.open)
    @event(pick=picks)
    def snoozes(self, pick: int) -> None:
        self._tap(pick, "snooze")

    @precondition(lambda self: self.diary.open)
    @event(pick=picks)
    def snoozes_what_rang_last(self, pick: int) -> None:
        self.go_on(timedelta(hours=12 + pick))
        self._tap(pick, "snooze")

    @precondition(lambda self: self.diary.open)
    @event(pick=picks)
    def takes_it_back(self, pick: int) -> None:
        self._tap(pick, "complete")
        self._tap(pick, "reopen")

    @precondition(lambda self: self.diary.open)
    @event()
    def checks_in(self) -> None:
        today = self.diary.today(self.life.now)
        self.life.check_in(today, self.diary.zone)
        for (lineage, key), (state, *_) in self.life.rows().items():
            item = self.diary.items.get(lineage)
            if item and item.kind == "check_in" and key == f"{today:%Y%m%d}.day":
                assert state in {"done", "skipped", "cancelled"}
                if state != "cancelled":  # by a hold, which a report does not undo
                    self.diary.answers.setdefault((lineage, key), "done")

    @event(days=st.integers(0, 2))
    def pauses(self, days: int) -> None:
        today = self.diary.today(self.life.now)
        self.diary.pause = (today, today + days * DAY)
        self.life.prefer(pause={"from": f"{today}", "to": f"{today + days * DAY}"})
        self.go_on(timedelta(hours=14))

    @event()
    def resumes(self) -> None:
        self.diary.pause = None
        self.life.prefer(pause=None)

    @event(window=st.sampled_from([("22:00", "07:00"), ("12:00", "14:00"), ("21:00", "08:00")]))
    def wants_quiet(self, window: tuple[str, str]) -> None:
        self.diary.quiet = window
        self.life.prefer(quiet_hours=dict(zip(("from", "to"), window, strict=True)))

    @event(pick=picks, at=times)
    def wants_another_time(self, pick: int, at: str) -> None:
        item = self._item(pick)
        own = self.diary.own_times.setdefault(item.lineage, {})
        if at not in {*dict(item.at(own).slots).values(), *dict(item.slots).values()}:
            slot = item.slots[pick % len(item.slots)][0]
            own[slot] = at
            self.life.prefer(reminder_times={str(item.lineage): {slot: at}})
            self._edited()

    # --- the staff -------------------------------------------------------------------------

    @event(
        pick=picks,
        at=times,
        tomorrow=st.booleans(),
        how=st.sampled_from(["move", "add", "cut", "drop"]),
    )
    def the_plan_is_edited(self, pick: int, at: str, tomorrow: bool, how: str) -> None:
        item = self._item(pick)
        changed = self._changed(item, pick, at, how)
        if changed is item:
            return
        if changed is None:
            del self.diary.items[item.lineage]
        else:
            self.diary.items[item.lineage] = changed
        self._publish(tomorrow=tomorrow)

    @event(days=st.integers(-2, 4))
    def discharge_moves(self, days: int) -> None:
        to = max(self.diary.surgery, self.diary.today(self.life.now) + days * DAY)
        self.diary.discharge = to
        self.life.move_discharge(to)
        self._edited()

    @event()
    def held_or_released(self) -> None:
        today = self.diary.today(self.life.now)
        if not self.diary.open:
            self.life.release()
            self.diary.open = True
        elif self.diary.discharge - DAY <= today:
            self.life.hold()
            self.diary.open, self.diary.was_held = False, True
        self._edited()

    # --- judging ---------------------------------------------------------------------------

    def _tick(self) -> None:
        for ring in self.life.tick():
            self._hear(ring)
        self._note_given_up()
        self._judge_silence()
        self._judge_rows()
        self._judge_agenda()

    def _hear(self, ring: Ring, *, dying: bool = False) -> None:
        self.diary.rang(ring, dying=dying)
        for member in ring.members:
            if member.cause == "snooze" and ring.accepted:
                said = (member.key, self.diary.snoozes[member.key])
                repeated = said in self.snoozed and not self.diary.crashes
                assert not repeated, f"a snooze spoke twice: {ring}"
                self.snoozed.add(said)

    def _judge_silence(self) -> None:
        """Nothing is given up or put off but for a reason that is the truth."""
        now = self.life.now
        for member, reason in self.life.ended_now():
            # Judged once: what happens later in the same moment makes no lie of it.
            judged = (member, reason, now)
            assert judged in self.explained or self.diary.explains(reason, member, now), judged
            self.explained.add(judged)
        for member, why, wake_at, attempts in self.life.waiting():
            assert wake_at > now, f"left behind: {member}"
            if member.cause in {"nudge", "snooze"} or attempts or member.due_at > now:
                continue
            if (member.key, why, wake_at) in self.put_off and why == "over_budget":
                continue  # true when it was put off until its time tomorrow
            assert why == "with_the_lead" or (
                why in {"quiet_hours", "paused", "over_budget"}
                and self.diary.explains(why, member, now)
            ), f"waits for {why} until {wake_at}: {member}"
            self.put_off.add((member.key, why, wake_at))
        assert set(self.life.unspoken()) <= self.reopened, "due, and nobody was to hear of it"
        assert self.life.superseded_by_nothing() == []
        self._judge_snoozes()

    def _judge_snoozes(self) -> None:
        """Expect a snooze whose time has come to have spoken, to wait, or to have been given up."""
        now, rows = self.life.now, self.life.rows()
        waits = {each[0].key for each in self.life.waiting() if each[0].cause == "snooze"}
        for key, at in self.diary.snoozes.items():
            is_open = key in rows and rows[key][0] in OPEN and rows[key][3] > now
            told = (key, at) in self.snoozed | self.given_up or key in waits
            wanted = is_open and self.diary.open and key not in self.diary.answers
            assert told or not wanted or now < at, f"a snooze did not speak: {key} at {at}"

    def _note_given_up(self) -> None:
        for member, _ in self.life.ended_now():
            if member.cause == "snooze" and member.key in self.diary.snoozes:
                self.given_up.add((member.key, self.diary.snoozes[member.key]))

    def _judge_rows(self) -> None:
        """Whatever the calendar had is a row, at its time; what is over says why."""
        now, rows = self.life.now, self.life.rows()
        since = self.diary.edited_at or now
        for falls in self.diary.falls(since, now):
            assert falls.key in rows, f"lost: {falls}"
        for key, (state, reason, due_at, expires_at) in rows.items():
            assert self.diary.could_fall(key, due_at), f"nobody planned {key} at {due_at}"
            if state in OPEN:
                assert expires_at > now or self.diary.crashes, f"left open: {key}"
            elif state in {"missed", "cancelled", "skipped"}:
                assert reason, f"no reason: {key}"
            answer = self.diary.answers.get(key)
            assert answer is None or state == answer, f"{key} is {state}, was {answer}"

    def _judge_agenda(self) -> None:
        now, rows = self.life.now, self.life.rows()
        today = self.diary.today(now)
        shown = {each.id: each for each in self.life.agenda(today, today)}
        for key, (state, _, due_at, expires_at) in rows.items():
            entry = shown.get(encode(*key))
            if entry is None or state not in OPEN:
                assert entry is None or entry.state == state, (key, entry)
                continue
            waits = self.diary.snoozes.get(key, now) > now and state == "snoozed"
            usual = "upcoming" if due_at > now else "due"
            wanted = "missed" if expires_at <= now else "snoozed" if waits else usual
            assert entry.state == wanted, (key, entry, wanted)
        ahead = self.diary.falls(now, now + DAY)
        for falls in ahead:
            if self.diary.today(falls.at) == today and falls.key[1] != "once":
                assert encode(*falls.key) in shown, f"not on the agenda: {falls}"

    def teardown(self) -> None:
        """In the end the books balance: everything is over, and says why."""
        if not hasattr(self, "life"):
            return
        self.life.out = False
        self.bench.clock.advance(2 * LEASE)
        self.go_on(DAY)
        if not self.diary.open:
            self.life.release()
        early = self.diary.today(self.life.now) < self.diary.discharge
        self.life.end("deceased" if early else "completed")
        self.diary.open = False
        self._tick()
        assert self.life.waiting() == []
        unfinished = [key for key, row in self.life.rows().items() if row[0] in OPEN]
        assert unfinished == []
        rang = {ring.delivery_id for ring in self.diary.heard if ring.accepted}
        assert self.life.sent() <= rang, "said to be sent, and nothing rang"
        silent = self.bench.rows(
            "SELECT id FROM delivery WHERE state NOT IN ('sent', 'dropped', 'dead')"
            " OR state <> 'sent' AND reason IS NULL"
        )
        assert silent == []

    # --- steps of the rules ----------------------------------------------------------------

    def _item(self, pick: int) -> Item:
        items = list(self.diary.items.values())
        return items[pick % len(items)]

    def _add(self, item: Item) -> None:
        self.diary.items[item.lineage] = item

    def _publish(self, *, tomorrow: bool) -> None:
        today = self.diary.today(self.life.now)
        self.diary.effective_from = today + DAY if tomorrow else today
        items = list(self.diary.items.values())
        self.life.publish(items, self.diary.effective_from)
        if self.diary.open:
            self._edited()

    def _edited(self) -> None:
        self.diary.edited(self.life.now)

    def _changed(self, item: Item, pick: int, at: str, how: str) -> Item | None:
        slots, taken = dict(item.slots), {time for _, time in item.slots}
        taken |= set(self.diary.own_times.get(item.lineage, {}).values())
        if how == "drop":
            return None if len(self.diary.items) > 1 else item
        if how == "cut" and len(slots) > 1:
            slots.pop(list(slots)[pick % len(slots)])
        elif at in taken or how == "cut" or (how == "add" and item.kind not in HABITS):
            return item
        elif how == "move":
            slots[list(slots)[pick % len(slots)]] = at
        else:
            slots[f"more{self.life.revision}"] = at
        ordered = sorted(slots.items(), key=lambda slot: minute_of(slot[1]))
        return Item(**{**vars(item), "slots": tuple(ordered)})

    def _tap(self, pick: int, action: str) -> None:
        """Answer what is due, if anything is, and see what the next hours bring."""
        today = self.diary.today(self.life.now)
        entries = self.life.agenda(today, today)
        entries = [each for each in entries if each.state == "due"] or entries
        if entries:
            self._answer(entries[pick % len(entries)], action)
            self.go_on(timedelta(hours=3))

    def _answer(self, entry: Any, action: str) -> None:
        key = self._key(entry.id)
        now, diary = self.life.now, self.diary
        try:
            taken = self.life.act(entry.id, action)
        except NothingToReopen:
            assert key not in diary.answers
            return
        if action == "reopen":
            assert key in diary.answers
            del diary.answers[key]
            self.reopened.add(key)
        elif action != "snooze":
            diary.answers[key] = {"complete": "done", "skip": "skipped"}[action]
            self.given_up.add((key, diary.snoozes.get(key, now)))  # an answer ends a snooze
        elif taken.next_at is None:
            late = max(now, entry.due_at) + timedelta(minutes=30) >= entry.expires_at
            assert taken.result == "too_late"
            assert late or entry.state not in {"due", "snoozed", "upcoming"}
        else:
            diary.snoozes[key] = taken.next_at
            assert taken.next_at < entry.expires_at
            self.bench.later(seconds=40)
            again = self.life.act(entry.id, "snooze")
            assert again.next_at == taken.next_at, "a double tap is one snooze"

    def _key(self, occurrence_id: str) -> Key:
        lineage, occ_key = decode(occurrence_id)
        return (UUID(str(lineage)), occ_key)


HABITS = frozenset({"physiotherapy", "walking", "posture"})


@pytest.fixture
def forget(postgres: EmbeddedPostgres, loop_database: str) -> Callable[[], None]:
    """Return what leaves an empty database to the next life."""
    url = postgres.url(loop_database, "recovery_migrator").replace("+psycopg", "", 1)

    def empty() -> None:
        with psycopg.connect(url) as owner:
            owner.execute("TRUNCATE clinic, worker_heartbeat CASCADE")

    return empty


def test_whatever_happens_the_phone_rings_when_it_should_and_only_then(
    bench: Bench, forget: Callable[[], None]
) -> None:
    LifeWithReminders.bench, LifeWithReminders.forget = bench, staticmethod(forget)
    run_state_machine_as_test(
        LifeWithReminders,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            derandomize=True,
            phases=PHASES,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
