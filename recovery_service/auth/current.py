"""The current actor, instant and language: each request has one of each."""

from datetime import datetime
from typing import cast
from uuid import UUID

from flask import g, request

from recovery_service.domain.access import Actor
from recovery_service.domain.languages import preferred_language
from recovery_service.domain.sandbox import time_in
from recovery_service.errors import Unauthenticated
from recovery_service.extensions import parts


def current_actor() -> Actor:
    """Return who is asking; raises Unauthenticated on routes that are open to anyone."""
    actor = g.get("actor")
    if actor is None:
        raise Unauthenticated
    return cast("Actor", actor)


def current_patient_id() -> UUID:
    """Return which patient is asking; raises Unauthenticated where it is no patient."""
    actor = current_actor()
    if actor.kind != "patient" or actor.id is None:
        raise Unauthenticated
    return actor.id


def request_time() -> datetime:
    """Return the instant that this request took place, the same for all of its steps.

    Once it is known who asks it is what time it is in their clinic: a sandbox may be ahead.
    Who somebody is stays a question of the real time.
    """
    if "now" not in g:
        g.now = parts().clock()
    return cast("datetime", g.now)


def become(actor: Actor) -> None:
    """Let the request be this actor's from now on."""
    g.actor = actor
    g.now = time_in(actor.sandbox_now, now=request_time())


def request_language() -> str:
    """Return the language to answer in: the one asked for, or else the actor's own.

    The answer says which one it was (`used_language`).
    """
    actor = g.get("actor")
    asked = request.headers.get("Accept-Language")
    g.language = preferred_language(asked, locale=actor.locale if actor else None)
    return cast("str", g.language)


def used_language() -> str | None:
    """Return the language of the answer's words, None where none of them depended on it."""
    return cast("str | None", g.get("language"))
