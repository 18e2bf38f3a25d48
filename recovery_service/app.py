"""The composition root: settings, clock, channels and content become one application."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config.content import read_content
from config.settings import Settings
from recovery_service import extensions
from recovery_service.api import init_api
from recovery_service.auth import init_auth, request_language, require_declared_access
from recovery_service.auth.access import open_route
from recovery_service.clock import Clock, SystemClock
from recovery_service.dashboard import init_dashboard
from recovery_service.database import (
    database_clock,
    install_liveness_check,
    install_wall,
    role_url,
)
from recovery_service.domain.app_versions import AppVersions
from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.extensions import EXTENSION, Parts, db, migrate
from recovery_service.health import init_health
from recovery_service.http_errors import init_errors
from recovery_service.logs import configure_logs, init_logs
from recovery_service.migrations import FOLDER as MIGRATIONS
from recovery_service.reminders.channels import build_channels
from recovery_service.reminders.channels.apns import PRODUCTION, SANDBOX, ApnsSettings
from recovery_service.reminders.channels.email import EmailSettings
from recovery_service.reminders.channels.events import Events, EventSettings
from recovery_service.reminders.channels.fcm import FcmSettings
from recovery_service.reminders.channels.inbox import InboxSettings
from recovery_service.reminders.channels.protocol import Channel
from recovery_service.reminders.channels.sms import SmsSettings
from recovery_service.reminders.channels.vapid import public_key
from recovery_service.reminders.channels.webhook import WebhookSettings
from recovery_service.reminders.channels.webpush import WebPushSettings
from recovery_service.services.safety_rules import SafetyRules

APP_ROLE = "recovery_app"
WORKER_ROLE = "recovery_worker"
MIGRATOR_ROLE = "recovery_migrator"

# No statement of the web is worth waiting longer for, nor is a lock (milliseconds).
_TIMEOUTS = "-c statement_timeout=5000 -c lock_timeout=2000"

# A worker's statements go from their arrays to rows by key, in written order. Statistics lag
# behind a queue: with them the planner scans whole tables that look small, and takes longer to
# decide than the statement to run. For the session, and not for a transaction, because a foreign
# key's own look-up is planned once, by whoever comes first, and kept.
BY_INDEX = "-c enable_seqscan=off -c join_collapse_limit=1"


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    channels: Mapping[str, Channel] | None = None,
    worker: bool = False,
) -> Flask:
    """Return the application; a fault in settings or content is an error here.

    ``worker=True`` connects as the role of the reminder loop, which sees all
    clinics but only the loop's tables.
    """
    configure_logs(settings.log_format, level=settings.log_level)  # type: ignore[arg-type]
    app = Flask("recovery_service", static_folder=None)
    app.config.from_mapping(_flask_settings(settings, worker=worker))
    app.wsgi_app = _behind_proxies(app, settings.trusted_proxies)  # type: ignore[method-assign]
    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        engine = db.engine
        install_liveness_check(engine)
        if not worker:
            install_wall(engine)
        the_clock = clock or database_clock(engine, SystemClock())
    app.extensions[EXTENSION] = _parts(settings, the_clock, channels)
    _mount(app, settings)
    return app


def _mount(app: Flask, settings: Settings) -> None:
    init_logs(app)
    init_errors(app, title=_title_of_error)
    init_auth(app)
    init_health(app)
    init_api(app, base_url=settings.base_url)
    init_dashboard(app)
    open_route(app, "documents.openapi", "the contract is public")
    open_route(app, "documents.reference", "the contract is public")
    open_route(app, "documents.static", "style and script of the public reference")
    require_declared_access(app)


def _title_of_error(code: str) -> str | None:
    """Return what an error code means, in the language of who asks."""
    return extensions.parts().content.texts[request_language()].get(f"error.{code}")


def _parts(settings: Settings, clock: Clock, channels: Mapping[str, Channel] | None) -> Parts:
    key = settings.vapid_private_key
    content, keys = Content.parse(read_content()), Keys(settings.secret_key)
    return Parts(
        clock=clock,
        channels=_channels(settings) if channels is None else channels,
        webhooks=Events(
            EventSettings(allow_private_endpoints=settings.allow_private_push_endpoints)
        ),
        content=content,
        keys=keys,
        base_url=settings.base_url,
        access_token_life=timedelta(seconds=settings.access_token_seconds),
        session_idle=timedelta(minutes=settings.staff_session_idle_minutes),
        session_life=timedelta(hours=settings.staff_session_hours),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        demo=settings.demo,
        sandbox=settings.sandbox,
        private_endpoints=settings.allow_private_push_endpoints,
        vapid_public_key=public_key(key) if key else None,
        metrics_token=settings.metrics_token,
        app_versions=AppVersions(settings.minimum_app_version, settings.recommended_app_version),
        safety_rules=SafetyRules.of(content, keys),
    )


def _channels(settings: Settings) -> dict[str, Channel]:
    webpush = email = None
    if settings.vapid_private_key and settings.vapid_contact:
        webpush = WebPushSettings(
            vapid_private_key=settings.vapid_private_key,
            vapid_subject=settings.vapid_contact,
            allow_private_endpoints=settings.allow_private_push_endpoints,
        )
    if settings.smtp and settings.mail_from:
        email = EmailSettings(
            host=settings.smtp.host,
            port=settings.smtp.port,
            sender=settings.mail_from,
            security=settings.smtp.tls,  # type: ignore[arg-type]
            username=settings.smtp.user,
            password=settings.smtp.password,
            base_url=settings.base_url,
        )
    return build_channels(
        inbox=InboxSettings(),
        webpush=webpush,
        email=email,
        sms=_sms(settings),
        webhook=_webhook(settings),
        fcm=_fcm(settings),
        apns=_apns(settings),
    )


def _sms(settings: Settings) -> SmsSettings | None:
    if not (settings.sms_gateway_url and settings.sms_account):
        return None
    return SmsSettings(
        gateway_url=settings.sms_gateway_url,
        account=settings.sms_account,
        token=settings.sms_token or "",
        sender=settings.sms_sender or "",
        base_url=settings.base_url,
    )


def _webhook(settings: Settings) -> WebhookSettings | None:
    if not settings.webhook_secret:
        return None
    return WebhookSettings(
        secrets=settings.webhook_secret,
        allow_private_endpoints=settings.allow_private_push_endpoints,
    )


def _fcm(settings: Settings) -> FcmSettings | None:
    account = settings.fcm_account
    if account is None:
        return None
    return FcmSettings(
        project_id=account.project_id,
        client_email=account.client_email,
        private_key=account.private_key,
        private_key_id=account.private_key_id,
        token_uri=account.token_uri,
    )


def _apns(settings: Settings) -> ApnsSettings | None:
    if not settings.apns_key:
        return None
    return ApnsSettings(
        private_key=settings.apns_key,
        key_id=settings.apns_key_id or "",
        team_id=settings.apns_team_id or "",
        topic=settings.apns_topic or "",
        origin=SANDBOX if settings.apns_sandbox else PRODUCTION,
    )


def _flask_settings(settings: Settings, *, worker: bool) -> dict[str, Any]:
    url = role_url(
        settings.worker_database_url if worker else settings.database_url,
        WORKER_ROLE if worker else APP_ROLE,
        BY_INDEX if worker else _TIMEOUTS,
    )
    return {
        "SECRET_KEY": settings.secret_key,
        "TESTING": settings.environment == "test",
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "pool_size": settings.web_threads,
            # A worker's threads are many and mostly idle: one per channel and step.
            "max_overflow": 16 if worker else 2,
            "pool_timeout": 5,
            "pool_recycle": 600,
        },
        "MIGRATOR_DATABASE_URL": role_url(settings.migrator_database_url, MIGRATOR_ROLE),
    }


def _behind_proxies(app: Flask, count: int) -> Any:
    """Believe as many forwarding headers as there are proxies of ours, and no more."""
    if count == 0:
        return app.wsgi_app
    return ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)
