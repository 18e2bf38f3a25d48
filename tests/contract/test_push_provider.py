"""The push provider is the tests' oracle, so it must be able to say no."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from pywebpush import WebPusher

from recovery_service.clock import SystemClock
from recovery_service.reminders.channels.vapid import VapidIdentity, new_private_key, public_key
from tests.fakes.push_provider import PushProvider

KEY = new_private_key()


@pytest.fixture(scope="module")
def provider() -> Iterator[PushProvider]:
    with PushProvider() as running:
        yield running


def proof(endpoint: str, *, key: str = KEY, hours: int = 0) -> str:
    def shifted() -> object:
        return SystemClock()() + timedelta(hours=hours)

    identity = VapidIdentity(key, "mailto:a@b.example", clock=shifted)  # type: ignore[arg-type]
    return identity.authorization(endpoint)


def push(provider: PushProvider, body: bytes | None = None, **headers: str) -> int:
    subscription = provider.subscribe(public_key(KEY))
    if body is None:
        body = WebPusher(subscription).encode(b"{}")["body"]
    all_headers = {"TTL": "60", "Authorization": proof(subscription["endpoint"]), **headers}
    answer = requests.post(subscription["endpoint"], data=body, headers=all_headers, timeout=5)
    return answer.status_code


def test_it_accepts_what_is_right(provider: PushProvider) -> None:
    assert push(provider) == 201


def test_it_refuses_a_proof_for_somebody_else(provider: PushProvider) -> None:
    assert push(provider, Authorization=proof("https://elsewhere.example/")) == 401


@pytest.mark.parametrize("hours", [-13, 13])
def test_it_refuses_a_proof_that_is_too_old_or_lasts_too_long(
    provider: PushProvider, hours: int
) -> None:
    assert push(provider, Authorization=proof(provider.origin, hours=hours)) == 401


def test_it_refuses_another_servers_key(provider: PushProvider) -> None:
    other = proof(provider.origin, key=new_private_key())
    assert push(provider, Authorization=other) == 403


def test_it_refuses_a_tampered_signature(provider: PushProvider) -> None:
    head, claims_signature, key = proof(provider.origin).replace(",k=", " ,k=").split(" ")
    tampered = claims_signature[:-4] + ("AAAA" if claims_signature[-4:] != "AAAA" else "BBBB")
    assert push(provider, Authorization=f"{head} {tampered}{key}") == 401


def test_it_refuses_a_push_without_a_ttl_or_with_a_wordy_topic(provider: PushProvider) -> None:
    assert push(provider, TTL="") == 400
    assert push(provider, Topic="not allowed") == 400
    assert push(provider, Topic="x" * 33) == 400


def test_it_says_when_the_device_cannot_read_a_push(provider: PushProvider) -> None:
    since = len(provider.received())
    assert push(provider, body=b"\x00" * 120) == 201
    assert provider.received(since)[0]["fault"].startswith("undecryptable")


def test_it_does_not_know_endpoints_that_it_did_not_make(provider: PushProvider) -> None:
    answer = requests.post(f"{provider.origin}/push/none", data=b"", timeout=5)
    assert answer.status_code == 404


def test_a_refused_push_is_logged_and_not_counted(provider: PushProvider) -> None:
    since = len(provider.received())
    provider.behave(status=503, retry_after=2, times=1)
    assert [push(provider), push(provider)] == [503, 201]
    assert [line["accepted"] for line in provider.received(since)] == [False, True]
    assert len(provider.wait_for(1, since=since)) == 1


def test_waiting_for_what_does_not_come_fails(provider: PushProvider) -> None:
    with pytest.raises(AssertionError, match="0 of 1"):
        provider.wait_for(1, timeout=0.1, since=len(provider.received()))


def test_the_log_outlives_the_process(tmp_path: Path) -> None:
    log = tmp_path / "pushes.jsonl"
    with PushProvider(log) as provider:
        assert push(provider) == 201
        endpoint = provider.received()[0]["endpoint"]
    [line] = provider.logged()
    assert line["endpoint"] == endpoint
    assert urlsplit(endpoint).path.startswith("/push/")
