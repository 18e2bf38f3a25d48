"""Forms: what was typed is kept, and what is wrong stands beside its field."""

import re
from collections.abc import Container, Mapping
from datetime import date

from werkzeug.datastructures import MultiDict

from recovery_service.errors import ExternalIdKnown, Invalid, SurgeryDateNeeded
from recovery_service.reminders.channels.email import BadMailbox, check_mailbox

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PHONE = re.compile(r"\+[1-9]\d{6,14}\Z")
_SEPARATORS = re.compile(r"[\s().\-/]")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_YEARS = range(1900, 2200)


class Form:
    """Reads typed text field by field and collects one problem for each."""

    def __init__(
        self, typed: Mapping[str, str] | None = None, defaults: Mapping[str, str] | None = None
    ) -> None:
        self._typed = MultiDict(typed or {})
        self._defaults = defaults or {}
        self.problems: dict[str, str] = {}

    def value(self, name: str) -> str:
        """Return what stands in a field: what was typed, or its default on a new form."""
        return str(self._typed.get(name, "" if self._typed else self._defaults.get(name, "")))

    def problem(self, name: str) -> str | None:
        """Return what is wrong with a field."""
        return self.problems.get(name)

    def wrong(self, name: str, message: str) -> None:
        """Note what is wrong with a field; the first problem stands."""
        self.problems.setdefault(name, message)

    def text(self, name: str, longest: int, *, required: bool = False) -> str | None:
        """Return a line of text, None where nothing was typed."""
        text = self.value(name).strip()
        if not text:
            if required:
                self.wrong(name, "Please fill this in.")
            return None
        if len(text) > longest:
            self.wrong(name, f"At most {longest} characters.")
        if _CONTROL.search(text):
            self.wrong(name, "Contains characters that cannot be printed.")
        return text

    def day(self, name: str, *, required: bool = False) -> date | None:
        """Return a date, None where nothing was typed or it is not one."""
        text = self.text(name, 10, required=required)
        if text is None:
            return None
        try:
            found = date.fromisoformat(text) if _DATE.match(text) else None
        except ValueError:
            found = None
        if found is None or found.year not in _YEARS:
            self.wrong(name, "Not a date. Write it as year-month-day, such as 2026-03-14.")
            return None
        return found

    def choice(self, name: str, allowed: Container[str]) -> str:
        """Return one of the choices."""
        chosen = self.value(name)
        if chosen not in allowed:
            self.wrong(name, "Please choose one.")
        return chosen

    def phone(self, name: str) -> str | None:
        """Return a phone number in its international form."""
        text = self.text(name, 40)
        if text is None:
            return None
        number = _SEPARATORS.sub("", text)
        if not _PHONE.match(number):
            self.wrong(name, "With the country code, such as +44 20 7946 0000.")
        return number

    def email(self, name: str) -> str | None:
        """Return an e-mail address."""
        text = self.text(name, 254)
        if text is None:
            return None
        try:
            check_mailbox(text)
        except BadMailbox:
            self.wrong(name, "Not an e-mail address.")
        return text

    def refused(self, refusal: Invalid | ExternalIdKnown, fields: Mapping[str, str]) -> None:
        """Put a refusal of the service beside its fields; `fields` maps pointers to names."""
        if isinstance(refusal, SurgeryDateNeeded):
            self.wrong("surgery_date", "This plan counts from the surgery: its date is needed.")
            return
        if isinstance(refusal, ExternalIdKnown):
            self.wrong("external_value", "Another patient already has this number.")
            return
        for pointer, message in refusal.errors:
            name = next((fields[key] for key in fields if pointer.startswith(key)), "")
            self.wrong(name or pointer.rpartition("/")[2], message)
