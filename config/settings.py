"""Every setting of the service, read once from the environment.

Nothing here has a default that would be a secret. Whatever is missing or
malformed is reported in one error, by name and never by value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from config import environment as read_as
from config.channels import TOGETHER, read_channels
from config.environment import EnvironReader, SettingsError, Smtp
from config.push_keys import ServiceAccount

__all__ = ["Settings", "SettingsError", "Smtp"]

ENVIRONMENTS = ("production", "development", "demo", "test")
LOCAL = "http://127.0.0.1:8000"
LOG_FORMATS = ("json", "console")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the process was told; see `.env.example` for the meaning of each."""

    environment: str
    secret_key: str = field(repr=False)
    database_url: str = field(repr=False)
    worker_database_url: str = field(repr=False)
    migrator_database_url: str = field(repr=False)
    base_url: str
    host: str
    port: int
    web_workers: int
    web_threads: int
    trusted_proxies: int
    vapid_private_key: str | None = field(repr=False)
    vapid_contact: str | None
    allow_private_push_endpoints: bool
    smtp: Smtp | None
    mail_from: str | None
    sms_gateway_url: str | None
    sms_account: str | None
    sms_token: str | None = field(repr=False)
    sms_sender: str | None
    webhook_secret: tuple[str, ...] = field(repr=False)
    fcm_account: ServiceAccount | None
    apns_key: str | None = field(repr=False)
    apns_key_id: str | None
    apns_team_id: str | None
    apns_topic: str | None
    apns_sandbox: bool
    tick_seconds: float
    lease_seconds: float
    heartbeat_seconds: float
    broker_url: str | None = field(repr=False)
    fleet_threads: int
    staff_session_idle_minutes: int
    staff_session_hours: int
    access_token_seconds: int
    sandbox: bool
    minimum_app_version: Mapping[str, str]
    recommended_app_version: Mapping[str, str]
    metrics_token: str | None = field(repr=False)
    log_format: str
    log_level: str

    @property
    def demo(self) -> bool:
        """Whether this is the demo clinic on somebody's own machine."""
        return self.environment == "demo"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read `environ`; raises `SettingsError` naming everything that is wrong."""
        read = EnvironReader(environ)
        environment = read.choice("ENVIRONMENT", "production", ENVIRONMENTS)
        on_one_machine = environment in {"demo", "test"}
        private_ok = environment != "production"
        log_format = "console" if environment == "demo" else "json"
        database = read.needed("DATABASE_URL", read_as.database_url)
        settings = cls(
            environment=environment,
            secret_key=read.needed("SECRET_KEY", read_as.secret(known_ok=on_one_machine)),
            database_url=database,
            worker_database_url=read.given("WORKER_DATABASE_URL", database, read_as.database_url),
            migrator_database_url=read.given(
                "MIGRATOR_DATABASE_URL", database, read_as.database_url
            ),
            base_url=read.given("BASE_URL", LOCAL, read_as.base_url(plain_ok=on_one_machine)),
            host=read.given("HOST", "127.0.0.1", read_as.word),
            port=read.whole("PORT", 8000, 1, 65535),
            web_workers=read.whole("WEB_WORKERS", 2, 1, 256),
            web_threads=read.whole("WEB_THREADS", 8, 1, 256),
            trusted_proxies=read.whole("TRUSTED_PROXIES", 0, 0, 10),
            **read_channels(read, plain_ok=on_one_machine, private_ok=private_ok),
            tick_seconds=read.seconds("TICK_SECONDS", 0.5),
            lease_seconds=read.seconds("LEASE_SECONDS", 60.0),
            heartbeat_seconds=read.seconds("HEARTBEAT_SECONDS", 15.0),
            broker_url=read.given("BROKER_URL", None, read_as.broker_url),
            fleet_threads=read.whole("FLEET_THREADS", 2, 1, 64),
            staff_session_idle_minutes=read.whole("STAFF_SESSION_IDLE_MINUTES", 15, 1, 60),
            staff_session_hours=read.whole("STAFF_SESSION_HOURS", 12, 1, 24),
            access_token_seconds=read.whole("ACCESS_TOKEN_SECONDS", 600, 30, 3600),
            sandbox=read.given("SANDBOX", environment == "demo", read_as.switch(on_ok=True)),
            minimum_app_version=read.given("MINIMUM_APP_VERSION", {}, read_as.app_versions),
            recommended_app_version=read.given("RECOMMENDED_APP_VERSION", {}, read_as.app_versions),
            metrics_token=read.given("METRICS_TOKEN", None, read_as.secret(known_ok=False)),
            log_format=read.choice("LOG_FORMAT", log_format, LOG_FORMATS),
            log_level=read.choice("LOG_LEVEL", "INFO", LEVELS),
        )
        settings.check_together(read)
        read.finish()
        return settings

    def check_together(self, read: EnvironReader) -> None:
        """Report what only makes sense in company."""
        for one, other in TOGETHER:
            read.together(one, other)
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            read.fault("HEARTBEAT_SECONDS", "must be at most half of RECOVERY_LEASE_SECONDS")
