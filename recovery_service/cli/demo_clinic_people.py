# ruff: noqa: RUF001 - Turkish names have their own letters
"""Who works in the demo's clinic, who recovers there, and how: all of them invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

CLINIC = "Alderwick Spine Clinic"
LONDON, ISTANBUL, NEW_YORK = "Europe/London", "Europe/Istanbul", "America/New_York"
WEEKDAYS = {str(day): [["08:00", "17:30"]] for day in range(1, 6)}

SITES: Mapping[str, Mapping[str, Any]] = {
    LONDON: {
        "name": "Alderwick London",
        "country": "GB",
        "phones": {"clinic": "+442079460110", "out_of_hours": "111", "emergency": "999"},
    },
    ISTANBUL: {
        "name": "Alderwick Istanbul",
        "country": "TR",
        "phones": {"clinic": "+902165550110", "emergency": "112"},
    },
}


@dataclass(frozen=True, kw_only=True)
class Colleague:
    """Somebody who works in the clinic."""

    name: str
    email: str
    role: str
    totp: bool = False


COLLEAGUES = (
    Colleague(name="Nora Whitfield", email="nora@alderwick.example", role="physiotherapist"),
    Colleague(name="Deniz Aksoy", email="deniz@alderwick.example", role="surgeon"),
    Colleague(name="Tom Ashdown", email="tom@alderwick.example", role="coordinator"),
    Colleague(name="Mira Solberg", email="mira@alderwick.example", role="admin", totp=True),
)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something out of the ordinary, at noon on a day since discharge."""

    day: int
    what: str
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Story:
    """One patient: who, which operation, and how the days went.

    `day` is today's day since discharge. The courses of pain are (day, 0-10) between which
    the days lie on a straight line; `limb` is the leg or the arm. `diligence` is the share
    of what is due that gets done; after `silent_from` nobody hears anything.
    """

    name: str
    born: date
    procedure: str
    day: int
    axial: Sequence[tuple[int, float]]
    limb: Sequence[tuple[int, float]] = ((0, 1.0),)
    diligence: float = 0.8
    stay: int = 1
    site: str = LONDON
    locale: str = "en"
    levels: Sequence[str] = ()
    side: str | None = None
    contact_mode: str = "app"
    phone: str | None = None
    published: bool = True
    enrols: bool = True
    silent_from: int | None = None
    baseline: Mapping[str, float] = field(default_factory=dict)
    moments: Sequence[Moment] = ()


STORIES = (
    Story(
        name="Priya Nair",
        born=date(1987, 4, 18),
        procedure="lumbar_microdiscectomy",
        levels=("L5-S1",),
        side="right",
        day=10,
        axial=((0, 4), (3, 3), (10, 6)),
        limb=((0, 3), (3, 2), (6, 4), (8, 7), (10, 8)),
        diligence=0.6,
        baseline={"nrs_back": 5, "nrs_leg": 8},
    ),
    Story(
        name="Margaret Holloway",
        born=date(1968, 9, 2),
        procedure="lumbar_microdiscectomy",
        levels=("L4-5",),
        side="left",
        day=13,
        axial=((0, 5), (7, 3), (13, 2)),
        limb=((0, 2), (13, 1)),
        diligence=0.9,
        baseline={"nrs_back": 6, "nrs_leg": 7, "psfs": 3},
        moments=(
            Moment(day=2, what="prefer_times", told={"walking": {"evening": "17:00"}}),
            Moment(day=4, what="book", told={"kind": "wound_check", "day": 11}),
            Moment(day=7, what="walk_longer", told={"minutes": 15}),
            Moment(day=11, what="attend", told={"kind": "wound_check"}),
            Moment(day=12, what="book", told={"kind": "surgeon_1", "day": 15}),
        ),
    ),
    Story(
        name="Owen Bradley",
        born=date(1975, 1, 27),
        procedure="lumbar_fusion_mis",
        levels=("L4-5", "L5-S1"),
        stay=3,
        day=18,
        axial=((0, 6), (8, 5)),
        limb=((0, 3), (8, 2)),
        diligence=0.7,
        silent_from=9,
        baseline={"nrs_back": 8, "nrs_leg": 5},
    ),
    Story(
        name="Selin Aydın",
        born=date(1991, 11, 5),
        procedure="cervical_anterior",
        levels=("C5-6",),
        site=ISTANBUL,
        locale="tr",
        day=24,
        axial=((0, 4), (10, 2), (24, 1)),
        limb=((0, 3), (24, 1)),
        diligence=0.8,
        baseline={"nrs_neck": 6, "nrs_arm": 8},
        moments=(Moment(day=15, what="travel", told={"zone": NEW_YORK}),),
    ),
    Story(
        name="Walter Jennings",
        born=date(1959, 6, 14),
        procedure="lumbar_microdiscectomy",
        levels=("L4-5",),
        side="right",
        day=33,
        axial=((0, 5), (10, 3), (20, 4), (27, 6), (28, 5), (33, 3)),
        limb=((0, 3), (10, 2), (20, 5), (27, 8), (28, 2), (33, 2)),
        diligence=0.75,
        baseline={"nrs_back": 6, "nrs_leg": 8},
        moments=(Moment(day=27, what="operate_again"),),
    ),
    Story(
        name="Edith Marlowe",
        born=date(1944, 2, 9),
        procedure="vertebral_augmentation",
        levels=("L1",),
        day=12,
        axial=((0, 6), (5, 4), (12, 3)),
        contact_mode="phone",
        phone="+442079460182",
        enrols=False,
        baseline={"nrs_back": 9},
    ),
    Story(
        name="Hakan Demir",
        born=date(1996, 7, 30),
        procedure="lumbar_microdiscectomy",
        levels=("L5-S1",),
        side="left",
        site=ISTANBUL,
        locale="tr",
        day=0,
        axial=((0, 4),),
        published=False,
        enrols=False,
        baseline={"nrs_back": 4, "nrs_leg": 8},
    ),
    Story(
        name="Fatma Şahin",
        born=date(1964, 12, 21),
        procedure="lumbar_fusion_mis",
        levels=("L3-4", "L4-5"),
        stay=3,
        site=ISTANBUL,
        locale="tr",
        day=20,
        axial=((0, 6), (14, 4)),
        limb=((0, 3), (14, 2)),
        diligence=0.85,
        silent_from=15,
        baseline={"nrs_back": 8, "nrs_leg": 6},
        moments=(Moment(day=15, what="hold", told={"reason": "Chest infection, on antibiotics."}),),
    ),
    Story(
        name="Lucy Penrose",
        born=date(1982, 3, 11),
        procedure="cervical_anterior",
        levels=("C6-7",),
        day=0,
        axial=((0, 4),),
        limb=((0, 3),),
        enrols=False,
        baseline={"nrs_neck": 7, "nrs_arm": 7},
    ),
    Story(
        name="George Okafor",
        born=date(1971, 8, 8),
        procedure="lumbar_decompression",
        levels=("L3-4", "L4-5"),
        stay=2,
        day=30,
        axial=((0, 5), (14, 3), (30, 2)),
        limb=((0, 3), (30, 1)),
        diligence=0.9,
        baseline={"nrs_back": 6, "nrs_leg": 7},
        moments=(
            Moment(day=3, what="book", told={"kind": "wound_check", "day": 10}),
            Moment(day=3, what="book", told={"kind": "surgeon_1", "day": 14}),
            Moment(day=10, what="attend", told={"kind": "wound_check"}),
            Moment(day=14, what="attend", told={"kind": "surgeon_1"}),
            Moment(day=20, what="book", told={"kind": "surgeon_2", "day": 44}),
        ),
    ),
    Story(
        name="Emine Koç",
        born=date(1953, 5, 16),
        procedure="vertebral_augmentation",
        levels=("T12",),
        site=ISTANBUL,
        locale="tr",
        day=16,
        axial=((0, 5), (6, 3), (16, 2)),
        diligence=0.7,
        baseline={"nrs_back": 8},
        moments=(Moment(day=1, what="quiet_hours", told={"from": "20:00", "to": "09:00"}),),
    ),
    Story(
        name="Ahmet Yıldırım",
        born=date(1980, 10, 3),
        procedure="lumbar_decompression",
        levels=("L4-5",),
        stay=2,
        site=ISTANBUL,
        locale="tr",
        day=6,
        axial=((0, 6), (6, 4)),
        limb=((0, 3), (6, 2)),
        diligence=0.5,
        baseline={"nrs_back": 7, "nrs_leg": 6},
    ),
)
