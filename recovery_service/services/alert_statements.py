"""The statements by which alerts are raised, set-based: as many as there are findings at once."""

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

WRITE = """
WITH raised AS (
    INSERT INTO alert (clinic_id, id, patient_id, episode_id, rule_id, rule_version, tier, state,
                       raised_at, found_at, respond_by, escalation, version, created_at,
                       updated_at)
    SELECT %(clinic_id)s, r.id, %(patient_id)s, %(episode_id)s, r.rule_id, r.rule_version, r.tier,
           'open', %(now)s, %(now)s, r.respond_by, 0, 1, %(now)s, %(now)s
      FROM jsonb_to_recordset(%(raised)s::jsonb)
           AS r (id uuid, rule_id text, rule_version int, tier text, respond_by timestamptz)
), changed AS (
    UPDATE alert a
       SET tier = c.tier, rule_version = c.rule_version, state = c.state, found_at = %(now)s,
           respond_by = c.respond_by, version = a.version + 1, updated_at = %(now)s,
           escalation = CASE WHEN c.anew THEN 0 ELSE a.escalation END
      FROM jsonb_to_recordset(%(changed)s::jsonb)
           AS c (id uuid, rule_version int, tier text, state text, respond_by timestamptz,
                 anew boolean)
     WHERE a.clinic_id = %(clinic_id)s AND a.id = c.id
), noted AS (
    INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier, check_in_id, message_id,
                             about, facts)
    SELECT %(clinic_id)s, e.id, e.alert_id, %(now)s, e.kind, e.tier, %(check_in_id)s::uuid,
           %(message_id)s::uuid, e.about, e.facts
      FROM jsonb_to_recordset(%(events)s::jsonb)
           AS e (id uuid, alert_id uuid, kind text, tier text, about date, facts jsonb)
), told AS (
    INSERT INTO advice (clinic_id, id, episode_id, check_in_id, message_id, alert_id, rule_id,
                        rule_version, tier, about, facts, title, text, given_at)
    SELECT %(clinic_id)s, t.id, %(episode_id)s, %(check_in_id)s::uuid, %(message_id)s::uuid,
           t.alert_id, t.rule_id,
           t.rule_version, t.tier, t.about, t.facts, t.title, t.text, %(now)s
      FROM jsonb_to_recordset(%(advice)s::jsonb)
           AS t (id uuid, alert_id uuid, rule_id text, rule_version int, tier text, about date,
                 facts jsonb, title jsonb, text jsonb)
)
INSERT INTO staff_notice (clinic_id, id, alert_id, staff_id, cause, state, wake_at, attempts,
                          created_at)
SELECT %(clinic_id)s, n.id, n.alert_id, n.staff_id, n.cause, 'ready', %(now)s, 0, %(now)s
  FROM jsonb_to_recordset(%(notices)s::jsonb)
       AS n (id uuid, alert_id uuid, staff_id uuid, cause text)
"""

CORRECTED = """
INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier, check_in_id)
SELECT %(clinic_id)s, gen_random_uuid(), a.id, %(now)s, 'corrected', a.tier, %(check_in_id)s
  FROM advice d
  JOIN alert a ON a.clinic_id = d.clinic_id AND a.id = d.alert_id
 WHERE d.clinic_id = %(clinic_id)s AND d.check_in_id = %(supersedes)s
   AND d.episode_id = %(episode_id)s AND a.state <> 'resolved'
"""
