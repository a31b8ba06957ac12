"""Deterministic embeddings: each word adds a few signed components, so texts that share words lie close."""

import base64
import hashlib
import math
import struct
from typing import Any

from simulators.llm.reader import WORD

DIMENSIONS = 384
MAX_DIMENSIONS = 4096
MAX_INPUTS = 2048
SPREAD = 4  # components a word touches


class BadInputError(ValueError):
    """The request is one OpenAI would refuse with 400; the text says why."""


def texts(value: Any) -> list[str]:
    """`input` as a list of texts. Token arrays are taken as the text of their numbers. Raises BadInputError."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_INPUTS:
        raise BadInputError(f"input must be a string or an array of 1 to {MAX_INPUTS} strings")
    found = [" ".join(map(str, item)) if isinstance(item, list) else item for item in value]
    if not all(isinstance(item, str) and item for item in found):
        raise BadInputError("input items must be strings that are not empty")
    return found


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector of `dimensions` floats; the same text always gives the same one."""
    parts = [0.0] * dimensions
    for word in WORD.findall(text.lower()) or [text]:
        digest = hashlib.blake2b(word[:6].encode(), digest_size=4 * SPREAD).digest()
        for (number,) in struct.iter_unpack("<I", digest):
            parts[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    norm = math.sqrt(sum(x * x for x in parts))
    if norm == 0:  # words may cancel each other out in a short vector
        parts[0] = norm = 1.0
    return [x / norm for x in parts]


def response(body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer to a `/v1/embeddings` body. Raises BadInputError."""
    found = texts(body.get("input"))
    dimensions = body.get("dimensions") or DIMENSIONS
    if not isinstance(dimensions, int) or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise BadInputError(f"dimensions must be 1 to {MAX_DIMENSIONS}")
    encoding = body.get("encoding_format", "float")
    if encoding not in {"float", "base64"}:
        raise BadInputError("encoding_format must be float or base64")
    vectors = [vector(text, dimensions) for text in found]
    tokens = sum(len(WORD.findall(text)) for text in found)
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [
            {"object": "embedding", "index": i, "embedding": _packed(v) if encoding == "base64" else v}
            for i, v in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
