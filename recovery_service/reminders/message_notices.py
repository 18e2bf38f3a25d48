"""The patient is told, visibly, that the care team has written: a line that says no more.

It goes to the devices that take pushes, and in no quiet hours; who has read meanwhile is not
told. It counts against nobody's day, for it is an answer and no reminder.
"""

from datetime import datetime
from typing import Any

import orjson

from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.message_notices import LINES, TITLES
from recovery_service.domain.quiet_hours import quiet_until
from recovery_service.domain.reminder_policy import policy_of
from recovery_service.reminders.channels.protocol import Address, Message
from recovery_service.reminders.notices import LIFE, Book, Notice

CHANNELS = ("webpush", "fcm", "apns")
#: Where the app shows the thread.
MESSAGES = "/messages"

# With the message, in its transaction.
WRITE = """
INSERT INTO message_notice (clinic_id, id, episode_id, number, destination_id, channel, state,
                            wake_at, attempts, created_at)
SELECT d.clinic_id, gen_random_uuid(), %(episode_id)s, %(number)s, d.id, d.channel, 'ready',
       %(now)s, 0, %(now)s
  FROM destination d
 WHERE d.clinic_id = %(clinic_id)s AND d.patient_id = %(patient_id)s
   AND d.channel = ANY (%(channels)s) AND d.retired_at IS NULL AND d.opted_out_at IS NULL
ON CONFLICT DO NOTHING
"""

# Fenced as it is claimed.
_CLAIM = """
WITH waiting AS (
    SELECT clinic_id, id
      FROM message_notice
     WHERE state IN ('ready', 'leased') AND channel = %(channel)s AND wake_at <= %(now)s
     ORDER BY wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE message_notice n
   SET state = 'leased', wake_at = %(lease_ends)s, attempts = n.attempts + 1
  FROM waiting w
  JOIN message_notice x ON x.clinic_id = w.clinic_id AND x.id = w.id
  JOIN message_thread t ON t.clinic_id = x.clinic_id AND t.episode_id = x.episode_id
  JOIN destination d ON d.clinic_id = x.clinic_id AND d.id = x.destination_id
  JOIN patient p ON p.clinic_id = d.clinic_id AND p.id = d.patient_id
  JOIN clinic c ON c.id = x.clinic_id
 WHERE n.clinic_id = w.clinic_id AND n.id = w.id
RETURNING n.clinic_id, n.id, n.attempts, n.created_at, n.channel, n.episode_id, p.locale,
          p.time_zone, p.preferences::text, c.reminder_defaults::text, d.id, d.address,
          d.subscription,
          CASE WHEN t.patient_read >= n.number THEN 'read'
               WHEN d.retired_at IS NOT NULL OR d.opted_out_at IS NOT NULL THEN 'no_address'
               WHEN EXISTS (SELECT FROM message_notice newer
                             WHERE newer.clinic_id = n.clinic_id
                               AND newer.episode_id = n.episode_id AND newer.number > n.number
                               AND newer.destination_id = n.destination_id) THEN 'superseded' END
"""

_SETTLE = """
WITH settled AS (
    UPDATE message_notice n
       SET state = r.state, reason = r.reason, wake_at = coalesce(r.again, n.wake_at),
           settled_at = CASE WHEN r.again IS NULL THEN %(now)s::timestamptz END
      FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(states)s::text[], %(reasons)s::text[],
                  %(agains)s::timestamptz[], %(gones)s::text[])
               AS r (clinic_id, id, state, reason, again, gone)
     WHERE n.clinic_id = r.clinic_id AND n.id = r.id
       AND n.state = 'leased' AND n.wake_at = %(lease_ends)s
    RETURNING n.clinic_id, n.destination_id, r.gone
)
UPDATE destination d
   SET retired_at = %(now)s, retired_reason = s.gone
  FROM settled s
 WHERE d.clinic_id = s.clinic_id AND d.id = s.destination_id AND s.gone IS NOT NULL
   AND d.retired_at IS NULL
"""


def _read(row: Any, now: datetime) -> Notice:
    (
        clinic_id, its_id, attempts, created_at, channel, episode_id, locale, time_zone,
        preferences, defaults, destination_id, address, subscription, no,
    ) = row  # fmt: skip
    until = None
    if no is None:
        window = policy_of(defaults).for_patient(orjson.loads(preferences)).quiet_hours
        until = quiet_until(window, time_zone, now)
    language = language_of(locale)
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
        message=Message(
            delivery_id=its_id.hex,
            occurrence_id="messages",
            kind="message",
            title=in_language(TITLES, language),
            line=in_language(LINES, language),
            language=language,
            ttl=int(LIFE.total_seconds()),
            collapse=episode_id.hex,
            urgency="normal",
            deep_link=MESSAGES,
        ),
        no=no,
        until=until,
    )


BOOK = Book(
    name="message_notices", table="message_notice", claim=_CLAIM, settle=_SETTLE, read=_read
)
