"""Phones that were without a network for a week, as a process of their own.

    python -m tests.e2e.phones_away

The first line of standard input says `{origin, network, form_version, seed, phones: [{token,
occurrences}]}`. Each phone syncs once, queues a week and sends it over `network` until nothing is
queued. Then a line is written, and one read: whoever else writes has ended by then. At last each
phone syncs with `origin` itself, as does one that begins anew, and a line tells of each phone
`{operations, results, copy, documents, fresh_copy, fresh_documents, lost}`.
"""

import json
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import requests

from recovery_service.clock import SystemClock
from tests.syncing_phones import AnswerLost, Send, SyncingPhone

_AT_A_TIME = 8
_SECONDS = 60
_MOST_ATTEMPTS = 60
_DAYS = 7
_clock = SystemClock()


class Away:
    """One phone and its week."""

    def __init__(self, told: dict[str, Any], given: dict[str, Any], seed: int) -> None:
        self._told, self._given = told, given
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self._base = told["network"]
        self.phone = SyncingPhone(self._send, lambda: _clock().isoformat())
        self.operations: dict[str, str] = {}
        self.lost = 0

    def _send(self, body: dict[str, Any]) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._given['token']}"}
        try:
            with requests.Session() as session:
                session.trust_env = False
                url = f"{self._base}/api/v1/me/sync"
                answer = session.post(url, json=body, headers=headers, timeout=_SECONDS)
                return answer.status_code, answer.json()
        except requests.ConnectionError:
            self.lost += 1
            raise AnswerLost from None

    def _do(self, kind: str, /, **payload: Any) -> str:
        made = self.phone.do(kind, **payload)
        self.operations[made] = kind
        return made

    def live(self) -> None:
        """Sync, be away, and come back."""
        self._sync_until(lambda: self.phone.cursor is not None)
        for back in reversed(range(_DAYS)):
            self._spend(_clock() - timedelta(days=back, minutes=10))
        self._chance.shuffle(self.phone.queue)
        self._sync_until(lambda: not self.phone.queue)

    def _sync_until(self, holds: Any) -> None:
        for _ in range(_MOST_ATTEMPTS):
            with suppress(AnswerLost):
                self.phone.sync()
            if holds():
                return
        raise AssertionError(f"{len(self.phone.queue)} operations are never taken")

    def _spend(self, at: datetime) -> None:
        first = self._do("check_in", **self._report(at, self._chance.randint(0, 10)))
        if self._chance.random() < 0.4:
            later = at + timedelta(minutes=5)
            self._do("check_in", **self._report(later, 2), supersedes=first)
        if self._chance.random() < 0.2:
            self._do("check_in", **self._report(at, 11))
        for each in self._chance.sample(self._given["occurrences"], 2):
            self._do("occurrence_action", occurrence_id=each, action="complete", at=at.isoformat())
        if self._chance.random() < 0.5:
            self._do("message", text=f"On {at:%A}: may I walk?", written_at=at.isoformat())
        if self._chance.random() < 0.3:
            self._do("preferences", preferences={"failover": self._chance.choice(["none", None])})

    def _report(self, at: datetime, pain: int) -> dict[str, Any]:
        return {
            "date": f"{at:%Y-%m-%d}",
            "recorded_at": at.isoformat(),
            "time_zone": "UTC",
            "form_version": self._told["form_version"],
            "answers": {"nrs_back": pain, "saddle_numb": self._chance.random() < 0.05},
        }

    def compare(self) -> dict[str, Any]:
        """Return what the phone has come to, and what one that begins anew is told."""
        self._base = self._told["origin"]
        self.phone.sync()
        send: Send = self._send
        fresh = SyncingPhone(send, self.phone.clock)
        fresh.sync()
        return {
            "operations": self.operations,
            "results": self.phone.results,
            "copy": self.phone.copy,
            "documents": self.phone.documents,
            "fresh_copy": fresh.copy,
            "fresh_documents": fresh.documents,
            "lost": self.lost,
        }


def main() -> None:
    """Let the phones of standard input be away, and tell of them."""
    told = json.loads(sys.stdin.readline())
    phones: Sequence[Away] = [
        Away(told, each, told["seed"] + place) for place, each in enumerate(told["phones"])
    ]
    with ThreadPoolExecutor(_AT_A_TIME) as at_once:
        list(at_once.map(Away.live, phones))
        _say("away no more")
        sys.stdin.readline()
        _say(json.dumps(list(at_once.map(Away.compare, phones))))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
