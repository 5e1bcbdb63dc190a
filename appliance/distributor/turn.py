"""One turn of the distributor: line B of what the core has published, then what can be made of it, then the rest.

Everything in a turn is bounded, so that no part waits long for another. Nothing is skipped when it is behind: each
channel is sent from its store, from where it was left, also by the next process after one that was killed.
"""

from __future__ import annotations

import numpy as np

from appliance.distributor.derive import DONE_BYTES, MESSAGES, PACKETS, Derivation, derive_entries
from appliance.distributor.packet import publish
from appliance.distributor.records import FIRST_TIER, L1, L2, L3, SNAPSHOT
from appliance.distributor.send import Sender, hand_over, push_all, send_packets
from appliance.distributor.snapshots import SnapshotLoop, send_snapshots
from appliance.distributor_counters import (
    FIRST_SENT,
    HEARTBEATS_OUT,
    HEARTBEATS_SKIPPED,
    IS_BEGUN,
    L1_MESSAGES,
    L2_MESSAGES,
    L3_BEHIND_BYTES,
    L3_MESSAGES,
    L3_PACKETS,
    QUIET_BYTES,
    TIER_MESSAGES,
    TURNS,
)
from appliance.publisher.topic import write_topic
from native.arrays import Arrays
from native.jit import kernel
from native.lowlevel import bytes_at, load_acquire64, store_release64
from wire.framing.packet_writer import put_packet_header
from wire.gen import fixp
from wire.gen import market_data as md

TAIL_HEARTBEAT_NS = 500_000
"""As the core's: after the last packet of a burst the next number is told within 1 ms."""

# indexes of `Distributor.settings`
L3_ADDRESS = 0
"""Of the first entry of the L3 store."""
L3_COMMITTED_ADDRESS = 1
PACKETS_A_TURN = 2
HEARTBEAT_NS = 3
SETTINGS_COUNT = 4


class Distributor(Arrays):
    """Everything that the turn works on."""

    derivation: Derivation
    sender: Sender
    loop: SnapshotLoop
    topic_ids: np.ndarray
    """uint8[16 * channels]"""
    beat: np.ndarray
    """uint8[PACKET_BYTES]: a heartbeat, or a Topic"""
    settings: np.ndarray
    """int64[SETTINGS_COUNT]"""


@kernel
def turn(distributor, now_ns, sending_time_ns):
    """Do what is due, at most a bounded part of it; `now_ns` is the monotonic clock, `sending_time_ns` UTC. Returns
    how much was done, 0 for nothing, or the code of what is wrong with the L3 store."""
    derivation = distributor.derivation
    sender = distributor.sender
    told = sender.told
    settings = distributor.settings
    packets_max = settings[PACKETS_A_TURN]
    committed = np.int64(load_acquire64(settings[L3_COMMITTED_ADDRESS]))
    l3 = bytes_at(settings[L3_ADDRESS], committed)
    told[TURNS] += 1
    done = np.int64(0)
    if told[IS_BEGUN] != 0:
        done += send_packets(sender, np.int64(L3), l3, committed, packets_max)
    end = committed
    if told[IS_BEGUN] == 0:
        end = min(committed, told[QUIET_BYTES])
    followed = derive_entries(derivation, l3, end, packets_max)
    if followed < 0:
        return followed
    done += followed
    publish(derivation)
    _tell(distributor, committed)
    if told[IS_BEGUN] == 0:
        if derivation.scalars[DONE_BYTES] < told[QUIET_BYTES]:
            return done
        done += _begin_to_send(distributor)
    for place in range(derivation.channels.size):
        channel = derivation.channels[place]
        if place in (L2, L1) or place >= FIRST_TIER:
            store = bytes_at(channel["store_address"], channel["room_bytes"])
            whole = max(channel["whole_bytes"], channel["known_bytes"])
            done += send_packets(sender, place, store, whole, packets_max)
            _keep_alive(distributor, place, channel["sent_bytes"] == whole, now_ns, sending_time_ns)
        elif place == L3:
            _keep_alive(distributor, place, channel["sent_bytes"] == committed, now_ns, sending_time_ns)
        else:
            _keep_alive(distributor, place, True, now_ns, sending_time_ns)
    if derivation.scalars[DONE_BYTES] == committed:  # behind, its books are of no use to anybody
        done += send_snapshots(derivation, sender, distributor.loop, now_ns, sending_time_ns, packets_max)
    if push_all(sender) == 0:
        _tell_sent(distributor)
    return done


@kernel
def _begin_to_send(distributor):
    """What came of the day before this appliance was started is not sent again. Returns 1."""
    derivation = distributor.derivation
    channels = derivation.channels
    for place in range(channels.size):
        channels[place]["sent_bytes"] = channels[place]["whole_bytes"]
        channels[place]["sent_number"] = channels[place]["next_number"]
    channels[L3]["sent_bytes"] = derivation.scalars[DONE_BYTES]
    channels[L3]["sent_number"] = np.int64(derivation.books.state[0]["next_sequence"])
    _tell_sent(distributor)
    store_release64(distributor.sender.told.ctypes.data + IS_BEGUN * 8, np.int64(1))
    return 1


@kernel
def _tell_sent(distributor):
    """How far each channel was sent, for the process that comes after this one."""
    told = distributor.sender.told
    channels = distributor.derivation.channels
    for place in range(channels.size):
        if distributor.sender.hands[place]["destination"] == 0:
            told[FIRST_SENT + 2 * place] = channels[place]["sent_bytes"]
            told[FIRST_SENT + 2 * place + 1] = channels[place]["sent_number"]
    return 0


@kernel
def _tell(distributor, committed):
    derivation = distributor.derivation
    told = distributor.sender.told
    told[L3_PACKETS] = derivation.scalars[PACKETS]
    told[L3_MESSAGES] = derivation.scalars[MESSAGES]
    told[L3_BEHIND_BYTES] = committed - derivation.scalars[DONE_BYTES]
    told[L2_MESSAGES] = derivation.channels[L2]["next_number"] - 1
    told[L1_MESSAGES] = derivation.channels[L1]["next_number"] - 1
    messages = np.int64(0)
    for place in range(FIRST_TIER, derivation.channels.size):
        messages += derivation.channels[place]["next_number"] - 1
    told[TIER_MESSAGES] = messages
    return 0


@kernel
def _keep_alive(distributor, place, is_all_sent, now_ns, sending_time_ns):
    """Heartbeat and Topic of a channel: soon after the last packet of a burst, then once an interval."""
    sender = distributor.sender
    channel = distributor.derivation.channels[place]
    number = channel["sent_number"]
    if sender.hands[place]["destination_count"] == 0:
        return 0
    if number != channel["heartbeat_number"] or not is_all_sent:
        channel["heartbeat_number"] = number
        channel["heartbeat_due_ns"] = now_ns + TAIL_HEARTBEAT_NS
        return 0
    if now_ns < channel["heartbeat_due_ns"]:
        return 0
    channel["heartbeat_due_ns"] = now_ns + distributor.settings[HEARTBEAT_NS]
    octets = distributor.beat
    if place == SNAPSHOT:
        number = distributor.derivation.channels[L3]["sent_number"]
    put_packet_header(
        octets,
        np.int64(0),
        sending_time_ns,
        number,
        channel["channel_id"],
        np.int64(md.packetHeader_PktFlags_Incremental),
        np.int64(0),
        channel["epoch"],
    )
    flow = np.int64(fixp.FlowType_Recoverable)
    is_handed = True
    if place == SNAPSHOT:  # nothing of it can be asked for again: it has no numbers, and the Topic says so
        flow = np.int64(fixp.FlowType_Unsequenced)
    else:
        is_handed = _hand_at_once(sender, place, octets, np.int64(md.packetHeader_SIZE), number)
    md.put_packetHeader_PktFlags(octets, 0, 0)
    md.put_packetHeader_MsgCount(octets, 0, 1)
    keepalive_ms = distributor.settings[HEARTBEAT_NS] // 1_000_000
    topic_bytes = write_topic(octets, np.int64(0), distributor.topic_ids, 16 * place, flow, keepalive_ms)
    if is_handed and _hand_at_once(sender, place, octets, np.int64(topic_bytes), number):
        sender.told[HEARTBEATS_OUT] += 1
    else:
        sender.told[HEARTBEATS_SKIPPED] += 1
    return 0


@kernel
def _hand_at_once(sender, place, octets, payload_bytes, number):
    """A packet that is soon repeated does not wait for a port that is full: whom it has not reached then gets none."""
    if sender.hands[place]["destination"] != 0:
        return False
    is_handed = hand_over(sender, place, octets, np.int64(0), payload_bytes, number)
    sender.hands[place]["destination"] = 0
    return is_handed
