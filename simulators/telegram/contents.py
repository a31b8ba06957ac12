"""What a message can hold besides text and uploaded files: a plausible sample of every kind, changed by fields."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_PLACE: Json = {"latitude": 59.437, "longitude": 24.7536}


def _option(number: str, text: str) -> Json:
    return {"persistent_id": number, "text": text, "voter_count": 0}


_SAMPLES: dict[str, Callable[[], Json]] = {
    "location": lambda: {"location": {**_PLACE}},
    "live_location": lambda: {"location": {**_PLACE, "live_period": 900, "heading": 90, "horizontal_accuracy": 12.0}},
    "venue": lambda: {
        "venue": {"location": {**_PLACE}, "title": "Camp shop", "address": "Pikk 1"},
        "location": {**_PLACE},
    },
    "contact": lambda: {"contact": {"phone_number": "+37255512345", "first_name": "Ann", "last_name": "Lee"}},
    "dice": lambda: {"dice": {"emoji": "🎲", "value": 4}},
    "poll": lambda: {
        "poll": {
            "id": "5400000000000000001", "question": "Which tent?", "total_voter_count": 0, "is_closed": False,
            "is_anonymous": True, "type": "regular", "allows_multiple_answers": False, "allows_revoting": True,
            "members_only": False,
            "options": [_option("1", "Two"), _option("2", "Four")],
        }
    },
    "story": lambda: {"story": {"chat": {"id": -1001500000001, "type": "channel", "title": "Trails"}, "id": 7}},
    "paid_media": lambda: {
        "paid_media": {"star_count": 5, "paid_media": [{"type": "preview", "width": 640, "height": 480}]}
    },
    "rich_message": lambda: {
        "rich_message": {"blocks": [{"type": "paragraph", "text": {"type": "plain", "text": "How long is delivery?"}}]}
    },
    "checklist": lambda: {
        "checklist": {"title": "Trip", "tasks": [{"id": 1, "text": "Tent"}, {"id": 2, "text": "Stove"}]}
    },
    "web_app_data": lambda: {"web_app_data": {"data": '{"order":42}', "button_text": "Order"}},
    "users_shared": lambda: {"users_shared": {"request_id": 1, "users": [{"user_id": 42, "first_name": "Bo"}]}},
    "successful_payment": lambda: {
        "successful_payment": {
            "currency": "XTR", "total_amount": 100, "invoice_payload": "order-42",
            "telegram_payment_charge_id": "t-1", "provider_payment_charge_id": "p-1",
        }
    },
    "pinned_message": lambda: {
        "pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}
    },
    "unknown": lambda: {"not_yet_invented": {"x": 1}},
}  # fmt: skip

KINDS_OF_CONTENT = tuple(sorted(_SAMPLES))


def sample_content(kind: str, changes: Json | None = None) -> Json:
    """The Message fields of a kind; `changes` are merged into the kind's own object. KeyError for an unknown kind."""
    fields = _SAMPLES[kind]()
    name = next(iter(fields))
    fields[name].update(changes or {})
    return fields
