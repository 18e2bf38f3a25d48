"""Writes JSON answers with orjson: instants as RFC 3339, keys in their order."""

from decimal import Decimal
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider

# A dataclass is refused rather than written: what an answer shows is what its
# schema declares, never whatever an object happens to hold.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_UTC_Z


class OrjsonProvider(JSONProvider):
    """Flask's JSON, by orjson. Set it as `app.json`."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Return the text of a document."""
        return orjson.dumps(obj, _plain, _OPTIONS).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read a document that we wrote; those of clients go through `json_body`."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a document as an answer."""
        body = orjson.dumps(self._prepare_response_obj(args, kwargs), _plain, _OPTIONS)
        return Response(body, mimetype="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
