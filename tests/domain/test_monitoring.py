"""The monitoring promise: by when somebody looks, and whom to call; never a number not there.

Defects planted: the sentence with the phones told without asking whether both are known (a
site without phones failed); holidays left out of the hours; an overdue promise told as if it
still held; the site's emergency number told abroad.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.monitoring import Waiting, Watch, promise
from recovery_service.domain.opening_times import OpeningTimes

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
HOURS = {str(day): [["08:00", "17:00"]] for day in range(1, 6)}
PHONES = {"clinic": "+442079460000", "emergency": "999", "out_of_hours": "111"}


@pytest.fixture(scope="module")
def content() -> Content:
    return Content.parse(read_content())


def told(
    content: Content,
    *,
    now: datetime = MONDAY,
    phones: dict[str, str] | None = None,
    hours: Any = None,
    holidays: frozenset[date] = frozenset(),
    zone: str = "Europe/London",
    until: date | None = date(2026, 6, 1),
    language: str = "en",
    **waiting: Any,
) -> dict[str, Any]:
    times = OpeningTimes(
        time_zone="Europe/London", hours=HOURS if hours is None else hours, holidays=holidays
    )
    directory = content.emergency_numbers.directory(
        PHONES if phones is None else phones,
        country="GB",
        time_zone=zone,
        is_open=times.is_open(now),
    )
    watch = Watch(site="Main site", times=times, directory=directory, until=until)
    return promise(content, watch, Waiting(**waiting), now=now, time_zone=zone, language=language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "phones",
    [
        {},
        {"clinic": "+441"},
        {"clinic": "+441", "emergency": "999"},
        {"clinic": "+441", "emergency": "999", "out_of_hours": "111", "crisis": "116"},
        {"out_of_hours": "111"},
    ],
)
@pytest.mark.parametrize("now", [MONDAY, NIGHT])
def test_it_says_whom_to_call_and_never_a_number_that_is_not_there(
    content: Content, phones: dict[str, str], language: str, now: datetime
) -> None:
    answer = told(content, now=now, phones=phones, language=language)
    assert answer["phones"] == phones
    text = answer["until_then"]
    assert "{" not in text
    for name in {"clinic", "emergency"} & phones.keys() if len(phones) > 1 else ():
        assert phones[name] in text
    if not {"clinic", "emergency"} <= phones.keys():
        assert content.text("monitoring.no_phone", language) in text
    assert ("111" in text) == ("out_of_hours" in phones)


def test_while_the_site_is_open_it_is_watched_but_not_in_real_time(content: Content) -> None:
    answer = told(content)
    assert (answer["state"], answer["next_open_at"]) == ("watched", None)
    assert (
        "Main site looks at check-ins while it is open, and not in real time."
        in (answer["until_then"])
    )


def test_out_of_hours_it_says_so_and_when_it_opens_on_the_patients_clock(content: Content) -> None:
    answer = told(content, now=NIGHT, zone="Europe/Istanbul", respond_by=MONDAY + timedelta(days=1))
    assert answer["state"] == "out_of_hours"
    assert answer["next_open_at"] == datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    assert "opens at 11:00 today" in answer["until_then"]  # past midnight there
    assert "looks at this by 12:00 today" in answer["until_then"]


def test_a_holiday_is_no_opening(content: Content) -> None:
    answer = told(content, holidays=frozenset({date(2026, 3, 2), date(2026, 3, 3)}))
    assert answer["state"] == "out_of_hours"
    assert "opens at 08:00 on Wed 4 Mar" in answer["until_then"]


def test_without_hours_nobody_is_promised_to_look(content: Content) -> None:
    answer = told(content, hours={})
    assert (answer["state"], answer["respond_by"]) == ("not_monitored", None)
    assert answer["until_then"].startswith("Nobody reads this answer in real time.")


def test_the_end_of_monitoring_is_said(content: Content) -> None:
    assert told(content, until=date(2026, 3, 2))["state"] == "watched"
    answer = told(content, until=date(2026, 3, 1))
    assert answer["state"] == "not_monitored"
    assert "is over. Nobody reads this answer." in answer["until_then"]


def test_a_promise_that_has_lapsed_is_not_repeated(content: Content) -> None:
    answer = told(content, respond_by=MONDAY - timedelta(minutes=1), overdue=True)
    assert answer["overdue"] is True
    assert "call now" in answer["until_then"]
    assert "looks at this by" not in answer["until_then"]


def test_what_staff_have_seen_is_told_with_its_time(content: Content) -> None:
    answer = told(content, seen_at=MONDAY - timedelta(minutes=30))
    assert "Your care team last looked at what you reported at 08:30 today." in answer["until_then"]


@pytest.mark.parametrize(
    ("zone", "number", "words"),
    [
        ("America/New_York", "911", "The emergency number there is 911."),
        ("Europe/Istanbul", "112", "The emergency number there is 112."),
        ("Asia/Tokyo", None, "We do not know the emergency number there"),
    ],
)
def test_abroad_it_is_the_number_of_that_country_or_plainly_not_known(
    content: Content, zone: str, number: str | None, words: str
) -> None:
    answer = told(content, zone=zone)
    assert answer["phones"].get("emergency") == number
    assert words in answer["until_then"]
    assert "999" not in answer["until_then"]


def test_a_zone_of_no_country_says_nothing_about_where_the_patient_is(content: Content) -> None:
    assert told(content, zone="UTC")["phones"] == PHONES
