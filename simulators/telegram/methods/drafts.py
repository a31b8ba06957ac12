"""Previews of a message while it is written (sendMessageDraft)."""

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.formatting.text import MAX_TEXT, formatted
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import find_chat, spend, writable_chat
from simulators.telegram.model import Draft


@method("sendMessageDraft")
async def send_message_draft(call: Call) -> object:
    """Show a preview in a private chat; an empty text is the "Thinking..." placeholder. Any real message removes it."""
    params, core = call.params, call.core
    if find_chat(call).type != "private":
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = params.long("draft_id")
    if draft_id == 0:
        raise bad_request("invalid draft identifier specified")
    entities = params.json("entities", "can't parse entities JSON object")
    text, found = formatted(params.text("text"), params.text("parse_mode"), entities)
    if len(text) > MAX_TEXT:
        raise bad_request("message is too long")
    chat = writable_chat(call)
    await spend(call, chat, "preview")
    draft = Draft(
        draft_id, text, found, core.clock.now(), params.flag("can_stop"), params.flag("keep_on_stop"),
        params.integer("message_thread_id"),
    )  # fmt: skip
    chat.draft = draft
    shown = {"draft_id": draft_id, "text": text, "entities": found, "at": draft.at, "can_stop": draft.can_stop}
    chat.drafts.append(shown)
    core.hub.publish("draft", chat.bot_id, chat.id, {"draft": shown})
    return True
