"""The captures that are committed in `pcap/captures/`, and their metadata. Run as a module to make them again."""

from __future__ import annotations

import json
from pathlib import Path

from pcap.write import Recipe, make_capture

FOLDER = Path(__file__).resolve().parent / "captures"

RECIPES: dict[str, Recipe] = {
    "demo_calm.pcap": Recipe(seed=26, scenario="calm", messages=20_000),
    "smoke.pcap": Recipe(
        seed=7,
        scenario="crash",
        messages=2_000,
        instruments=8,
        messages_per_datagram=4,
        faults_per_10000=200,
        noise_per_10000=200,
        vlan_session=4,
    ),
}


def remake(folder: Path = FOLDER) -> None:
    """Make every committed capture and its `.json` of metadata in `folder`."""
    for name, recipe in RECIPES.items():
        metadata = make_capture(recipe, folder / name)
        described = {"file": name, "command": recipe.command(name)} | metadata
        (folder / name).with_suffix(".json").write_text(json.dumps(described, indent=1) + "\n")


if __name__ == "__main__":
    remake()
