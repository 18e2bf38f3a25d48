"""Whether the process lives and whether it can work, for machines that watch it."""

from flask import Blueprint, Flask

from recovery_service.auth import allow_anyone

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@allow_anyone("whoever starts the process asks whether it lives")
def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "ok"}


def init_health(app: Flask) -> None:
    """Mount the routes."""
    app.register_blueprint(blueprint)
