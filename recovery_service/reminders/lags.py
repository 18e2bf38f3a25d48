"""How late a process hands reminders over: from when they were due to when it gives them away."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from recovery_service.reminders.held import Held

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds in seconds; what is later than the last counts, too."""

_OF_ITS_MOMENT = frozenset({"due", "takeover"})


class Lags:
    """Counts lags by channel since the process started; several threads may note."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._sums: dict[str, float] = defaultdict(float)

    def note(self, channel: str, held: Iterable[Held], *, now: datetime) -> None:
        """Count what goes to a channel at this moment.

        Left out is what was meant to wait: quiet hours, a snooze, another try.
        """
        late = [
            max((now - each.due_at).total_seconds(), 0.0)
            for each in held
            if each.reason is None and each.cause in _OF_ITS_MOMENT
        ]
        with self._lock:
            counts = self._counts[channel]
            for seconds in late:
                counts[bisect_left(BUCKETS, seconds)] += 1
            self._sums[channel] += sum(late)

    def figures(self) -> dict[str, Any]:
        """Return by channel the counts of each bucket, the last without bound, and their sum."""
        with self._lock:
            return {
                channel: {"counts": list(counts), "sum": round(self._sums[channel], 3)}
                for channel, counts in self._counts.items()
            }
