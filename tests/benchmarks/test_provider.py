"""The provider counts what never came and what came again, however requests are cut.

Planted: a provider that counts each number once, so that no duplicate is ever seen.
"""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import urllib3

from benchmarks.provider import Provider, Tally, counting_provider


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with counting_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.forget()
    return running


def test_what_is_lost_and_what_comes_twice_is_counted(provider: Provider) -> None:
    with urllib3.PoolManager() as client:
        for number in (0, 1, 1, 3, 3, 3, 7):
            answer = client.request("POST", f"{provider.origin}/r/{number}", body=b"{}")
            assert answer.status == 200
    assert provider.seen() == (4, 7)
    assert provider.tally(range(5)) == Tally(wanted=5, lost=2, duplicates=3)
    assert set(provider.first_arrivals()) == {0, 1, 3, 7}


def test_requests_in_pieces_and_at_once_count_one_by_one(provider: Provider) -> None:
    at = urlsplit(provider.origin)
    one = b"POST /r/%d HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 25\r\n\r\nPOST /r/9 HTTP/1.1\r\n\r\n-"
    many = b"".join(one % number + b"--" for number in range(3))
    with socket.create_connection((at.hostname, at.port), timeout=10) as client:
        for piece in (many[:7], many[7:90], many[90:]):
            client.sendall(piece)
        answers = b""
        while answers.count(b"ok") < 3:
            answers += client.recv(4096)
    assert provider.seen() == (3, 3)
    assert provider.tally(range(3)) == Tally(wanted=3, lost=0, duplicates=0)
