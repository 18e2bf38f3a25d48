"""Processes that end when whoever started them is gone, however it went.

An orphan that goes on serving would share its port with the next server without a word,
and nobody knows its id any more.
"""

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec

import click

P = ParamSpec("P")

_LOOK_SECONDS = 0.5


def until_orphaned(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command the option to end with its standard input, for whoever supervises it."""

    @click.option("--until-orphaned", is_flag=True, hidden=True)
    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        if kwargs.pop("until_orphaned"):
            end_with_standard_input()
        command(*args, **kwargs)

    return run


def end_with_standard_input() -> None:
    """Send this process SIGTERM when its standard input ends.

    The other end of the pipe closes with the process that holds it, also after a kill
    that leaves it no time for goodbyes.
    """

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        _end()

    threading.Thread(target=watch, name="input-watch", daemon=True).start()


def end_with_parent(parent: int) -> None:
    """Send this process SIGTERM when `parent` is no longer the id of its parent."""

    def watch() -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(_LOOK_SECONDS)
        _end()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
