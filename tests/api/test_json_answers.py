"""JSON as it goes out."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from flask import Flask, jsonify

from recovery_service.api.json_answers import OrjsonProvider


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.json = OrjsonProvider(app)
    return app


def test_instants_dates_and_ids_are_written_as_promised_in_their_order(app: Flask) -> None:
    istanbul = timezone(timedelta(hours=3))
    with app.app_context():
        answer = jsonify(
            {
                "z": datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
                "at": datetime(2026, 3, 2, 12, 0, tzinfo=istanbul),
                "day": date(2026, 3, 2),
                "id": UUID(int=1),
                "limit": Decimal("2.5"),
                "text": "ş",
            }
        )
    assert answer.mimetype == "application/json"
    text = answer.get_data(as_text=True)
    assert text == (
        '{"z":"2026-03-02T09:00:00Z","at":"2026-03-02T12:00:00+03:00","day":"2026-03-02",'
        '"id":"00000000-0000-0000-0000-000000000001","limit":2.5,"text":"ş"}'
    )
    assert app.json.loads(text)["limit"] == 2.5


def test_an_object_without_a_schema_is_never_written(app: Flask) -> None:
    @dataclass
    class Patient:
        diagnosis: str

    with pytest.raises(TypeError, match="Patient"):
        app.json.dumps({"patient": Patient("secret")})
