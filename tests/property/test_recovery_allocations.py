"""Allocations against a twin that keeps every request and counts anew each time; hypothesis draws who asks when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.recovery.allocations import SECOND_NS, WINDOWS, Allocation, Allocations

START_NS = 1_700_000_000 * SECOND_NS


class Twin:
    """Remembers (client, time, messages) of all that was granted."""

    def __init__(self, requests: Allocation, messages: Allocation) -> None:
        self.allowed = (requests, messages)
        self.granted: list[tuple[str, int, int]] = []

    def take(self, client: str, messages: int, now_ns: int) -> str:
        for place in (2, 1, 0):
            name, length = WINDOWS[place]
            mine = [m for who, when, m in self.granted if who == client and when // length == now_ns // length]
            used = (len(mine), sum(mine))
            for allowed, before, more, what in zip(
                self.allowed, used, (1, messages), ("request", "message"), strict=True
            ):
                if allowed[place] and before + more > allowed[place]:
                    return f"{name} {what}"
        self.granted.append((client, now_ns, messages))
        return ""


ALLOWED = st.builds(Allocation, st.integers(0, 4), st.integers(0, 8), st.integers(0, 12))
PAUSES_NS = st.sampled_from([0, 1, 5 * 10**8, 10**9, 61 * 10**9, 86_400 * 10**9])
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), PAUSES_NS), max_size=60)


@settings(deadline=None, max_examples=200)
@given(requests=ALLOWED, messages=ALLOWED, steps=STEPS)
def test_as_the_twin_counts(requests, messages, steps):
    book, twin, now_ns = Allocations(requests, messages, 100), Twin(requests, messages), START_NS
    for client, count, pause_ns in steps:
        now_ns += pause_ns
        refusal = book.take(client, count, now_ns)
        expected = twin.take(client, count, now_ns)
        if not expected:
            assert refusal is None
            continue
        assert refusal is not None
        # both may be exhausted in the same window: the twin names one of them, the longest window first
        window = refusal.sentence.split()[0]
        length = dict(WINDOWS)[window]
        assert refusal.retry_ns == length - now_ns % length
        if "request" in refusal.sentence:
            mine = [when for who, when, _ in twin.granted if who == client and when // length == now_ns // length]
            assert len(mine) == requests[[name for name, _ in WINDOWS].index(window)]


def test_what_is_whole_again_when():
    book = Allocations(Allocation(2, 3, 4), Allocation(0, 0, 0), 10)
    noon_ns = START_NS - START_NS % (86_400 * SECOND_NS) + 43_200 * SECOND_NS
    assert book.take("a", 1, noon_ns) is None and book.take("a", 1, noon_ns + 1) is None
    assert book.take("a", 1, noon_ns + 2) == ("second request allocation of 2 exhausted.", SECOND_NS - 2)
    assert book.take("b", 1, noon_ns + 2) is None, "another client has its own"
    assert book.take("a", 1, noon_ns + SECOND_NS) is None
    assert book.take("a", 1, noon_ns + SECOND_NS) == ("minute request allocation of 3 exhausted.", 59 * SECOND_NS)
    assert book.take("a", 1, noon_ns + 60 * SECOND_NS) is None
    refusal = book.take("a", 1, noon_ns + 120 * SECOND_NS)
    assert refusal == ("day request allocation of 4 exhausted.", 43_200 * SECOND_NS - 120 * SECOND_NS)
    assert book.is_exhausted("a", noon_ns + 120 * SECOND_NS) and not book.is_exhausted("b", noon_ns)
    assert book.take("a", 1, noon_ns + 43_200 * SECOND_NS) is None


def test_a_clock_that_goes_back_refills_nothing():
    book = Allocations(Allocation(1, 0, 0), Allocation(0, 0, 0), 10)
    assert book.take("a", 0, START_NS) is None
    assert book.take("a", 0, START_NS - 5 * SECOND_NS) is not None


def test_the_books_are_bounded_and_forget_yesterday():
    book = Allocations(Allocation(1, 1, 1), Allocation(0, 0, 0), 3)
    for client in "abc":
        assert book.take(client, 0, START_NS) is None
    refusal = book.take("d", 0, START_NS)
    assert refusal is not None and refusal.sentence == "3 clients have asked today, the limit."
    assert len(book) == 3
    assert book.take("d", 0, START_NS + 86_400 * SECOND_NS) is None
    assert len(book) == 1


def test_charged_messages_count():
    book = Allocations(Allocation(0, 0, 0), Allocation(10, 0, 0), 3)
    book.charge("a", 8, START_NS)
    assert book.take("a", 2, START_NS) is None
    refusal = book.take("a", 1, START_NS)
    assert refusal is not None and "second message" in refusal.sentence
