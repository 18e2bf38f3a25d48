"""The receiver's guide: its code verifies what the service signs, and refuses the rest.

Planted, each seen red: a guide that signs the body alone; one that takes any age.
"""

import json
import re
import subprocess
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from recovery_service.clock import SystemClock
from recovery_service.domain.webhook_events import EVENTS, TEST
from recovery_service.reminders.channels.webhook import key_of, signed_headers
from tests.safety_rules.phone import node

GUIDE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
OLD, NEW, OTHER = ("whsec_" + b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
BODY = b'{"type":"alert.raised","note":"\xc3\xbc"}'
Verifier: TypeAlias = Callable[[str, dict[str, str], bytes], bool]


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return str(found)


def python(secret: str, headers: dict[str, str], body: bytes) -> bool:
    names: dict[str, Any] = {}
    exec(code("python"), names)  # noqa: S102 - it is ours
    return bool(names["verify"](secret, headers, body))


def typescript(secret: str, headers: dict[str, str], body: bytes, *, folder: Path) -> bool:
    script = folder / "verify.ts"
    asked = json.dumps([secret, headers])
    script.write_text(
        f"{code('typescript')}\nconst [secret, headers] = {asked};\n"
        f"console.log(verify(secret, headers, Buffer.from('{body.hex()}', 'hex')));\n",
        encoding="utf-8",
    )
    done = subprocess.run([node(), script], capture_output=True, text=True, check=True, timeout=60)
    return {"true": True, "false": False}[done.stdout.strip()]


@pytest.fixture(params=["python", "typescript"])
def verify(request: pytest.FixtureRequest, tmp_path: Path) -> Verifier:
    if request.param == "python":
        return python
    return lambda *asked: typescript(*asked, folder=tmp_path)


def signed(*secrets: str, at: datetime, body: bytes = BODY) -> dict[str, str]:
    return signed_headers([key_of(each) for each in secrets], "0198-a", body, now=at)


def test_the_code_of_the_guide_takes_what_is_signed_and_nothing_else(verify: Verifier) -> None:
    now = SystemClock()()
    assert verify(NEW, signed(NEW, at=now), BODY)
    assert verify(OLD, signed(NEW, OLD, at=now), BODY)
    assert verify(NEW, signed(NEW, OLD, at=now), BODY)
    assert not verify(OTHER, signed(NEW, OLD, at=now), BODY)
    assert not verify(NEW, signed(NEW, at=now), BODY + b" ")
    assert not verify(NEW, signed(NEW, at=now) | {"webhook-id": "0198-b"}, BODY)
    assert not verify(NEW, signed(NEW, at=now) | {"webhook-signature": ""}, BODY)
    for off in (timedelta(minutes=-6), timedelta(minutes=6)):
        assert not verify(NEW, signed(NEW, at=now + off), BODY)


def test_the_guide_names_each_event_and_where_it_is_read() -> None:
    rows = re.findall(r"^\| (`.*?) \| .*? \| `(/.*?)` \|$", GUIDE, re.MULTILINE)
    told = {name: path for names, path in rows for name in re.findall(r"`(.*?)`", names)}
    assert told == {name: each.read_at for name, each in EVENTS.items()} | {TEST: "/webhooks/{id}"}
