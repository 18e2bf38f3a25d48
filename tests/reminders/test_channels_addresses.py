"""Where the service may connect to on a client's word (ASVS 1.3.6)."""

import socket

import pytest

from recovery_service.reminders.channels import addresses
from recovery_service.reminders.channels.addresses import (
    AddressInfo,
    UnresolvedHost,
    UnsafeEndpoint,
    check_endpoint,
    is_public,
    public_addresses,
)


def answering(*ips: str) -> addresses.Resolver:
    def resolve(host: str, port: int) -> list[AddressInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    return resolve


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_unicast_is_refused(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize(
    "ip",
    [
        "8.8.8.8",
        "142.250.0.1",
        "172.32.0.1",
        "2a00:1450:4001::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_a_public_address_is_allowed_also_through_nat64(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "push.example",
        "//push.example/x",
        "ftp://push.example/x",
        "http://8.8.8.8/x",
        "https://",
        "https:///x",
        "https://user@8.8.8.8/x",
        "https://user:secret@8.8.8.8/x",
        "https://8.8.8.8/x#fragment",
        "https://8.8.8.8:22/x",
        "https://8.8.8.8:65536/x",
        "https://8.8.8.8:port/x",
        "https://[::1/x",
        "https://8.8.8.8\\@127.0.0.1/x",
        "https://8.8.8.8/a\\b",
        "https://8.8.8.8/x\r\nHost: inside",
        "https://8.8.8.8/\tx",
        "https://püsh.example/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://localhost/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://127.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://8.8.8.8/" + "x" * 2048,
    ],
)
def test_an_endpoint_that_could_reach_inside_is_refused(url: str) -> None:
    with pytest.raises(UnsafeEndpoint, match=r"must|known"):
        check_endpoint(url)


@pytest.mark.parametrize("url", ["https://8.8.8.8/x", "https://8.8.8.8:443/x?y=z"])
def test_a_public_https_endpoint_is_accepted(url: str) -> None:
    check_endpoint(url)


def test_the_demo_may_use_its_own_machine_but_not_another_scheme() -> None:
    check_endpoint("http://127.0.0.1:9000/push", allow_private=True)
    with pytest.raises(UnsafeEndpoint):
        check_endpoint("file:///etc/passwd", allow_private=True)


def test_one_private_answer_condemns_the_name() -> None:
    with pytest.raises(UnsafeEndpoint, match="private"):
        public_addresses("mixed.example", 443, resolve=answering("8.8.8.8", "10.0.0.1"))


def test_a_name_without_an_address_is_told_apart() -> None:
    def nowhere(host: str, port: int) -> list[AddressInfo]:
        raise socket.gaierror

    with pytest.raises(UnresolvedHost, match="not known"):
        public_addresses("nowhere.example", 443, resolve=nowhere)
