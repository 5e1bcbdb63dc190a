"""Frames of venues: cut apart again as they were made, and refused where they are not whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.framing.venues import FRAMINGS, Framing, FramingError, framed, messages

MESSAGES = st.lists(st.binary(min_size=2, max_size=40), max_size=5)


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@given(payloads=MESSAGES, multiple=st.sampled_from([1, 4, 8]))
def test_what_is_framed_is_cut_apart_again(framing: Framing, payloads: list[bytes], multiple: int) -> None:
    packet = bytes(framing.packet_header_bytes)
    packet += b"".join(framed(payload, framing, multiple) for payload in payloads)
    found = [packet[start:end] for start, end in messages(packet, framing)]
    assert len(found) == len(payloads)
    for octets, payload in zip(found, payloads, strict=True):
        kept = 0 if framing.header_bytes else framing.length_bytes  # the length is written into the message
        assert octets[kept : len(payload)] == payload[kept:]
        assert not any(octets[len(payload) :])


@pytest.mark.parametrize(
    ("name", "octets", "spans"),
    [
        ("sofh", "0000000a5be0" + "01020304", [(6, 10)]),
        ("cme-size", "0500010203" + "0300ff", [(2, 5), (7, 8)]),
        ("cme-ilink", "0600feca" + "0102", [(4, 6)]),
        ("b3", "050050eb" + "01", [(4, 5)]),
        ("memx", "0002" + "0102", [(2, 4)]),
        ("padded", "0800" + "010203000000", [(2, 8)]),
        ("frame-length", "0400ffff" + "0300ff", [(0, 4), (4, 7)]),
    ],
)
def test_frames_as_they_stand_on_the_wire(name: str, octets: str, spans: list[tuple[int, int]]) -> None:
    assert list(messages(bytes.fromhex(octets), FRAMINGS[name])) == spans


@pytest.mark.parametrize(
    ("name", "octets"),
    [("cme-size", "05"), ("cme-size", "0100"), ("cme-size", "0900"), ("cme-ilink", "06000000"), ("memx", "0003ff")],
)
def test_frames_that_are_not_whole(name: str, octets: str) -> None:
    with pytest.raises(FramingError, match=r"\.$"):
        list(messages(bytes.fromhex(octets), FRAMINGS[name]))


def test_a_message_too_long_for_its_length() -> None:
    with pytest.raises(FramingError, match="longer"):
        framed(bytes(65536), FRAMINGS["cme-size"])
