"""Where a phone judged otherwise: kept when its report is stored, and read beside it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.device_verdicts import Difference
from recovery_service.domain.identifiers import new_id
from recovery_service.models import VerdictDifference
from recovery_service.services.alerting import Ask
from recovery_service.services.reason_words import rule_in_words

# In the report's own transaction, and only where there is something to say.
_WRITE = """
INSERT INTO verdict_difference (clinic_id, id, check_in_id, rule_id, kind, device_tier, own_tier,
                                bundle_version, at)
SELECT %(clinic_id)s, d.id, %(check_in_id)s, d.rule_id, d.kind, d.device_tier, d.own_tier,
       d.bundle_version, %(now)s
  FROM jsonb_to_recordset(%(differences)s::jsonb)
       AS d (id uuid, rule_id text, kind text, device_tier text, own_tier text,
             bundle_version text)
"""


def keep(
    ask: Ask, clinic_id: UUID, check_in_id: UUID, found: Sequence[Difference], *, now: datetime
) -> None:
    """Write the differences of one report."""
    if not found:
        return
    rows = [{**each._asdict(), "id": new_id(now=now), "kind": each.kind} for each in found]
    values = {"clinic_id": clinic_id, "check_in_id": check_in_id, "now": now}
    ask((_WRITE, values | {"differences": orjson.dumps(rows).decode()}))


def differences_of(
    session: Session, clinic_id: UUID, check_in_ids: Iterable[UUID]
) -> Mapping[UUID, Sequence[VerdictDifference]]:
    """Return the differences of reports, by report and then by rule."""
    found: dict[UUID, list[VerdictDifference]] = {}
    rows = session.scalars(
        select(VerdictDifference)
        .where(
            VerdictDifference.clinic_id == clinic_id,
            VerdictDifference.check_in_id.in_(list(check_in_ids)),
        )
        .order_by(VerdictDifference.rule_id)
    )
    for row in rows:
        found.setdefault(row.check_in_id, []).append(row)
    return found


def difference_as_json(content: Content, row: VerdictDifference, language: str) -> dict[str, Any]:
    """Return a difference as `VerdictDifferenceSchema` declares it."""
    title = rule_in_words(content, row.rule_id, language)
    tiers = {
        "device": _tier(content, row.device_tier, language),
        "own": _tier(content, row.own_tier, language),
    }
    return {
        "rule": row.rule_id,
        "kind": row.kind,
        "device_tier": row.device_tier,
        "tier": row.own_tier,
        "bundle_version": row.bundle_version,
        "text": content.text(f"device_verdict.kind.{row.kind}", language, title=title, **tiers),
    }


def _tier(content: Content, tier: str | None, language: str) -> str:
    return "" if tier is None else content.text(f"device_verdict.tier.{tier}", language)
