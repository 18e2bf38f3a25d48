"""How often a process looks for garbage: an application stays, and is not looked through again."""

import gc

_ALLOCATIONS = 50_000  # containers more than are freed: several chunks, or ten times the usual


def collect_rarely() -> None:
    """Keep the collector from what stays for good, and from each request or chunk of reminders.

    It went through a whole application, again and again, to find nothing: a twelfth of a
    sender's processor time, a tenth of a check-in's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])
