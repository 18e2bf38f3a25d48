"""Reading content field by field, strictly; every refusal names the file and the item."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from recovery_service.domain.languages import LANGUAGES, Texts

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ContentError(ValueError):
    """Clinical content that cannot be used.

    `file` names the file (or the clinic's template), `item` the entry in it, as
    `items/walk_protect`, and `message` says what is wrong with it.
    """

    def __init__(self, file: str, item: str, message: str) -> None:
        super().__init__(f"{file}: {item}: {message}")
        self.file = file
        self.item = item
        self.message = message


@dataclass(frozen=True)
class Fields:
    """One table of raw content and where it stands; each reader raises `ContentError`."""

    raw: Mapping[str, Any]
    file: str
    item: str

    def __post_init__(self) -> None:
        if not isinstance(self.raw, Mapping):
            self.refuse("must be a table")

    def refuse(self, message: str) -> NoReturn:
        """Raise `ContentError` for this table."""
        raise ContentError(self.file, self.item, message)

    def only(self, *keys: str) -> None:
        """Refuse any key that is not named."""
        for key in self.raw:
            if key not in keys:
                self.refuse(f"unknown key {key!r}")

    def has(self, key: str) -> bool:
        """Say whether the table has this key."""
        return key in self.raw

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._required(key)
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"{key} must be a text")
        return value

    def code(self, key: str = "code") -> str:
        """Return a stable lower-case name of at most 64 characters."""
        value = self.text(key)
        if not _CODE.fullmatch(value):
            self.refuse(f"{key} must be made of a-z, 0-9 and _")
        return value

    def choice(self, key: str, options: Iterable[str]) -> str:
        """Return a text that is one of the options."""
        value = self.text(key)
        if value not in (known := tuple(options)):
            self.refuse(f"unknown {key} {value!r}; known are {', '.join(known)}")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """Return a whole number from low to high."""
        value = self._required(key)
        if type(value) is not int or not low <= value <= high:
            self.refuse(f"{key} must be a whole number from {low} to {high}")
        return value

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        """Return a whole number from low to high, or None where the key is missing."""
        return self.integer(key, low, high) if self.has(key) else None

    def number(self, key: str, low: float, high: float) -> float:
        """Return a number from low to high."""
        value = self._required(key)
        if type(value) not in (int, float) or not low <= value <= high:
            self.refuse(f"{key} must be a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            self.refuse(f"{key} must be true or false")
        return value

    def texts(self, key: str) -> Texts:
        """Return a text in every language that is shipped."""
        value = self._required(key)
        if not isinstance(value, Mapping):
            self.refuse(f"{key} must have a text in each of {', '.join(LANGUAGES)}")
        for language in LANGUAGES:
            if not isinstance(text := value.get(language), str) or not text.strip():
                self.refuse(f"{key} has no translation to {language!r}")
        if strangers := sorted(value.keys() - set(LANGUAGES)):
            self.refuse(f"{key} has a text in the unknown language {strangers[0]!r}")
        return dict(value)

    def optional_texts(self, key: str) -> Texts | None:
        """Return a text in every language, or None where the key is missing."""
        return self.texts(key) if self.has(key) else None

    def table(self, key: str) -> "Fields":
        """Return the table under this key, under the same item."""
        value = self._required(key)
        if not isinstance(value, Mapping):
            self.refuse(f"{key} must be a table")
        return Fields(value, self.file, self.item)

    def values(self, key: str) -> tuple[Any, ...]:
        """Return a list as it stands; a missing one is empty."""
        value = self.raw.get(key, ())
        if not isinstance(value, list | tuple):
            self.refuse(f"{key} must be a list")
        return tuple(value)

    def tables(self, key: str) -> tuple["Fields", ...]:
        """Return the tables of a list, each named by its `code` or its place."""
        found: list[Fields] = []
        for place, raw in enumerate(self.values(key)):
            if not isinstance(raw, Mapping):
                self.refuse(f"{key}/{place} must be a table")
            found.append(Fields(raw, self.file, f"{key}/{raw.get('code', place)}"))
        return tuple(found)

    def _required(self, key: str) -> Any:
        if key not in self.raw:
            self.refuse(f"missing {key}")
        return self.raw[key]


def each_once(tables: Iterable[Fields]) -> None:
    """Refuse a second table with the same code."""
    seen: set[str] = set()
    for table in tables:
        code = table.code()
        if code in seen:
            table.refuse(f"duplicate code {code!r}")
        seen.add(code)
