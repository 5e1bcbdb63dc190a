"""Messages a second out of the recovery server, and what that costs the core's latency.

`range`: a feed store that holds `--messages` messages, each of them there once, in shared memory (some 70 bytes a
message), is asked for whole, request after request, over TCP on loopback; the server is a process of its own, as in a
venue. A range is first compared with what was published, byte for byte but for the flag; while it is timed, every
packet's number must follow from the one before. `full packets` are those of a busy market (21 messages), `single` those
of a quiet one.

`core`: a capture through the whole pipeline, a frame a turn, its feed in shared memory, in slices of which every second
one runs while the server gives all that was published so far, again and again from the first message: the load of a
day's range out of a store that is much smaller (`messages_in_store`; `messages_streamed_meanwhile` says how much went
out). The turns' times come from the loop's own histogram. Server and client have another CPU than the loop, where there
is one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from appliance.client.recovery import RecoveryClient
from appliance.config import Config, parse
from appliance.exchange import Exchange, SharedFolder, allocate
from appliance.histogram import Histogram, add, count, max_ns, new_histogram, percentiles_ns
from appliance.loop import RUN_END_OF_INPUT, allocate_loop, run
from appliance.publisher.packet import NEXT_NUMBER
from appliance.recovery.store import FeedStore
from appliance.replay import LOCAL_MAC, opening_phases, sized_for
from bench.host import ROOT, report
from native.jit import kernel
from native.layout import FEED_FORMAT_VERSION, FEED_HEADER, FEED_MAGIC
from native.ports import PortConfig, open_port
from pcap.write import Recipe, make_capture
from wire.blocks import schema
from wire.framing import packets, sofh
from wire.gen import market_data as md

FIXP = schema("fixp")
TOPIC = bytes(range(16))
MESSAGES_A_REQUEST = 65_536
SLICE_TURNS = 5_000
NEXT, MESSAGES, FAULTS = range(3)
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'codecs'}"}


@kernel
def count_frames(octets: Any, have: int, counts: Any) -> int:
    """Count the messages of the frames that are whole in octets[:have]; returns where they end. counts: (3,) int64."""
    at = np.int64(0)
    while have - at >= 30:
        size = (np.int64(octets[at]) << 24) | (np.int64(octets[at + 1]) << 16)
        size |= (np.int64(octets[at + 2]) << 8) | np.int64(octets[at + 3])
        if have - at < size:
            break
        if octets[at + 5] == sofh.ENCODING_MARKET_DATA_PACKET:
            first = md.get_packetHeader_SeqNum(octets, at + 6)
            count = md.get_packetHeader_MsgCount(octets, at + 6)
            if first != counts[NEXT]:
                counts[FAULTS] += 1
            counts[NEXT] = first + count
            counts[MESSAGES] += count
        at += size
    return at


def make_store(path: Path, messages: int, a_packet: int) -> int:
    """A feed store of about `messages` OrderPut messages; returns how many there are."""
    frame = packets.frame(schema("market_data").encode("OrderPut", InstrumentId=1, InstrSide=1, Price=1, Quantity=1))
    packet_count = messages // a_packet
    packet = (
        packets.pack_header(packets.PacketHeader(1, 1, 1, packets.FLAG_INCREMENTAL, a_packet, 1)) + a_packet * frame
    )
    row_bytes = 16 + (len(packet) + 7 & ~7)
    fields = np.dtype(
        {
            "names": ["first", "count", "size", "number"],
            "formats": ["<u8", "<u4", "<u4", "<i8"],
            "offsets": [0, 8, 12, 24],
            "itemsize": row_bytes,
        }
    )
    size = FEED_HEADER.itemsize + packet_count * row_bytes
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise SystemExit(f"{size >> 20} MiB for the store: {error.strerror}. Give fewer --messages.") from None
    octets = np.memmap(path, np.uint8, "r+", shape=(size,))
    entries = octets[FEED_HEADER.itemsize :]
    entries.reshape(packet_count, row_bytes)[:, 16 : 16 + len(packet)] = np.frombuffer(packet, np.uint8)
    rows = entries.view(fields)
    rows["first"] = rows["number"] = 1 + a_packet * np.arange(packet_count)
    rows["count"] = a_packet
    rows["size"] = len(packet)
    header = octets[: FEED_HEADER.itemsize].view(FEED_HEADER)[0]
    header["format_version"], header["epoch"], header["channel_id"] = FEED_FORMAT_VERSION, 1, 1
    header["capacity_bytes"] = header["committed_bytes"] = packet_count * row_bytes
    header["topic_session_id"] = np.frombuffer(TOPIC, np.uint8)
    header["next_sequence"] = 1 + a_packet * packet_count
    header["magic"] = FEED_MAGIC
    return a_packet * packet_count


def other_cpu() -> int:
    """A CPU that is not the loop's (the first), -1 where there is but one."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[1] if len(cpus) > 1 else -1


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    """The server as a process of its own, without allocations, on another CPU."""
    config = folder / "recovery.json"
    table = {"requests_a_second": 0, "requests_a_minute": 0, "requests_a_day": 0, "cpu": other_cpu()}
    config.write_text(json.dumps({"recovery": table}))
    words = [sys.executable, "-m", "appliance.recovery", "--store", str(folder), "--config", str(config), "--port", "0"]
    words += ["--stall-seconds", "600", "--idle-seconds", "600"]  # who waits is paused
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        try:
            assert process.stdout is not None
            where = json.loads(process.stdout.readline())["listening"]
            yield where["ip"], where["port"]
        finally:
            process.send_signal(signal.SIGTERM)


class Reader:
    """Asks for ranges, and counts what comes."""

    def __init__(self, ip: str, port: int, session_id: bytes) -> None:
        self._octets = np.zeros(1 << 20, np.uint8)
        self.counts = np.zeros(3, np.int64)
        count_frames(self._octets, 0, self.counts)  # compiled, before anybody waits for it
        self._socket = socket.create_connection((ip, port), 30)
        self._session_id = session_id
        self.bytes_in = 0

    def read(self, first: int, last: int) -> None:
        """All messages from `first` to `last`."""
        for start in range(first, last + 1, MESSAGES_A_REQUEST):
            count = min(MESSAGES_A_REQUEST, last + 1 - start)
            message = FIXP.encode(
                "RetransmitRequest", SessionId=self._session_id, Timestamp=1, FromSeqNo=start, Count=count
            )
            self._socket.sendall(sofh.framed(sofh.ENCODING_SBE_LITTLE_ENDIAN, message))
            self.counts[NEXT] = start
            self._until(int(self.counts[MESSAGES]) + count)

    def _until(self, messages: int) -> None:
        have = 0
        while self.counts[MESSAGES] < messages:
            got = self._socket.recv_into(self._octets[have:].data)
            if not got:
                raise ConnectionError("the server closed the connection")
            self.bytes_in += got
            have += got
            done = count_frames(self._octets, have, self.counts)
            self._octets[: have - done] = self._octets[done:have].copy()
            have -= done


def equal(folder: Path, where: tuple[str, int], messages: int) -> bool:
    """Whether a range that begins and ends within packets is what was published, but for the flag."""
    store = FeedStore(folder)
    first, count = 2, min(messages - 2, 5_000)
    published = b"".join(packet[packets.HEADER_BYTES :] for _, packet in store.packets_of(first, count))
    with RecoveryClient(*where, store.topic_session_id) as client:
        got = list(client.fetch(first, count))
    frames = len(schema("market_data").encode("OrderPut")) + 2 + 7 & ~7
    raw = np.fromfile(folder / "feed", np.uint8)
    whole, at = bytearray(), FEED_HEADER.itemsize
    while len(whole) < (count + 1) * frames:
        (size,) = struct.unpack_from("<I", raw, at + 12)
        whole += raw[at + 16 + packets.HEADER_BYTES : at + 16 + size].tobytes()
        at += 16 + (size + 7 & ~7)
    body = b"".join(packet[packets.HEADER_BYTES :] for packet in got)
    return body == published == bytes(whole[frames : (count + 1) * frames])


def range_rows(messages: int, repeats: int) -> list[dict[str, Any]]:
    """Messages a second out of stores of both kinds."""
    rows = []
    for case, share, a_packet in (("full packets", 1, 21), ("single", 10, 1)):
        with tempfile.TemporaryDirectory(prefix="pitwire-bench-", dir="/dev/shm") as name:
            folder = Path(name)
            there = make_store(folder / "feed", max(messages // share, 1000), a_packet)
            with serving(folder) as where:
                is_equal = equal(folder, where, there)
                best = 0.0
                for _ in range(repeats):
                    reader = Reader(*where, TOPIC)
                    reader.read(1, min(there, MESSAGES_A_REQUEST))  # the kernels are loaded, the pages touched
                    begun, counted, octets = time.perf_counter(), int(reader.counts[MESSAGES]), reader.bytes_in
                    reader.read(1, there)
                    seconds = time.perf_counter() - begun
                    is_equal &= not reader.counts[FAULTS] and int(reader.counts[MESSAGES]) - counted == there
                    best = max(best, there / seconds)
            row = {"case": f"range, {case}", "messages": there, "messages_a_second": round(best), "equal": is_equal}
            rows.append(row | {"bytes_a_message": round((reader.bytes_in - octets) / there, 1)})
    return rows


def stream(folder: Path, ip: str, port: int) -> None:
    """The client of `core_rows`, a process of its own: all that is in the store, again and again."""
    cpu = other_cpu()
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    store = FeedStore(folder)
    reader = Reader(ip, port, store.topic_session_id)
    said_at = 0.0
    while True:
        store.poll()
        if store.next_sequence > 1:
            reader.read(1, store.next_sequence - 1)
            if time.monotonic() - said_at > 0.2:
                print(int(reader.counts[MESSAGES]), flush=True)
                said_at = time.monotonic()


def core_rows(messages: int) -> list[dict[str, Any]]:
    """Percentiles of the loop's turns with nobody at the recovery server, and while it streams."""
    cpus = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(prefix="pitwire-bench-", dir="/dev/shm") as name:
        path = Path(name) / "flow.pcap"
        make_capture(Recipe(seed=8, messages=messages), path)
        small = parse({"recovery": {"enabled": False}, "name": "bench"})
        config = sized_for(small, path)
        shared = SharedFolder("bench", Path(name))
        shared.lock()
        exchange = allocate(config.model_copy(update={"epoch": 1}), shared=shared, local_mac=LOCAL_MAC)
        with serving(shared.path) as (ip, port):
            words = [sys.executable, "-m", "bench.recovery", "--stream", str(shared.path), ip, str(port)]
            with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT) as client:
                try:
                    os.sched_setaffinity(0, {min(cpus)})
                    quiet, busy, streamed = _slices(exchange, config, path, client)
                finally:
                    client.send_signal(signal.SIGCONT)
                    client.kill()
                    os.sched_setaffinity(0, cpus)
        in_store = int(exchange.feed.scalars[NEXT_NUMBER]) - 1
        shared.remove()
    rows = []
    for case, histogram in (("core, nobody asks", quiet), ("core, its feed is streamed again and again", busy)):
        p50, p99, p999 = percentiles_ns(histogram, (500_000, 990_000, 999_000))
        facts = {"turns": count(histogram), "turn_ns_p50": p50, "turn_ns_p99": p99, "turn_ns_p999": p999}
        rows.append({"case": case, **facts, "turn_ns_max": max_ns(histogram)})
    rows[1] |= {"messages_in_store": in_store, "messages_streamed_meanwhile": streamed}
    return rows


def _slices(
    exchange: Exchange, config: Config, path: Path, client: subprocess.Popen[bytes]
) -> tuple[Histogram, Histogram, int]:
    """Run the capture in slices, the client stopped in every second one; returns both histograms and what it read."""
    histograms = new_histogram(), new_histogram()
    loop = allocate_loop(opening_phases(config), file_clock=True)
    assert client.stdout is not None
    os.set_blocking(client.stdout.fileno(), False)
    streamed = 0
    with open_port(PortConfig(kind="pcap", in_path=str(path))) as port:
        run(exchange, loop, port.handle, SLICE_TURNS)  # loads the kernels, and there is something to ask for
        deadline = time.monotonic() + 300
        while not client.stdout.read():  # until it has read all once
            assert client.poll() is None and time.monotonic() < deadline, "the client of the recovery server failed"
            time.sleep(0.05)
        number = 0
        while True:
            is_busy = number % 2
            client.send_signal(signal.SIGCONT if is_busy else signal.SIGSTOP)
            time.sleep(0.02)  # what is on its way arrives
            exchange.turn_latency[:] = 0
            code = run(exchange, loop, port.handle, SLICE_TURNS)
            add(histograms[is_busy], exchange.turn_latency)
            number += 1
            if code == RUN_END_OF_INPUT:
                break
        client.send_signal(signal.SIGCONT)
        lines = (client.stdout.read() or "").split()
        streamed = int(lines[-1]) if lines else 0
    return *histograms, streamed


def recovery_rows(messages: int, repeats: int) -> list[dict[str, Any]]:
    """All rows: ranges of a store of `messages`, and the core beside one that is streamed."""
    return [*range_rows(messages, repeats), *core_rows(min(messages, 400_000))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--messages", type=int, default=10_000_000, help="in the store of the ranges")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--stream", nargs=3, metavar=("FOLDER", "IP", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stream:
        stream(Path(given.stream[0]), given.stream[1], int(given.stream[2]))
        return
    rows = recovery_rows(given.messages, given.repeats)
    is_equal = all(row.get("equal", True) for row in rows)
    whole = report("range", rows[0]["messages_a_second"], "messages/s", rows, equal=is_equal)
    if given.json:
        print(json.dumps(whole))
    else:
        for row in rows:
            print(", ".join(f"{name} {value}" for name, value in row.items()))
    assert is_equal, "what came is not what was published"


if __name__ == "__main__":
    main()
