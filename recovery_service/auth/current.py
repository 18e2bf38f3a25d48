"""The current actor and the current instant: each request has one of each."""

from datetime import datetime
from typing import cast

from flask import g

from recovery_service.domain.access import Actor
from recovery_service.errors import Unauthenticated
from recovery_service.extensions import parts


def current_actor() -> Actor:
    """Return who is asking; raises Unauthenticated on routes that are open to anyone."""
    actor = g.get("actor")
    if actor is None:
        raise Unauthenticated
    return cast("Actor", actor)


def request_time() -> datetime:
    """Return the instant that this request took place, the same for all of its steps."""
    if "now" not in g:
        g.now = parts().clock()
    return cast("datetime", g.now)
