"""Headers that every answer carries, errors included."""

from flask import Flask, Response, g, request

from recovery_service.domain.app_versions import AppUpdate
from recovery_service.extensions import parts

# An answer of the API is nothing that a browser should render or load from.
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_TWO_YEARS = 2 * 365 * 24 * 3600


def init_headers(app: Flask, *, https: bool) -> None:
    """Add the security headers to every answer; a page may set its own policy first.

    `https` says whether the public address is https: over plain http a browser
    ignores Strict-Transport-Security, and on a loopback it would be in the way.
    """

    def secure(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", API_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "no-referrer")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.path.startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")
        update = _app_update()
        if update is not None:
            headers["App-Update"] = f'{update.state}; minimum="{update.minimum}"'
        if https:
            headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS}; includeSubDomains"
        return response

    app.after_request(secure)


def _app_update() -> AppUpdate | None:
    """Return what the calling app is asked to do, on every answer that it gets."""
    actor = g.get("actor")
    if actor is None or actor.device_id is None:
        return None
    return parts().app_versions.update_for(actor.platform, actor.app_version)
