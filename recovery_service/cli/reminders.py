"""Reminders from the outside: one pass for cron, how the queue stands, why, and once more."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
import orjson
from flask import Flask

from config.settings import Settings
from recovery_service.cli.applications import application, sender_of, settings_here
from recovery_service.cli.fitness import require_ready
from recovery_service.cli.refusals import Refusal
from recovery_service.cli.story import Action, Teller, actions_of, as_json
from recovery_service.database import transaction
from recovery_service.domain.languages import DEFAULT_LANGUAGE, LANGUAGES
from recovery_service.extensions import db, parts
from recovery_service.reminders.dispatch import Sender
from recovery_service.reminders.foresight import foresee
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.replay import replay
from recovery_service.reminders.status import Status, status
from recovery_service.reminders.story import NothingOfThatName, Story, find, read_story

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

_AS_JSON = click.option("--json", "plain", is_flag=True, help="For machines: one JSON object.")


@click.group()
def reminders() -> None:
    """Look after reminders."""


@contextmanager
def _at_work(settings: Settings) -> Iterator[tuple[Flask, Sender]]:
    """Stand where a worker stands: its role, its channels, its clock."""
    with application(settings, worker=True) as app:
        require_ready(db.engine, settings)
        yield app, sender_of(app, lease=timedelta(seconds=settings.lease_seconds))


@reminders.command()
def tick() -> None:
    """Do all that is due once, and report how much it was; for cron, beside workers or alone."""
    with _at_work(settings_here()) as (_, sender):
        counts = tick_once(sender)
    done = [f"{count} {name}" for name, count in sorted(counts.items()) if count]
    click.echo(", ".join(done) or "nothing was due")


@reminders.command("status")
@_AS_JSON
def status_command(plain: bool) -> None:
    """Say how many wait, by channel, and for how many seconds the oldest has been waiting."""
    with _at_work(settings_here()) as (_, sender):
        now = status(sender.transaction, now=sender.clock())
    click.echo(orjson.dumps(now.figures()).decode() if plain else "\n".join(_table(now)))


def _table(now: Status) -> Iterator[str]:
    poisoned = f", {now.schedules_poisoned} put off because they failed"
    yield (
        f"schedules    {now.schedules_due} due, the oldest for {now.schedule_lag_s:g} s"
        f"{poisoned if now.schedules_poisoned else ''}"
    )
    yield f"occurrences  {now.occurrences_open} open, {now.occurrences_expired} of them expired"
    if not now.queues:
        yield "deliveries   none unsent"
        return
    yield f"{'deliveries':12} {'ready':>8} {'waiting':>8} {'leased':>8} {'lag, s':>10}"
    for name, queue in now.queues.items():
        counts = f"{queue.ready:>8} {queue.waiting:>8} {queue.leased:>8}"
        yield f"  {name:10} {counts} {queue.lag_s:>10g}"


@reminders.command()
@click.argument("name", metavar="ID")
@click.option("--language", type=click.Choice(LANGUAGES), default=DEFAULT_LANGUAGE)
@_AS_JSON
def explain(name: str, language: str, plain: bool) -> None:
    """Tell the whole story of an occurrence, by its id or that of a notification of it.

    Kinds, codes and instants; no titles, no answers, no notes, and nobody's name.
    """
    settings = settings_here()
    with _at_work(settings) as (_, sender):
        story = _story(sender, name)
        ahead = foresee(sender.transaction, story, now=sender.clock())
        teller = Teller(parts().content, sender.keys, language)
    actions = _actions(settings, story)
    if plain:
        told = as_json(teller, story, actions, ahead)
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(teller.lines(story, actions, ahead)))


def _story(sender: Sender, name: str) -> Story:
    try:
        with sender.transaction() as session:
            return read_story(session, *find(session, sender.keys, name))
    except NothingOfThatName:
        raise Refusal(f"{name} is no occurrence and no notification of this service") from None


def _actions(settings: Settings, story: Story) -> list[Action]:
    """Read what was done as the web: the worker's role does not see it."""
    if story.fallen is None:
        return []
    clinic_id = story.standing.clinic_id
    with application(settings), transaction(clinic_id) as session:
        return actions_of(session, clinic_id, story.fallen.id)


@reminders.command("replay")
@click.option("--channel", required=True, help="The channel whose dead deliveries are meant.")
@click.option("--since", required=True, help="How far back they died: 30m, 2h, 1d.")
@click.option("--reason", help="Only those that died of this, such as provider_rejected.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
def replay_command(channel: str, since: str, reason: str | None, dry_run: bool) -> None:
    """Make dead deliveries ready again, after an outage or a wrong credential.

    Only of occurrences that are open and not expired; nothing that reached the patient, or
    may have, is repeated, and the fence decides about each anew.
    """
    span = _SPAN.fullmatch(since)
    if span is None:
        raise Refusal("--since is a number and m, h or d, such as 2h")
    back = int(span[1]) * _UNITS[span[2]]
    with _at_work(settings_here()) as (_, sender):
        if channel not in sender.channels:
            raise Refusal(f"there is no channel {channel}: {', '.join(sender.channels)}")
        now = sender.clock()
        counts = replay(
            sender.transaction, channel, since=now - back, reason=reason, dry=dry_run, now=now
        )
    by_reason = ", ".join(f"{count} {name}" for name, count in counts.items())
    would = "would be ready again" if dry_run else "are ready again"
    click.echo(f"{sum(counts.values())} {would}" + (f": {by_reason}" if by_reason else ""))
