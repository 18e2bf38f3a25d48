"""Rules as plans have them: daily, every N days, on weekdays, with 1 to 17 slots."""

from random import Random

from recovery_service.domain.recurrence import Rule

# Kind, days, slots and minutes of validity; weights as a plan of eight items has them.
_SHAPES = (
    ("physiotherapy", "daily", ("morning", "evening"), 240, 22),
    ("physiotherapy", "daily", ("morning", "noon", "evening"), 240, 14),
    ("physiotherapy", "weekdays", ("evening",), 480, 8),
    ("walking", "daily", ("morning", "evening"), 240, 14),
    ("walking", "every", ("morning",), 720, 8),
    ("check_in", "daily", ("evening",), 720, 10),
    ("check_in", "every", ("evening",), 1440, 6),
    ("posture", "weekdays", 17, 25, 6),
    ("posture", "daily", 9, 50, 4),
    ("medication", "daily", ("morning", "noon", "evening"), 180, 8),
)
_TIMES = {"morning": 8 * 60, "noon": 12 * 60 + 30, "evening": 18 * 60}
_FROM, _TO = 9 * 60, 17 * 60


def realistic_rules(count: int, random: Random) -> list[tuple[str, Rule]]:
    """Return that many different rules, each with its kind."""
    found: dict[Rule, str] = {}
    weights = [shape[-1] for shape in _SHAPES]
    while len(found) < count:
        kind, days, slots, valid_for, _ = random.choices(_SHAPES, weights)[0]
        found.setdefault(_rule(days, slots, valid_for, random), kind)
    return [(kind, rule) for rule, kind in found.items()]


def _rule(days: str, slots: tuple[str, ...] | int, valid_for: int, random: Random) -> Rule:
    return Rule(
        anchor=random.choice(("surgery", "discharge")),
        from_day=random.randrange(0, 4),
        to_day=random.choice((None, 84, 180)),
        every=None if days == "weekdays" else 1 if days == "daily" else random.randrange(2, 5),
        weekdays=frozenset(random.choice(((1, 3, 5), (1, 2, 3, 4, 5), (2, 4, 6))))
        if days == "weekdays"
        else frozenset(),
        slots=_slots(slots, random),
        valid_for=valid_for,
    )


def _slots(slots: tuple[str, ...] | int, random: Random) -> tuple[tuple[str, int], ...]:
    """Return the slots at the patient's own times, in steps of five minutes."""
    if isinstance(slots, int):
        step = (_TO - _FROM) // (slots - 1)
        shift = 5 * random.randrange(-12, 13)
        minutes = range(_FROM + shift, _TO + shift + 1, step)
        return tuple((f"s{m // 60:02}{m % 60:02}", m) for m in minutes)
    return tuple((name, _TIMES[name] + 5 * random.randrange(-24, 25)) for name in slots)
