"""The demo's documents and Q&A pairs. Adding a document twice adds it once (by content); pairs are compared here."""

import csv
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.kit.db import Conn
from domain.knowledge import service as knowledge


async def add_documents(
    conn: Conn, *, tenant_id: UUID, assistant_ids: dict[str, UUID], plan: list[dict[str, Any]], folder: Path
) -> None:
    """Add the plan's files of `folder`; the shards read them when they run."""
    for item in plan:
        await knowledge.add_document(
            conn,
            tenant_id=tenant_id,
            assistant_id=assistant_ids[item["assistant"]],
            file_name=item["file"],
            data=(folder / item["file"]).read_bytes(),
            title=item["title"],
        )


async def add_pairs(conn: Conn, *, tenant_id: UUID, assistant_id: UUID, file: Path) -> None:
    """Add the questions of a CSV file (question, answer) that are not there yet."""
    known = await _questions(conn, tenant_id)
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["question"].strip() not in known:
                await knowledge.add_pair(
                    conn,
                    tenant_id=tenant_id,
                    assistant_id=assistant_id,
                    question=row["question"],
                    answer=row["answer"],
                )


async def _questions(conn: Conn, tenant_id: UUID) -> set[str]:
    questions: set[str] = set()
    cursor: str | None = None
    while True:
        pairs, cursor = await knowledge.list_pairs(conn, tenant_id=tenant_id, limit=100, cursor=cursor)
        questions |= {pair.question for pair in pairs}
        if cursor is None:
            return questions
