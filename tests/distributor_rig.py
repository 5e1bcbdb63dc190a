"""The real distributor over stores in files and memory ports: turns by hand, every frame that leaves collected."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np

from appliance.config import Config, parse
from appliance.distributor.assembly import Way, assemble, channel_names
from appliance.distributor.seeds import begin_with_seed
from appliance.distributor.state import STORE_TIMES, derived_places
from appliance.distributor.stores import DerivedStore, InputStore, create_told, map_told, store_name
from appliance.distributor.turn import Distributor, turn
from appliance.exchange import channel_topic_id
from appliance.feed_book.seed import Seed, read_seed, write_seed
from native.layout import FEED_ENTRY, FEED_HEADER
from native.ports import Port, PortConfig, open_port
from tests.naive.feed_writer import FeedWriter
from wire.framing import packets
from wire.net.frames import parse_udp_frame

START_NS = 1_000_000_000
Destination = tuple[str, int]


def venue(**distributor: object) -> Config:
    """Three instruments, as `tests.naive.l3_flow.L3Flow` has them."""
    return parse(
        {
            "epoch": 5,
            "limits": {"orders": 256, "levels": 64},
            "instruments": [{"security_id": n, "symbol": f"PW{n}"} for n in (1, 2, 3)],
            "distributor": distributor,
        }
    )


def packets_of(path: Path) -> list[bytes]:
    """Every packet that a feed store holds."""
    with path.open("rb") as file:  # a sparse file is as long as it may ever become
        head = file.read(FEED_HEADER.itemsize)
        end = FEED_HEADER.itemsize + int(np.frombuffer(head, FEED_HEADER)[0]["committed_bytes"])
        octets = head + file.read(end - FEED_HEADER.itemsize)
    found, at = [], FEED_HEADER.itemsize
    while at < end:
        entry = np.frombuffer(octets, FEED_ENTRY, 1, at)[0]
        at += FEED_ENTRY.itemsize
        found.append(octets[at : at + int(entry["payload_bytes"])])
        at += int(entry["payload_bytes"]) + 7 & ~7
    return found


def _close(ports: list[Port]) -> None:
    for port in ports:
        port.close()


class DistributorRig:
    """`publish` L3 packets, `turn`, and look at `sent`."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        *,
        quiet_bytes: int = 0,
        ports: Iterable[Port] = (),
        seed: Seed | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.config = folder, config
        self.writer = FeedWriter(folder / "feed", capacity_bytes=1 << 20, epoch=config.epoch)
        if seed is not None:
            write_seed(folder, seed)
            self.writer.begin_at(seed.l3_next_number)
        self.ports = list(ports) or [open_port(PortConfig(kind="memory", tx_frames=4096)) for _ in range(2)]
        weakref.finalize(self, _close, self.ports)
        self.now_ns = START_NS
        self.sent: dict[Destination, list[bytes]] = {}
        self.in_order: list[tuple[Destination, bytes]] = []
        create_told(folder, quiet_bytes)
        self.state: Distributor
        self.restart()

    def restart(self) -> None:
        """A new process, in the place of one that was killed."""
        self.told = map_told(self.folder)
        self.l3 = InputStore(self.folder / "feed")
        names = channel_names(self.config)
        seed = read_seed(self.folder)
        self.stores = {}
        for place in derived_places(len(names)):
            channel_id = self.config.feed.channel_id + place
            topic = channel_topic_id(self.config, channel_id).bytes
            path = self.folder / store_name(names[place])
            size = STORE_TIMES * self.l3.capacity_bytes
            first = seed.next_number(channel_id) if seed is not None else 1
            self.stores[place] = DerivedStore(path, size, channel_id, self.config.epoch, topic, first)
            assert self.stores[place].grow(size)
        one, other = (Way(port.handle, 0x020000000002, "127.0.0.1", 4000) for port in self.ports)
        self.state = assemble(self.config, self.l3, self.stores, self.told, (one, other), self.now_ns)
        if seed is not None:
            begin_with_seed(self.state.derivation, self.config, seed)

    def publish(self, l3: Iterable[bytes]) -> None:
        """Put packets into the L3 store."""
        for packet in l3:
            self.writer.append(packet, packets.parse_header(packet).message_count)

    def turn(self, times: int = 1, step_ns: int = 0) -> int:
        """So many turns, each `step_ns` after the one before. Returns what the last one did."""
        done = 0
        for _ in range(times):
            self.now_ns += step_ns
            done = int(turn(self.state, self.now_ns, self.now_ns + 10**18))
            self.collect()
            if done < 0:
                break
        return done

    def settle(self) -> None:
        """Turn until there is nothing to do."""
        for _ in itertools.takewhile(lambda _: self.turn() > 0, range(10_000)):
            pass

    def collect(self) -> None:
        """Take what the ports have sent."""
        for port in self.ports:
            while (collected := port.collect()) is not None:
                frame = parse_udp_frame(collected.frame)
                to = (str(IPv4Address(frame.destination.ip)), frame.destination.udp_port)
                self.sent.setdefault(to, []).append(frame.payload)
                self.in_order.append((to, frame.payload))

    def numbered(self, group: str, udp_port: int, *, snapshots: bool = False) -> list[bytes]:
        """The packets with messages that came to an address, without Topics."""
        wanted: Callable[[int], bool] = (
            (lambda flags: flags == packets.FLAG_SNAPSHOT) if snapshots else (lambda flags: flags == 1)
        )
        found = []
        for payload in self.sent.get((group, udp_port), []):
            header = packets.parse_header(payload)
            if wanted(header.flags) and header.message_count:
                found.append(payload)
        return found
