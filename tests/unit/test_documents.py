"""Examples in the documents do what the documents say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from appliance.config import parse

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text(), re.DOTALL | re.MULTILINE)


def test_the_book_is_driven_alone_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("HACKING.md", "python")
    exec(compile(program, "HACKING.md", "exec"), {})
    shown = re.search(r"# (\[.*?\])", program)
    assert shown is not None
    assert capsys.readouterr().out.strip() == shown.group(1)


def test_the_configuration_in_operations_is_one() -> None:
    text, dpdk = blocks("OPERATIONS.md", "toml")
    config = parse(tomllib.loads(text))
    assert config.port.kind == "xdp"
    assert config.instruments[0].symbol == "ACME"
    assert parse(tomllib.loads(dpdk)).port.kind == "dpdk"
