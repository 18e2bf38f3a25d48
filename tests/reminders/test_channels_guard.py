"""What an endpoint that a client gave cannot make the service do (ASVS 1.3.6)."""

from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from urllib.parse import urlsplit

import pytest

from recovery_service.reminders.channels.addresses import AddressInfo, Resolver, public_addresses
from recovery_service.reminders.channels.protocol import Dead, Retry, Sent
from recovery_service.reminders.channels.webpush import WebPush
from tests.contract.messages import message
from tests.contract.rigs import closed_port
from tests.fakes.certificates import write_certificate
from tests.fakes.push_provider import PushProvider
from tests.reminders.web_push import at, web_push


@pytest.fixture(scope="module")
def provider() -> Iterator[PushProvider]:
    with PushProvider() as running:
        yield running


class Inside:
    """A server in our own network that would answer on the https port, if it were asked."""

    def __init__(self, provider: PushProvider, certificate: Path) -> None:
        self.provider = provider
        self._certificate = certificate
        self._port = urlsplit(provider.origin).port
        subscription = provider.subscribe()
        path = urlsplit(subscription["endpoint"]).path
        self.address = at({**subscription, "endpoint": f"https://localhost{path}"})

    def resolver(self, ips: Iterator[str]) -> Resolver:
        """Return a resolver that gives the addresses in turn, whatever it is asked."""

        def resolve(host: str, port: int) -> list[AddressInfo]:
            return [(AF_INET, SOCK_STREAM, 6, "", (next(ips), self._port))]

        return resolve

    def channel(self, *ips: str) -> WebPush:
        """Return a guarded channel for which the host is at these addresses, in turn."""
        return web_push(
            allow_private_endpoints=False,
            ca_file=str(self._certificate),
            resolve=self.resolver(iter(ips)),
        )


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Inside]:
    certificate = write_certificate(tmp_path / "inside.pem")
    with PushProvider(certificate=certificate) as provider:
        yield Inside(provider, certificate)


def test_an_endpoint_inside_is_dead_and_hears_nothing(inside: Inside) -> None:
    channel = inside.channel("127.0.0.1")
    outcomes = channel.send([(inside.address, message())])
    channel.close()
    assert outcomes == [Dead("unsafe_endpoint")]
    assert inside.provider.received() == []


@pytest.mark.parametrize(
    "endpoint", ["http://8.8.8.8/x", "https://8.8.8.8:8443/x", "https://10.0.0.1/x", "x", ""]
)
def test_a_stored_endpoint_is_checked_again_when_it_is_used(
    provider: PushProvider, endpoint: str
) -> None:
    channel = web_push(allow_private_endpoints=False)
    stored = {**provider.subscribe(), "endpoint": endpoint}
    outcomes = channel.send([(at(stored), message())])
    channel.close()
    assert outcomes == [Dead("unsafe_endpoint")]


def test_a_name_that_answers_differently_the_second_time_gains_nothing(inside: Inside) -> None:
    answers = iter(["8.8.8.8", "127.0.0.1"])
    resolve = inside.resolver(answers)
    public_addresses("localhost", 443, resolve=resolve)  # when it was registered
    channel = inside.channel(*answers)
    outcomes = channel.send([(inside.address, message())])
    channel.close()
    assert outcomes == [Dead("unsafe_endpoint")]
    assert inside.provider.received() == []


def test_the_address_that_was_checked_is_the_one_connected_to(tmp_path: Path) -> None:
    looked_up = []

    def once(host: str, port: int) -> list[AddressInfo]:
        looked_up.append(host)
        return [(AF_INET, SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    certificate = write_certificate(tmp_path / "push.pem")
    with PushProvider(certificate=certificate) as provider:
        channel = web_push(ca_file=str(certificate), resolve=once, concurrency=1)
        outcomes = channel.send([(at(provider.subscribe()), message())] * 3)
        channel.close()
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert looked_up == ["localhost"]


def test_an_address_that_does_not_answer_gives_way_to_the_next(tmp_path: Path) -> None:
    """By name: an address in the URL is nothing to look up."""

    def two(host: str, port: int) -> list[AddressInfo]:
        return [
            (AF_INET, SOCK_STREAM, 6, "", ("127.0.0.2", closed_port())),
            (AF_INET, SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    certificate = write_certificate(tmp_path / "push.pem")
    with PushProvider(certificate=certificate) as provider:
        channel = web_push(ca_file=str(certificate), resolve=two)
        [outcome] = channel.send([(at(provider.subscribe()), message())])
        channel.close()
    assert isinstance(outcome, Sent)


def test_an_unknown_certificate_gets_nothing(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "push.pem")
    with PushProvider(certificate=certificate) as stranger:
        channel = web_push()
        outcomes = channel.send([(at(stranger.subscribe()), message())])
        channel.close()
        assert outcomes == [Retry(None, "unreachable")]
        assert stranger.received() == []


def test_a_name_without_an_address_is_retried(provider: PushProvider) -> None:
    keys = provider.subscribe()["keys"]
    channel = web_push()
    nowhere = {"endpoint": "https://nowhere.invalid/push", "keys": keys}
    outcomes = channel.send([(at(nowhere), message())])
    channel.close()
    assert outcomes == [Retry(None, "unresolved")]


def test_a_resolver_that_finds_nothing_is_no_address(tmp_path: Path) -> None:
    """Planted: pin what was found, be it nothing; libcurl then asks the system by itself."""
    certificate = write_certificate(tmp_path / "push.pem")
    with PushProvider(certificate=certificate) as provider:
        channel = web_push(ca_file=str(certificate), resolve=lambda _host, _port: [])
        outcomes = channel.send([(at(provider.subscribe()), message())])
        channel.close()
        assert outcomes == [Retry(None, "unresolved")]
        assert provider.received() == []


def test_no_proxy_is_taken_from_the_environment(
    provider: PushProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    channel = web_push()
    [outcome] = channel.send([(at(provider.subscribe()), message())])
    channel.close()
    assert isinstance(outcome, Sent)
