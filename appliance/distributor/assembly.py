"""A distributor put together from the configuration, its stores and its ports."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from appliance.config import Config
from appliance.distributor.derive import Derivation
from appliance.distributor.packet import PACKET_BYTES
from appliance.distributor.records import CHANNEL, DEFINITION, DESTINATION, FIRST_TIER, HAND, L1, L2, L3, SNAPSHOT
from appliance.distributor.send import PORTS, SEED, Sender
from appliance.distributor.send import SCALARS_COUNT as SENDER_SCALARS_COUNT
from appliance.distributor.snapshots import (
    CYCLE_BEGAN_NS,
    CYCLE_NS,
    LAST_END_NS,
    PACKET_NS,
    SYMBOL_BYTES,
    SnapshotLoop,
)
from appliance.distributor.snapshots import SCALARS_COUNT as LOOP_SCALARS_COUNT
from appliance.distributor.state import allocate_derivation, derived_places
from appliance.distributor.stores import DerivedStore, InputStore
from appliance.distributor.turn import (
    HEARTBEAT_NS,
    L3_ADDRESS,
    L3_COMMITTED_ADDRESS,
    PACKETS_A_TURN,
    SETTINGS_COUNT,
    Distributor,
)
from appliance.distributor_config import CHANNELS, TIER_DEPTH_MAX
from appliance.distributor_counters import IS_BEGUN, sent_slot
from appliance.exchange import channel_topic_id
from appliance.feed_book.records import FEED_ROW
from appliance.snapshot.records import SNAPSHOT_HEAD
from native.layout import PKT
from native.limits import TX_BURST_MAX
from wire.gen import market_data as md

UNICAST_TTL = 64
LOCAL_MAC = 0x020000000002
"""Source of frames where the port has no address of its own (locally administered)."""
_PRICE_LOWEST = -(1 << 63) + 1


@dataclass(frozen=True)
class Way:
    """What a port is to the distributor: its handle, and the source of what leaves by it."""

    handle: int
    mac: int
    ip: str
    udp_port: int


def derivation_of(config: Config) -> Derivation:
    """The derived channels of a venue, without stores."""
    return allocate_derivation(
        instruments=len(config.instruments),
        orders=config.limits.orders,
        levels=config.limits.levels,
        tiers=config.distributor.tiers,
        l3_channel_id=config.feed.channel_id,
        epoch=config.epoch,
    )


def channel_names(config: Config) -> list[str]:
    """Of all channels, by their places."""
    return [*CHANNELS, *(tier.name for tier in config.distributor.tiers)]


def assemble(
    config: Config,
    l3: InputStore,
    stores: dict[int, DerivedStore],
    told: np.ndarray,
    ways: tuple[Way, Way],
    now_ns: int,
) -> Distributor:
    """The distributor of `config`, that goes on where `told` (int64[SLOTS], shared) says. `ways`: line A and all
    unicast, line B. `now_ns` is the monotonic clock."""
    derivation = derivation_of(config)
    for place in derived_places(derivation.channels.size):
        channel, store = derivation.channels[place], stores[place]
        channel["store_address"] = store.entries_address
        channel["room_bytes"] = store.room_bytes
        channel["known_bytes"] = store.committed_bytes
        channel["committed_address"] = store.address("committed_bytes")
        channel["next_address"] = store.address("next_sequence")
    if told[IS_BEGUN]:
        for place in range(derivation.channels.size):
            derivation.channels[place]["sent_bytes"] = told[sent_slot(place)]
            derivation.channels[place]["sent_number"] = told[sent_slot(place) + 1]
    settings = np.zeros(SETTINGS_COUNT, np.int64)
    settings[L3_ADDRESS] = l3.entries_address
    settings[L3_COMMITTED_ADDRESS] = l3.committed_address
    settings[PACKETS_A_TURN] = config.distributor.packets_a_turn
    settings[HEARTBEAT_NS] = config.feed.heartbeat_ms * 1_000_000
    ids = derivation.channels["channel_id"]
    topics = b"".join(channel_topic_id(config, int(channel_id)).bytes for channel_id in ids)
    return Distributor(
        derivation=derivation,
        sender=_sender(config, derivation.channels, told, ways),
        loop=_snapshot_loop(config, derivation, now_ns),
        topic_ids=np.frombuffer(topics, np.uint8).copy(),
        beat=np.zeros(PACKET_BYTES, np.uint8),
        settings=settings,
    )


def _sender(config: Config, channels: np.ndarray, told: np.ndarray, ways: tuple[Way, Way]) -> Sender:
    assert channels.dtype == CHANNEL
    names = channel_names(config)
    hands = np.zeros(len(names) + 1, HAND)
    rows: list[tuple[int, ...]] = []
    for place, name in enumerate(names):
        lines = list(_lines(config, place, ways))
        subscribers = [
            _destination(ways, 0, subscriber.ip, subscriber.udp_port, UNICAST_TTL)
            for subscriber in config.distributor.subscribers
            if name in subscriber.channels
        ]
        count = len(lines) + len(subscribers)
        hands[place] = (channels[place]["channel_id"], len(rows), len(lines), count, 0)
        rows += [*lines, *subscribers]
    scalars = np.zeros(SENDER_SCALARS_COUNT, np.int64)
    scalars[SEED] = config.distributor.shuffle_seed
    return Sender(
        channels=channels,
        hands=hands,
        destinations=np.array(rows, DESTINATION),
        order=np.zeros(int(hands["destination_count"].max()), np.int64),
        ports=np.array([way.handle for way in ways], np.int64),
        tx=np.zeros(PORTS * TX_BURST_MAX, PKT),
        waiting=np.zeros(PORTS, np.int64),
        told=told,
        scalars=scalars,
    )


def _lines(config: Config, place: int, ways: tuple[Way, Way]) -> Iterator[tuple[int, ...]]:
    """Multicast lines of a channel: A, which for L3 is the core's, then B. Tiers have none."""
    own = config.distributor
    ports = {
        L3: (None, own.l3_port_b),
        L2: (own.l2_port, own.l2_port_b),
        L1: (own.l1_port, own.l1_port_b),
        SNAPSHOT: (own.snapshot_port, own.snapshot_port_b),
    }
    if place >= FIRST_TIER:
        return
    for line, (udp_port, group) in enumerate(zip(ports[place], (config.feed.group, own.group_b), strict=True)):
        if udp_port is not None:
            yield _destination(ways, line, group, udp_port, config.feed.ttl)


def _destination(ways: tuple[Way, Way], line: int, ip: str, udp_port: int, ttl: int) -> tuple[int, ...]:
    way = ways[line]
    address = ipaddress.IPv4Address(ip)
    # RFC 1112, section 6.4; of unicast the kernel finds the address
    mac = 0x01005E000000 | (int(address) & 0x7FFFFF) if address.is_multicast else 0
    port = 1 if way.handle != ways[0].handle else 0
    source_ip = int(ipaddress.IPv4Address(way.ip))
    return port, way.mac, mac, source_ip, int(address), (way.udp_port << 16) | udp_port, ttl


def _snapshot_loop(config: Config, derivation: Derivation, now_ns: int) -> SnapshotLoop:
    definitions = np.zeros(len(config.instruments), DEFINITION)
    symbols = b""
    for index, item in enumerate(config.instruments):
        definitions[index] = (
            item.security_id,
            item.tick_nanos,
            max(item.price_ticks_min * item.tick_nanos, _PRICE_LOWEST),
            item.price_ticks_max * item.tick_nanos,
            item.qty_lots_min,
            item.qty_lots_max,
            item.qty_step_lots,
        )
        symbols += item.symbol.encode("ascii", "replace")[:SYMBOL_BYTES].ljust(SYMBOL_BYTES, b"\0")
    scalars = np.zeros(LOOP_SCALARS_COUNT, np.int64)
    scalars[CYCLE_BEGAN_NS] = scalars[LAST_END_NS] = now_ns
    scalars[CYCLE_NS] = config.distributor.snapshot_cycle_ms * 1_000_000
    scalars[PACKET_NS] = 1_000_000_000 // config.distributor.snapshot_packets_a_second_max
    count = derivation.channels.size
    return SnapshotLoop(
        definitions=definitions,
        symbols=np.frombuffer(symbols, np.uint8).copy(),
        orders=np.zeros(config.limits.orders, FEED_ROW),
        levels=np.zeros(derivation.published.size, FEED_ROW),
        some=np.zeros(2 * TIER_DEPTH_MAX, FEED_ROW),
        head=np.zeros(1, SNAPSHOT_HEAD),
        as_of=np.zeros(count, np.int64),
        instr_seq=np.zeros(count, np.int64),
        packet=np.zeros(PACKET_BYTES, np.uint8),
        scalars=scalars,
    )


assert md.InstrumentDefinition_LowLimitPrice_NULL == _PRICE_LOWEST - 1
