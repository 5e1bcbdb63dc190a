"""Derived channels without a distributor: of the L3 packets of a replay, as fast as it goes, the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from appliance.config import Config
from appliance.distributor.assembly import channel_names, derivation_of
from appliance.distributor.derive import DONE_BYTES, FAULT_NUMBER, derive_entries
from appliance.distributor.records import L1, L2
from appliance.distributor.state import STORE_TIMES, derived_places, place_store
from appliance.exchange import Exchange
from appliance.journal.address_space import lazy_array
from appliance.publisher.packet import EPOCH, STORE_WHOLE_BYTES
from native import counters
from native.codes import sentence_of_error
from native.layout import FEED_ENTRY
from wire.capture import create_capture
from wire.framing import packets
from wire.net.frames import Endpoint, build_udp_frame

_SOURCE_MAC = "02:00:00:00:00:02"


class OfflineError(Exception):
    """The channels cannot be made; the message says why in one sentence."""


def derived_packets(config: Config, l3: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """(place of the channel, packet) of all that comes of `l3` (uint8, the entries of an L3 store), in the order in
    which a distributor makes them. Raises OfflineError."""
    derivation = derivation_of(config)
    places = derived_places(len(channel_names(config)))
    stores = {}
    for place in places:
        size = STORE_TIMES * l3.size + int(derivation.channels[place]["reserve_bytes"])
        try:
            stores[place] = lazy_array(np.dtype(np.uint8), size)
        except OSError as error:
            raise OfflineError(f"{size >> 20} MiB for a derived channel cannot be had: {error.strerror}.") from None
        place_store(derivation, place, stores[place])
    read = dict.fromkeys(places, 0)
    while int(derivation.scalars[DONE_BYTES]) < l3.size:
        code = int(derive_entries(derivation, l3, l3.size, 1))
        if code <= 0:
            number = int(derivation.scalars[FAULT_NUMBER])
            raise OfflineError(f"L3 message {number} cannot be followed: {sentence_of_error(code)}")
        for place in places:
            while read[place] < int(derivation.channels[place]["whole_bytes"]):
                start = read[place] + FEED_ENTRY.itemsize
                entry = stores[place][read[place] : start].view(FEED_ENTRY)[0]
                payload_bytes = int(entry["payload_bytes"])
                yield place, stores[place][start : start + payload_bytes].tobytes()
                read[place] = start + (payload_bytes + 7 & ~7)


def write_channels(exchange: Exchange, config: Config, path: Path) -> int:
    """Write the L2 and L1 packets of all that `exchange` has published, as they stand on line A, as a capture. Returns
    how many. Raises OfflineError, OSError."""
    if int(exchange.tables.counters[counters.FEED_PACKETS_UNSTORED]):
        raise OfflineError("The feed store had no room for all packets; make feed.store_mib larger.")
    config = config.model_copy(update={"epoch": int(exchange.feed.scalars[EPOCH])})
    own = config.distributor
    source = Endpoint.of(_SOURCE_MAC, own.interface_ip or config.feed.interface_ip, own.l2_port)
    mac = bytes(int(octet) for octet in config.feed.group.split("."))
    group_mac = f"01:00:5e:{mac[1] & 0x7F:02x}:{mac[2]:02x}:{mac[3]:02x}"  # RFC 1112, section 6.4
    targets = {L2: Endpoint.of(group_mac, config.feed.group, own.l2_port)}
    targets[L1] = Endpoint.of(group_mac, config.feed.group, own.l1_port)
    written = 0
    with create_capture(path) as capture:
        for place, packet in derived_packets(config, exchange.feed.store[: exchange.feed.scalars[STORE_WHOLE_BYTES]]):
            if place in targets:
                header = packets.parse_header(packet)
                capture.write(header.sending_time_ns, build_udp_frame(packet, source, targets[place]))
                written += 1
    return written
