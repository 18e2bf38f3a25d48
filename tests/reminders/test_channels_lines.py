"""How connections over HTTP/1.1 are kept, left at a fork, and closed."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pycurl
import pytest

from recovery_service.reminders.channels.addresses import UnsafeEndpoint
from recovery_service.reminders.channels.protocol import Address, Dead, Retry, Sent
from recovery_service.reminders.channels.terms import Terms
from recovery_service.reminders.channels.webhook import Webhook, WebhookSettings
from recovery_service.reminders.channels.wire import Handle, Request
from tests.contract.messages import message
from tests.fakes.http_server import Reply
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as running:
        yield running


def webhook(**changes: Any) -> Webhook:
    return Webhook(
        WebhookSettings(**{"secrets": (SECRET,), "allow_private_endpoints": True, **changes})
    )


def at(url: str) -> Address:
    return Address(destination_id=uuid4(), channel="webhook", address=url)


def test_connections_are_kept_from_batch_to_batch(receiver: WebhookReceiver) -> None:
    """Planted: forbid reuse."""
    channel = webhook(concurrency=2)
    for _ in range(3):
        assert channel.send([(at(receiver.url), message())] * 6) == [Sent()] * 6
    channel.close()
    assert receiver.connections <= 2


def test_batches_of_several_threads_share_the_bound(receiver: WebhookReceiver) -> None:
    """Planted: a bound for each batch, and not for all of them."""
    channel = webhook(concurrency=2)
    receiver.reply = Reply(200)
    pairs = [(at(receiver.url), message())] * 10
    threads = [threading.Thread(target=channel.send, args=(pairs,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.close()
    assert len(receiver.received) == 40
    assert receiver.connections <= 2


def test_a_slow_answer_is_waited_for_by_its_own_batch_only(receiver: WebhookReceiver) -> None:
    """Planted: hold the turn for a whole batch.

    Who drives has the slow one; the others' requests go out meanwhile, through it.
    """
    channel = webhook(concurrency=4)
    with WebhookReceiver() as slow:
        slow.reply = Reply(mode="hang")
        waiting = threading.Thread(target=channel.send, args=([(at(slow.url), message())],))
        waiting.start()
        while not slow.received:
            time.sleep(0.01)
        for _ in range(3):
            assert channel.send([(at(receiver.url), message())] * 5) == [Sent()] * 5
        assert waiting.is_alive()
        channel.close()
        waiting.join()


def test_what_is_not_public_gets_no_socket_whoever_looked_it_up() -> None:
    """Planted: believe the look-up alone."""
    terms = Terms(concurrency=1, connect_seconds=1, read_seconds=1)
    handle = Handle(terms, None)
    request = Request("https://clinic.example:9/x", b"{}", {})
    handle.load(request, "clinic.example:9:127.0.0.1", seconds=2)
    with pytest.raises(pycurl.error) as refused:
        handle.curl.perform()
    ending = handle.ending(int(refused.value.args[0]))
    assert isinstance(ending, UnsafeEndpoint)
    assert "private" in str(ending)


def test_a_process_that_was_forked_sends_and_takes_nothing_from_its_parent(
    receiver: WebhookReceiver,
) -> None:
    """Planted: let the parent's connections go in the child, and the parent hears no answer."""
    channel = webhook(concurrency=1)
    pair = (at(receiver.url), message())
    assert channel.send([pair]) == [Sent()]
    child = os.fork()
    if not child:
        took = channel.send([pair])
        gc.collect()  # what it let go is closed now
        channel.close()
        os._exit(0 if took == [Sent()] else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert channel.send([pair]) == [Sent()]
    channel.close()
    assert receiver.connections == 2


def test_closing_waits_for_nobody_and_ends_what_is_under_way(receiver: WebhookReceiver) -> None:
    """Planted: close the connections only after the last answer."""
    receiver.reply = Reply(mode="hang")
    channel = webhook(concurrency=2)
    outcomes: list[object] = []
    pairs = [(at(receiver.url), message())] * 10
    sending = threading.Thread(target=lambda: outcomes.extend(channel.send(pairs)))
    sending.start()
    time.sleep(0.5)
    began = time.monotonic()
    channel.close()
    took = time.monotonic() - began
    sending.join(2)
    assert took < 1.5
    assert outcomes == [Retry(None, "unreachable")] * 2 + [Retry(None, "not_tried")] * 8


def test_a_channel_sends_again_after_it_was_closed(receiver: WebhookReceiver) -> None:
    channel = webhook()
    for _ in range(2):
        assert channel.send([(at(receiver.url), message())]) == [Sent()]
        channel.close()


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1"])
def test_a_number_that_only_some_take_for_an_address_is_refused(host: str) -> None:
    channel = webhook(allow_private_endpoints=False)
    outcomes = channel.send([(at(f"https://{host}/x"), message())])
    channel.close()
    assert outcomes == [Dead("unsafe_endpoint")]
