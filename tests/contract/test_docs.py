"""The documents say what is there: settings, commands, decisions, links, the import rule."""

import argparse
import json
import re
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path
from uuid import UUID

import pytest

from domain.bus import bell_channel, events_channel, members_channel, snapshot_key
from domain.kit.settings import Settings
from ops.cli import _parser
from shards.buckets import BotLimits, chat_rules

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
SECTIONS = ["Context", "Decision", "Consequences", "Enforced by"]
ONE_PAGE = 60  # lines
# STYLE habit 1, word for word; `.importlinter` and docs/architecture.md carry it.
IMPORT_RULE = (
    "gateway -> domain <- shards. Neither process package imports the other; `domain` imports neither; "
    "`ops` and `simulators` stand above all. Inside domain, imports point down the slice list; "
    "a slice's queries belong to its own service."
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MADE = ("gateway/static",)  # built, not committed


def _tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = listed.stdout.splitlines()
    return {str(path) for file in files for path in (Path(file), *Path(file).parents)}


def _anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _settings_table() -> str:
    """The table of docs/settings.md as the model says it must be."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "unset" if field.default in {None, ""} else f"`{field.default}`"
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    table = _settings_table()
    page = (DOCS / "settings.md").read_text()
    found = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    assert found == table, f"docs/settings.md needs this table:\n{table}"


def test_the_readme_names_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert {"make run", "make test"} <= {line.split("#")[0].strip() for line in lines}


def test_decisions_are_numbered_without_gaps_and_listed() -> None:
    files = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [file.name[:4] for file in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert len(files) >= 15
    index = (DECISIONS / "README.md").read_text()
    assert [file.name for file in files] == re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index)


@pytest.mark.parametrize("file", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda file: file.name[:4])
def test_a_decision_fits_a_page_and_names_what_enforces_it(file: Path) -> None:
    text = file.read_text()
    assert text.startswith(f"# {file.name[:4]}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert len(text.splitlines()) <= ONE_PAGE
    checks = [name.partition("::") for name in CODE.findall(text.partition("## Enforced by")[2])]
    named = [name for name, _, _ in checks if name.startswith(("tests/", ".importlinter", "ruff.toml", "Makefile"))]
    assert named, "name the test or the rule that enforces it"
    missing = [test for name, _, test in checks if test and f"def {test}(" not in (ROOT / name).read_text()]
    assert not missing


def test_decisions_named_in_code_exist() -> None:
    known = {file.name[:4] for file in DECISIONS.glob("[0-9]*.md")}
    names = [name for name in _tracked() if name.endswith((".py", ".ts", ".toml", ".md", "Makefile"))]
    sources = [ROOT / name for name in names if (ROOT / name).is_file()]
    named = {number for source in sources for number in re.findall(r"ADR-(\d{4})", source.read_text())}
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    broken: list[str] = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_commands_in_the_text_exist(page: Path) -> None:
    tracked = _tracked()
    folders = {path.partition("/")[0] for path in tracked if "/" in path}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    missing: list[str] = []
    for code in CODE.findall(FENCE.sub("", page.read_text())):
        path = code.partition("::")[0].rstrip("/")
        in_tree = re.fullmatch(r"[\w./-]+/[\w./-]*", code.partition("::")[0]) and path.partition("/")[0] in folders
        if in_tree and path not in tracked and not path.startswith(MADE):
            missing.append(code)
        if (made := re.match(r"make ([a-z-]+)", code)) and made[1] not in targets:
            missing.append(code)
        if (ran := re.match(r"replyx ([a-z]+)", code)) and ran[1] not in _subcommands():
            missing.append(code)
    assert not missing


def _subcommands() -> set[str]:
    actions = _parser()._actions
    return {name for action in actions if isinstance(action, argparse._SubParsersAction) for name in action.choices}


def test_the_import_rule_is_the_same_everywhere() -> None:
    comment = " ".join(
        line.removeprefix("; ") for line in (ROOT / ".importlinter").read_text().splitlines() if line.startswith("; ")
    )
    assert IMPORT_RULE in comment
    page = re.sub(r"\s*\n>? ?", " ", (DOCS / "architecture.md").read_text())
    assert IMPORT_RULE in page


def test_the_slice_list_is_the_contracts() -> None:
    contract = ConfigParser(comment_prefixes=(";",))
    contract.read(ROOT / ".importlinter")
    layers = [layer.strip() for layer in contract.get("importlinter:contract:slices", "layers").split("\n") if layer]
    listed = [" | ".join(name.replace("domain.", "").split(" | ")) for name in layers]
    block = re.search(r"```slices\n(.*?)```", (DOCS / "architecture.md").read_text(), re.DOTALL)
    assert block
    assert [line.split("  ")[0].strip() for line in block[1].splitlines()] == listed


def test_channels_are_named_as_in_the_decision() -> None:
    text = (DECISIONS / "0009-sharded-pubsub-per-slot.md").read_text()
    names = [bell_channel(17), events_channel(17), members_channel(), snapshot_key(17, UUID(int=0))]
    for name in names:
        assert f"`{name.replace(str(UUID(int=0)), '<dialog>')}`" in text
        assert name.startswith("{"), "the hash tag decides the node"


def test_limits_are_those_of_the_decision() -> None:
    text = (DECISIONS / "0013-sliding-windows.md").read_text()
    [bot] = BotLimits(30).bot.rules
    private, group = ([(rule.limit, round(rule.period)) for rule in chat_rules(chat)] for chat in (1, -1))
    assert f"bot: its `rate` ({bot.limit} unless set) in {bot.period:.0f} s" in text
    assert f"private chat: {private[0][0]} in {private[0][1]} s" in text
    assert f"group: {group[0][0]} in {group[0][1]} s and {group[1][0]} in {group[1][1]} s" in text


def test_peers_are_not_among_our_requirements() -> None:
    ours = (ROOT / "requirements" / "dev.txt").read_text()
    peers = (ROOT / "requirements" / "peers.txt").read_text()
    for name in ("aiogram", "python-telegram-bot"):
        assert re.search(rf"^{name}==", peers, re.MULTILINE)
        assert not re.search(rf"^{name}==", ours, re.MULTILINE)


def test_every_library_is_in_the_decision() -> None:
    text = (DECISIONS / "0007-libraries.md").read_text().lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    development = (ROOT / "requirements" / "dev.in").read_text().splitlines()
    package = json.loads((ROOT / "web" / "package.json").read_text())
    python = [re.split(r"[\[<>=~ ]", line)[0] for line in (*project, *development) if line[:1].isalpha()]
    names = {*python, *package.get("dependencies", {}), *package["devDependencies"]}
    assert len(names) > 40
    assert not [name for name in names if name.lower() not in text]
