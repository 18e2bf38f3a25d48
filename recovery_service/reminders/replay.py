"""Replay: what died of an outage or a wrong credential gets another chance, while it matters."""

from datetime import datetime

from recovery_service.reminders.work import Transaction, run

# Not what may have been sent (`uncertain`), nor what reached the patient, or is about to, by
# another device or a second way. What was bundled comes back as one push, at no new cost to
# the day: it keeps its `lead_id`.
_DEAD = """
SELECT d.clinic_id, d.id, d.reason
  FROM delivery d
  JOIN occurrence o ON o.clinic_id = d.clinic_id AND o.id = d.occurrence_id
  JOIN destination t ON t.clinic_id = d.clinic_id AND t.id = d.destination_id
 WHERE d.state = 'dead' AND d.reason <> 'uncertain' AND d.channel = %(channel)s
   AND d.settled_at >= %(since)s
   AND (%(reason)s::text IS NULL OR d.reason = %(reason)s::text)
   AND o.state IN ('due', 'snoozed') AND o.expires_at > %(now)s AND d.round >= o.round
   AND t.retired_at IS NULL AND t.opted_out_at IS NULL
   AND NOT EXISTS (SELECT FROM delivery other
                    WHERE other.clinic_id = d.clinic_id AND other.occurrence_id = d.occurrence_id
                      AND other.round >= d.round AND other.channel <> 'inbox'
                      AND (other.state = 'sent'
                           OR other.cause = 'failover' AND other.state IN ('ready', 'leased')))
"""

_COUNT = f"SELECT reason, count(*) FROM ({_DEAD}) dead GROUP BY reason"

# In order of the key, as edits and settling lock them.
_AGAIN = f"""
WITH dead AS ({_DEAD} ORDER BY d.clinic_id, d.id FOR UPDATE OF d SKIP LOCKED), again AS (
    UPDATE delivery d
       SET state = 'ready', wake_at = %(now)s, attempts = 0, settled_at = NULL, reason = NULL
      FROM dead
     WHERE d.clinic_id = dead.clinic_id AND d.id = dead.id
    RETURNING dead.reason
)
SELECT reason, count(*) FROM again GROUP BY reason
"""


def replay(
    transaction: Transaction,
    channel: str,
    *,
    since: datetime,
    reason: str | None = None,
    dry: bool = False,
    now: datetime,
) -> dict[str, int]:
    """Make dead deliveries of a channel ready again; return how many, by why they had died.

    Only those that died since an instant, and whose occurrence is open and not expired. The
    fence decides about each anew. A second replay finds nothing. A `dry` one only counts.
    """
    values = {"channel": channel, "since": since, "reason": reason, "now": now}
    with transaction() as session:
        return dict(sorted(map(tuple, run(session, _COUNT if dry else _AGAIN, values))))
