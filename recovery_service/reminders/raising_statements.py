"""How an alert is raised, written once: for one report, and for many episodes at once.

Parts of a statement, to be put together by who raises. One statement for both would ask of
the loop what only reports need: to write advice and to change tiers, which its role may not.
Each row says its clinic. `raised`, `events` and `notices` are parameters, JSON arrays.
"""

# Of two who raise a rule at once, one does; what the other had to say of it goes nowhere.
RAISED = """
raised AS (
    INSERT INTO alert (clinic_id, id, patient_id, episode_id, rule_id, rule_version, tier, state,
                       raised_at, found_at, respond_by, escalation, version, created_at,
                       updated_at)
    SELECT r.clinic_id, r.id, r.patient_id, r.episode_id, r.rule_id, r.rule_version, r.tier,
           'open', %(now)s, %(now)s, r.respond_by, 0, 1, %(now)s, %(now)s
      FROM jsonb_to_recordset(%(raised)s::jsonb)
           AS r (clinic_id uuid, id uuid, patient_id uuid, episode_id uuid, rule_id text,
                 rule_version int, tier text, respond_by timestamptz)
    ON CONFLICT DO NOTHING
    RETURNING clinic_id, id
)"""

# `new` says that the alert is raised by this statement. Written in the order of the array.
NOTED = """
noted AS (
    INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier, check_in_id, message_id,
                             about, facts)
    SELECT e.clinic_id, e.id, e.alert_id, %(now)s, e.kind, e.tier, e.check_in_id, e.message_id,
           e.about, e.facts
      FROM jsonb_to_recordset(%(events)s::jsonb)
           AS e (clinic_id uuid, id uuid, alert_id uuid, kind text, tier text, check_in_id uuid,
                 message_id uuid, about date, facts jsonb, new boolean)
     WHERE NOT e.new OR EXISTS (SELECT FROM raised r
                                 WHERE r.clinic_id = e.clinic_id AND r.id = e.alert_id)
)"""

NOTICES = """
INSERT INTO staff_notice (clinic_id, id, alert_id, staff_id, device_id, cause, state, wake_at,
                          attempts, created_at)
SELECT n.clinic_id, n.id, n.alert_id, n.staff_id, n.device_id, n.cause, 'ready', %(now)s, 0,
       %(now)s
  FROM jsonb_to_recordset(%(notices)s::jsonb)
       AS n (clinic_id uuid, id uuid, alert_id uuid, staff_id uuid, device_id uuid, cause text,
             new boolean)
"""
NOTICES_OF_RAISED = (
    NOTICES
    + """ WHERE NOT n.new OR EXISTS (SELECT FROM raised r
                             WHERE r.clinic_id = n.clinic_id AND r.id = n.alert_id)
"""
)
