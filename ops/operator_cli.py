"""The commands `replyx deadletters` and `replyx bots`: their arguments."""

# The commands are imported when they run: `replyx --help` needs no database driver.
# ruff: noqa: PLC0415

import argparse
from pathlib import Path
from uuid import UUID


def add_deadletters(parser: argparse.ArgumentParser) -> None:
    """`replyx deadletters list|show|retry|discard`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="newest first, over all workspaces")
    listing.add_argument("--kind", choices=("inbox", "outbox"), help="inbox: what came; outbox: what was to be sent")
    listing.add_argument("--bot", type=int, help="of one bot")
    listing.add_argument("--limit", type=int, default=100, help="most lines (default: 100)")
    listing.add_argument("--json", action="store_true", help="a JSON object a line")
    listing.set_defaults(run=_list)
    show = actions.add_parser("show", help="one, with its bytes")
    show.add_argument("id")
    show.add_argument("--json", action="store_true", help="as a JSON object")
    show.set_defaults(run=_show)
    retry = actions.add_parser("retry", help="once more, from the beginning")
    retry.add_argument("id", nargs="+")
    retry.set_defaults(run=_retry)
    discard = actions.add_parser("discard", help="throw away")
    discard.add_argument("id", nargs="+")
    discard.set_defaults(run=_discard)
    for action in (listing, show, retry, discard):
        action.add_argument("--tenant", type=UUID, help="only of this workspace")


def add_bots(parser: argparse.ArgumentParser) -> None:
    """`replyx bots import`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    importing = actions.add_parser("import", help="connect the bots of a file of tokens, one a line")
    importing.add_argument("file", type=Path)
    importing.add_argument("--assistant", type=UUID, required=True, help="the assistant that answers in them")
    importing.add_argument("--mode", choices=("webhook", "polling"), default="polling")
    importing.add_argument("--json", action="store_true", help="a JSON object a token")
    importing.set_defaults(run=_import)


def _list(arguments: argparse.Namespace) -> None:
    from ops.deadletters import print_letters
    from ops.environment import running_settings

    print_letters(
        running_settings(),
        tenant_id=arguments.tenant,
        kind=arguments.kind,
        bot_id=arguments.bot,
        limit=arguments.limit,
        as_json=arguments.json,
    )


def _show(arguments: argparse.Namespace) -> None:
    from ops.deadletters import show_letter
    from ops.environment import running_settings

    show_letter(running_settings(), arguments.id, tenant_id=arguments.tenant, as_json=arguments.json)


def _retry(arguments: argparse.Namespace) -> None:
    from ops.deadletters import retry_letters
    from ops.environment import running_settings

    retry_letters(running_settings(), arguments.id, tenant_id=arguments.tenant)


def _discard(arguments: argparse.Namespace) -> None:
    from ops.deadletters import discard_letters
    from ops.environment import running_settings

    discard_letters(running_settings(), arguments.id, tenant_id=arguments.tenant)


def _import(arguments: argparse.Namespace) -> None:
    from ops.bots import import_bots
    from ops.environment import running_settings

    import_bots(
        running_settings(),
        arguments.file,
        assistant_id=arguments.assistant,
        mode=arguments.mode,
        as_json=arguments.json,
    )
