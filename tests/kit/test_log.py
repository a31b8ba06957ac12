"""Logs carry no secrets, whoever writes them."""

import pytest

from domain.kit.log import _redact_event, redact

TOKEN = "123456789:" + "AAE4" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"POST https://api.telegram.org/bot{TOKEN}/sendMessage failed", TOKEN),
        (f"Authorization: Bearer {JWT}", JWT),
        ("postgresql://owner:hunter2@db:5432/x refused", "hunter2"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
    ],
)
def test_secrets_are_replaced(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "***" in redact(text)


def test_ordinary_text_is_left_alone() -> None:
    text = "dialog 0192aa1b-0000-7000-8000-000000000000 answered in 12:30, see https://example.org/a@b"
    assert redact(text) == text


def test_fields_with_secret_names_are_blanked_whatever_they_hold() -> None:
    event = _redact_event(None, "info", {"event": "x", "token": 5, "password": "p", "note": f"bot{TOKEN}", "n": 1})
    assert event == {"event": "x", "token": "***", "password": "***", "note": "bot***", "n": 1}
