"""The statements by which what was not done is read and raised, for many episodes at once."""

from recovery_service.reminders.raising_statements import NOTED, NOTICES_OF_RAISED, RAISED

# A patient without a smartphone is called instead (`GET /call-tasks`), and one whose phone never
# enrolled is a reason of its own. Of each episode a few weeks are read, however long it is.
FACTS = """
SELECT e.clinic_id, e.patient_id, e.id, e.procedure, e.surgery_date, e.discharge_date,
       e.monitored_until, p.time_zone, p.preferences -> 'pause', s.time_zone, s.opening_hours::text,
       ARRAY(SELECT h.day FROM site_holiday h
              WHERE h.clinic_id = s.clinic_id AND h.site_id = s.id
                AND h.day BETWEEN %(today)s::date - 1 AND %(today)s::date + 61),
       silence.missed, sessions.days, last.rows
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(episodes)s::uuid[])
       AS w (clinic_id, patient_id, episode_id)
  JOIN episode e ON e.clinic_id = w.clinic_id AND e.id = w.episode_id AND e.state = 'open'
  JOIN patient p ON p.clinic_id = w.clinic_id AND p.id = w.patient_id AND p.contact_mode = 'app'
   AND EXISTS (SELECT FROM device v WHERE v.clinic_id = p.clinic_id AND v.patient_id = p.id)
  JOIN site s ON s.clinic_id = e.clinic_id AND s.id = e.site_id
 CROSS JOIN LATERAL (
       SELECT count(*) AS missed
         FROM schedule h
         JOIN occurrence o ON o.clinic_id = h.clinic_id AND o.lineage_id = h.id
                          AND o.occ_key >= %(reach)s AND o.occ_key < %(until)s
        WHERE h.clinic_id = w.clinic_id AND h.patient_id = w.patient_id
          AND h.episode_id = w.episode_id AND h.kind = 'check_in' AND o.state = 'missed'
          AND o.reason = ANY (%(unanswered)s)
          AND o.local_date > coalesce((
              SELECT max(k.local_date) FROM check_in k
               WHERE k.clinic_id = w.clinic_id AND k.episode_id = w.episode_id),
              e.discharge_date - 1)) silence
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(d.kind, d.local_date, d.state, d.reason, d.count)) AS days
         FROM (SELECT h.kind, o.local_date, o.state, o.reason, count(*) AS count
                 FROM schedule h
                 JOIN occurrence o ON o.clinic_id = h.clinic_id AND o.lineage_id = h.id
                                  AND o.occ_key >= %(week)s AND o.occ_key < %(until)s
                WHERE h.clinic_id = w.clinic_id AND h.patient_id = w.patient_id
                  AND h.episode_id = w.episode_id AND h.kind = ANY (%(exercise)s)
                GROUP BY h.kind, o.local_date, o.state, o.reason) d) sessions
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(a.id, a.rule_id, a.tier, a.state, a.resolved_at)) AS rows
         FROM (SELECT DISTINCT ON (b.rule_id) b.*
                 FROM alert b
                WHERE b.clinic_id = w.clinic_id AND b.episode_id = w.episode_id
                  AND b.rule_id = ANY (%(rules)s)
                ORDER BY b.rule_id, b.state = 'resolved', b.raised_at DESC) a) last
"""

WRITE = f"WITH {RAISED}, {NOTED}{NOTICES_OF_RAISED}"
