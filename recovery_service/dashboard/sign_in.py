"""Signing in and out with a browser."""

import hmac
from secrets import token_urlsafe
from urllib.parse import urlsplit

import structlog
from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from recovery_service.auth import allow_anyone, allow_browser, current_actor, request_time
from recovery_service.auth.browser import (
    browser_actor,
    browser_token,
    cookie_name,
    forget,
    remember,
    require_same_origin,
)
from recovery_service.auth.sign_in import SignedIn, sign_in
from recovery_service.dashboard.pages import page, pages
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Actor
from recovery_service.domain.tokens import Token
from recovery_service.errors import (
    NotAllowed,
    SecondFactorNeeded,
    SignInFailed,
    TooManyRequests,
    Unauthenticated,
)
from recovery_service.extensions import parts
from recovery_service.logs import request_id
from recovery_service.services import audit
from recovery_service.services.sessions import NewSession, close_session, open_session

log = structlog.get_logger()

_FORM_LIFE = 3600
_LONGEST = 1000


@pages.get("/sign-in", endpoint="sign_in")
@allow_anyone("whoever is not signed in yet")
def show_sign_in() -> AnyResponse:
    """Show the form; who is signed in already goes on."""
    try:
        browser_actor(now=request_time())
    except Unauthenticated:
        return _form()
    return redirect(local_path(request.args.get("next")))


@pages.post("/sign-in", endpoint="signing_in")
@allow_anyone("whoever is not signed in yet")
def accept_sign_in() -> AnyResponse:
    """Sign in with password, and with a one-time code where the account has one."""
    require_same_origin()
    _require_own_form()
    email, password = _field("email"), request.form.get("password", "")[:_LONGEST]
    try:
        found = sign_in(parts().keys, email, password, _field("otp") or None, now=request_time())
    except SecondFactorNeeded:
        return _form(401, email=email, ask_code=True)
    except SignInFailed:
        return _form(401, email=email, ask_code="otp" in request.form, failed=True)
    except TooManyRequests as refusal:
        minutes = -(-refusal.retry_after // 60)
        answer = _form(429, email=email, wait_minutes=minutes)
        answer.headers["Retry-After"] = str(refusal.retry_after)
        return answer
    return _enter(found)


@pages.post("/sign-out")
@allow_browser(*STAFF)
def sign_out() -> AnyResponse:
    """End the session; the next request with its cookie is nobody's."""
    actor = current_actor()
    with transaction() as session:
        close_session(session, browser_token())
        audit.record(session, actor, "staff_signed_out", "staff", actor.id, now=request_time())
    answer = redirect(url_for("dashboard.sign_in"), 303)
    forget(answer)
    return answer


def local_path(wanted: str | None) -> str:
    """Return where to go next: a path of this site, whatever the address bar said."""
    home = url_for("dashboard.caseload")
    if not wanted or not wanted.startswith("/") or wanted.startswith("//"):
        return home
    if "\\" in wanted or any(ord(character) <= ord(" ") for character in wanted):
        return home
    told = urlsplit(wanted)
    return home if told.scheme or told.netloc else wanted


def _enter(found: SignedIn) -> AnyResponse:
    now = request_time()
    with transaction(found.clinic_id) as session:
        token = open_session(
            session,
            NewSession(
                clinic_id=found.clinic_id,
                staff_id=found.staff_id,
                life=parts().session_life,
                replaces=_standing(found),
            ),
            now=now,
        )
        actor = Actor(
            clinic_id=found.clinic_id, kind="staff", id=found.staff_id, request_id=request_id()
        )
        audit.record(session, actor, "staff_signed_in", "staff", found.staff_id, now=now)
    log.info("staff_signed_in", staff_id=found.staff_id)
    answer = redirect(local_path(request.form.get("next")), 303)
    remember(answer, token)
    answer.delete_cookie(_form_cookie(), path="/", secure=_secure(), httponly=True, samesite="Lax")
    return answer


def _standing(found: SignedIn) -> Token | None:
    """Return the session that this browser had before, if it is of the same clinic."""
    try:
        token = browser_token()
    except Unauthenticated:
        return None
    return token if token.clinic_id == found.clinic_id else None


def _form(
    status: int = 200,
    *,
    email: str = "",
    ask_code: bool = False,
    failed: bool = False,
    wait_minutes: int = 0,
) -> Response:
    """Return the form with a token that only this browser has: signing in is not forged either."""
    seed = request.cookies.get(_form_cookie()) or token_urlsafe(32)
    answer = page(
        "sign_in.html",
        status,
        form_token=_form_token(seed),
        email=email,
        ask_code=ask_code,
        failed=failed,
        wait_minutes=wait_minutes,
        next=local_path(request.values.get("next")),
    )
    answer.set_cookie(
        _form_cookie(), seed, max_age=_FORM_LIFE, path="/", secure=_secure(), httponly=True,
        samesite="Lax",
    )  # fmt: skip
    return answer


def _require_own_form() -> None:
    seed = request.cookies.get(_form_cookie(), "")
    given = request.form.get("form_token", "")
    if not seed or not hmac.compare_digest(given.encode(), _form_token(seed).encode()):
        raise NotAllowed("sign in with a form that this page did not give you")


def _form_token(seed: str) -> str:
    return parts().keys.keyed_hash("dashboard.sign_in_form", seed.encode()).hex()


def _form_cookie() -> str:
    return f"{cookie_name()}-form"


def _secure() -> bool:
    return cookie_name().startswith("__Host-")


def _field(name: str) -> str:
    """Return what was typed; a database takes no NUL."""
    return request.form.get(name, "").replace("\x00", "").strip()[:_LONGEST]
