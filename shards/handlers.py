"""Which work there is beside turns and sends: the handlers of every kind of job."""

from domain.broadcasts import jobs as broadcast_jobs
from domain.broadcasts.service import RUN as BROADCAST
from domain.bus import Publisher
from domain.clients.embeddings import HttpEmbedder
from domain.clients.telegram import TelegramClient
from domain.dialogs import jobs as dialog_jobs
from domain.dialogs.attachments import FETCH_FILE
from domain.kit.jobs import Handler
from domain.kit.sealing import KeyRing
from domain.knowledge import jobs as knowledge_jobs
from domain.knowledge.service import EMBED_PAIRS, INGEST, REINDEX


def job_handlers(
    *, publisher: Publisher, telegram: TelegramClient, keyring: KeyRing, embedder: HttpEmbedder | None
) -> dict[str, Handler]:
    """By kind; without an embedder documents are refused with a sentence."""
    handlers = {
        BROADCAST: broadcast_jobs.broadcast_handler(publisher),
        FETCH_FILE: dialog_jobs.fetch_file_handler(telegram, keyring, publisher),
    }
    if embedder is None:
        return handlers | {INGEST: knowledge_jobs.no_embedder_handler()}
    return handlers | {
        INGEST: knowledge_jobs.ingest_handler(embedder),
        EMBED_PAIRS: knowledge_jobs.embed_pairs_handler(embedder),
        REINDEX: knowledge_jobs.reindex_handler(embedder),
    }


def cancelled_handlers() -> dict[str, Handler]:
    """What tidies up after a cancelled job, by kind."""
    return {INGEST: knowledge_jobs.ingest_cancelled_handler()}
