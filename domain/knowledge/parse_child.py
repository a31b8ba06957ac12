"""The child process that reads a stranger's file: `python -m domain.knowledge.parse_child KIND < file > blocks.json`.

It limits itself before it reads a byte: memory, CPU, no files written, no network, no privileges. Its answer is one
JSON object: {"blocks": [[text, [headings], page], ...]} or {"error": "one sentence for the tenant"}.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
from collections.abc import Callable

from domain.knowledge.model import Block
from domain.knowledge.parsers.outline import BROKEN, TOO_COMPLEX, Unreadable

MEMORY = 512 << 20  # bytes of address space
CPU_SECONDS = 20
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # sched.h: CLONE_NEWUSER, CLONE_NEWNET
_NOBODY = 65534


def main(kind: str) -> None:
    """Read stdin, write stdout."""
    parse = _parser(kind)
    _limit()
    try:
        result: dict[str, object] = {"blocks": [[b.text, b.headings, b.page] for b in parse(sys.stdin.buffer.read())]}
    except Unreadable as error:
        result = {"error": str(error)}
    except (MemoryError, RecursionError):
        result = {"error": TOO_COMPLEX}
    except Exception:  # noqa: BLE001  # the boundary: whatever a parser meets in a damaged file, the tenant hears this
        result = {"error": BROKEN}
    sys.stdout.buffer.write(json.dumps(result, ensure_ascii=False).encode("utf-8", "replace"))


def _parser(kind: str) -> Callable[[bytes], list[Block]]:
    """The reader of a kind, imported while imports are still possible."""
    if kind == "pdf":
        from domain.knowledge.parsers.pdf import parse_pdf as parse  # noqa: PLC0415  # each takes 0.2 s: only the one
    elif kind == "docx":
        from domain.knowledge.parsers.docx import parse_docx as parse  # noqa: PLC0415
    elif kind == "html":
        from domain.knowledge.parsers.html import parse_html as parse  # noqa: PLC0415
    elif kind == "markdown":
        from domain.knowledge.parsers.text import parse_markdown as parse  # noqa: PLC0415
    else:
        from domain.knowledge.parsers.text import parse_text as parse  # noqa: PLC0415
    return parse


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    root = os.geteuid() == 0
    if libc.unshare(_NEW_NET) != 0 and not root:
        libc.unshare(_NEW_USER | _NEW_NET)  # where ordinary users may; elsewhere there is no socket to inherit anyway
    if root and _nobody_can_read(os.__file__) and _nobody_can_read(__file__):
        with contextlib.suppress(OSError):  # a container may forbid it
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)


def _nobody_can_read(path: str) -> bool:
    """Parsers import as they go: an installation under /root could not be read any more."""
    with contextlib.suppress(OSError):
        os.seteuid(_NOBODY)
        try:
            return os.access(path, os.R_OK, effective_ids=True)
        finally:
            os.seteuid(0)
    return False


if __name__ == "__main__":
    main(sys.argv[1])
