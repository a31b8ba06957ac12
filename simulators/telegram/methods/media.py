"""Photos, documents and voice messages; getFile."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.files import DOWNLOAD_LIMIT, PHOTO_LIMIT, UPLOAD_LIMIT, StoredFile, content_of
from simulators.telegram.formatting.text import caption_text
from simulators.telegram.methods.markup import checked_markup
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import reply_fields, store_sent, thread_fields, writable_chat
from simulators.telegram.params import Upload

Json = dict[str, Any]


def _given_file(call: Call, kind: str) -> StoredFile:
    """The file of the call: uploaded, attached under another name, or known by its id."""
    params, files = call.params, call.core.files
    value = params.text(kind)
    upload = params.files.get(value.removeprefix("attach://")) if value.startswith("attach://") else None
    upload = upload or params.files.get(kind)
    if upload is not None:
        return _kept_upload(call, kind, upload)
    if not value:
        raise bad_request(f"there is no {kind} in the request")
    if value.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    stored = files.find(value)
    if stored is None:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return stored


def _kept_upload(call: Call, kind: str, upload: Upload) -> StoredFile:
    if not upload.data:
        raise bad_request("file must be non-empty")
    if len(upload.data) > (PHOTO_LIMIT if kind == "photo" else UPLOAD_LIMIT):
        raise bad_request("file is too big")
    mime_type = "audio/ogg" if kind == "voice" else upload.content_type
    return call.core.files.add(kind, upload.name, mime_type, upload.data)


async def _send_file(call: Call, kind: str) -> object:
    params = call.params
    writable_chat(call, kind)
    stored = _given_file(call, kind)
    entities = params.json("caption_entities", "can't parse entities JSON object")
    caption, found = caption_text(params.text("caption"), params.text("parse_mode"), entities)
    markup = checked_markup(call)
    chat = writable_chat(call, kind)
    fields: Json = {**reply_fields(call, chat), **thread_fields(call, chat)}
    fields |= content_of(stored, params.integer("duration"))
    fields |= ({"caption": caption} if caption else {}) | ({"caption_entities": found} if found else {})
    fields |= {"reply_markup": markup} if markup else {}
    await call.core.limits.spend(call.bot.id, chat.id)
    chat = writable_chat(call, kind)
    return store_sent(call, chat, fields)


@method("sendPhoto")
async def send_photo(call: Call) -> object:
    """Send a picture."""
    return await _send_file(call, "photo")


@method("sendDocument")
async def send_document(call: Call) -> object:
    """Send a file."""
    return await _send_file(call, "document")


@method("sendVoice")
async def send_voice(call: Call) -> object:
    """Send a voice message."""
    return await _send_file(call, "voice")


@method("getFile")
async def get_file(call: Call) -> object:
    """Where a file can be downloaded, up to 20 MiB."""
    stored = call.core.files.find(call.params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.data) > DOWNLOAD_LIMIT:
        raise bad_request("file is too big")
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
        "file_path": stored.path,
    }
