"""Files that customers sent, through the API: safe to open, and only for their own workspace."""

from typing import Any
from uuid import UUID

import pytest

from domain.bots.updates import Attachment
from domain.dialogs import DialogLog, MessageDraft, attachments
from domain.kit import blobs
from domain.kit.ids import uuid7
from tests.gateway.running import Account, Gateway
from tests.gateway.test_isolation import open_dialog


async def _file(account: Account, dialog_id: UUID, file: Attachment, data: bytes | None) -> str:
    """A message with a file; its path in the API."""
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        log = DialogLog(conn)
        dialog = (await log.lock([(account.tenant_id, dialog_id)]))[dialog_id]
        draft = MessageDraft(id=uuid7(), role="customer", text="[file]", attachments=attachments.described([file]))
        seq = log.append(dialog, draft)
        await log.flush()
        if data is not None:
            await attachments.settle(
                conn,
                tenant_id=account.tenant_id,
                message_id=draft.id,
                file_id=file.file_id,
                n=0,
                state="stored",
                data=data,
            )
    return f"/api/dialogs/{dialog_id}/messages/{seq}/attachments/0"


@pytest.fixture
async def ann(gateway: Gateway) -> tuple[Account, UUID]:
    """Ann and a dialog of hers."""
    account = await gateway.register()
    return account, await open_dialog(account, await account.assistant())


@pytest.mark.parametrize(
    ("file", "media", "disposition"),
    [
        (Attachment("photo", "f"), "image/jpeg", "inline; filename=\"photo.jpg\"; filename*=UTF-8''photo.jpg"),
        (
            Attachment("document", "f", mime_type="text/html", name='a"b\r\n.html'),
            "application/octet-stream",
            "attachment; filename=\"a_b__.html\"; filename*=UTF-8''a%22b__.html",
        ),
        (
            Attachment("document", "f", mime_type="image/svg+xml", name="../чек.svg"),
            "application/octet-stream",
            "attachment; filename=\"..____.svg\"; filename*=UTF-8''.._%D1%87%D0%B5%D0%BA.svg",
        ),
        (
            Attachment("document", "f", mime_type="image/png", name="p.png"),
            "image/png",
            "inline; filename=\"p.png\"; filename*=UTF-8''p.png",
        ),
    ],
)
async def test_a_file_is_served_so_that_no_browser_runs_it(
    ann: tuple[Account, UUID], file: Attachment, media: str, disposition: str
) -> None:
    account, dialog_id = ann
    answer = await account.call("GET", await _file(account, dialog_id, file, b"<script>"))
    assert (answer.status, answer.text) == (200, "<script>")
    assert (answer.headers["Content-Type"], answer.headers["Content-Disposition"]) == (media, disposition)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_file_that_is_not_there_says_why(ann: tuple[Account, UUID]) -> None:
    account, dialog_id = ann
    for size, reason in ((5, "is being fetched"), (30 << 20, "larger than the 20 MB")):
        path = await _file(account, dialog_id, Attachment("document", "f", size=size), None)
        answer = await account.call("GET", path)
        assert answer.status == 404
        assert reason in answer.text


async def test_messages_show_their_files_without_telegrams_ids(ann: tuple[Account, UUID]) -> None:
    account, dialog_id = ann
    await _file(account, dialog_id, Attachment("voice", "secret-id", "u", 3, "audio/ogg", duration=12), b"ogg")
    listed: dict[str, Any] = await account.ok("GET", f"/api/dialogs/{dialog_id}/messages")
    [found] = listed["items"][-1]["attachments"]
    assert found == {
        "n": 0, "kind": "voice", "name": None, "mime_type": "audio/ogg", "size": 3, "duration": 12, "width": None,
        "height": None, "state": "stored",
    }  # fmt: skip
    assert (listed["items"][-1]["context"], listed["items"][-1]["edited_at"]) == (None, None)


async def test_a_file_that_a_message_has_stays_when_a_document_with_it_goes(ann: tuple[Account, UUID]) -> None:
    account, dialog_id = ann
    path = await _file(account, dialog_id, Attachment("document", "f"), b"shared content")
    async with account.gateway.services.db.tenant_tx(account.tenant_id) as conn:
        blob = await blobs.put(conn, tenant_id=account.tenant_id, data=b"shared content")
        await blobs.delete_unused(conn, tenant_id=account.tenant_id, blob_id=blob.id)
    assert (await account.call("GET", path)).text == "shared content"
