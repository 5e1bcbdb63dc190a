"""Compile the distributor's kernels, or load them, on a small venue that nobody listens to."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from appliance.config import parse
from appliance.distributor.assembly import Way, assemble, derivation_of
from appliance.distributor.seeds import ChannelFollower, begin_with_seed
from appliance.distributor.state import derived_places
from appliance.distributor.stores import DerivedStore, InputStore, create_told, map_told
from appliance.distributor.turn import turn
from native.layout import FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from native.ports import PortConfig, open_port


def warm_up() -> None:
    """One turn over an empty L3 store, and a seed of it that is begun with."""
    small = parse({"limits": {"orders": 16, "levels": 16}, "instruments": [{"security_id": 1, "symbol": "WARM"}]})
    header = np.zeros(1, FEED_HEADER)
    header["magic"], header["format_version"] = FEED_MAGIC, FEED_FORMAT_VERSION
    with tempfile.TemporaryDirectory() as name, open_port(PortConfig(kind="memory")) as port:
        folder = Path(name)
        (folder / "feed").write_bytes(header.tobytes())
        create_told(folder, 0)
        stores = {place: DerivedStore(folder / f"{place}", 4096, place, 1, bytes(16)) for place in derived_places(4)}
        way = Way(port.handle, 0, "127.0.0.1", 0)
        l3 = InputStore(folder / "feed")
        state = assemble(small, l3, stores, map_told(folder), (way, way), time.monotonic_ns())
        turn(state, time.monotonic_ns(), time.time_ns())
        follower = ChannelFollower(small, folder)
        follower.follow(1)
        begin_with_seed(derivation_of(small), small, follower.seed())
