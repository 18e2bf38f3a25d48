"""The HTTP API, one module per resource.

A module that has a `blueprint` is a resource; nothing else needs to change.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pkgutil import iter_modules

from flask import Flask

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.calendar_feeds import public_calendars
from recovery_service.api.deprecation import init_deprecation
from recovery_service.api.documents import RecoveryApi, documents, make_api
from recovery_service.api.headers import init_headers
from recovery_service.api.json_answers import OrjsonProvider
from recovery_service.api.json_body import MAX_BYTES
from recovery_service.api.operations import PREFIX
from recovery_service.api.representations import init_representations

__all__ = ["ApiBlueprint", "init_api", "resources"]


def init_api(
    app: Flask, *, base_url: str, blueprints: Iterable[ApiBlueprint] | None = None
) -> RecoveryApi:
    """Serve the resources under `/api/v1`, with their document and reference.

    `blueprints` defaults to every resource of this package.
    """
    app.json = OrjsonProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    init_representations(app)
    init_headers(app, https=base_url.startswith("https:"))
    init_deprecation(app)
    api = make_api(app, base_url=base_url)
    for blueprint in resources() if blueprints is None else blueprints:
        api.register_blueprint(blueprint, url_prefix=PREFIX + (blueprint.url_prefix or ""))
    app.register_blueprint(documents(api))
    app.register_blueprint(public_calendars)
    return api


def resources() -> Iterator[ApiBlueprint]:
    """Yield the blueprint of every module of this package that has one."""
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        found = getattr(import_module(f"{__name__}.{module.name}"), "blueprint", None)
        if isinstance(found, ApiBlueprint):
            yield found
