"""Staff: the first person of a clinic, whom nobody in it could have invited."""

import re
import sys
from uuid import UUID

import click
import pyotp

from recovery_service.cli.applications import application, settings_here
from recovery_service.cli.clinics import clinic_named
from recovery_service.cli.fitness import require_ready
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import is_zone
from recovery_service.domain.sandbox import KIND
from recovery_service.extensions import db, parts
from recovery_service.services.new_clinics import founder, give_totp, open_clinic
from recovery_service.services.sites import NewSite
from recovery_service.services.staff import NewStaffMember, add_member

_ROLES = click.Choice(sorted(str(role) for role in STAFF))


def _email(_context: click.Context, _option: click.Parameter, given: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", given.strip()):
        raise click.BadParameter("must be an e-mail address")
    return given.strip().lower()


def _not_blank(_context: click.Context, _option: click.Parameter, given: str) -> str:
    if not given.strip():
        raise click.BadParameter("must not be empty")
    return given.strip()


def _zone(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not is_zone(given):
        raise click.BadParameter("there is no such time zone")
    return given


def _country(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"[A-Z]{2}", given):
        raise click.BadParameter("must be two capital letters")
    return given


@click.group()
def staff() -> None:
    """Look after the people of a clinic."""


@staff.command()
@click.option("--clinic", help="Id or name of the clinic.")
@click.option("--new-clinic", metavar="NAME", help="Open this clinic first, with one site.")
@click.option("--time-zone", callback=_zone, help="Zone of the new clinic, as Europe/London.")
@click.option("--country", callback=_country, help="Country of the new clinic, as GB.")
@click.option(
    "--sandbox", is_flag=True, help="The new clinic's time can be moved; needs RECOVERY_SANDBOX."
)
@click.option("--email", required=True, callback=_email)
@click.option("--name", required=True, callback=_not_blank)
@click.option("--role", "roles", type=_ROLES, multiple=True, required=True, help="Repeatable.")
@click.option("--totp", is_flag=True, help="Ask for a one-time code at sign-in.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(  # noqa: PLR0913 - an option each
    *,
    clinic: str | None,
    new_clinic: str | None,
    time_zone: str | None,
    country: str | None,
    sandbox: bool,
    email: str,
    name: str,
    roles: tuple[str, ...],
    totp: bool,
    password_stdin: bool,
) -> None:
    """Let somebody sign in; asks for the password. With --new-clinic the clinic is opened too."""
    opening = _opening(clinic, new_clinic, time_zone, country)
    settings = settings_here()
    if sandbox and (opening is None or not settings.sandbox):
        raise click.UsageError("A sandbox is a new clinic, where RECOVERY_SANDBOX allows it.")
    kind = KIND if sandbox else "production"
    with application(settings):
        require_ready(db.engine, settings)
        clinic_id = new_id(now=parts().clock()) if opening else clinic_named(clinic or "")
        password = _password(from_stdin=password_stdin)
        new = NewStaffMember(email=email, name=name, roles=roles, password=password)
        seed = _store(clinic_id, opening, new, kind=kind, totp=totp)
    click.echo(f"{email} can sign in to clinic {clinic_id}")
    if opening is not None and not sandbox:
        click.echo(
            "before patients can enrol, a physiotherapist or a surgeon reads and approves the"
            f" content: {settings.base_url}/content-approvals"
        )
    if seed is not None:
        address = pyotp.TOTP(seed).provisioning_uri(name=email, issuer_name="Recovery")
        click.echo(f"one-time codes, shown only now: {address}")


def _opening(
    clinic: str | None, name: str | None, time_zone: str | None, country: str | None
) -> NewSite | None:
    """Return the first site of the clinic to open, which bears its name; None for a known one."""
    if (clinic is None) == (name is None):
        raise click.UsageError("Name the clinic with --clinic, or open one with --new-clinic.")
    if name is None:
        return None
    if not name.strip() or time_zone is None or country is None:
        raise click.UsageError("A new clinic needs a name, --time-zone and --country.")
    return NewSite(name=name.strip(), time_zone=time_zone, country=country, is_default=True)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _store(
    clinic_id: UUID, opening: NewSite | None, new: NewStaffMember, *, kind: str, totp: bool
) -> str | None:
    """Store the clinic and its first person together, or neither; return the seed of codes."""
    own, now, actor = parts(), parts().clock(), founder(clinic_id)
    with transaction(clinic_id) as session:
        if opening is not None:
            open_clinic(session, actor, opening.name, opening, kind=kind, now=now)
        member = add_member(session, actor, own.keys, new, now=now)
        return give_totp(own.keys, member) if totp else None
