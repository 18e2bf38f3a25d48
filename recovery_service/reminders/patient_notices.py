"""The patient is told, visibly, that nobody has looked in time: a line that says nothing of it.

The push opens the app on the advice; what to do meanwhile is there. Who has no app with pushes
gets a text, else a mail, at an address that is theirs and that they did not opt out of. Quiet
hours hold or not by tier (`alert_policy.toml`); a pause of reminders does not silence this, and
it counts against nobody's day.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from recovery_service.domain.alert_policy import AlertPolicy
from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.patient_notices import LINES, TITLES
from recovery_service.domain.quiet_hours import quiet_until
from recovery_service.domain.reminder_policy import policy_of
from recovery_service.reminders.channels.protocol import Address, Message
from recovery_service.reminders.notices import LIFE, Book, Notice

#: The ways in which patients are told; one that is not set up ends its notices.
CHANNELS = ("webpush", "fcm", "apns", "sms", "email")
#: Where the app shows advice.
ADVICE = "/advice"

# To whom word of an escalation goes: {passed} are rows of (clinic_id, alert_id, event_id,
# patient_id, told); `told` is false where the policy has said it often enough. Nobody is told who
# was promised nothing: what was not done (silence) has no advice.
_TO = """
SELECT x.clinic_id, gen_random_uuid(), x.alert_id, x.event_id, d.id, d.channel, 'ready',
       %(now)s, 0, %(now)s
  FROM {passed} x
  JOIN destination d ON d.clinic_id = x.clinic_id AND d.patient_id = x.patient_id
 WHERE x.told AND d.retired_at IS NULL AND d.opted_out_at IS NULL
   AND EXISTS (SELECT FROM advice t WHERE t.clinic_id = x.clinic_id AND t.alert_id = x.alert_id)
"""
_COLUMNS = """(clinic_id, id, alert_id, event_id, destination_id, channel, state, wake_at,
                            attempts, created_at)"""
# The address to use, texts before mails, and one of them.
_BEST_ADDRESS = """d.id = (SELECT b.id FROM destination b
                   WHERE b.clinic_id = x.clinic_id AND b.patient_id = x.patient_id
                     AND b.channel IN ('sms', 'email') AND b.retired_at IS NULL
                     AND b.opted_out_at IS NULL AND b.verified_at IS NOT NULL
                   ORDER BY b.channel = 'email', b.created_at, b.id LIMIT 1)"""


def telling(passed: str) -> str:
    """Return the statement that writes notices of escalations, for the rows of a table."""
    return f"""
INSERT INTO patient_notice {_COLUMNS}
{_TO.format(passed=passed)}
   AND CASE WHEN EXISTS (SELECT FROM destination p
                          WHERE p.clinic_id = x.clinic_id AND p.patient_id = x.patient_id
                            AND p.channel IN ('webpush', 'fcm', 'apns') AND p.retired_at IS NULL)
            THEN d.channel IN ('webpush', 'fcm', 'apns') ELSE {_BEST_ADDRESS} END
ON CONFLICT DO NOTHING
"""


# Fenced as it is claimed: who has looked, or asked anew since, has said enough. Where a second
# copy is worse than none, what a dead sender had begun is not begun again.
_CLAIM = """
WITH waiting AS (
    SELECT clinic_id, id, state
      FROM patient_notice
     WHERE state IN ('ready', 'leased') AND channel = %(channel)s AND wake_at <= %(now)s
     ORDER BY wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE patient_notice n
   SET state = 'leased', wake_at = %(lease_ends)s, attempts = n.attempts + 1
  FROM waiting w
  JOIN patient_notice x ON x.clinic_id = w.clinic_id AND x.id = w.id
  JOIN destination d ON d.clinic_id = x.clinic_id AND d.id = x.destination_id
  JOIN patient p ON p.clinic_id = d.clinic_id AND p.id = d.patient_id
  JOIN clinic c ON c.id = x.clinic_id
  JOIN alert a ON a.clinic_id = x.clinic_id AND a.id = x.alert_id
 WHERE n.clinic_id = w.clinic_id AND n.id = w.id
RETURNING n.clinic_id, n.id, n.attempts, n.created_at, n.channel, a.id, a.tier, p.locale,
          p.time_zone, p.preferences::text, c.reminder_defaults::text, d.id, d.address,
          d.subscription,
          (SELECT t.id FROM advice t WHERE t.clinic_id = a.clinic_id AND t.alert_id = a.id
            ORDER BY t.given_at DESC LIMIT 1),
          CASE WHEN a.state <> 'open' OR a.escalation = 0 THEN 'seen'
               WHEN d.retired_at IS NOT NULL OR d.opted_out_at IS NOT NULL THEN 'no_address'
               WHEN w.state = 'leased' AND NOT %(resends)s THEN 'uncertain'
               WHEN EXISTS (SELECT FROM patient_notice newer
                             WHERE newer.clinic_id = n.clinic_id AND newer.alert_id = n.alert_id
                               AND newer.destination_id = n.destination_id
                               AND newer.created_at > n.created_at) THEN 'superseded' END
"""

# Where no device takes the push, the patient is told at an address, for the same escalation.
_SETTLE = f"""
WITH became AS (
    SELECT * FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(states)s::text[],
                         %(reasons)s::text[], %(agains)s::timestamptz[], %(gones)s::text[])
               AS r (clinic_id, id, state, reason, again, gone)
), settled AS (
    UPDATE patient_notice n
       SET state = r.state, reason = r.reason, wake_at = coalesce(r.again, n.wake_at),
           settled_at = CASE WHEN r.again IS NULL THEN %(now)s::timestamptz END
      FROM became r
     WHERE n.clinic_id = r.clinic_id AND n.id = r.id
       AND n.state = 'leased' AND n.wake_at = %(lease_ends)s
    RETURNING n.clinic_id, n.id, n.alert_id, n.event_id, n.destination_id, n.state, r.gone
), retired AS (
    UPDATE destination d
       SET retired_at = %(now)s, retired_reason = s.gone,
           opted_out_at = CASE WHEN s.gone = 'opted_out' THEN %(now)s::timestamptz
                               ELSE d.opted_out_at END
      FROM settled s
     WHERE d.clinic_id = s.clinic_id AND d.id = s.destination_id AND s.gone IS NOT NULL
       AND d.retired_at IS NULL
), failed AS (
    SELECT DISTINCT s.clinic_id, s.alert_id, s.event_id, a.patient_id, true AS told
      FROM settled s
      JOIN alert a ON a.clinic_id = s.clinic_id AND a.id = s.alert_id
     WHERE s.state = 'dead'
       AND NOT EXISTS (SELECT FROM patient_notice o
                        WHERE o.clinic_id = s.clinic_id AND o.alert_id = s.alert_id
                          AND o.event_id = s.event_id
                          AND o.state IN ('ready', 'leased', 'sent')
                          AND o.id NOT IN (SELECT i.id FROM settled i))
       AND NOT EXISTS (SELECT FROM settled i
                        WHERE i.clinic_id = s.clinic_id AND i.event_id = s.event_id
                          AND i.state <> 'dead')
)
INSERT INTO patient_notice {_COLUMNS}
{_TO.format(passed="failed")}
   AND {_BEST_ADDRESS}
ON CONFLICT DO NOTHING
"""


def book_of(policy: AlertPolicy) -> Book:
    """Return the book, by a policy that says what quiet hours do to which tier."""
    read: Callable[[Any, datetime], Notice] = partial(_read, policy)
    return Book(
        name="patient_notices", table="patient_notice", claim=_CLAIM, settle=_SETTLE, read=read
    )


def _read(policy: AlertPolicy, row: Any, now: datetime) -> Notice:
    (
        clinic_id, its_id, attempts, created_at, channel, alert_id, tier, locale, time_zone,
        preferences, defaults, destination_id, address, subscription, advice_id, no,
    ) = row  # fmt: skip
    until = None
    if no is None and not policy.paces[tier].tell_in_quiet_hours:
        window = policy_of(defaults).for_patient(orjson.loads(preferences)).quiet_hours
        until = quiet_until(window, time_zone, now)
        if until is not None and until >= created_at + LIFE:
            no, until = "quiet_hours", None
    return Notice(
        clinic_id=clinic_id,
        id=its_id,
        attempts=attempts,
        created_at=created_at,
        address=Address(
            destination_id=destination_id,
            channel=channel,
            address=address,
            subscription=subscription,
        ),
        message=_message(its_id.hex, alert_id.hex, advice_id, language_of(locale)),
        no=no,
        until=until,
    )


def _message(its_id: str, alert_id: str, advice_id: Any, language: str) -> Message:
    return Message(
        delivery_id=its_id,
        occurrence_id="advice",
        kind="advice",
        title=in_language(TITLES, language),
        line=in_language(LINES, language),
        language=language,
        ttl=int(LIFE.total_seconds()),
        collapse=alert_id,
        urgency="high",
        deep_link=ADVICE if advice_id is None else f"{ADVICE}/{advice_id}",
    )
