"""What a patient is shown when nobody has looked in time: that there is something to read.

It may stand on a lock screen that others read, so it says neither what nor why.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i.

from recovery_service.domain.languages import Texts

TITLES: Texts = {"en": "Your plan", "tr": "Planınız"}
LINES: Texts = {
    "en": "There is a message for you. Please open the app now.",
    "tr": "Sizin için bir mesaj var. Lütfen uygulamayı şimdi açın.",
}
