"""The Flask extensions, and the parts that the application was composed of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from flask import current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from recovery_service.clock import Clock
from recovery_service.domain.app_versions import AppVersions
from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.models import Base
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.services.safety_rules import SafetyRules

db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
migrate = Migrate()

EXTENSION = "recovery_service"


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the composition root chose; read by the edges, passed on as arguments."""

    clock: Clock
    channels: Mapping[str, Channel]
    webhooks: Channel
    content: Content
    keys: Keys
    base_url: str
    access_token_life: timedelta
    session_idle: timedelta
    session_life: timedelta
    heartbeat: timedelta
    demo: bool
    sandbox: bool
    private_endpoints: bool
    vapid_public_key: str | None
    metrics_token: str | None
    app_versions: AppVersions
    safety_rules: SafetyRules


def parts() -> Parts:
    """Return the parts of the current application."""
    return cast("Parts", current_app.extensions[EXTENSION])
