"""The statements by which alerts are raised, set-based: as many as there are findings at once."""

from recovery_service.reminders.raising_statements import NOTED, NOTICES_OF_RAISED, RAISED

# The row itself is locked by its key, so that a colleague who resolves it meanwhile is seen.
LAST = """
SELECT a.id, a.rule_id, a.tier, a.state, a.respond_by, a.resolved_at
  FROM alert a
 WHERE a.clinic_id = %(clinic_id)s AND a.id = ANY (ARRAY(
       SELECT DISTINCT ON (b.rule_id) b.id
         FROM alert b
        WHERE b.clinic_id = %(clinic_id)s AND b.episode_id = %(episode_id)s
          AND b.rule_id = ANY (%(rules)s)
        ORDER BY b.rule_id, b.state = 'resolved', b.raised_at DESC))
 ORDER BY a.id
   FOR UPDATE
"""

# The driver keeps what has fewer than 4,096 characters, so the line breaks and indents go.
WRITE = " ".join(
    f"""
WITH {RAISED}, changed AS (
    UPDATE alert a
       SET tier = c.tier, rule_version = c.rule_version, state = c.state, found_at = %(now)s,
           respond_by = c.respond_by, version = a.version + 1, updated_at = %(now)s,
           escalation = CASE WHEN c.anew THEN 0 ELSE a.escalation END
      FROM jsonb_to_recordset(%(changed)s::jsonb)
           AS c (clinic_id uuid, id uuid, rule_version int, tier text, state text,
                 respond_by timestamptz, anew boolean)
     WHERE a.clinic_id = c.clinic_id AND a.id = c.id
), {NOTED}, told AS (
    INSERT INTO advice (clinic_id, id, episode_id, check_in_id, message_id, alert_id, rule_id,
                        rule_version, tier, about, facts, title, text, given_at)
    SELECT t.clinic_id, t.id, t.episode_id, t.check_in_id, t.message_id, t.alert_id, t.rule_id,
           t.rule_version, t.tier, t.about, t.facts, t.title, t.text, %(now)s
      FROM jsonb_to_recordset(%(advice)s::jsonb)
           AS t (clinic_id uuid, id uuid, episode_id uuid, check_in_id uuid, message_id uuid,
                 alert_id uuid, rule_id text, rule_version int, tier text, about date, facts jsonb,
                 title jsonb, text jsonb)
)
{NOTICES_OF_RAISED}
""".split()
)

CORRECTED = """
INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier, check_in_id)
SELECT %(clinic_id)s, gen_random_uuid(), a.id, %(now)s, 'corrected', a.tier, %(check_in_id)s
  FROM advice d
  JOIN alert a ON a.clinic_id = d.clinic_id AND a.id = d.alert_id
 WHERE d.clinic_id = %(clinic_id)s AND d.check_in_id = %(supersedes)s
   AND d.episode_id = %(episode_id)s AND a.state <> 'resolved'
"""
