"""Which destinations a reminder goes to: one condition for everybody who writes deliveries."""

_IN_THE_APP = "('webpush', 'fcm', 'apns', 'inbox')"


def takes(kind: str, destination: str = "d") -> str:
    """Return the SQL condition under which a destination takes reminders of a kind.

    `kind` is the SQL expression of the kind, `destination` the table's alias. An address
    that nobody has tried may be somebody else's, so it takes nothing before it is verified.
    """
    return (
        f"{destination}.retired_at IS NULL AND {destination}.opted_out_at IS NULL"
        f" AND {kind} <> ALL ({destination}.muted_kinds)"
        f" AND ({destination}.address IS NULL OR {destination}.verified_at IS NOT NULL)"
    )


def is_ours(carrier: str, due_at: str, destination: str = "d") -> str:
    """Return the SQL condition under which the service reminds, and not the device itself.

    `carrier` and `due_at` are SQL expressions. What a device carries is taken over in the app
    unless one of the patient's devices may remind, has the plan as it is now, and has
    scheduled beyond the moment. In written order, so that what is pushed costs nothing.
    """
    return f"""CASE {carrier} WHEN 'push' THEN true WHEN 'device' THEN
        {destination}.channel IN {_IN_THE_APP} AND (
        SELECT true
          FROM device v
          JOIN patient p ON p.clinic_id = v.clinic_id AND p.id = v.patient_id
         WHERE v.clinic_id = {destination}.clinic_id AND v.patient_id = {destination}.patient_id
           AND v.revoked_at IS NULL AND v.permission = 'granted'
           AND v.plan_revision = p.plan_revision AND v.scheduled_until > {due_at}
         LIMIT 1) IS NULL
        ELSE false END"""
