"""What a patient is shown when the care team has written: that there is something to read.

It may stand on a lock screen that others read, so it does not say what.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i.

from recovery_service.domain.languages import Texts

TITLES: Texts = {"en": "Your plan", "tr": "Planınız"}
LINES: Texts = {
    "en": "Your care team has written to you.",
    "tr": "Bakım ekibiniz size yazdı.",
}
