"""All clinical content and texts of the service, checked once at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, Self

from recovery_service.domain.alert_policy import AlertPolicy, parse_alert_policy
from recovery_service.domain.check_in_items import Catalogue, parse_catalogue
from recovery_service.domain.content_fields import ContentError, Fields
from recovery_service.domain.crisis_words import CrisisWords, parse_crisis_words
from recovery_service.domain.emergency_numbers import EmergencyNumbers, parse_emergency_numbers
from recovery_service.domain.instruments import Instruments, parse_instruments
from recovery_service.domain.languages import DEFAULT_LANGUAGE, LANGUAGES
from recovery_service.domain.milestones import Milestones, parse_milestones
from recovery_service.domain.plan_template_phases import refuse_what_no_form_asks
from recovery_service.domain.plan_templates import PlanTemplate, content_hash, parse_template
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.recovery_curve_fields import parse_curves
from recovery_service.domain.recovery_curves import RecoveryCurves
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules

__all__ = ["Content", "ContentError", "ContentFile"]

#: Each template is a file of its own; sources and texts are no clinical content by themselves.
_NO_FILES = frozenset({"plan_templates", "sources", "texts"})


@dataclass(frozen=True, kw_only=True)
class ContentFile:
    """A file of clinical content as it is written, with its SHA-256 (see `content_hash`)."""

    version: int
    content_hash: str
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Content:
    """The shipped content: immutable, and valid because it could be built.

    `templates` by code, `files` (all but the templates, as written) by name, `texts` by
    language and dotted key, `sources` (where a fact is from) by source key.
    """

    templates: Mapping[str, PlanTemplate]
    check_ins: Catalogue
    red_flags: RedFlagRules
    crisis_words: CrisisWords
    urgent_words: CrisisWords
    files: Mapping[str, ContentFile]
    alert_policy: AlertPolicy
    emergency_numbers: EmergencyNumbers
    instruments: Instruments
    curves: RecoveryCurves
    milestones: Milestones
    texts: Mapping[str, Mapping[str, str]]
    sources: Mapping[str, str]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Check raw content as `config.content` reads it; raises `ContentError`."""
        sources = _sources(raw["sources"])
        check_ins = parse_catalogue(raw["check_in_items"])
        crisis_words = parse_crisis_words(raw["crisis_words"], sources=sources)
        return cls(
            sources=sources,
            templates=_templates(raw["plan_templates"], sources, check_ins),
            check_ins=check_ins,
            crisis_words=crisis_words,
            urgent_words=parse_crisis_words(
                raw["urgent_words"], sources=sources, file="urgent_words.toml"
            ),
            alert_policy=parse_alert_policy(raw["alert_policy"], sources=sources),
            emergency_numbers=parse_emergency_numbers(raw["emergency_numbers"], sources=sources),
            instruments=parse_instruments(
                raw["instruments"], sources=sources, asked=check_ins.items
            ),
            red_flags=parse_rules(
                raw["red_flags"], catalogue=check_ins, crisis_words=crisis_words, sources=sources
            ),
            curves=parse_curves(raw["curves"], catalogue=check_ins, sources=sources),
            milestones=parse_milestones(raw["milestones"], catalogue=check_ins, sources=sources),
            files={name: _file(name, raw[name]) for name in sorted(raw.keys() - _NO_FILES)},
            texts=_texts(raw["texts"]),
        )

    def template(self, code: str) -> PlanTemplate:
        """Return the template of that code; raises `KeyError`."""
        return self.templates[code]

    def templates_for(self, procedure: str) -> tuple[PlanTemplate, ...]:
        """Return a procedure's templates, the default one first."""
        found = [one for one in self.templates.values() if one.procedure == procedure]
        return tuple(sorted(found, key=lambda one: (not one.default, one.code)))

    def text(self, key: str, language: str, **params: object) -> str:
        """Return a text with its placeholders filled; raises `KeyError` for a wrong name.

        A language that is not shipped gets the default one.
        """
        texts = self.texts.get(language) or self.texts[DEFAULT_LANGUAGE]
        return texts[key].format_map(params)

    def lines(self, key: str, language: str, **params: object) -> tuple[str, ...]:
        """Return a text of several lines as a list, such as the steps of enrolling."""
        return tuple(line for line in self.text(key, language, **params).splitlines() if line)

    def warning_signs(self, tier: str, *, procedure: str, language: str) -> tuple[str, ...]:
        """Return what the discharge sheet says to watch for, the operation's own signs first.

        `tier` is `emergency` or `same_day`.
        """
        scopes = (procedure, *sorted(PROCEDURES[procedure]), "any")
        keys = [f"sheet.{tier}.{scope}" for scope in scopes]
        known = self.texts[DEFAULT_LANGUAGE]
        return tuple(line for key in keys if key in known for line in self.lines(key, language))


def placeholders(text: str) -> frozenset[str]:
    """Return the names that a text wants filled; raises `ValueError` for a broken one."""
    named = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    if not all(name.isidentifier() for name in named):
        raise ValueError("placeholders must be plain names")
    return frozenset(named)


def _sources(raw: Mapping[str, Any]) -> dict[str, str]:
    for key, address in raw.items():
        if not isinstance(address, str) or not address.strip():
            raise ContentError("sources.toml", key, "must be an address or a citation")
        if key != "D" and key[:2] not in ("F:", "M:"):
            raise ContentError("sources.toml", key, "must begin with F: or M:, or be D")
    return dict(raw)


def _file(name: str, raw: Mapping[str, Any]) -> ContentFile:
    version = Fields(raw, f"{name}.toml", name).integer("version", 1, 10_000)
    return ContentFile(version=version, content_hash=content_hash(raw), raw=raw)


def _templates(
    raw: Mapping[str, Mapping[str, Any]], sources: Mapping[str, str], check_ins: Catalogue
) -> dict[str, PlanTemplate]:
    templates: dict[str, PlanTemplate] = {}
    for file, content in raw.items():
        template = parse_template(content, file=file, sources=sources)
        if file != f"{template.code}.toml":
            raise ContentError(file, "template", f"the file must be named {template.code}.toml")
        refuse_what_no_form_asks(template, check_ins, file=file)
        templates[template.code] = template
    for procedure in PROCEDURES:
        own = [one for one in templates.values() if one.procedure == procedure]
        if sum(one.default for one in own) != 1:
            raise ContentError(
                "plan_templates", procedure, "must have exactly one default template"
            )
    return templates


def _texts(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Flatten the texts; every language has the same keys with the same placeholders."""
    texts = {one: _flat(raw.get(one, {}), _file_of(one)) for one in LANGUAGES}
    reference = texts[DEFAULT_LANGUAGE]
    for language, own in texts.items():
        file = _file_of(language)
        for key in sorted(reference.keys() ^ own.keys()):
            missing = file if key not in own else _file_of(DEFAULT_LANGUAGE)
            raise ContentError(missing, key, "no translation, another language has one")
        for key, text in own.items():
            if _wanted(file, key, text) != placeholders(reference[key]):
                raise ContentError(file, key, "has other placeholders than the default language")
    return texts


def _file_of(language: str) -> str:
    return f"texts/{language}/texts.toml"


def _flat(raw: Mapping[str, Any], file: str, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in raw.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= _flat(value, file, f"{key}.")
        elif isinstance(value, str) and value.strip():
            flat[key] = value
        else:
            raise ContentError(file, key, "must be a text")
    return flat


def _wanted(file: str, key: str, text: str) -> frozenset[str]:
    try:
        return placeholders(text)
    except ValueError as broken:
        raise ContentError(file, key, f"cannot be filled: {broken}") from broken
