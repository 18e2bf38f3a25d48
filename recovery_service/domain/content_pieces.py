"""The pieces of clinical content that a clinician of the clinic approves, each by its hash.

A piece is one file: a plan template, or one of the files that all operations share. Its hash
is over the content as read, in canonical JSON: a comment or the order of keys changes nothing,
any value does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES, Texts
from recovery_service.domain.plan_templates import PlanTemplate

PLAN_TEMPLATE = "plan_template"
#: The kinds that are one file for all operations, by the file's name. Each is needed for every
#: enrolment, and has its title in the texts, as `content_piece.<kind>`.
FILES_BY_KIND: Mapping[str, str] = MappingProxyType(
    {
        "check_in_form": "check_in_items",
        "red_flag_rules": "red_flags",
        "crisis_words": "crisis_words",
        "urgent_words": "urgent_words",
        "alert_policy": "alert_policy",
        "emergency_numbers": "emergency_numbers",
        "recovery_curves": "curves",
        "milestones": "milestones",
        "instruments": "instruments",
    }
)
#: Content of these clinics reaches nobody who is ill.
EXEMPT_CLINICS = frozenset({"demo", "sandbox"})


class PieceKey(NamedTuple):
    """What is approved: this content, under this name."""

    kind: str
    code: str
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One version of a piece; `origin` is ``shipped`` or ``clinic``.

    `procedure` is None for what all operations share; `content` is the file as written.
    """

    kind: str
    code: str
    version: int
    content_hash: str
    title: Texts
    origin: str = "shipped"
    procedure: str | None = None
    content: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def key(self) -> PieceKey:
        """What an approval of this version names."""
        return PieceKey(self.kind, self.code, self.content_hash)


def shared_pieces(content: Content) -> tuple[Piece, ...]:
    """Return the pieces that every enrolment needs, whatever the operation."""
    return tuple(
        Piece(
            kind=kind,
            code=name,
            version=content.files[name].version,
            content_hash=content.files[name].content_hash,
            title={one: content.text(f"content_piece.{kind}", one) for one in LANGUAGES},
            content=content.files[name].raw,
        )
        for kind, name in FILES_BY_KIND.items()
    )


def template_piece(template: PlanTemplate, *, origin: str = "shipped") -> Piece:
    """Return a plan template as a piece."""
    return Piece(
        kind=PLAN_TEMPLATE,
        code=template.code,
        version=template.version,
        content_hash=template.content_hash,
        title=template.title,
        origin=origin,
        procedure=template.procedure,
        content=template.raw,
    )
