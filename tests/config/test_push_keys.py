"""The key files of push providers: read at the start, and never repeated."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings, SettingsError
from tests.config.test_settings import COMPLETE
from tests.fakes import apns_server, fcm_server

ACCOUNT = {
    "type": "service_account",
    "project_id": "clinic-app",
    "client_email": "sender@clinic-app.iam.example",
    "private_key_id": "k1",
    "token_uri": "https://oauth2.googleapis.com/token",
}
APNS = {
    "RECOVERY_APNS_KEY_ID": apns_server.KEY_ID,
    "RECOVERY_APNS_TEAM_ID": apns_server.TEAM_ID,
    "RECOVERY_APNS_TOPIC": apns_server.TOPIC,
}


def account_file(folder: Path, **changes: Any) -> str:
    told = ACCOUNT | {"private_key": fcm_server.account_pem()} | changes
    path = folder / "account.json"
    path.write_text(json.dumps({name: each for name, each in told.items() if each is not None}))
    return str(path)


def key_file(folder: Path, pem: str) -> str:
    path = folder / "key.p8"
    path.write_text(pem)
    return str(path)


def read(**given: str) -> Settings:
    return Settings.from_environ(COMPLETE | given)


def test_a_service_account_is_read_whole(tmp_path: Path) -> None:
    settings = read(RECOVERY_FCM_CREDENTIALS_FILE=account_file(tmp_path))
    assert settings.fcm_account is not None
    assert settings.fcm_account.project_id == "clinic-app"
    assert "PRIVATE KEY" in settings.fcm_account.private_key
    assert "PRIVATE KEY" not in repr(settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"project_id": None},
        {"client_email": "canary"},
        {"private_key": "canary"},
        {"private_key": apns_server.signing_pem()},  # not RSA
        {"project_id": "../canary"},
        {"token_uri": "http://oauth2.googleapis.com/token"},
        {"token_uri": "https://oauth2.googleapis.com.canary.example/token"},
        {"token_uri": "https://oauth2.googleapis.com:8443/canary"},
    ],
)
def test_an_account_that_could_not_send_or_asks_a_stranger_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(RECOVERY_FCM_CREDENTIALS_FILE=account_file(tmp_path, **changes))
    assert set(caught.value.faults) == {"RECOVERY_FCM_CREDENTIALS_FILE"}
    assert "canary" not in str(caught.value)


def test_tokens_come_from_elsewhere_outside_production_only(tmp_path: Path) -> None:
    path = account_file(tmp_path, token_uri="https://localhost:8443/token")
    with pytest.raises(SettingsError, match="token_uri"):
        read(RECOVERY_FCM_CREDENTIALS_FILE=path)
    assert read(RECOVERY_FCM_CREDENTIALS_FILE=path, RECOVERY_ENVIRONMENT="test").fcm_account


def test_a_signing_key_is_complete_or_absent(tmp_path: Path) -> None:
    path = key_file(tmp_path, apns_server.signing_pem())
    settings = read(RECOVERY_APNS_KEY_FILE=path, **APNS)
    assert settings.apns_key == apns_server.signing_pem()
    assert not settings.apns_sandbox
    assert "PRIVATE KEY" not in repr(settings)
    for missing in APNS:
        rest = {name: text for name, text in APNS.items() if name != missing}
        with pytest.raises(SettingsError) as caught:
            read(RECOVERY_APNS_KEY_FILE=path, **rest)
        assert set(caught.value.faults) == {missing}
    with pytest.raises(SettingsError, match="APNS_KEY_FILE"):
        read(**APNS)


@pytest.mark.parametrize("pem", ["", "canary", fcm_server.account_pem()])
def test_a_file_that_is_no_signing_key_is_refused(tmp_path: Path, pem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(RECOVERY_APNS_KEY_FILE=key_file(tmp_path, pem), **APNS)
    assert set(caught.value.faults) == {"RECOVERY_APNS_KEY_FILE"}
    assert "canary" not in str(caught.value)
