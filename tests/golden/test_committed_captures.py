"""The committed captures are what their seeds make, byte for byte, on any machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pcap.committed import FOLDER, RECIPES, remake
from pcap.write import Recipe, make_capture


def test_golden_digest(tmp_path: Path) -> None:
    """A small capture with everything in it; its digest is written here and nowhere else."""
    recipe = Recipe(1, "swing", 300, 5, 3, 2, faults_per_10000=500, noise_per_10000=500, vlan_session=2)
    path = tmp_path / "small.pcap"
    assert make_capture(recipe, path)["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == (
        "3886ec0e2df61e421e3c6da83b12e57c8c1f4cd0bbc20640c9d63ed528a704d6"
    )


def test_committed_captures_are_what_their_recipes_make(tmp_path: Path) -> None:
    remake(tmp_path)
    for name in RECIPES:
        for file in (Path(name), Path(name).with_suffix(".json")):
            assert (tmp_path / file).read_bytes() == (FOLDER / file).read_bytes(), file


@pytest.mark.parametrize("name", RECIPES)
def test_metadata(name: str) -> None:
    described = json.loads((FOLDER / name).with_suffix(".json").read_text())
    data = (FOLDER / name).read_bytes()
    assert described["sha256"] == hashlib.sha256(data).hexdigest()
    assert described["bytes"] == len(data) < 3_000_000
    assert described["command"] == RECIPES[name].command(name)


def test_nothing_else_is_committed() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {*RECIPES, *(Path(name).with_suffix(".json").name for name in RECIPES), "README.md"}
