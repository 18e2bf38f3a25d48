"""The first person of a clinic is let in by the operator."""

import re
from uuid import UUID

import pyotp
import pytest

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.cli.conftest import Call
from tests.conftest import running_app, settings_for

PASSWORD = "seven quiet herons at dusk"
NEW = ("--new-clinic", "Alderwick", "--time-zone", "Europe/London", "--country", "GB")
WHO = ("--email", "Nora@Alderwick.example", "--name", "Nora Whitfield", "--role", "admin")
STDIN = ("--password-stdin",)


def add(call: Call, *arguments: str, typed: str = f"{PASSWORD}\n") -> str:
    result = call("staff", "add", *arguments, typed=typed)
    assert result.exit_code == 0, result.output
    return str(result.output)


def signs_in(
    postgres: EmbeddedPostgres, database: str, email: str, password: str, otp: str | None = None
) -> int:
    """Return the status with which the API answers a sign-in."""
    clock = ManualClock(SystemClock()())
    body = {"email": email, "password": password, "otp": otp}
    with running_app(settings_for(postgres, database), clock) as app:
        return app.test_client().post("/api/v1/staff/tokens", json=body).status_code


def test_a_clinic_is_opened_with_somebody_who_can_sign_in(
    call: Call, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """To plant: no entry in the directory, so that nobody is found by their address."""
    told = add(call, *NEW, *WHO, *STDIN)
    assert "nora@alderwick.example can sign in" in told
    assert "/content-approvals" in told
    assert PASSWORD not in told
    assert signs_in(postgres, own_database, "nora@alderwick.example", PASSWORD) == 201
    assert signs_in(postgres, own_database, "nora@alderwick.example", "another") == 401


def test_a_colleague_is_added_by_the_clinics_name_or_id(
    call: Call, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """The password is asked for twice. To plant: a clinic of its own for each person."""
    first = add(call, *NEW, *WHO, *STDIN)
    clinic_id = UUID(re.findall(r"[0-9a-f-]{36}", first)[0])
    tom = ("--email", "tom@alderwick.example", "--name", "Tom", "--role", "coordinator")
    told = add(call, "--clinic", "Alderwick", *tom, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert f"{clinic_id}" in told
    ann = ("--email", "ann@alderwick.example", "--name", "Ann", "--role", "surgeon")
    assert f"{clinic_id}" in add(call, "--clinic", f"{clinic_id}", *ann, *STDIN)
    assert signs_in(postgres, own_database, "tom@alderwick.example", PASSWORD) == 201


def test_a_second_factor_is_asked_for_when_it_was_given(
    call: Call, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """To plant: the seed shown but not stored."""
    told = add(call, *NEW, *WHO, *STDIN, "--totp")
    totp = pyotp.parse_uri(re.findall(r"otpauth://\S+", told)[0])
    assert isinstance(totp, pyotp.TOTP)
    who = (postgres, own_database, "nora@alderwick.example", PASSWORD)
    assert signs_in(*who) == 401
    assert signs_in(*who, totp.now()) == 201


@pytest.mark.parametrize(
    ("changed", "typed", "words"),
    [
        ((*NEW, *WHO, *STDIN), "short\n", "15"),
        ((*NEW, *WHO[:2], "--name", " ", *WHO[4:], *STDIN), f"{PASSWORD}\n", "--name"),
        ((*NEW, "--email", "nobody", *WHO[2:], *STDIN), f"{PASSWORD}\n", "--email"),
        ((*NEW[:3], "Europe/Atlantis", *NEW[4:], *WHO, *STDIN), f"{PASSWORD}\n", "--time-zone"),
        ((*NEW[:5], "England", *WHO, *STDIN), f"{PASSWORD}\n", "--country"),
        ((*NEW[:2], *WHO, *STDIN), f"{PASSWORD}\n", "--time-zone"),
        ((*WHO, *STDIN), f"{PASSWORD}\n", "--new-clinic"),
        (("--clinic", "Nowhere", *WHO, *STDIN), f"{PASSWORD}\n", "no such clinic"),
        ((*NEW, *WHO[:5], "pilot", *STDIN), f"{PASSWORD}\n", "--role"),
    ],
    ids=("password", "name", "email", "zone", "country", "half", "no clinic", "unknown", "role"),
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    call: Call,
    changed: tuple[str, ...],
    typed: str,
    words: str,
    postgres: EmbeddedPostgres,
    own_database: str,
) -> None:
    """To plant: the clinic stored before the password is looked at."""
    result = call("staff", "add", *changed, typed=typed)
    assert result.exit_code == 2
    assert words in result.output
    assert "no such clinic" in call("staff", "add", "--clinic", "Alderwick", *WHO, *STDIN).output


def test_an_address_is_taken_once_in_a_clinic(call: Call) -> None:
    """To plant: a second row that shadows the first."""
    add(call, *NEW, *WHO, *STDIN)
    again = call("staff", "add", "--clinic", "Alderwick", *WHO, *STDIN, typed=f"{PASSWORD}\n")
    assert again.exit_code == 2
    assert "Traceback" not in again.output
