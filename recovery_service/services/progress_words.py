"""Progress in words: one sentence for staff, and a calmer one for the patient.

The patient's never alarms, because a number above a band is for the physiotherapist to
weigh, and never reassures, because it says nothing about warning signs.
"""

from recovery_service.domain.content import Content
from recovery_service.domain.recovery_status import BEHIND, WORSE, OwnChange, Standing
from recovery_service.services.reason_words import item_in_words

#: What patients read in place of `behind` and `worse`.
DISCUSS = "discuss"
_NAMELESS = frozenset({"no_surgery_date"})


def status_for_reader(status: str, *, for_staff: bool) -> str:
    """Return a status or verdict as its reader gets it."""
    return DISCUSS if status in (BEHIND, WORSE) and not for_staff else status


def standing_in_words(
    content: Content, standing: Standing, language: str, *, for_staff: bool
) -> str:
    """Return why a question stands where it does, the patient's own beginning first."""
    reader = "staff" if for_staff else "patient"
    facts = {name: _number(content, value, language) for name, value in standing.facts.items()}
    said = content.text(
        f"progress.{reader}.{standing.reason}", language, weeks=content.curves.rule.weeks, **facts
    )
    if standing.own is not None:
        own = own_change_in_words(content, standing, standing.own, language, for_staff=for_staff)
        said = f"{own} {said}"
    if standing.reason not in _NAMELESS:
        said = f"{item_in_words(content, standing.item, language)}: {said}"
    return said if for_staff else f"{said} {content.text('progress.patient.limits', language)}"


def own_change_in_words(
    content: Content, standing: Standing, own: OwnChange, language: str, *, for_staff: bool
) -> str:
    """Return the last 7 days beside the value before surgery; patients get the numbers alone."""
    verdict = own.verdict if for_staff and own.verdict is not None else "unjudged"
    noise = content.curves.noise.get(standing.item)
    return content.text(
        f"progress.own.{verdict}",
        language,
        before=_number(content, own.before, language),
        now=_number(content, own.now, language),
        noise=_number(content, noise.detectable_change if noise else 0, language),
    )


def _number(content: Content, value: float, language: str) -> str:
    mark = content.text("progress.decimal_mark", language)
    return f"{round(value, 1):g}".replace(".", mark)
