"""The monitoring promise: it names whom to call, and never a number that is not there.

Defect planted: the sentence with the phones told without asking whether both are known
(a site without phones failed).
"""

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.monitoring import not_monitored


@pytest.fixture(scope="module")
def content() -> Content:
    return Content.parse(read_content())


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
def test_it_says_that_nobody_looks_and_whom_to_call(
    content: Content, phones: dict[str, str], language: str
) -> None:
    told = not_monitored(content, phones, language)
    assert (told["state"], told["phones"]) == ("not_monitored", phones)
    text = told["until_then"]
    assert content.text("monitoring.not_monitored", language) in text
    assert "{" not in text
    for name in {"clinic", "emergency"} & phones.keys() if len(phones) > 1 else ():
        assert phones[name] in text
    if not {"clinic", "emergency"} <= phones.keys():
        assert content.text("monitoring.no_phone", language) in text
    assert ("111" in text) == ("out_of_hours" in phones)
