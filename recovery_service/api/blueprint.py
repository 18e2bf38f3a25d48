"""Blueprints of the API: strict about what comes in, honest about what goes out."""

from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any, ClassVar, Protocol, TypeVar, cast

import marshmallow
from flask import current_app, request
from flask_smorest import Blueprint
from marshmallow import fields
from webargs.flaskparser import FlaskParser

from recovery_service.api.guards import (
    CLIENT_ID,
    CONDITION,
    KEY,
    TAGGED,
    UndeclaredGuardError,
    document_guard,
    guard_of,
    marked,
)
from recovery_service.api.json_body import StrictParser
from recovery_service.api.preconditions import conditional, retagged, tagged
from recovery_service.api.repeats import once
from recovery_service.api.schemas.base import ProblemSchema
from recovery_service.errors import ClientIdReused, FieldError, Invalid
from recovery_service.http_errors import PROBLEM
from recovery_service.services.object_tags import ObjectTag

View = TypeVar("View", bound=Callable[..., Any])
SchemaLike = marshmallow.Schema | type[marshmallow.Schema]


class Decorator(Protocol):
    """Wraps a view and keeps its type."""

    def __call__(self, view: View, /) -> View:
        """Return the wrapped view."""


class ApiBlueprint(Blueprint):  # type: ignore[misc] # the package is untyped
    """A resource of the API.

    Beyond flask-smorest's: bodies are read by `json_body`; arguments in the
    query that no schema of the route declares are refused, also on routes that
    take none; schemas are built once, not once a request; what is done twice,
    or by two people at once, is done once (see `guards`).
    """

    ARGUMENTS_PARSER: ClassVar[FlaskParser] = StrictParser()

    def __init__(self, name: str, import_name: str, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self._prepare_doc_cbks.append(document_guard)
        self._declared: dict[tuple[str, str], dict[str, bool]] = {}
        self.before_request(self._refuse_undeclared_arguments)

    # The verbs and `response` are flask-smorest's; here they keep a view's type.

    def get(self, rule: str, *, tag: ObjectTag | None = None, **options: Any) -> Decorator:
        """Serve a view at GET, and at HEAD; `tag` is the ETag of what is shown."""

        def guard(view: View) -> View:
            return marked(tagged(tag, view), TAGGED) if tag else view

        return self._route(rule, "GET", options, guard)

    def post(
        self, rule: str, *, keyless: str = "", tag: ObjectTag | None = None, **options: Any
    ) -> Decorator:
        """Serve a view at POST, once for each Idempotency-Key.

        Not so where the client sends the id (see `idempotent`), or where `keyless` says why a
        repeat does no harm. `tag` is the ETag of the object that was acted on.
        """

        def guard(view: View) -> View:
            acting = retagged(tag, view) if tag else view
            if keyless or guard_of(view) == CLIENT_ID:
                return marked(acting, keyless or CLIENT_ID)
            return marked(once(acting), KEY)

        return self._route(rule, "POST", options, guard)

    def put(self, rule: str, **options: Any) -> Decorator:
        """Serve a view at PUT; see `_edit`."""
        return self._edit(rule, "PUT", **options)

    def patch(self, rule: str, **options: Any) -> Decorator:
        """Serve a view at PATCH; see `_edit`."""
        return self._edit(rule, "PATCH", **options)

    def delete(self, rule: str, **options: Any) -> Decorator:
        """Serve a view at DELETE; see `_edit`."""
        return self._edit(rule, "DELETE", **options)

    def _edit(
        self,
        rule: str,
        method: str,
        *,
        tag: ObjectTag | None = None,
        unconditional: str = "",
        **options: Any,
    ) -> Decorator:
        """Serve an edit: only if the object is as `If-Match` says, by its `tag`.

        Or `unconditional` says why nobody's work can be overwritten; one of the two it must be.
        """
        if (tag is None) is not bool(unconditional):
            raise UndeclaredGuardError(f"{method} {rule}")

        def guard(view: View) -> View:
            return marked(conditional(tag, view), CONDITION) if tag else marked(view, unconditional)

        return self._route(rule, method, options, guard)

    def _route(
        self, rule: str, method: str, options: dict[str, Any], guard: Callable[[View], View]
    ) -> Decorator:
        register: Decorator = self.route(rule, methods=[method], **options)

        def serve(view: View) -> View:
            return register(guard(view))

        return serve  # type: ignore[return-value] # a function is a protocol of its own

    def response(
        self, status_code: int, schema: SchemaLike | None = None, **options: Any
    ) -> Decorator:
        """Answer with `status_code` and what `schema` shows of the result."""
        decorate: Decorator = super().response(status_code, schema, **options)
        return decorate

    def alt_response(self, status_code: int, *args: Any, **options: Any) -> Decorator:
        """Say that a view may answer otherwise, too."""
        decorate: Decorator = super().alt_response(status_code, *args, **options)
        return decorate

    def arguments(self, schema: SchemaLike, **options: Any) -> Decorator:
        """Read arguments from the body, or from `location`, and pass them on."""
        built = schema() if isinstance(schema, type) else schema
        decorate: Decorator = super().arguments(built, **options)
        return decorate

    def query(self, schema: SchemaLike) -> Decorator:
        """Read arguments from the query."""
        return self.arguments(schema, location="query")

    def idempotent(self, schema: SchemaLike) -> Decorator:
        """Show the stored object, through `schema`, when a client's id is reused."""
        built = schema() if isinstance(schema, type) else schema

        def decorate(view: View) -> View:
            @wraps(view)
            def shown(*args: Any, **kwargs: Any) -> Any:
                try:
                    return current_app.ensure_sync(view)(*args, **kwargs)
                except ClientIdReused as error:
                    error.stored = built.dump(error.stored)
                    raise

            say = self.alt_response(
                409,
                schema=_problem_with(type(built)),
                content_type=PROBLEM,
                description="`client_id_reused`: `stored` is the object that stands",
            )
            return marked(say(cast("View", shown)), CLIENT_ID)

        return decorate

    def _refuse_undeclared_arguments(self) -> None:
        if not request.args:
            return
        declared = self._declared_arguments()
        found = [
            FieldError(f"?{name}", "Unknown argument." if name not in declared else "Given twice.")
            for name, values in request.args.lists()
            if name not in declared or (len(values) > 1 and not declared[name])
        ]
        if found:
            raise Invalid(errors=found)

    def _declared_arguments(self) -> dict[str, bool]:
        """Return the names that the current route declares, and which may repeat."""
        key = (str(request.endpoint), request.method)
        if key not in self._declared:
            self._declared[key] = {
                field.data_key or name: isinstance(field, marshmallow.fields.List)
                for schema in _query_schemas(*key)
                for name, field in schema.load_fields.items()
            }
        return self._declared[key]


@cache
def _problem_with(stored: type[marshmallow.Schema]) -> type[marshmallow.Schema]:
    """Return the schema of a reused id; one for all routes that show the same object."""
    name = f"{stored.__name__.removesuffix('Schema')}Reused"
    return type(name, (ProblemSchema,), {"stored": fields.Nested(stored)})


def _query_schemas(endpoint: str, method: str) -> Iterator[marshmallow.Schema]:
    view: Any = current_app.view_functions[endpoint]
    if hasattr(view, "view_class"):
        name = "get" if method == "HEAD" else method.lower()
        view = getattr(view.view_class, name, view)
    documented = getattr(view, "_apidoc", {}).get("arguments", {})
    for parameter in documented.get("parameters", ()):
        if parameter["in"] in {"query", "querystring"}:
            yield parameter["schema"]
