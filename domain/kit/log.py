"""Structured logs: one JSON object a line, with the request and dialog ids of the context, without secrets."""

import logging
import re
import sys
from typing import Any, cast

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

SECRET_KEYS = frozenset({"password", "token", "authorization", "secret", "api_key", "access_token", "cookie"})
_BOT_TOKEN = re.compile(r"\d{5,20}:[A-Za-z0-9_-]{30,64}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")


def redact(text: str) -> str:
    """The text with bot tokens, JWTs and passwords in URLs replaced by `***`."""
    text = _BOT_TOKEN.sub("***", text)
    text = _JWT.sub("***", text)
    return _URL_PASSWORD.sub(r"\1***@", text)


def _redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key in SECRET_KEYS:
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = redact(value)
    return event


def _to_json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def configure(level: str = "INFO", *, instance: str = "") -> None:
    """Set up logging for the process: JSON lines on stdout (supervisord rotates the files)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_to_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer(serializer=_to_json)
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it says a line at INFO for every call of a model
    structlog.contextvars.bind_contextvars(instance=instance)


def logger(name: str) -> FilteringBoundLogger:
    """The logger of a module; events are past-tense words joined by dots, everything else is a keyword."""
    return cast("FilteringBoundLogger", structlog.get_logger(module=name))


bound = structlog.contextvars.bound_contextvars
