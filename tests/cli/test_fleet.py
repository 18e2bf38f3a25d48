"""The fleet's command: what it refuses, how it ends, and that it keeps the password to itself."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from kombu.asynchronous.timer import Timer

from recovery_service.cli import fleet
from tests.cli.conftest import Call

URL = "redis://:canary-of-the-broker@127.0.0.1:1/0"


def test_without_a_broker_there_is_no_fleet(call: Call) -> None:
    result = call("fleet")
    assert result.exit_code == 2
    assert "RECOVERY_BROKER_URL" in result.output


def test_a_channel_that_is_not_set_up_has_no_fleet(call: Call) -> None:
    result = call("fleet", "--channel", "pigeon", RECOVERY_BROKER_URL=URL)
    assert result.exit_code == 2
    assert "pigeon" in result.output
    assert "webpush" in result.output


@pytest.mark.parametrize("url", ["sqs://:canary@q", "redis://", "redis://a;redis://b:canary@c"])
def test_a_broker_of_another_kind_is_refused_without_its_password(call: Call, url: str) -> None:
    """Planted: the value in the reason."""
    result = call("fleet", RECOVERY_BROKER_URL=url)
    assert result.exit_code == 2
    assert "RECOVERY_BROKER_URL" in result.output
    assert "canary" not in result.output


def test_a_fleet_that_its_broker_refuses_does_not_end_as_if_it_had_been_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted: ignore what Celery ended with; after a wrong password a service manager sees 0."""
    refused = SimpleNamespace(start=Mock(), exitcode=1)
    monkeypatch.setattr(fleet, "_Worker", Mock(return_value=refused))
    monkeypatch.setattr("logging.captureWarnings", Mock())
    with pytest.raises(SystemExit) as ended:
        fleet.run(Mock(), Mock())
    assert ended.value.code == 1


def test_a_fleet_with_nothing_to_do_notices_within_a_second_that_it_is_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Planted: no timer; on an idle RabbitMQ, SIGTERM is heard after ten seconds."""
    monkeypatch.setattr(fleet, "_end_on_signals", Mock())
    worker = Mock(timer=Timer())
    fleet._Worker.install_platform_tweaks(worker, worker)
    seconds, _nothing = next(iter(worker.timer))
    assert 0 < seconds <= 1
