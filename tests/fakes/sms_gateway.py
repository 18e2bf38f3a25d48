"""An SMS gateway in the shape of Twilio's Messages API, as its documentation describes it."""

import re
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs

from tests.fakes.http_server import HttpFake, Received, Reply, json_reply

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "token-of-the-gateway"
SENDER = "+447700900123"
LONGEST = 36_000


def form_of(request: Received) -> dict[str, str]:
    """Return the fields of a request's form."""
    fields = parse_qs(request.body.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    return {name: value for name, (value,) in fields.items()}


def error(status: int, code: int, **headers: str) -> Reply:
    """Return an error as the API words it; the text repeats the number, as it really does."""
    fields = {
        "code": code,
        "message": "The 'To' number +447700900999 is not what it should be",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_reply(status, fields, headers={"Content-Type": "application/json", **headers})


class SmsGateway(HttpFake):
    """Takes texts for one account; `texts` are the forms of those that it took."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(certificate)
        self.stopped: set[str] = set()

    @property
    def texts(self) -> list[dict[str, str]]:
        return [form_of(each) for each in self.accepted]

    def answer(self, request: Received) -> Reply:
        right = "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != right:
            return error(401, 20003)
        if request.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            return error(404, 20404)
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return error(400, 20001)
        return self._judge(form_of(request))

    def _judge(self, form: dict[str, str]) -> Reply:
        if not re.fullmatch(r"\+[1-9]\d{6,14}", form.get("To", "")):
            return error(400, 21211)
        if form["To"] in self.stopped:
            return error(400, 21610)
        if ("From" in form) == ("MessagingServiceSid" in form):
            return error(400, 21603)
        if not form.get("Body"):
            return error(400, 21602)
        if not 1 <= int(form.get("ValidityPeriod", LONGEST)) <= LONGEST:
            return error(400, 21624)
        sid = f"SM{len(self.received):032x}"
        return json_reply(201, {"sid": sid, "status": "queued", "error_code": None})
