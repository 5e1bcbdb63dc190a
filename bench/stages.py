"""What the always-on stamps cost: a capture through the whole pipeline with the stage clock on and off, in turn.

Each frame is a turn of its own there, so nothing is shared between frames: the most that the stamps can cost a message.
Both ways must end in the same state before either is timed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from appliance.config import Config
from appliance.exchange import Exchange, allocate, whole_state_hash
from appliance.loop import RUN_END_OF_INPUT, allocate_loop, run
from appliance.observe import latency_facts
from appliance.replay import LOCAL_MAC, opening_phases, sized_for
from appliance.stage_clock import ENABLED
from appliance.stages import STAGES
from bench.host import report
from native import counters
from native.ports import PortConfig, open_port
from pcap.write import Recipe, make_capture


def replay(path: Path, config: Config, *, stamps: bool) -> tuple[Exchange, int]:
    """Run the capture; returns the exchange and the CPU time of the loop, ns."""
    exchange = allocate(config, local_mac=LOCAL_MAC)
    exchange.stages.scalars[ENABLED] = int(stamps)
    loop = allocate_loop(opening_phases(config), file_clock=True)
    with open_port(PortConfig(kind="pcap", in_path=str(path))) as port:
        run(exchange, loop, port.handle, 0)  # loads the kernels
        started = time.thread_time_ns()
        run(exchange, loop, port.handle, 0)
        entry_ns = time.thread_time_ns() - started  # the counter's rate is found there
        started = time.thread_time_ns()
        code = run(exchange, loop, port.handle, -1)
        elapsed_ns = time.thread_time_ns() - started - entry_ns
    assert code == RUN_END_OF_INPUT, code
    return exchange, elapsed_ns


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pitwire-stages-") as folder:
        path = Path(folder) / "flow.pcap"
        make_capture(Recipe(seed=8, messages=given.messages), path)
        config = sized_for(Config(), path)
        best = {True: 1 << 62, False: 1 << 62}
        hashes = set()
        for _ in range(given.repeats):
            for stamps in (True, False):
                exchange, elapsed_ns = replay(path, config, stamps=stamps)
                best[stamps] = min(best[stamps], elapsed_ns)
                hashes.add(whole_state_hash(exchange))
                if stamps:
                    stamped = exchange
    messages = int(stamped.tables.counters[counters.SEQUENCED_INPUTS])
    on, off = (best[way] / messages for way in (True, False))
    row: dict[str, Any] = {
        "messages": messages,
        "with_stamps_cpu_ns_a_message": round(on, 1),
        "without_cpu_ns_a_message": round(off, 1),
        "stamps_cpu_ns_a_message": round(on - off, 1),
        "share": round((on - off) / off, 4),
        "stages_ns": {name: latency_facts(getattr(stamped.stages, name)) for name in STAGES},
    }
    whole = report("stamps, a message", row["stamps_cpu_ns_a_message"], "ns", [row], equal=len(hashes) == 1)
    if given.json:
        print(json.dumps(whole))
    else:
        print(f"stamps: {on - off:.0f} ns a message ({off:.0f} ns without them, {on:.0f} ns with them)")
    assert whole["equal"], "the stamps changed the state"


if __name__ == "__main__":
    main()
