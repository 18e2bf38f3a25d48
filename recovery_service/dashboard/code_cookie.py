"""Showing an enrolment code once: from the request that made it to the sheet that prints it.

The code is never stored in plain and never stands in an address. It travels in a cookie of
the browser that asked for it, bound to the one sheet, and the sheet takes the cookie away.
"""

import hmac
from uuid import UUID

from flask import request, url_for
from werkzeug.wrappers import Response

from recovery_service.auth.browser import cookie_name
from recovery_service.extensions import parts

_LIFE = 120


def show_code_once(response: Response, patient_id: UUID, code: str) -> None:
    """Let the patient's sheet, and nothing else, show the code."""
    response.set_cookie(
        _NAME,
        f"{code}.{_seal(patient_id, code)}",
        max_age=_LIFE,
        path=_path(patient_id),
        secure=_secure(),
        httponly=True,
        samesite="Strict",
    )


def take_code(patient_id: UUID) -> str | None:
    """Return the code that the sheet may show now."""
    code, _, seal = request.cookies.get(_NAME, "").partition(".")
    return code if hmac.compare_digest(seal.encode(), _seal(patient_id, code).encode()) else None


def forget_code(response: Response, patient_id: UUID) -> None:
    """Take the code away after it was shown."""
    response.delete_cookie(
        _NAME, path=_path(patient_id), secure=_secure(), httponly=True, samesite="Strict"
    )


_NAME = "recovery-code"


def _path(patient_id: UUID) -> str:
    return url_for("dashboard.sheet", patient_id=patient_id)


def _seal(patient_id: UUID, code: str) -> str:
    made = parts().keys.keyed_hash("dashboard.code", patient_id.bytes, code.encode())
    return made.hex()


def _secure() -> bool:
    return cookie_name().startswith("__Host-")
