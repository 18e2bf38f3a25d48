"""The fleet's command: what it refuses, and that it keeps the broker's password to itself."""

import pytest

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
