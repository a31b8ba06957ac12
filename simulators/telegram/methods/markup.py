"""Keyboards: what is checked, and what a message keeps of them (inline keyboards only)."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.formatting.output import checked_link

Json = dict[str, Any]

MAX_MARKUP_BYTES = 10_000
_ACTIONS = frozenset(
    {"url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
     "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay"}
)  # fmt: skip


def checked_markup(call: Call) -> Json | None:
    """The inline keyboard of the call, None when there is none or it is of another kind. 400 for a bad one."""
    raw = call.params.text("reply_markup")
    if not raw:
        return None
    if len(raw.encode()) > MAX_MARKUP_BYTES:
        raise bad_request("reply markup is too long")
    markup = call.params.json("reply_markup", "can't parse reply keyboard markup JSON object")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" must be of type Array of Arrays')
    kept = [[_checked_button(button) for button in row] for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def _checked_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    if not isinstance(button.get("text"), str) or not button["text"]:
        raise bad_request("can't parse inline keyboard button: can't find field \"text\"")
    if not _ACTIONS & button.keys():
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= 64:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button:
        url = checked_link(str(button["url"]))
        if not url:
            raise bad_request("BUTTON_URL_INVALID")
        return {**button, "url": url}
    return button
