"""Settings: complete, loud about what is wrong, silent about secrets."""

import dataclasses
import re
from pathlib import Path

import pytest

from config.settings import Settings, SettingsError

SECRET = "kX9-4fQz_71LmWv8RtYb2NcJd5HsPgAe"
DATABASE = "postgresql://app:hunter2@db.example/recovery"
COMPLETE = {"RECOVERY_SECRET_KEY": SECRET, "RECOVERY_DATABASE_URL": DATABASE}
WEBHOOK_SECRET = "whsec_" + "QUJD" * 8
SMS = {
    "RECOVERY_SMS_GATEWAY_URL": "https://sms.example/gateway/",
    "RECOVERY_SMS_ACCOUNT": "AC1",
    "RECOVERY_SMS_TOKEN": "t0ken-of-the-gateway",
    "RECOVERY_SMS_SENDER": "Recovery",
}
EXAMPLE = Path(__file__).parents[2] / ".env.example"

# One malformed value for every variable that has a form.
MALFORMED = {
    "ENVIRONMENT": "prod",
    "SECRET_KEY": "tooshort-canary",
    "DATABASE_URL": "mysql://canary@host/db",
    "WORKER_DATABASE_URL": "postgresql://canary@host",
    "MIGRATOR_DATABASE_URL": "canary",
    "BASE_URL": "http://canary.example",
    "HOST": "canary host",
    "PORT": "65536",
    "WEB_WORKERS": "0",
    "WEB_THREADS": "many-canary",
    "TRUSTED_PROXIES": "-1",
    "VAPID_PRIVATE_KEY": "canary",
    "VAPID_CONTACT": "canary@clinic.example",
    "ALLOW_PRIVATE_PUSH_ENDPOINTS": "canary",
    "SMTP_URL": "http://canary@mail.example",
    "MAIL_FROM": "canary",
    "SMS_GATEWAY_URL": "http://canary.example",
    "SMS_ACCOUNT": "canary/account",
    "SMS_TOKEN": "a canary",
    "SMS_SENDER": "canary-is-too-long",
    "WEBHOOK_SECRET": "canary",
    "FCM_CREDENTIALS_FILE": "/canary/account.json",
    "APNS_KEY_FILE": "/canary/key.p8",
    "APNS_KEY_ID": "canary",
    "APNS_TEAM_ID": "canary",
    "APNS_TOPIC": "canary/topic",
    "APNS_SANDBOX": "canary",
    "TICK_SECONDS": "0",
    "LEASE_SECONDS": "-60",
    "HEARTBEAT_SECONDS": "nan",
    "BROKER_URL": "sqs://canary@queue.example",
    "FLEET_THREADS": "0",
    "STAFF_SESSION_IDLE_MINUTES": "61",
    "STAFF_SESSION_HOURS": "25",
    "ACCESS_TOKEN_SECONDS": "1e3",
    "SANDBOX": "canary",
    "MINIMUM_APP_VERSION": "ios=canary",
    "RECOMMENDED_APP_VERSION": "ios=1.2,canary=1.2",
    "METRICS_TOKEN": "canary",
    "LOG_FORMAT": "canary",
    "LOG_LEVEL": "canary",
}


def faults_of(**given: str) -> dict[str, str]:
    environ = COMPLETE | {f"RECOVERY_{name}": value for name, value in given.items()}
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    return caught.value.faults


def test_two_variables_are_enough() -> None:
    settings = Settings.from_environ(COMPLETE)
    assert settings.secret_key == SECRET
    assert settings.database_url == "postgresql+psycopg://app:hunter2@db.example/recovery"
    assert settings.worker_database_url == settings.database_url
    assert settings.migrator_database_url == settings.database_url
    assert settings.environment == "production"
    assert settings.base_url == "http://127.0.0.1:8000"
    assert (settings.staff_session_idle_minutes, settings.staff_session_hours) == (15, 12)


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({})
    assert set(caught.value.faults) == {"RECOVERY_SECRET_KEY", "RECOVERY_DATABASE_URL"}
    for name in caught.value.faults:
        assert f"{name}: is missing" in str(caught.value)


def test_everything_malformed_is_named_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({f"RECOVERY_{name}": value for name, value in MALFORMED.items()})
    assert set(caught.value.faults) == {f"RECOVERY_{name}" for name in MALFORMED}
    assert "canary" not in str(caught.value)


def test_every_setting_has_a_malformed_value_above() -> None:
    read_to = {
        "SMTP_URL": "SMTP",
        "FCM_CREDENTIALS_FILE": "FCM_ACCOUNT",
        "APNS_KEY_FILE": "APNS_KEY",
    }
    assert {each.name.upper() for each in dataclasses.fields(Settings)} == {
        read_to.get(name, name) for name in MALFORMED
    }


def test_secrets_do_not_show_in_the_representation() -> None:
    settings = Settings.from_environ(
        COMPLETE
        | {
            "RECOVERY_SMTP_URL": "smtp://postman:p%40ss-word@mail.example",
            "RECOVERY_MAIL_FROM": "a@b.example",
            "RECOVERY_VAPID_PRIVATE_KEY": "A" * 43,
            "RECOVERY_VAPID_CONTACT": "mailto:a@b.example",
            "RECOVERY_METRICS_TOKEN": SECRET[::-1],
            "RECOVERY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        | SMS
    )
    for secret in (SECRET, "hunter2", "p@ss-word", "A" * 43, SECRET[::-1]):
        assert secret not in repr(settings)
    for secret in (WEBHOOK_SECRET, SMS["RECOVERY_SMS_TOKEN"]):
        assert secret not in repr(settings)
    assert settings.smtp is not None
    assert settings.smtp.password == "p@ss-word"


@pytest.mark.parametrize(
    "weak",
    ["a" * 40, "change-me-change-me-change-me-change-me", "0123456789secret0123456789abcdefgh"],
)
def test_a_guessable_secret_is_refused_outside_demo_and_tests(weak: str) -> None:
    for environment in ("production", "development"):
        faults = faults_of(SECRET_KEY=weak, ENVIRONMENT=environment)
        assert set(faults) == {"RECOVERY_SECRET_KEY"}
    demo = COMPLETE | {"RECOVERY_SECRET_KEY": weak, "RECOVERY_ENVIRONMENT": "demo"}
    assert Settings.from_environ(demo).demo


def test_a_secret_of_31_characters_is_refused_and_of_32_taken() -> None:
    assert set(faults_of(SECRET_KEY=SECRET[:31])) == {"RECOVERY_SECRET_KEY"}
    assert len(SECRET) == 32


@pytest.mark.parametrize(
    ("address", "environment", "fine"),
    [
        ("https://recovery.example.org", "production", True),
        ("http://recovery.example.org", "production", False),
        ("http://recovery.example.org", "development", False),
        ("http://recovery.example.org", "test", True),
        ("http://localhost:9000", "production", True),
        ("http://127.0.0.1.evil.example", "production", False),
        ("https://recovery.example.org/api", "production", False),
        ("https://user@recovery.example.org", "production", False),
        ("ftp://recovery.example.org", "test", False),
        ("https://recovery.example.org:99999", "test", False),
    ],
)
def test_the_public_address_is_https_unless_it_is_a_loopback(
    address: str, environment: str, *, fine: bool
) -> None:
    environ = COMPLETE | {"RECOVERY_BASE_URL": address, "RECOVERY_ENVIRONMENT": environment}
    if fine:
        assert Settings.from_environ(environ).base_url == address
    else:
        assert set(faults_of(BASE_URL=address, ENVIRONMENT=environment)) == {"RECOVERY_BASE_URL"}


def test_private_push_endpoints_are_refused_in_production_only() -> None:
    assert set(faults_of(ALLOW_PRIVATE_PUSH_ENDPOINTS="true")) == {
        "RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS"
    }
    environ = COMPLETE | {
        "RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS": "true",
        "RECOVERY_ENVIRONMENT": "demo",
    }
    assert Settings.from_environ(environ).allow_private_push_endpoints


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.example", 587, "starttls"),
        ("smtp://mail.example:2525?tls=none", 2525, "none"),
        ("smtps://u:p@mail.example", 465, "tls"),
        ("smtp://u:p@mail.example?tls=tls", 465, "tls"),
    ],
)
def test_a_mail_server_is_read_from_its_address(url: str, port: int, tls: str) -> None:
    environ = COMPLETE | {"RECOVERY_SMTP_URL": url, "RECOVERY_MAIL_FROM": "Clinic <a@b.example>"}
    smtp = Settings.from_environ(environ).smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.tls) == ("mail.example", port, tls)


@pytest.mark.parametrize(
    "url",
    ["smtp://u:p@mail.example?tls=none", "smtp://u@mail.example", "smtp://h?tls=maybe", "smtp://"],
)
def test_a_mail_server_that_would_leak_a_password_is_refused(url: str) -> None:
    assert set(faults_of(SMTP_URL=url, MAIL_FROM="a@b.example")) == {"RECOVERY_SMTP_URL"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"VAPID_PRIVATE_KEY": "A" * 43}, "VAPID_CONTACT"),
        ({"VAPID_CONTACT": "mailto:a@b.example"}, "VAPID_PRIVATE_KEY"),
        ({"SMTP_URL": "smtp://mail.example"}, "MAIL_FROM"),
        ({"MAIL_FROM": "a@b.example"}, "SMTP_URL"),
        ({"SMS_ACCOUNT": "AC1"}, "SMS_GATEWAY_URL"),
    ],
)
def test_half_a_channel_is_refused(given: dict[str, str], missing: str) -> None:
    assert set(faults_of(**given)) == {f"RECOVERY_{missing}"}


@pytest.mark.parametrize("missing", sorted(SMS))
def test_an_sms_gateway_is_complete_or_absent(missing: str) -> None:
    whole = Settings.from_environ(COMPLETE | SMS)
    assert whole.sms_gateway_url == "https://sms.example/gateway"
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(COMPLETE | {name: SMS[name] for name in SMS if name != missing})
    assert set(caught.value.faults) == {missing}


@pytest.mark.parametrize(
    ("url", "environment", "fine"),
    [
        ("https://sms.example", "production", True),
        ("https://10.0.0.5:8443/v1", "production", True),
        ("http://127.0.0.1:9000", "production", True),
        ("http://sms.example", "production", False),
        ("http://sms.example", "test", True),
        ("https://user:pass@sms.example", "production", False),
        ("https://sms.example/?a=b", "production", False),
        ("https://sms.example/a b", "production", False),
        ("https://sms.example\\@evil.example", "production", False),
        ("sms.example", "production", False),
    ],
)
def test_a_gateway_is_spoken_to_over_tls(url: str, environment: str, *, fine: bool) -> None:
    environ = COMPLETE | SMS
    environ |= {"RECOVERY_SMS_GATEWAY_URL": url, "RECOVERY_ENVIRONMENT": environment}
    if fine:
        assert Settings.from_environ(environ).sms_gateway_url == url
    else:
        with pytest.raises(SettingsError, match="SMS_GATEWAY_URL"):
            Settings.from_environ(environ)


@pytest.mark.parametrize("sender", ["+447700900123", "88080", "Recovery", "MG" + "0a" * 16])
def test_a_text_comes_from_a_number_a_name_or_a_service(sender: str) -> None:
    environ = COMPLETE | SMS | {"RECOVERY_SMS_SENDER": sender}
    assert Settings.from_environ(environ).sms_sender == sender


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (WEBHOOK_SECRET, 1),
        (f"{WEBHOOK_SECRET} whsec_{'QkJC' * 8}", 2),
        (" ".join([WEBHOOK_SECRET] * 3), None),
        ("QUJD" * 8, None),
        ("whsec_" + "QUJD" * 7, None),
        ("whsec_" + "QUJD" * 22, None),
        ("whsec_" + "?" * 40, None),
    ],
)
def test_a_webhook_secret_has_its_prefix_and_length_and_two_may_stand(
    text: str, count: int | None
) -> None:
    if count is None:
        assert set(faults_of(WEBHOOK_SECRET=text)) == {"RECOVERY_WEBHOOK_SECRET"}
    else:
        environ = COMPLETE | {"RECOVERY_WEBHOOK_SECRET": text}
        assert len(Settings.from_environ(environ).webhook_secret) == count


def test_versions_of_apps_are_read_by_platform() -> None:
    environ = COMPLETE | {"RECOVERY_MINIMUM_APP_VERSION": "ios=2.1.0,android=2.0"}
    read = Settings.from_environ(environ)
    assert read.minimum_app_version == {"ios": "2.1.0", "android": "2.0"}
    assert read.recommended_app_version == {}
    for wrong in ("ios=2.1.0,", "2.1.0", "ios=2.1.0,ios=2.2", "ios=2.x"):
        assert faults_of(MINIMUM_APP_VERSION=wrong)


def test_a_lease_outlives_two_heartbeats() -> None:
    faults = faults_of(LEASE_SECONDS="20", HEARTBEAT_SECONDS="10.5")
    assert set(faults) == {"RECOVERY_HEARTBEAT_SECONDS"}
    fine = COMPLETE | {"RECOVERY_LEASE_SECONDS": "3", "RECOVERY_HEARTBEAT_SECONDS": "0.5"}
    assert Settings.from_environ(fine).lease_seconds == 3.0


def test_the_example_names_every_variable_and_no_other() -> None:
    named = re.findall(r"^#?RECOVERY_(\w+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(MALFORMED)


def test_the_defaults_in_the_example_are_the_defaults() -> None:
    lines = re.findall(r"^#(RECOVERY_\w+)=(\S.*)$", EXAMPLE.read_text(), re.MULTILINE)
    per_site = {"VAPID_CONTACT", "SMTP_URL", "MAIL_FROM", "BROKER_URL", "WORKER_DATABASE_URL"}
    per_site |= {"SMS_GATEWAY_URL", "SMS_ACCOUNT", "SMS_SENDER", "FCM_CREDENTIALS_FILE"}
    per_site |= {"MINIMUM_APP_VERSION", "RECOMMENDED_APP_VERSION"}
    per_site |= {"APNS_KEY_FILE", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_TOPIC"}
    skipped = {f"RECOVERY_{name}" for name in per_site | {"MIGRATOR_DATABASE_URL"}}
    shown = {name: value for name, value in lines if name not in skipped}
    assert len(shown) > 15
    assert Settings.from_environ(COMPLETE | shown) == Settings.from_environ(COMPLETE)


def test_the_example_holds_no_secret() -> None:
    assert re.search(r"^RECOVERY_SECRET_KEY=$", EXAMPLE.read_text(), re.MULTILINE)
    assert re.search(r"^#RECOVERY_METRICS_TOKEN=$", EXAMPLE.read_text(), re.MULTILINE)
