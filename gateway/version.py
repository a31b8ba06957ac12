"""Which version runs."""

from importlib.metadata import PackageNotFoundError, version


def _installed() -> str:
    try:
        return version("replyx")
    except PackageNotFoundError:
        return "0+source"  # run from the source tree, not installed


VERSION = _installed()
