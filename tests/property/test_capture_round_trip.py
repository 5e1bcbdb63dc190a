"""Whatever is written to a capture comes back, in both formats and byte orders."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from wire.capture import PcapngWriter, PcapWriter, parse_capture

frames = st.lists(st.tuples(st.integers(0, (1 << 32) * 10**9 - 1), st.binary(max_size=80)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(frames=frames, byte_order=st.sampled_from(["little", "big"]), nanoseconds=st.booleans())
def test_classic(frames: list[tuple[int, bytes]], byte_order: str, nanoseconds: bool) -> None:
    stream = io.BytesIO()
    writer = PcapWriter(stream, byte_order=byte_order, nanoseconds=nanoseconds)  # type: ignore[arg-type]
    for time_ns, frame in frames:
        writer.write(time_ns, frame)
    unit = 1 if nanoseconds else 1000
    found = [(packet.time_ns, packet.data) for packet in parse_capture(stream.getvalue())]
    assert found == [(time_ns // unit * unit, frame) for time_ns, frame in frames]


comments = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
rows = st.lists(
    st.tuples(st.integers(0, (1 << 63) - 1), st.binary(max_size=80), st.integers(0, 2), comments), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_pcapng(rows: list[tuple[int, bytes, int, str]]) -> None:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, interfaces=("a", "b", "c"))
    for time_ns, frame, interface, comment in rows:
        writer.write(time_ns, frame, interface=interface, comment=comment)
    found = parse_capture(stream.getvalue())
    assert [(packet.time_ns, packet.data, packet.interface, packet.comment) for packet in found] == rows
