"""The distributor as a process: its files, its ports, its loop, and an end in good order."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from appliance.config import Config, ConfigError, load
from appliance.distributor.assembly import LOCAL_MAC, Way, assemble, channel_names
from appliance.distributor.derive import FAULT_NUMBER, ROOM_IS_WANTED
from appliance.distributor.seeds import begin_with_seed
from appliance.distributor.state import STORE_TIMES, derived_places
from appliance.distributor.stores import DerivedStore, InputStore, StoreError, map_told, store_name
from appliance.distributor.turn import turn as take_turn
from appliance.distributor_counters import STARTS, STORE_WAITS
from appliance.exchange import channel_topic_id
from appliance.feed_book.seed import Seed, SeedError, read_seed
from appliance.journal.process import die_with
from appliance.journal.records import JournalError
from native.codes import sentence_of_error
from native.ports import Port, PortConfig, PortError, open_port

_IDLE_SECONDS: Final = 50e-6
_ROOM_WAIT_SECONDS: Final = 0.1
_END_SECONDS_MAX: Final = 1.0
"""Time for what is left to be sent at the end."""
_TX_FRAMES: Final = 1024
_RX_FRAMES: Final = 64


class DistributorError(Exception):
    """It cannot start or go on; the message says why in one sentence."""


class DistributorProcess:
    """One run of a distributor over the shared folder of an appliance."""

    def __init__(self, folder: Path) -> None:
        """Map and allocate. Raises DistributorError."""
        try:
            self.config: Config = load(folder / "config.json")
            self.told = map_told(folder)
            self.l3 = InputStore(folder / "feed")
            seed = read_seed(folder)
            self.stores = self._open_stores(folder, seed)
            self._ports = self._open_ports()
        except (ConfigError, StoreError, SeedError) as error:
            raise DistributorError(str(error)) from None
        except PortError as error:
            raise DistributorError(error.sentence) from None
        self.state = assemble(self.config, self.l3, self.stores, self.told, self._ways(), time.monotonic_ns())
        if seed is not None:
            self._begin_with(seed)
        self._grow()
        self.told[STARTS] += 1
        self.is_ended = False

    def _begin_with(self, seed: Seed) -> None:
        try:
            begin_with_seed(self.state.derivation, self.config, seed)
        except SeedError as error:
            self.close()
            raise DistributorError(f"What the channels had come to cannot be used: {error}") from None

    def _open_stores(self, folder: Path, seed: Seed | None) -> dict[int, DerivedStore]:
        names = channel_names(self.config)
        found = {}
        for place in derived_places(len(names)):
            channel_id = self.config.feed.channel_id + place
            found[place] = DerivedStore(
                folder / store_name(names[place]),
                STORE_TIMES * self.l3.capacity_bytes,
                channel_id,
                self.config.epoch,
                channel_topic_id(self.config, channel_id).bytes,
                seed.next_number(channel_id) if seed is not None else 1,
            )
        return found

    def _open_ports(self) -> list[Port]:
        """A socket for line A and unicast, and one for line B where that leaves elsewhere."""
        feed, own = self.config.feed, self.config.distributor
        addresses = [own.interface_ip or feed.interface_ip]
        if own.interface_ip_b not in ("", addresses[0]):
            addresses.append(own.interface_ip_b)
        return [
            open_port(
                PortConfig(kind="udp", local_ip=ip, multicast_ttl=feed.ttl, rx_frames=_RX_FRAMES, tx_frames=_TX_FRAMES)
            )
            for ip in addresses
        ]

    def _ways(self) -> tuple[Way, Way]:
        ways = [Way(port.handle, port.mac or LOCAL_MAC, port.config.local_ip, port.udp_port) for port in self._ports]
        return ways[0], ways[-1]

    def _grow(self) -> bool:
        """Have memory for what the next packets of L3 can lead to. False: shared memory is full."""
        channels = self.state.derivation.channels
        has_all = True
        for place, store in self.stores.items():
            channel = channels[place]
            needed = max(int(channel["whole_bytes"]), int(channel["known_bytes"])) + int(channel["reserve_bytes"])
            has_all &= store.grow(needed)
            channel["room_bytes"] = store.room_bytes
        return has_all

    def run(self) -> None:
        """Turn until `end` is called. Raises DistributorError where the L3 store cannot be followed."""
        cpu, idle = self.config.distributor.cpu, self.config.distributor.idle
        if cpu >= 0:
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError as error:
                raise DistributorError(f"distributor.cpu is {cpu}: {error.strerror}.") from None
        while not self.is_ended:
            if self.turn() == 0 and idle != "spin":
                time.sleep(_IDLE_SECONDS if idle == "sleep" else 0)
        until = time.monotonic() + _END_SECONDS_MAX
        while self.turn() > 0 and time.monotonic() < until:
            pass
        for store in self.stores.values():
            store.mark_closed()

    def turn(self) -> int:
        """One turn. Returns how much was done. Raises DistributorError."""
        done = int(take_turn(self.state, time.monotonic_ns(), time.time_ns()))
        scalars = self.state.derivation.scalars
        if done < 0:
            number = int(scalars[FAULT_NUMBER])
            raise DistributorError(f"L3 message {number} cannot be followed: {sentence_of_error(done)}")
        if scalars[ROOM_IS_WANTED]:
            if self._grow():
                scalars[ROOM_IS_WANTED] = 0
                return done + 1
            self.told[STORE_WAITS] += 1
            if done == 0:
                time.sleep(_ROOM_WAIT_SECONDS)
        return done

    def end(self) -> None:
        """Have `run` come back after its turn."""
        self.is_ended = True

    def close(self) -> None:
        """Close the ports."""
        for port in self._ports:
            port.close()


def run(folder: Path, parent_pid: int | None, ready: Callable[[DistributorProcess], None]) -> None:
    """Distribute the feed of the appliance whose shared memory is `folder` until SIGTERM or SIGINT; what the core has
    published by then is sent first. `ready` is called before the first turn. Raises DistributorError."""
    if parent_pid is not None:
        try:
            die_with(parent_pid)
        except JournalError as error:
            raise DistributorError(str(error)) from None
    process = DistributorProcess(folder)
    process.turn()  # compile or load the kernels: until then a signal ends this process at once
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.end())
    try:
        ready(process)
        process.run()
    finally:
        process.close()


def ready_line(process: DistributorProcess) -> str:
    """What it prints once it distributes."""
    return json.dumps({"distributing": {"epoch": process.config.epoch, "channels": channel_names(process.config)}})
