"""A whole generated capture: flow, faults of the network and noise, with the facts that describe it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from native import counters
from pcap.datagrams import DatagramWriter
from pcap.draws import Draws
from pcap.generate import generate
from pcap.noise import noise_in_turn
from wire.capture import PcapngWriter, PcapWriter, create_capture

VLAN_ID = 100
"""The tag of the sessions that send through one."""
_NOISE_STREAM = 1 << 64
"""Added to the seed for the draws of the noise, so that noise changes nothing in the flow."""


class Recipe(NamedTuple):
    """Everything that decides the bytes of a generated capture."""

    seed: int
    scenario: str = "calm"
    messages: int = 20_000
    instruments: int = 16
    sessions: int = 4
    messages_per_datagram: int = 1
    faults_per_10000: int = 0  # requests whose datagram is duplicated, lost or late
    noise_per_10000: int = 0  # frames to be dropped, put after so many of the requests
    vlan_session: int = 0  # this session's frames carry VLAN_ID; 0: none

    def command(self, out: str) -> str:
        """The command line that makes it."""
        words = [f"pitwire gen --seed {self.seed} --scenario {self.scenario} --messages {self.messages}"]
        for name, default in self._field_defaults.items():
            value = getattr(self, name)
            if name not in ("seed", "scenario", "messages") and value != default:
                words.append(f"--{name.replace('_', '-').replace('-10000', '-10k')} {value}")
        return " ".join([*words, out])


def write_flow(
    recipe: Recipe, capture: PcapWriter | PcapngWriter, *, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Write the capture of `recipe`; returns its counts, times and drops to expect. Raises ValueError.

    `progress` is called with the number of requests so far, now and then.
    """
    requests = generate(
        recipe.seed,
        recipe.scenario,
        recipe.messages,
        recipe.instruments,
        recipe.sessions,
        faults_per_10000=recipe.faults_per_10000,
    )
    draws, noise = Draws(recipe.seed + _NOISE_STREAM), noise_in_turn()
    drops: Counter[str] = Counter()
    vlan_ids = {recipe.vlan_session: VLAN_ID} if recipe.vlan_session else {}
    writer = DatagramWriter(capture, messages_per_datagram=recipe.messages_per_datagram, vlan_ids=vlan_ids)
    for number, request in enumerate(requests, 1):
        writer.add(request)
        if recipe.noise_per_10000 and draws.chance(recipe.noise_per_10000):
            drop, frame = next(noise)
            name = counters.COUNTERS[drop].name
            writer.add_frame(frame, name)
            drops[name] += 1
        if progress is not None and number % 1000 == 0:
            progress(number)
    writer.close()
    first_ns, last_ns = writer.span_ns
    return {
        "counts": {name: count for name, count in sorted(writer.counts.items()) if count},
        "drops": dict(sorted(drops.items())),
        "first_ns": first_ns,
        "last_ns": last_ns,
    }


def make_capture(recipe: Recipe, path: str | Path, *, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Write the capture of `recipe` to a file (`-`: standard output); returns its metadata.

    Raises ValueError for a recipe that cannot be made and OSError where the file cannot be written.
    """
    with create_capture(path) as capture:
        facts = write_flow(recipe, capture, progress=progress)
    described: dict[str, Any] = {"recipe": recipe._asdict()}
    if str(path) != "-" and Path(path).is_file():
        data = Path(path).read_bytes()
        described |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return described | facts
