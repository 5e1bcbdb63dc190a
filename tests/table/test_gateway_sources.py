"""The port that closes: after so many bad log-ons of a source within a while, for so long, to that source alone."""

from __future__ import annotations

from appliance.gateway.sources import SOURCES_MAX, Sources

BAD, GOOD = "bad", "good"


def test_the_port_closes_and_opens_again() -> None:
    """(second, source, what it did, whether that closed the port, whether it is closed to it then)"""
    sources = Sources(3, 60)
    steps = [
        (0, 1, BAD, False, False),
        (1, 1, BAD, False, False),
        (2, 2, BAD, False, False),
        (3, 1, BAD, True, True),
        (4, 2, BAD, False, False),
        (5, 1, BAD, False, True),
        (61, 1, BAD, False, True),
        (62.9, 1, BAD, False, True),  # so many more: for as long again
        (63.1, 1, BAD, False, True),
        (64, 2, BAD, False, False),  # the ones of before are too long ago
        (65, 2, BAD, False, False),
        (66, 2, GOOD, False, False),
        (67, 2, BAD, False, False),
        (68, 2, BAD, False, False),
        (69, 2, BAD, True, True),
        (70, 2, GOOD, False, False),  # by UDP, in whose name others sent rubbish
        (122.8, 1, BAD, False, True),
        (123, 1, BAD, False, False),
    ]
    for at, ip, what, closes, closed in steps:
        if what == BAD:
            assert sources.note_bad(ip, at) == closes, at
        else:
            sources.note_good(ip)
        assert sources.is_closed(ip, at) == closed, at


def test_only_so_many_are_remembered() -> None:
    sources = Sources(1, 60)
    for ip in range(SOURCES_MAX + 1):
        sources.note_bad(ip, 0)
    assert not sources.is_closed(0, 1) and sources.is_closed(1, 1)
