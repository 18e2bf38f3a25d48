"""Who is asking, and may they: closed unless opened."""

from recovery_service.auth.access import (
    allow,
    allow_anyone,
    allow_browser,
    init_auth,
    require_declared_access,
)
from recovery_service.auth.current import (
    current_actor,
    current_patient_id,
    request_language,
    request_time,
    used_language,
)

__all__ = [
    "allow",
    "allow_anyone",
    "allow_browser",
    "current_actor",
    "current_patient_id",
    "init_auth",
    "request_language",
    "request_time",
    "require_declared_access",
    "used_language",
]
