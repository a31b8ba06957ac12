"""documents: what the assistants know."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from domain.assistants import service as assistants
from domain.kit.errors import Invalid
from domain.knowledge import service as knowledge
from domain.knowledge.model import Document, Passage
from gateway.bodies import Upload, read_upload
from gateway.call import Call
from gateway.paging import Page, PageQuery
from gateway.routes.models import Input
from gateway.routing import Route


class DocumentForm(BaseModel):
    """A form with a file: txt, md, html, pdf or docx."""

    file: bytes = Field(json_schema_extra={"contentMediaType": "application/octet-stream"})
    title: str | None = Field(None, max_length=200)
    assistant_id: UUID | None = Field(None, description="Not given: every assistant of the workspace knows it.")


class DocumentOut(BaseModel):
    """A document. `progress` is 0..1; `error` says in one sentence why it failed."""

    id: UUID
    assistant_id: UUID | None
    title: str
    file_name: str
    media_type: str
    size: int
    language: str | None
    state: str = Field(description="queued, parsing, embedding, ready or failed.")
    progress: float
    error: str | None
    chunk_count: int
    created_at: datetime
    updated_at: datetime


class SearchBody(Input):
    """A question as a customer would ask it."""

    question: str = Field(min_length=1, max_length=2000)
    assistant_id: UUID
    limit: int = Field(5, ge=1, le=20)


class PassageOut(BaseModel):
    """A passage. `cosine` -1..1; `score` 0..1 compares within one search only; `coverage` is the share of words."""

    chunk_id: UUID
    document_id: UUID
    title: str
    heading: str | None
    page: int | None
    text: str
    language: str
    cosine: float
    coverage: float
    score: float


class PairMatchOut(BaseModel):
    """A verified answer that fits."""

    pair_id: UUID
    question: str
    answer: str
    cosine: float


class SearchOut(BaseModel):
    """What the knowledge says. `confident`: whether the assistant would answer. `embedded`: false when only words
    could be compared."""

    pair: PairMatchOut | None
    passages: list[PassageOut]
    confident: bool
    embedded: bool
    language: str


async def list_documents(call: Call, query: PageQuery) -> Page[DocumentOut]:
    """Newest first."""
    async with call.tenant_tx() as conn:
        rows, cursor = await knowledge.list_documents(
            conn, tenant_id=call.member.tenant_id, limit=query.limit, cursor=query.cursor
        )
    return Page(items=[_out(row) for row in rows], next_cursor=cursor)


async def add_document(call: Call) -> DocumentOut:
    """Store a file; a worker reads it after the answer."""
    max_mb = call.services.settings.upload_max_mb
    async with call.services.upload_slot():
        upload = await read_upload(call.request, max_mb=max_mb)
        async with call.tenant_tx() as conn:
            document = await knowledge.add_document(
                conn,
                tenant_id=call.member.tenant_id,
                assistant_id=_assistant_id(upload),
                file_name=upload.file_name,
                data=upload.data,
                title=_text(upload, "title"),
                max_bytes=max_mb << 20,
            )
    await call.ring_jobs()
    return _out(document)


async def get_document(call: Call, document_id: UUID) -> DocumentOut:
    """Read one, with its progress."""
    async with call.tenant_tx() as conn:
        return _out(await knowledge.get_document(conn, tenant_id=call.member.tenant_id, document_id=document_id))


async def delete_document(call: Call, document_id: UUID) -> None:
    """Delete one with its passages."""
    async with call.tenant_tx() as conn:
        await knowledge.delete_document(conn, tenant_id=call.member.tenant_id, document_id=document_id)


async def reindex_document(call: Call, document_id: UUID) -> DocumentOut:
    """Read it again; it stays searchable meanwhile."""
    async with call.tenant_tx() as conn:
        document = await knowledge.reindex_document(conn, tenant_id=call.member.tenant_id, document_id=document_id)
    await call.ring_jobs()
    return _out(document)


async def search_documents(call: Call, body: SearchBody) -> SearchOut:
    """What an assistant would find for a question."""
    tenant_id = call.member.tenant_id
    async with call.tenant_tx() as conn:
        await assistants.get_assistant(conn, tenant_id=tenant_id, assistant_id=body.assistant_id)
    found = await call.services.knowledge.retrieve(
        tenant_id=tenant_id, assistant_id=body.assistant_id, question=body.question, limit=body.limit
    )
    pair = found.pair
    return SearchOut(
        pair=PairMatchOut(pair_id=pair.pair_id, question=pair.question, answer=pair.answer, cosine=pair.cosine)
        if pair
        else None,
        passages=[_passage(passage) for passage in found.passages],
        confident=found.confident,
        embedded=found.embedded,
        language=found.language,
    )


def _assistant_id(upload: Upload) -> UUID | None:
    given = upload.fields.get("assistant_id")
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError as error:
        raise Invalid("assistant_id is not an id.") from error


def _text(upload: Upload, name: str) -> str | None:
    text = upload.fields.get(name)
    return text.replace("\x00", "") if text else None


def _passage(passage: Passage) -> PassageOut:
    return PassageOut(**{name: getattr(passage, name) for name in PassageOut.model_fields})


def _out(document: Document) -> DocumentOut:
    return DocumentOut(**{name: getattr(document, name) for name in DocumentOut.model_fields})


_TAG = "documents"
_ALL = "/api/documents"
_ONE = "/api/documents/{document_id}"
ROUTES = (
    Route("GET", _ALL, list_documents, "member", _TAG, "List the documents, newest first."),
    Route("POST", _ALL, add_document, "owner", _TAG, "Upload a document.", 201, form=DocumentForm),
    Route("POST", f"{_ALL}/search", search_documents, "member", _TAG, "Show what is found for a question."),
    Route("GET", _ONE, get_document, "member", _TAG, "Read a document and its progress."),
    Route("DELETE", _ONE, delete_document, "owner", _TAG, "Delete a document and its passages.", 204),
    Route("POST", f"{_ONE}/reindex", reindex_document, "owner", _TAG, "Read a document again.", 202),
)
