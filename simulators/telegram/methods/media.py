"""Photos, documents, voice messages and other files, alone or in an album; getFile."""

from typing import Any

from simulators.telegram.core import Call
from simulators.telegram.errors import bad_request
from simulators.telegram.files import DOWNLOAD_LIMIT, PHOTO_LIMIT, UPLOAD_LIMIT, StoredFile, content_of, is_file_id
from simulators.telegram.formatting.text import caption_text
from simulators.telegram.methods.markup import checked_markup
from simulators.telegram.methods.registry import method
from simulators.telegram.methods.targets import (
    reply_fields,
    spend,
    store_sent,
    thread_fields,
    writable_chat,
)
from simulators.telegram.model import Chat
from simulators.telegram.params import Upload

Json = dict[str, Any]

ALBUM = range(2, 11)
ALBUM_KINDS = ("photo", "video", "audio", "document")
_ALONE = {"audio", "document"}


async def given_file(call: Call, kind: str, value: str, *, upload: Upload | None = None) -> StoredFile:
    """The file a value names: uploaded (as `upload`, or attached under another name), or known by its id."""
    files = call.params.files
    if value.startswith("attach://"):
        upload = files.get(value.removeprefix("attach://")) or upload
    if upload is not None:
        await call.core.admission.space_file(call.bot, len(upload.data))
        return _kept_upload(call, kind, upload)
    if not value or value.startswith("attach://"):
        raise bad_request(f"there is no {kind} in the request")
    if value.startswith(("http://", "https://")):
        if "." not in value.split("/")[2]:
            raise bad_request("wrong HTTP URL specified")
        raise bad_request("failed to get HTTP URL content")
    stored = call.core.files.find(value)
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


def caption_fields(caption: str, parse_mode: str, entities: Any) -> Json:
    """`caption` and `caption_entities` as the message carries them."""
    text, found = caption_text(caption, parse_mode, entities)
    return ({"caption": text} if text else {}) | ({"caption_entities": found} if found else {})


def _check_voice(chat: Chat, kind: str) -> None:
    if kind in {"voice", "video_note"} and "voice" in chat.restricted and chat.type == "private":
        raise bad_request("VOICE_MESSAGES_FORBIDDEN")


async def _send_file(call: Call, kind: str) -> object:
    params = call.params
    _check_voice(writable_chat(call, kind), kind)
    stored = await given_file(call, kind, params.text(kind), upload=params.files.get(kind))
    entities = params.json("caption_entities", "can't parse entities JSON object")
    caption = caption_fields(params.text("caption"), params.text("parse_mode"), entities)
    markup = checked_markup(call)
    chat = writable_chat(call, kind)
    fields: Json = {**reply_fields(call, chat), **thread_fields(call, chat)}
    fields |= content_of(stored, params.integer("duration")) | caption
    fields |= {"reply_markup": markup} if markup else {}
    await spend(call, chat)
    return store_sent(call, writable_chat(call, kind), fields)


def _register(kind: str, name: str) -> None:
    async def send(call: Call) -> object:
        return await _send_file(call, kind)

    method(name)(send)


for _kind, _name in [
    ("photo", "sendPhoto"), ("document", "sendDocument"), ("voice", "sendVoice"), ("audio", "sendAudio"),
    ("video", "sendVideo"), ("animation", "sendAnimation"), ("sticker", "sendSticker"),
    ("video_note", "sendVideoNote"),
]:  # fmt: skip
    _register(_kind, _name)


@method("sendMediaGroup")
async def send_media_group(call: Call) -> object:
    """Send 2 to 10 files as one album; each counts as a message."""
    listed = call.params.json("media", "can't parse media JSON object")
    chat = writable_chat(call, "photo")
    if not isinstance(listed, list):
        raise bad_request("can't parse media JSON object: expected an Array of InputMedia")
    if not listed:
        raise bad_request("there are no messages to send")
    if len(listed) not in ALBUM:
        raise bad_request(f"too {'few' if len(listed) < ALBUM.start else 'many'} messages to send as an album")
    items = [await _album_item(call, item) for item in listed]
    kinds = {str(item.get("type")) for item in listed}
    if len(kinds) > 1 and kinds & _ALONE:
        raise bad_request(f"{min(kinds & _ALONE)} can't be mixed with other media types")
    shared = {**reply_fields(call, chat), **thread_fields(call, chat)}
    shared["media_group_id"] = str(call.core.rng.randint(10**16, 10**17))
    for _ in items:
        await spend(call, chat)
    chat = writable_chat(call, "photo")
    return [store_sent(call, chat, {**shared, **item}) for item in items]


async def _album_item(call: Call, item: Any) -> Json:
    if not isinstance(item, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    kind = item.get("type")
    if kind not in ALBUM_KINDS:
        raise bad_request("can't parse InputMedia: invalid media type specified")
    stored = await given_file(call, kind, str(item.get("media", "")))
    caption = caption_fields(
        str(item.get("caption", "")), str(item.get("parse_mode", "")), item.get("caption_entities")
    )
    return content_of(stored) | caption


@method("getFile")
async def get_file(call: Call) -> object:
    """Where a file can be downloaded, up to 20 MiB (the local server has no limit)."""
    file_id = call.params.text("file_id")
    if not file_id:
        raise bad_request("file_id not specified")
    stored = call.core.files.find(file_id)
    if stored is None and is_file_id(file_id):
        raise bad_request("wrong file_id or the file is temporarily unavailable")
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
