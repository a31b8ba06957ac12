"""Files stay readable: 400 lines at most (aim: 300), functions 50."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILE = 400
MAX_FUNCTION = 50


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_is_too_long() -> None:
    files = _tracked("*.py", "*.ts", "*.tsx")
    assert len(files) > 100
    long = {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > MAX_FILE}
    assert not long


def test_no_function_is_too_long() -> None:
    long: dict[str, int] = {}
    for file in _tracked("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION:
                    long[f"{file.relative_to(ROOT)}:{node.name}"] = length
    assert not long


def test_every_package_opens_with_a_map() -> None:
    packages = [f for f in _tracked("*__init__.py") if f.parts[len(ROOT.parts)] not in {"tests"}]
    silent = [str(f.relative_to(ROOT)) for f in packages if not ast.get_docstring(ast.parse(f.read_text()))]
    assert not silent
