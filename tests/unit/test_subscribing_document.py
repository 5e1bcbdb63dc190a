"""The program and the commands of docs/SUBSCRIBING.md do what it says."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import click
import pytest

from appliance.cli import main
from appliance.client.feed_words import FeedState

TEXT = (Path(__file__).parents[2] / "docs" / "SUBSCRIBING.md").read_text(encoding="utf-8")


def test_the_program_prints_what_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "example.py").write_text(program)
    runpy.run_path(str(tmp_path / "example.py"))
    (shown,) = re.findall(r"^# (.*)$", program, re.MULTILINE)
    assert capsys.readouterr().out.strip() == shown


@pytest.mark.parametrize("line", re.findall(r"^    pitwire (.*?)(?:  +#.*)?$", TEXT, re.MULTILINE))
def test_the_commands_are_such(line: str) -> None:
    """Every word is one that the command takes."""
    words = shlex.split(line.partition("|")[0])
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    command.make_context("pitwire", words)


def test_every_state_is_explained() -> None:
    assert all(f"`{state}`" in TEXT for state in FeedState)
