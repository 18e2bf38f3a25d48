"""Which destinations a reminder goes to: one condition for everybody who writes deliveries."""


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
