"""One suite over every port: the same calls, the same promises (native/port.h)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from native import codes, layout, limits
from native._native import lib
from native.ports import PortConfig, open_port
from tests.dpdk_rigs import DPDK_RIGS, why_no_dpdk
from tests.port_rigs import RIGS, Hand, Rig, bytes_of, put, why_no_rig

PAYLOADS = [bytes([i & 255]) * size for i, size in enumerate((0, 1, 17, 18, 64, 255, 1000, 1399, 1400))]


SLOW_RIGS = {"dpdk-virtio-user"}
"""A second an open: DPDK waits for the other end so long."""


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.long if name in SLOW_RIGS else ()) for name in (RIGS | DPDK_RIGS)]
)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    reason = why_no_dpdk() if request.param in DPDK_RIGS else why_no_rig(request.param)
    if reason:
        pytest.skip(reason)
    rig = (RIGS | DPDK_RIGS)[request.param](tmp_path)
    yield rig
    rig.close()


def numbered(count: int, size: int = 40) -> list[bytes]:
    return [i.to_bytes(4, "big") * (size // 4) for i in range(count)]


def wait_for(hand: Hand, count: int) -> np.ndarray:
    """Descriptors of `count` frames, all held."""
    parts: list[np.ndarray] = []
    deadline = time.monotonic() + 10
    while sum(map(len, parts)) < count and time.monotonic() < deadline:
        parts.append(hand.receive())
    return np.concatenate(parts)


def test_what_arrives_is_handed_up_unchanged_and_in_order(rig: Rig) -> None:
    frames = [rig.frame(payload) for payload in PAYLOADS]
    with rig.open(frames, port_id=7) as port:
        descs = wait_for(Hand(port), len(frames))
        assert len(descs) == len(frames)
        for frame, desc in zip(frames, descs, strict=True):
            assert rig.same(frame, bytes_of(desc))
            assert desc["port"] == 7
            assert int(desc["flags"]) & layout.PKT_CLOCK_MASK == rig.clock
        stats = port.stats()
        assert stats["rx_frames"] == len(frames)
        assert stats["rx_bytes"] == int(descs["len"].sum())
        assert stats["rx_held"] == len(frames)
        assert stats["rx_unstamped"] == (len(frames) if rig.clock == layout.PKT_CLOCK_NONE else 0)


def test_receive_times_are_of_the_clock_that_the_flags_name(rig: Rig) -> None:
    monotonic_ns, realtime_ns = lib.clock_monotonic_ns(), lib.clock_realtime_ns()
    with rig.open([rig.frame(b"x" * 30)]) as port:
        stamp_ns = int(wait_for(Hand(port), 1)[0]["ts_ns"])
        if rig.clock == layout.PKT_CLOCK_MONOTONIC:
            assert monotonic_ns <= stamp_ns <= lib.clock_monotonic_ns()
        elif rig.clock == layout.PKT_CLOCK_REALTIME:
            assert realtime_ns - 10_000_000 <= stamp_ns <= lib.clock_realtime_ns() + 10_000_000
        else:
            assert stamp_ns == rig.stamp_ns


def test_what_is_sent_leaves_unchanged_and_in_order(rig: Rig) -> None:
    frames = [rig.answer(payload) for payload in PAYLOADS]
    with rig.open() as port:
        hand = Hand(port)
        hand.send(frames, ts_ns=3)
        stats = port.stats()
        assert stats["tx_frames"] == len(frames)
        assert stats["tx_bytes"] == sum(map(len, frames))
        departed = rig.departed(port, len(frames))
        assert len(departed) == len(frames)
        assert all(rig.same(frame, left) for frame, left in zip(frames, departed, strict=True))


def test_thousands_of_frames_both_ways(rig: Rig) -> None:
    """Far more than there are buffers: rings and pools wrap."""
    count = 3000
    frames = [rig.frame(payload) for payload in numbered(count)]
    answers = [rig.answer(payload) for payload in numbered(count)]
    first = len(frames) if not rig.has_receive_pool else 50
    with rig.open(frames[:first], rx_frames=256, tx_frames=64) as port:
        hand = Hand(port)
        received = hand.receive_frames(first)
        for at in range(first, count, 50):
            rig.arrive(port, frames[at : at + 50])
            received += hand.receive_frames(min(50, count - at))
        assert len(received) == count
        assert all(rig.same(frame, got) for frame, got in zip(frames, received, strict=True))
        departed: list[bytes] = []
        for at in range(0, count, 50):
            hand.send(answers[at : at + 50])
            if rig.has_receive_pool:
                departed += rig.departed(port, min(50, count - at))
        if not rig.has_receive_pool:
            departed = rig.departed(port, count)
        assert len(departed) == count
        assert all(rig.same(frame, left) for frame, left in zip(answers, departed, strict=True))


@pytest.mark.parametrize("limit", [1, 2, 5, 32])
def test_a_burst_is_never_larger_than_asked(rig: Rig, limit: int) -> None:
    frames = [rig.frame(payload) for payload in numbered(40)]
    with rig.open(frames) as port:
        hand = Hand(port)
        guard = np.zeros(64, dtype=layout.PKT)
        guard["cookie"] = 0xABCD
        got = 0
        deadline = time.monotonic() + 10
        while got < 40 and time.monotonic() < deadline:
            guard["cookie"] = 0xABCD
            taken = max(0, lib.port_rx_burst(port.handle, guard.ctypes.data, limit))
            assert taken <= limit
            assert all(guard["cookie"][taken:] == 0xABCD), "descriptors beyond the burst were written"
            got += hand.release(guard[:taken].copy())
        assert got == 40


@pytest.mark.parametrize("count", [0, -1, -(1 << 31)])
def test_nothing_asked_is_nothing_done(rig: Rig, count: int) -> None:
    with rig.open([rig.frame(b"a" * 20)]) as port:
        for call in (lib.port_rx_burst, lib.port_rx_release, lib.port_tx_alloc, lib.port_tx_burst):
            assert call(port.handle, 0, count) == 0
        assert lib.port_service(port.handle, count) == 0


def test_an_empty_poll_returns_at_once(rig: Rig) -> None:
    with rig.open() as port:
        descs = np.zeros(4, dtype=layout.PKT)
        nothing = codes.ERROR_END_OF_INPUT if rig.kind == "pcap" else 0
        assert {lib.port_rx_burst(port.handle, descs.ctypes.data, 4) for _ in range(1000)} == {nothing}
        assert lib.port_tx_flush(port.handle) == 0


def test_a_held_buffer_keeps_its_bytes(rig: Rig) -> None:
    frames = [rig.frame(payload) for payload in numbered(60)]
    with rig.open(frames, rx_frames=64) as port:
        hand = Hand(port)
        held = wait_for(hand, 60)
        before = [bytes_of(desc) for desc in held]
        if rig.has_receive_pool:
            rig.arrive(port, [rig.frame(b"\xff" * 40)] * 100)
            time.sleep(0.05)
            hand.receive(4)
        assert [bytes_of(desc) for desc in held] == before
        assert hand.release(held[::-1].copy()) == 60, "any order will do"


def test_holding_every_receive_buffer_gives_fewer_and_recovers(rig: Rig) -> None:
    if not rig.has_receive_pool:
        pytest.skip("descriptors point into the mapped file: there is no pool to exhaust")
    with rig.open(rx_frames=32) as port:
        hand = Hand(port)
        rig.arrive(port, [rig.frame(payload) for payload in numbered(80)])
        held = wait_for_quiet(hand)
        assert 0 < len(held) <= 32
        assert len({int(desc["cookie"]) for desc in held}) == len(held)
        hand.release(held)
        hand.service()
        hand.receive_frames(80, seconds=0.1)  # what waited in the kernel
        rig.arrive(port, [rig.frame(payload) for payload in numbered(10)])
        assert len(hand.receive_frames(10)) == 10
        assert port.stats()["rx_held"] == 0


def wait_for_quiet(hand: Hand) -> np.ndarray:
    """All that arrives until nothing more does, all held."""
    parts = [hand.receive()]
    quiet_since = time.monotonic()
    while time.monotonic() < quiet_since + 0.1:
        got = hand.receive()
        if len(got):
            parts.append(got)
            quiet_since = time.monotonic()
    return np.concatenate(parts)


def test_transmit_buffers_run_out_and_come_back(rig: Rig) -> None:
    with rig.open(tx_frames=8) as port:
        hand = Hand(port)
        descs = hand.alloc(32)
        assert len(descs) == 8
        assert len({int(desc["data"]) for desc in descs}) == 8
        assert all(descs["len"] == limits.FRAME_BYTES_MAX)
        assert len(hand.alloc(1)) == 0
        assert port.stats()["tx_free"] == 0
        descs["len"] = 0  # given back unsent
        assert hand.burst(descs) == 8
        assert port.stats()["tx_free"] == 8
        assert port.stats()["tx_frames"] == port.stats()["tx_invalid"] == 0
        hand.send([rig.answer(payload) for payload in numbered(8)])
        assert len(rig.departed(port, 8)) == 8


def test_buffers_may_be_sent_in_another_order_than_they_were_had(rig: Rig) -> None:
    frames = [rig.answer(payload) for payload in numbered(6)]
    with rig.open() as port:
        hand = Hand(port)
        descs = np.concatenate([hand.alloc(2), hand.alloc(4)])[::-1].copy()
        for desc, frame in zip(descs, frames, strict=True):
            put(desc, frame)
        assert hand.burst(descs[:3].copy()) == 3
        assert hand.burst(descs[3:].copy()) == 3
        hand.flush()
        departed = rig.departed(port, 6)
        assert [rig.same(frame, left) for frame, left in zip(frames, departed, strict=True)] == [True] * 6


def test_wrong_cookies_are_ignored_and_counted(rig: Rig) -> None:
    with rig.open([rig.frame(b"z" * 20)]) as port:
        hand = Hand(port)
        got = wait_for(hand, 1)
        assert hand.release(got) == 1
        assert hand.release(got) == 0, "released twice"
        wrong = np.zeros(3, dtype=layout.PKT)
        wrong["cookie"] = [1 << 63, 0xFFFFFFFF, 5]
        wrong["len"] = 60
        assert hand.burst(wrong) == 3, "taken, so that the loop does not offer them again"
        assert hand.release(wrong) == 0
        assert port.stats()["bad_descriptors"] == 7
        assert port.stats()["tx_frames"] == 0
        hand.send([rig.answer(b"y" * 20)])
        assert len(rig.departed(port, 1)) == 1


def test_one_buffer_offered_twice_is_sent_once(rig: Rig) -> None:
    with rig.open(tx_frames=4) as port:
        hand = Hand(port)
        desc = hand.alloc(1)
        put(desc[0], rig.answer(b"once" * 10))
        assert hand.burst(np.concatenate([desc, desc, desc])) == 3
        hand.flush()
        assert port.stats()["bad_descriptors"] == 2
        assert port.stats()["tx_frames"] == 1
        hand.service()
        departed = rig.departed(port, 1)
        assert len(departed) == 1


@pytest.mark.parametrize("length", [1, 13, limits.FRAME_BYTES_MAX + 1, 0xFFFFFFFF])
def test_what_is_no_frame_is_dropped_and_counted(rig: Rig, length: int) -> None:
    with rig.open(tx_frames=2) as port:
        hand = Hand(port)
        descs = hand.alloc(2)
        descs["len"] = length
        assert hand.burst(descs) == 2
        stats = port.stats()
        assert stats["tx_invalid"] == 2
        assert stats["tx_free"] == 2
        assert stats["tx_frames"] == 0


def test_close_and_open_again_and_again(rig: Rig) -> None:
    for _ in range(4):
        with rig.open([rig.frame(b"again" * 8)]) as port:
            hand = Hand(port)
            assert len(hand.receive_frames(1)) == 1
            hand.send([rig.answer(b"back" * 8)])
            assert len(rig.departed(port, 1)) == 1


def test_a_closed_handle_answers_closed(rig: Rig) -> None:
    port = rig.open()
    old = port.handle
    port.close()
    port.close()
    with rig.open() as successor:
        assert successor.handle != old
        descs = np.zeros(1, dtype=layout.PKT)
        for call in (lib.port_rx_burst, lib.port_rx_release, lib.port_tx_alloc, lib.port_tx_burst):
            assert call(old, descs.ctypes.data, 1) == codes.ERROR_CLOSED
        assert lib.port_tx_flush(old) == codes.ERROR_CLOSED
        assert lib.port_service(old, 1) == codes.ERROR_CLOSED
        assert lib.port_stats(old, descs.ctypes.data) == codes.ERROR_CLOSED
        assert lib.port_close(old) == codes.ERROR_CLOSED
        assert successor.stats()["rx_frames"] == 0


def test_closing_with_buffers_still_held_is_harmless(rig: Rig) -> None:
    with rig.open([rig.frame(b"held" * 10)] * 3) as port:
        hand = Hand(port)
        wait_for(hand, 3)
        hand.alloc(5)


def test_the_description_says_what_was_obtained(rig: Rig) -> None:
    with rig.open() as port:
        text = port.describe()
        assert text.startswith(rig.kind)
        if rig.kind == "xdp":
            mode = rig.defaults()["xdp_mode"]
            assert text == f"xdp {mode} copy on pwnear queue 0"
            assert port.mac == 0x022600000001
            assert str(port.ip) == "10.26.0.1"


def test_the_memory_port_sends_from_the_frame_that_came_back_last() -> None:
    """So it goes round in few frames, which stay in the cache."""
    with open_port(PortConfig(kind="memory", rx_frames=4, tx_frames=64)) as port:
        hand = Hand(port)
        places = set()
        for number in range(20):
            descs = hand.alloc(1)
            places.add(int(descs[0]["data"]))
            put(descs[0], bytes([number]) * 60)
            assert hand.burst(descs) == 1
            collected = port.collect()
            assert collected is not None and collected.frame == bytes([number]) * 60
        assert len(places) <= 2
