"""A million due schedules: the hundred thousand, and copies of them for other patients.

Thinking up a schedule takes Python longer than materialising it, so the rest are copies made
by the server: the same rules and places, under ids of their own, each after the last.
"""

from typing import Any

import psycopg

_APART = 1_000_000  # milliseconds between the ids of one copy and the next

# An id so many milliseconds later, as UUIDv7 begin with their time.
_LATER = """
CREATE FUNCTION pg_temp.later(id uuid, copy int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
                        + copy * 1000000::bigint), 12, '0')
            || substr(replace(id::text, '-', ''), 13))::uuid
$$
"""
_OWN = {
    "patient": ("id",),
    "episode": ("id", "patient_id"),
    "device": ("id", "patient_id"),
    "destination": ("id", "patient_id", "device_id"),
    "schedule": ("id", "patient_id", "episode_id"),
    "owed": ("lineage_id", "patient_id"),
}


def multiply(connection: psycopg.Connection[Any], times: int) -> None:
    """Make `times` of everything that is there, clinics and rules excepted."""
    with connection.transaction():
        connection.execute(_LATER)
        # What is copied agrees with itself; asking each foreign key would take minutes.
        connection.execute("SET LOCAL session_replication_role = replica")
        for table, keys in _OWN.items():
            columns = _columns(connection, table)
            values = [f"pg_temp.later({c}, copy)" if c in keys else c for c in columns]
            connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
                f" FROM {table}, generate_series(1, {times - 1}) copy"
            )


def _columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [table],
    )
    return [name for (name,) in rows.fetchall()]
