"""Finds every SQL statement of the product: upper-case string constants of the modules that hold SQL."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import domain
import shards

_VERB = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement and where it stands."""

    module: str
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def all_statements() -> list[Statement]:
    """Every statement, in a stable order."""
    return sorted(_collect(), key=str)


def _collect() -> Iterator[Statement]:
    for package in (domain, shards):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith(("__main__", "parse_child")):
                continue
            yield from _of(importlib.import_module(info.name))


def _of(module: ModuleType) -> Iterator[Statement]:
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and _VERB.match(value):
            yield Statement(module.__name__, name, value)
