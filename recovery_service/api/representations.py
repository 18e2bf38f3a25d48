"""Answers that a client has already, and answers made small: at one place, for every read.

A patient's own reads carry a weak ETag of their bytes, so `If-None-Match` spares the way and
never what is shown: nothing in a body changes merely because time passes, but at instants that
it names. They may be kept (`private, no-cache`): the app has to show them without a network,
and whoever keeps them asks before using them, so that a log-out holds. All else stays
`no-store`.

Compression and secrets: what is compressed with a secret beside text that somebody else can
choose gives the secret away by its length. So only reads are compressed, and no read of the
API has a secret in it: tokens and codes are answers to POST, and the dashboard's pages, which
carry a form's token and are asked for with a cookie, are left as they are.
"""

import gzip
from collections.abc import Callable, Mapping
from hashlib import sha256
from http import HTTPStatus

import brotli
from flask import Flask, Response, current_app, request

from recovery_service.auth import used_language
from recovery_service.auth.access import access_rule
from recovery_service.domain.access import Role

# One packet carries as much either way.
LEAST_BYTES = 1400

# The levels up to which a document of 50 kB takes a millisecond or two; each next one costs
# as much again for 3 %, and brotli's own default takes half a second.
_BROTLI = 4
_GZIP = 4

#: By content coding, the preferred one first where a client likes several as much.
CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: brotli.compress(body, quality=_BROTLI),
    "gzip": lambda body: gzip.compress(body, _GZIP, mtime=0),
}
_VARY = ("Accept-Language", "Accept-Encoding", "Authorization")
_READS = frozenset({"GET", "HEAD"})


def init_representations(app: Flask) -> None:
    """Finish the answers of the API. Call before what sets their headers: it comes after."""
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    if not request.path.startswith("/api/"):
        return response
    response.vary.update(_VARY)
    if (language := used_language()) is not None:
        response.headers["Content-Language"] = language
    if (
        request.method not in _READS
        or response.status_code != HTTPStatus.OK
        or not _is_text(response)
    ):
        return response
    if _may_be_kept():
        response.headers["Cache-Control"] = "private, no-cache"
    if not response.cache_control.no_store and "ETag" not in response.headers:
        response.set_etag(sha256(response.get_data()).hexdigest()[:32], weak=True)
        response.make_conditional(request)
    if response.status_code == HTTPStatus.OK:
        _compress(response)
    return response


def _is_text(response: Response) -> bool:
    is_json = response.is_json or response.mimetype == "application/jose+json"
    return is_json and not response.is_streamed and "Set-Cookie" not in response.headers


def _may_be_kept() -> bool:
    """Tell whether this is something that patients, and only they, read about themselves."""
    rule = request.endpoint and access_rule(current_app, request.endpoint)
    return bool(rule and rule.by == "token" and rule.roles == {Role.PATIENT})


def _compress(response: Response) -> None:
    """Send it in the coding that the client likes best, if there is anything to be saved.

    A strong ETag names these very bytes, also for `If-Match`: such an answer stays as it is.
    """
    tag, weak = response.get_etag()
    body = response.get_data()
    if len(body) < LEAST_BYTES or (tag and not weak):
        return
    coding = coding_for(request.accept_encodings.quality)
    if coding is not None:
        response.set_data(CODINGS[coding](body))
        response.headers["Content-Encoding"] = coding


def coding_for(quality: Callable[[str], float]) -> str | None:
    """Return the content coding to use (RFC 9110, 12.5.3), None for none.

    `quality` gives what a client says of a coding, 0 for what it does not take. What it does
    not name is taken as it is, unless it likes that better than any coding of ours.
    """
    best = max(CODINGS, key=quality)
    liked = quality(best)
    return best if liked > 0 and liked >= quality("identity") else None
