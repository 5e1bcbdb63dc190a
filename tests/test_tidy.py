"""The style of this repository, kept by a test. What does not hold yet stands in a table, which may only shrink."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from appliance.cli import COMMANDS
from native import codes, counters, gateway_layout, layout, log_layout, session_layout
from native.kernel_cache import kernel_sources

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOT_OURS = {"build", "dist", "__pycache__", "gen"}
TEXT_SUFFIXES = {
    "",
    ".c",
    ".cfg",
    ".conf",
    ".csv",
    ".h",
    ".json",
    ".md",
    ".py",
    ".pyi",
    ".service",
    ".sh",
    ".tf",
    ".toml",
}
TEXT_SUFFIXES |= {".txt", ".xml", ".yaml", ".yml"}

LINES_MAX = 600
LONGER_FILES: dict[str, int] = {}
"""File: how many lines it may have until it is divided."""

UNUSED_NAMES: set[str] = set()
"""Codes and counters that nothing gives or counts yet."""

COMMANDS_WITHOUT_NUMBA = ["client", "config", "convert", "decode", "doctor", "gen", "nic", "observe", "relay", "sbe"]

KERNEL_DECORATORS = {"kernel", "inner_kernel", "outer_kernel", "far_kernel"}

# written in two parts, so that this file does not hold what it looks for
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
FORBIDDEN_WORDS = re.compile(
    "|".join(
        (
            r"(?<![\w.~-])/wo" + r"rk\b",
            r"(?<![\w.~-])/ro" + r"ot/",
            r"(?<![\w.~-])/op" + r"t/pypi",
            r"py" + r"pi\.org",
            r"python" + r"hosted\.org",
            r"deb\." + r"debian\.org",
            r"registry\." + r"npmjs\.org",
            r"proxy\." + r"golang\.org",
        )
    )
)


def all_files() -> Iterator[Path]:
    """Every file of the repository that is written by hand or committed, wherever it was unpacked."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not (name.startswith(".") or name in NOT_OURS)]
        yield from (Path(folder) / name for name in names)


FILES = sorted(all_files())
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in FILES
    if path.suffix in TEXT_SUFFIXES and b"\0" not in path.read_bytes()[:4096]
}
PYTHON = {name: ast.parse(text) for name, text in TEXTS.items() if name.endswith(".py")}


def module_name(file: str) -> str:
    return file.removeprefix("codecs/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_modules(tree: ast.AST) -> set[str]:
    """First parts of everything that is imported, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def has_kernels(tree: ast.AST) -> bool:
    return any(
        isinstance(decorator, ast.Name) and decorator.id in KERNEL_DECORATORS
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )


SHIPPED = ("native/", "codecs/wire/", "nic/", "appliance/", "pcap/")
KERNEL_FILES = {file for file, tree in PYTHON.items() if file.startswith(SHIPPED) and has_kernels(tree)}


def contract(kind: str) -> dict[str, list[str]]:
    return next(rule for rule in PROJECT["tool"]["importlinter"]["contracts"] if rule["type"] == kind)


def is_covered(module: str, patterns: list[str]) -> bool:
    """Is `module`, or a package that it is in, among `patterns` (`a.b` or `a.b.*`)?"""
    return any(f"{module}.".startswith(f"{pattern.removesuffix('.*')}.") for pattern in patterns)


def test_there_is_something_to_look_at() -> None:
    assert len(PYTHON) > 100
    assert len(KERNEL_FILES) > 15
    assert any(name.endswith(".c") for name in TEXTS)


def test_files_are_short() -> None:
    code = {name: text.count("\n") for name, text in TEXTS.items() if name.endswith((".py", ".c", ".h", ".md"))}
    long = {name: lines for name, lines in code.items() if lines > LONGER_FILES.get(name, LINES_MAX)}
    assert not long, f"longer than {LINES_MAX} lines: a room that wants dividing"
    shrunk = {name for name in LONGER_FILES if code.get(name, 0) <= LINES_MAX}
    assert not shrunk, "take these out of LONGER_FILES"


def test_nothing_is_left_for_later() -> None:
    assert [name for name, text in TEXTS.items() if UNFINISHED.search(text)] == []


def test_no_machine_and_no_registry_is_named() -> None:
    found = {name: match.group() for name, text in TEXTS.items() if (match := FORBIDDEN_WORDS.search(text))}
    assert not found


def test_no_bare_except() -> None:
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in PYTHON.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not bare


def test_records_have_no_implicit_padding() -> None:
    tables = vars(layout) | vars(log_layout) | vars(gateway_layout) | vars(session_layout)
    records = {name: value for name, value in tables.items() if isinstance(value, np.dtype) and value.names}
    assert len(records) > 10
    for name, dtype in records.items():
        assert dtype.fields is not None
        ends = 0
        for field, (kind, offset, *_) in sorted(dtype.fields.items(), key=lambda item: item[1][1]):
            assert offset == ends, f"{name}.{field} has {offset - ends} unnamed bytes before it"
            ends = offset + kind.itemsize
        assert ends == dtype.itemsize, f"{name} has {dtype.itemsize - ends} unnamed bytes at its end"


def test_every_counter_and_code_has_a_sentence() -> None:
    sentences = [counter.sentence for counter in counters.COUNTERS]
    for table in (codes.ERROR_SENTENCES, codes.REJECT_SENTENCES, codes.RESTATEMENT_SENTENCES):
        sentences += table.values()
    assert len(sentences) > 60
    for sentence in sentences:
        assert re.fullmatch(r"[A-Z].{8,}\.", sentence), sentence


def test_every_counter_and_code_is_used() -> None:
    names = {name for name, value in vars(counters).items() if name.isupper() and isinstance(value, int)}
    names |= {name for name in vars(codes) if re.match("(ERROR|REJECT|RESTATEMENT)_", name)}
    names -= {"COUNTERS_COUNT", "ERROR_SENTENCES", "REJECT_SENTENCES", "RESTATEMENT_SENTENCES"}
    tables = {"native/counters.py", "native/codes.py"}
    shipped = [text for file, text in TEXTS.items() if file.startswith(SHIPPED) and file not in tables]
    words = set(re.findall(r"\b[A-Z][A-Z0-9_]+\b", "\n".join(shipped)))
    assert names - words == UNUSED_NAMES


@pytest.mark.parametrize("file", sorted(KERNEL_FILES))
def test_kernel_modules_are_under_the_contracts(file: str) -> None:
    module = module_name(file)
    forbidden = contract("forbidden")
    assert not imported_modules(PYTHON[file]) & set(forbidden["forbidden_modules"])
    assert is_covered(module, forbidden["source_modules"])
    typed_loosely = next(
        rule["module"] for rule in PROJECT["tool"]["mypy"]["overrides"] if "native.rim" in rule["module"]
    )
    assert is_covered(module, typed_loosely)


def test_an_edit_that_changes_a_kernel_changes_its_cache() -> None:
    """What kernels import, directly or not, is under the hash that names their cache."""
    files = {module_name(file): file for file in PYTHON}
    waiting, seen = [module_name(file) for file in KERNEL_FILES], set[str]()
    while waiting:
        module = waiting.pop()
        if module in seen or module not in files:
            continue
        seen.add(module)
        for node in ast.walk(PYTHON[files[module]]):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
    assert "native.limits" in seen
    hashed = {str(path.relative_to(ROOT)) for path in kernel_sources()}
    assert {files[module] for module in seen if module in files} <= hashed


def test_every_part_of_the_appliance_has_a_layer() -> None:
    layers = re.findall(r"[\w.]+", " ".join(contract("layers")["layers"]))
    parts = {".".join(module_name(file).split(".")[:2]) for file in PYTHON if file.startswith("appliance/")}
    assert parts - {"appliance"} <= set(layers)


def test_links_in_documents_lead_somewhere() -> None:
    broken = []
    for name, text in TEXTS.items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.partition("#")[0]
            if not path or re.match(r"[a-z]+:", path):
                continue
            found = (ROOT / name).parent / path
            if not found.exists() and not path.startswith("../shared/"):
                broken.append(f"{name}: {target}")
    assert not broken


def test_the_readme_shows_the_thing_working() -> None:
    readme = TEXTS["README.md"]
    assert "make run" in readme
    assert "make test" in readme
    assert re.search(r"!\[[^\]]+\]\(docs/[^)]+\.(svg|png)\)", readme), "a picture made from a real run"
    figures = re.search(r"^## Figures\n(.*?)(^## |\Z)", readme, re.DOTALL | re.MULTILINE)
    assert figures, "a section of measured figures"
    assert re.search(r"\d+(\.\d+)? (us|ns|ms|s|a second)\b", figures.group(1)), "figures with units"


def leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """`command`, and the commands inside it where it is a group."""
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            yield from leaves(f"{name} {inner}", subcommand)
    else:
        yield name, command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_by_example(name: str) -> None:
    command = importlib.import_module(COMMANDS[name][0]).command
    for words, leaf in leaves(name, command):
        assert re.search(rf"Examples?:\n\s+(sudo )?pitwire {words}\b", leaf.help or ""), f"pitwire {words} --help"


@pytest.mark.parametrize("name", COMMANDS_WITHOUT_NUMBA)
def test_commands_that_do_not_need_numba_do_not_load_it(name: str) -> None:
    program = f"import sys, {COMMANDS[name][0]}; sys.exit('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "numba was imported"
