"""All that a phone needs for a week without a network, in one document."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from recovery_service.domain.check_in_forms import form_for
from recovery_service.domain.content import Content
from recovery_service.domain.keys import Keys
from recovery_service.services.me import STATEMENT, Opening, read_me
from recovery_service.services.my_agenda import my_agenda
from recovery_service.services.my_plan import my_plan
from recovery_service.services.notifications import inbox, notification_as_json

#: Today, and the seven days on which nobody may be reached.
DAYS = 8
MOST_NOTIFICATIONS = 50


def offline(
    session: Session,
    opening: Opening,
    *,
    content: Content,
    keys: Keys,
    vapid_public_key: str | None,
) -> dict[str, Any]:
    """Return what `GET /me`, the plan, the agenda, each day's form and the inbox say now.

    Everything is of one instant and of one language, and each part is what its own address
    answers. `valid_until` is the end of the last of `DAYS` local dates.
    """
    who = (session, opening.clinic_id, opening.patient_id)
    now, language = opening.now, opening.language
    rows = session.connection().exec_driver_sql(STATEMENT, opening.values).all()
    me = read_me(rows, opening, content=content, vapid_public_key=vapid_public_key)
    dates = [opening.today + timedelta(days=ahead) for ahead in range(DAYS)]
    agenda = my_agenda(
        *who,
        (dates[0], dates[-1]),
        time_zone=opening.time_zone,
        now=now,
        language=language,
    )
    sent = inbox(*who, before=None, limit=MOST_NOTIFICATIONS)
    return {
        "as_of": opening.today,
        "valid_until": agenda["valid_until"],
        "me": me,
        "plan": my_plan(*who, content, language=language, now=now),
        "agenda": agenda,
        "check_in_forms": forms_on(me["episode"], dates, content=content, language=language),
        "phones": me["monitoring"]["phones"],
        "notifications": [
            notification_as_json(row, content, keys, opening.clinic_id, language)
            for row in sent[:MOST_NOTIFICATIONS]
        ],
    }


def forms_on(
    episode: dict[str, Any] | None, dates: list[date], *, content: Content, language: str
) -> list[dict[str, Any]]:
    """Return each date's form; none before there is an operation to ask about."""
    if episode is None:
        return []
    return [
        {
            "date": each,
            "form": form_for(
                content.check_ins,
                procedure=episode["procedure"],
                days_since_surgery=_days(episode["surgery_date"], each),
                language=language,
            ).as_json(),
        }
        for each in dates
    ]


def _days(surgery: date | None, day: date) -> int | None:
    return None if surgery is None else (day - surgery).days
