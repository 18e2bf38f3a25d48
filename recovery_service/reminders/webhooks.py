"""Webhooks: what triggers wrote down is sent to integrators, and endpoints that fail are ended.

A notice like any other: claimed, sent with no transaction open, settled by its owner. What a
kill repeats has the same id. Nothing here says what happened but its type and identifiers.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag

from recovery_service.domain.keys import Keys
from recovery_service.domain.occurrence_ids import encode
from recovery_service.reminders.channels.events import Endpoint, Event
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.notices import Book, Notice
from recovery_service.reminders.sealing import open_sealed
from recovery_service.reminders.work import Transaction, run

#: For so long an event is tried, and so long an endpoint may fail before it is disabled.
LIFE, PATIENCE = timedelta(days=3), timedelta(days=5)
#: For so long it is known what became of an event.
KEPT = timedelta(days=30)
SEALED_AS = "webhook.secret"
NAME = "webhooks"

_CLAIM = """
WITH waiting AS (
    SELECT clinic_id, id, endpoint_id
      FROM webhook_delivery
     WHERE state IN ('ready', 'leased') AND wake_at <= %(now)s
     ORDER BY wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE webhook_delivery d
   SET state = 'leased', wake_at = %(lease_ends)s, attempts = least(d.attempts + 1, 32000)
  FROM waiting w
  JOIN webhook_endpoint e ON e.clinic_id = w.clinic_id AND e.id = w.endpoint_id
 WHERE d.clinic_id = w.clinic_id AND d.id = w.id
RETURNING d.clinic_id, d.id, d.attempts, d.tried_from, d.created_at, d.type, d.data, e.id, e.url,
          e.sealed, CASE WHEN e.previous_until > %(now)s THEN e.previous_sealed END,
          CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted'
               WHEN e.disabled_at IS NOT NULL THEN 'disabled' END
"""

# Endpoints are locked in the order of their keys. One that works is not written to at all.
_SETTLE = f"""
WITH became AS (
    SELECT * FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(states)s::text[],
                         %(reasons)s::text[], %(agains)s::timestamptz[], %(gones)s::text[])
               AS r (clinic_id, id, state, reason, again, gone)
), settled AS (
    UPDATE webhook_delivery d
       SET state = r.state, reason = r.reason, wake_at = coalesce(r.again, d.wake_at),
           settled_at = CASE WHEN r.again IS NULL THEN %(now)s::timestamptz END
      FROM became r
     WHERE d.clinic_id = r.clinic_id AND d.id = r.id
       AND d.state = 'leased' AND d.wake_at = %(lease_ends)s
    RETURNING d.clinic_id, d.endpoint_id, r.state, r.gone
), judged AS (
    SELECT clinic_id, endpoint_id, bool_or(state = 'sent') AS works,
           bool_or(gone IS NOT NULL) AS gone
      FROM settled
     WHERE state <> 'dropped'
     GROUP BY clinic_id, endpoint_id
), locked AS (
    SELECT e.clinic_id, e.id, j.works, j.gone,
           e.failing_since <= %(now)s::timestamptz - interval '{PATIENCE.days} days' AS too_long
      FROM judged j
      JOIN webhook_endpoint e ON e.clinic_id = j.clinic_id AND e.id = j.endpoint_id
     WHERE e.disabled_at IS NULL AND e.deleted_at IS NULL
       AND (NOT j.works OR j.gone OR e.failing_since IS NOT NULL)
     ORDER BY e.clinic_id, e.id
       FOR NO KEY UPDATE OF e
)
UPDATE webhook_endpoint e
   SET failing_since = CASE WHEN l.works THEN NULL
                            ELSE coalesce(e.failing_since, %(now)s) END,
       disabled_at = CASE WHEN l.gone OR (l.too_long AND NOT l.works)
                          THEN %(now)s::timestamptz END,
       disabled_reason = CASE WHEN l.gone THEN 'gone'
                              WHEN l.too_long AND NOT l.works THEN 'failing' END,
       version = e.version + 1, updated_at = %(now)s
  FROM locked l
 WHERE e.clinic_id = l.clinic_id AND e.id = l.id
   AND (l.works OR l.gone OR l.too_long OR e.failing_since IS NULL)
"""

_FORGET = """
DELETE FROM webhook_delivery
 WHERE (clinic_id, id) IN (
       SELECT clinic_id, id FROM webhook_delivery
        WHERE settled_at <= %(before)s
        ORDER BY settled_at
        LIMIT %(batch)s)
RETURNING id
"""


def book_of(keys: Keys, through: Channel) -> Book:
    """Return where events for integrators are kept; their secrets open with `keys`."""
    read = partial(_read, keys)
    return Book(
        name=NAME,
        table="webhook_delivery",
        claim=_CLAIM,
        settle=_SETTLE,
        read=read,
        life=LIFE,
        through=through,
    )


def forget(transaction: Transaction, *, now: datetime, batch: int) -> int:
    """Forget at most `batch` events that were settled long ago; return how many."""
    with transaction() as session:
        return len(run(session, _FORGET, {"before": now - KEPT, "batch": batch}))


def payload(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    """Return the body of an event: what happened, when, and to which object."""
    shown = dict(data)
    if "occ_key" in shown:
        shown["id"] = encode(UUID(shown.pop("lineage_id")), shown.pop("occ_key"))
    return orjson.dumps(
        {"type": kind, "timestamp": at.astimezone(UTC), "data": shown}, option=orjson.OPT_UTC_Z
    )


def _read(keys: Keys, row: Any, _now: datetime) -> Notice:
    (
        clinic_id, its_id, attempts, since, happened, kind, data, endpoint_id, url, *secrets, no
    ) = row  # fmt: skip
    opened: tuple[bytes, ...] = ()
    if no is None:
        owner = clinic_id.bytes + endpoint_id.bytes
        try:
            opened = tuple(open_sealed(keys, SEALED_AS, owner, each) for each in secrets if each)
        except InvalidTag:
            no = "secret_unreadable"  # the installation's own secret is another one now
    return Notice(
        clinic_id=clinic_id,
        id=its_id,
        attempts=attempts,
        created_at=since,
        address=Endpoint(destination_id=endpoint_id, channel=NAME, address=url, keys=opened),
        message=_event(str(its_id), payload(kind, happened, data)),
        no=no,
    )


def _event(its_id: str, body: bytes) -> Event:
    return Event(
        delivery_id=its_id,
        occurrence_id="",
        kind="event",
        title="",
        line="",
        language="en",
        ttl=int(LIFE.total_seconds()),
        collapse=its_id,
        body=body,
    )
