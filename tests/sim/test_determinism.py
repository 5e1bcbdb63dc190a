"""The sequenced inputs decide everything: a journal replayed gives the bytes, the state and the book of the run."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from pathlib import Path

import pytest

from appliance.client.book import FeedBook
from appliance.client.feed import FeedHandler
from appliance.config import Config
from appliance.control import engine_book_digest
from appliance.exchange import Exchange, SharedFolder, allocate, save_journal, topic_id, whole_state_hash
from appliance.loop import RUN_TURNS_DONE, TAIL_HEARTBEAT_NS, allocate_loop, run
from appliance.replay import LOCAL_MAC, opening_phases, replay_capture, replay_journal
from native.counters import FEED_HEARTBEATS_OUT
from native.jit import INTERPRETED
from native.layout import FEED_ENTRY, PKT_CLOCK_REALTIME
from native.limits import EVENTS_MAX, OUTBOX_SLOTS_A_STEP_MAX, OUTBOX_SLOTS_MAX, RX_BURST_MAX
from native.ports import PortConfig, open_port
from pcap.datagrams import DatagramWriter
from pcap.generate import generate
from tests.naive.venue import Venue
from tests.property.test_venue_twins import FrameList
from tests.venue_rig import (
    START_NS,
    Client,
    Sent,
    VenueRig,
    cancel,
    demo_sessions,
    new,
    run_twin,
    small_config,
)
from wire.capture import open_capture
from wire.framing import packets
from wire.net.frames import parse_udp_frame

CAPTURES = Path(__file__).resolve().parents[2] / "pcap" / "captures"


def published(frame: bytes, config: Config) -> bytes | None:
    """The market data packet in a frame, None in any other frame."""
    datagram = parse_udp_frame(frame)
    return datagram.payload if datagram.destination.udp_port == config.feed.udp_port else None


def is_beside_the_inputs(frame: bytes, config: Config) -> bool:
    """Heartbeats and Topics come from the clock."""
    packet = published(frame, config)
    if packet is None:
        return False
    header = packets.parse_header(packet)
    return header.flags == 0 or header.message_count == 0


def frames_of(path: Path) -> list[bytes]:
    return [bytes(packet.data) for packet in open_capture(path)]


def stored(exchange: Exchange) -> list[bytes]:
    """The packets in the feed store, read by their layout alone."""
    return stored_from(exchange, 1)


def stored_from(exchange: Exchange, number: int) -> list[bytes]:
    """The packets in a feed store that begins with message `number`."""
    end = int(exchange.feed.header[0]["committed_bytes"])
    octets, at, found = exchange.feed.store, 0, []
    while at < end:
        entry = octets[at : at + FEED_ENTRY.itemsize].view(FEED_ENTRY)[0]
        assert int(entry["first_sequence"]) == number
        number += int(entry["message_count"])
        start = at + FEED_ENTRY.itemsize
        size = int(entry["payload_bytes"])
        found.append(octets[start : start + size].tobytes())
        at = start + (size + 7 & ~7)
    assert at == end
    assert int(exchange.feed.header[0]["next_sequence"]) == number
    return found


def rebuilt(frames: list[bytes], config: Config) -> tuple[FeedHandler, FeedBook]:
    """A subscriber who saw every frame, and the book that he has."""
    handler, book = FeedHandler(), FeedBook()
    for frame in frames:
        packet = published(frame, config)
        if packet is not None:
            for message in handler.receive(packet):
                book.apply(message)
    assert not handler.recovering
    assert handler.counters.packets_bad == handler.counters.messages_unknown == 0
    assert (book.faults, book.last_fault) == (0, "")
    assert all(one.whole for one in book.instruments.values())
    return handler, book


def live_run(config: Config, folder: SharedFolder, frames: list[bytes], seed: int) -> tuple[Exchange, list[bytes]]:
    """The loop itself on a memory port, by the real clock, with frames arriving in clumps of 0 to 80."""
    draw = random.Random(seed)
    exchange = allocate(config, shared=folder, local_mac=LOCAL_MAC)
    loop = allocate_loop(opening_phases(config), heartbeat_ms=10)
    out = []
    with open_port(PortConfig(kind="memory", rx_frames=128, tx_frames=4096)) as port:

        def collect() -> None:
            while (got := port.collect()) is not None:
                out.append(got.frame)

        left = list(reversed(frames))
        while left:
            for _ in range(min(len(left), draw.choice((0, 1, 2, 5, 31, 32, 33, 80)))):
                assert port.inject(left.pop(), 12345, PKT_CLOCK_REALTIME)
            assert run(exchange, loop, port.handle, draw.choice((3, 4))) == RUN_TURNS_DONE
            collect()
        time.sleep(2 * TAIL_HEARTBEAT_NS / 1e9)  # the tail heartbeat becomes due
        assert run(exchange, loop, port.handle, 3) == RUN_TURNS_DONE
        collect()
        stats = port.stats()
        assert stats["rx_held"] == stats["rx_dropped"] == stats["bad_descriptors"] == 0
    return exchange, out


def test_a_live_run_replayed_from_its_journal(tmp_path: Path) -> None:
    capture = FrameList()
    writer = DatagramWriter(capture, messages_per_datagram=4)  # type: ignore[arg-type]
    writer.add_all(generate(3, "crash", 400 if INTERPRETED else 8000, 16, 8, faults_per_10000=100))
    writer.close()
    config = Config(name="determinism", feed=Config().feed.model_copy(update={"store_mib": 32}))
    folder = SharedFolder("determinism", tmp_path)
    folder.lock()
    exchange, live = live_run(config, folder, capture.frames, seed=8)

    sent = Sent(config)
    for frame in live:
        sent.read(frame)
    assert stored(exchange) == sent.feed_packets
    handler, book = rebuilt(live, config)
    assert book.digest() == engine_book_digest(exchange)
    assert handler.counters.topics == handler.counters.heartbeats == exchange.tables.counters[FEED_HEARTBEATS_OUT] > 0
    assert handler.topic_session_id == exchange.topic_id.tobytes() == topic_id(config).bytes

    kept: list[Exchange] = []
    out = tmp_path / "replayed.pcap"
    save_journal(exchange, config, tmp_path / "journal")
    result = replay_journal(tmp_path / "journal", config, out=out, keep=kept)
    assert result.state_hash == whole_state_hash(exchange)
    assert engine_book_digest(kept[0]) == engine_book_digest(exchange)
    from_inputs = [frame for frame in live if not is_beside_the_inputs(frame, config)]
    assert len(from_inputs) > len(sent.feed_packets) > 20
    # byte by byte, send times included: the sequenced time of the last input of a burst is the time of its turn
    assert frames_of(out) == from_inputs
    assert stored(kept[0]) == stored(exchange)
    folder.remove()


def test_two_replays_of_one_capture_are_the_same_bytes(tmp_path: Path) -> None:
    results, outs = [], []
    for number in (1, 2):
        outs.append(tmp_path / f"{number}.pcap")
        limit = 500 if INTERPRETED else None
        results.append(replay_capture(CAPTURES / "demo_calm.pcap", Config(), out=outs[-1], limit_packets=limit))
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert results[0].state_hash == results[1].state_hash
    assert results[0].packets_out == len(frames_of(outs[0]))


def test_a_capture_and_its_journal_agree(tmp_path: Path) -> None:
    """A replay of a capture writes a journal; that one replayed sends the same frames."""
    kept: list[Exchange] = []
    first, second, journal = tmp_path / "1.pcap", tmp_path / "2.pcap", tmp_path / "journal"
    limit = 500 if INTERPRETED else None
    from_capture = replay_capture(CAPTURES / "smoke.pcap", Config(), out=first, keep=kept, limit_packets=limit)
    save_journal(kept[0], Config(), journal)
    from_journal = replay_journal(journal, Config(), out=second)
    assert from_journal.state_hash == from_capture.state_hash
    assert frames_of(second) == frames_of(first)


# --- more than one step, more than one outbox --------------------------------------------------------------------

MANY = 1000


def crowd_config() -> Config:
    return small_config(
        instruments=[{"security_id": 1, "symbol": "CROWD"}, {"security_id": 2, "symbol": "OTHER"}],
        limits={"orders": 8192, "levels": 256},
        journal={"records": 1 << 14},
        feed={"store_mib": 16},
        sessions=demo_sessions(MANY),
    )


class Crowd:
    """A rig and a twin with a thousand sessions, and what one needs to compare them with a replay."""

    def __init__(self) -> None:
        self.config = crowd_config()
        self.rig = VenueRig(self.config, tx_frames=16_384)
        self.twin = Venue(self.config)
        self.twin.open_day(START_NS)
        self.clients = {number: Client(number) for number in range(1, MANY + 1)}

    def burst(self, frames: list[bytes]) -> None:
        self.rig.now_ns += 1000
        self.rig.burst(frames)
        run_twin(self.twin, frames, self.rig.now_ns)

    def makers(self, a_session: int, side: int, levels: int) -> None:
        """`a_session` resting orders of 1 lot in each session, dealt over so many prices."""
        frames = [
            client.frame(*(new(i + 1, side, 1, 200 + (number + i) % levels, Account=number) for i in range(a_session)))
            for number, client in self.clients.items()
        ]
        for at in range(0, len(frames), RX_BURST_MAX):
            self.burst(frames[at : at + RX_BURST_MAX])

    def finish(self, tmp_path: Path) -> None:
        """Everything is the twin's, a subscriber's book is the engine's, and the journal replayed is the same."""
        self.rig.compare(self.twin)
        frames = [out.frame for out in self.rig.frames_out]
        assert rebuilt(frames, self.config)[1].digest() == self.rig.book_digest()
        assert stored(self.rig.exchange) == self.rig.sent.feed_packets
        flags = [fields["InstrFlags"] for _, _, fields in self.rig.sent.feed]
        assert flags[0] & 1
        assert flags[-1] & 2
        assert all((before & 2 != 0) == (after & 1 != 0) for before, after in pairwise(flags))
        journal, out = tmp_path / "journal", tmp_path / "out.pcap"
        save_journal(self.rig.exchange, self.config, journal)
        result = replay_journal(journal, self.config, out=out)
        assert result.state_hash == whole_state_hash(self.rig.exchange)
        assert frames_of(out) == frames
        self.rig.port.close()


@pytest.mark.skipif(INTERPRETED, reason="thousands of makers take minutes in interpreted kernels")
@pytest.mark.parametrize("tif", ["0", "3"])
def test_one_order_sweeps_thousands_of_makers_in_a_thousand_sessions(tif: str, tmp_path: Path) -> None:
    """Eleven buffers of events, reports to every session in each: the outbox is sent in between, again and again."""
    crowd = Crowd()
    crowd.makers(3, side=2, levels=7)
    taker = crowd.clients[1]
    crowd.burst([taker.frame(new(100, 1, 3 * MANY + 5, 206, tif=tif))])
    assert crowd.twin.count["fills"] == 3 * MANY > 10 * EVENTS_MAX
    assert [name for _, name, _ in crowd.twin.feed].count("TradeSummary") == 12
    crowd.burst([taker.frame(cancel(101, 100))])
    crowd.finish(tmp_path)


@pytest.mark.skipif(INTERPRETED, reason="thousands of makers take minutes in interpreted kernels")
def test_a_burst_that_fills_the_outbox_between_its_inputs(tmp_path: Path) -> None:
    """Sweeps of several sessions in one burst, with small transactions before, between and behind."""
    crowd = Crowd()
    crowd.makers(2, side=2, levels=3)
    crowd.makers(2, side=1, levels=1)  # at 200: takes what rests there
    frames = []
    for number in range(1, RX_BURST_MAX + 1):
        client = crowd.clients[number]
        small = new(200, 1, 1, 100, Account=number, SecurityID=2)
        sweep = new(201, 1, 37 * number % 300, 203, Account=number)
        frames.append(client.frame(small, sweep, cancel(202, 200, SecurityID=2)))
    crowd.burst(frames)
    crowd.finish(tmp_path)


@pytest.mark.skipif(INTERPRETED, reason="thousands of makers take minutes in interpreted kernels")
def test_a_session_that_moves_while_the_outbox_is_full(tmp_path: Path) -> None:
    """The reports before the move leave early, to the old address; a replay must send them there, too."""
    crowd = Crowd()
    crowd.makers(1, side=2, levels=1)
    sweeper, mover = crowd.clients[1], crowd.clients[2]
    first = mover.frame(new(500, 1, 1, 1, Account=2))
    swept = (OUTBOX_SLOTS_MAX - OUTBOX_SLOTS_A_STEP_MAX) // 2 + 20
    sweeps = [sweeper.frame(new(600 + i, 1, swept, 200, tif="3")) for i in range(2)]
    mover.endpoint = mover.endpoint._replace(udp_port=50_000)
    crowd.burst([first, *sweeps, mover.frame(new(501, 1, 1, 1, Account=2))])
    crowd.finish(tmp_path)
