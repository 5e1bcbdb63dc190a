"""Hosts as JSON files of this project's own making, written after public documentation, and laid out as a tree.

"base"     another file that this one changes
"files"    path: content. `cpu[0-3]` in a path stands for four files, in whose content {n} is the number and
           {n+4} four more; null removes a file of the base; a path that ends in / is an empty folder
"links"    path: where it leads
"ethtool"  interface: what its driver says
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nic.host.files import Files
from nic.host.inventory import Ethtool, Inventory
from nic.host.read import read

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))

_RANGE = re.compile(r"\[(\d+)-(\d+)\]")


def load(name: str) -> dict[str, Any]:
    """The file, with its base beneath it."""
    host = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    base = load(host["base"]) if "base" in host else {}
    merged = {part: base.get(part, {}) | host.get(part, {}) for part in ("files", "links")}
    merged["ethtool"] = dict(base.get("ethtool", {}))
    for interface, said in host.get("ethtool", {}).items():
        merged["ethtool"][interface] = merged["ethtool"].get(interface, {}) | said
    return merged


def lay_out(host: dict[str, Any], root: Path) -> None:
    """Write the host's files and links under `root`."""
    for pattern, content in host["files"].items():
        for path, text in _expand(pattern, content):
            place = root / path.lstrip("/")
            if path.endswith("/"):
                place.mkdir(parents=True, exist_ok=True)
            elif text is None:
                place.unlink(missing_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text + "\n", encoding="utf-8")
    for path, target in host["links"].items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def _expand(pattern: str, content: str | None) -> list[tuple[str, str | None]]:
    found = _RANGE.search(pattern)
    if not found:
        return [(pattern, content)]
    rows = []
    for n in range(int(found[1]), int(found[2]) + 1):
        text = content and re.sub(r"\{n(?:([+-]\d+))?\}", lambda part, n=n: str(n + int(part[1] or 0)), content)
        rows.append((pattern[: found.start()] + str(n) + pattern[found.end() :], text))
    return rows


def recorded(name: str, root: Path, **changes: dict[str, Any]) -> Inventory:
    """The host `name`, read from a tree under `root`. `changes`: files, links, ethtool on top of what is recorded."""
    host = load(name)
    for part, values in changes.items():
        if part == "ethtool":
            for interface, said in values.items():
                host["ethtool"][interface] = host["ethtool"][interface] | said
        else:
            host[part] |= values
    lay_out(host, root)
    said = {interface: Ethtool.model_validate(facts) for interface, facts in host["ethtool"].items()}
    return read(Files(root), lambda interface: said.get(interface, Ethtool()))
