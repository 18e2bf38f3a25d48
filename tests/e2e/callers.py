"""Who calls the service in the walkthrough: somebody with a token, and somebody with a browser."""

import html
import re
from typing import Any
from uuid import uuid4

import requests

_SECONDS = 30


class Refused(AssertionError):
    """The service answered otherwise than it should have; `status` is what it said."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Caller:
    """Somebody who calls the API; `token` is what the service gave."""

    def __init__(self, origin: str, token: str | None = None) -> None:
        self._base = f"{origin}/api/v1"
        self._session = requests.Session()
        self._session.trust_env = False
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """Send JSON and return JSON; raises Refused for another status than expected."""
        headers = {"Idempotency-Key": f'"{uuid4()}"'} if method == "POST" else {}
        if method in {"PATCH", "PUT", "DELETE"}:
            headers = {"If-Match": "*"}
        answer = self._session.request(
            method, self._base + path, json=body, headers=headers, timeout=_SECONDS
        )
        if answer.status_code != expect:
            said = f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
            raise Refused(said, answer.status_code)
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        """Read."""
        return self.call("GET", path)

    def post(self, path: str, body: Any, *, expect: int = 201) -> Any:
        """Create."""
        return self.call("POST", path, body, expect=expect)


class Browser:
    """Somebody who looks at the dashboard, with cookies as a browser keeps them."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session = requests.Session()
        self._session.trust_env = False

    def sign_in(self, email: str, password: str) -> str:
        """Fill in the form of the sign-in page; return the page behind it, as read."""
        form = self._read("/sign-in")
        token = re.search(r'name="form_token"[^>]*value="([^"]+)"', form)
        if token is None:
            raise Refused("the sign-in page has no form")
        answer = self._session.post(
            f"{self._origin}/sign-in",
            data={"email": email, "password": password, "form_token": token[1]},
            headers={"Origin": self._origin},
            timeout=_SECONDS,
        )
        if answer.status_code != requests.codes.ok or answer.url.endswith("/sign-in"):
            raise Refused(f"signing in leads to {answer.status_code} {answer.url}")
        return _plain(answer.text)

    def read(self, path: str) -> str:
        """Return the words of a page, without its marks."""
        return _plain(self._read(path))

    def _read(self, path: str) -> str:
        answer = self._session.get(self._origin + path, timeout=_SECONDS)
        if answer.status_code != requests.codes.ok:
            raise Refused(f"GET {path}: {answer.status_code}")
        return answer.text


def _plain(page: str) -> str:
    words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(words))
