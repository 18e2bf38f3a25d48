"""What a mail to a staff member says: that somebody waits, and neither who nor why."""

# ruff: noqa: RUF001 - Turkish has a dotless i.

from recovery_service.domain.languages import Texts

TITLES: Texts = {
    "en": "A patient needs a look",
    "tr": "Bir hastanın değerlendirilmesi gerekiyor",
}
LINES: dict[str, Texts] = {
    "raised": {
        "en": "Something that a patient of yours reported needs a look. Please sign in to see it.",
        "tr": "Bir hastanızın bildirdiği bir şeye bakılması gerekiyor. Görmek için oturum açın.",
    },
    "worsened": {
        "en": "Something that a patient of yours reported has become more pressing. Please sign in"
        " to see it.",
        "tr": "Bir hastanızın bildirdiği bir şey daha acil hale geldi. Görmek için oturum açın.",
    },
    "escalated": {
        "en": "Nobody has looked in time at what a patient reported. Please sign in to see it.",
        "tr": "Bir hastanın bildirdiğine zamanında bakılmadı. Görmek için oturum açın.",
    },
    "assigned": {
        "en": "A colleague has given you something to look at. Please sign in to see it.",
        "tr": "Bir iş arkadaşınız size bakmanız için bir şey verdi. Görmek için oturum açın.",
    },
}
