"""The order of measuring: every contender a slice at every rate, round by round: what disturbs meets all alike."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance import histogram
from appliance.hiccup import HiccupMeter
from appliance.histogram import Histogram
from bench.wire import echo, generator
from bench.wire.contenders import APPLIANCE, BenchError, Contender, Cpus, Setup
from bench.wire.link import BOOK_DEPTH_ROUNDS, Link, Slice, linked
from bench.wire.templates import Addresses, make_templates, session_uuids
from native.ports import PortConfig, open_port

WARM_PART = 0.1
"""Of each slice, at its beginning: sent, and not measured."""
HICCUP_SECONDS = 0.2
"""Before each round, on both CPUs."""
ANSWERED_PART_MIN = 0.99
P50_RISE_MAX = 3.0
KNEE_RULE = (
    "The knee is the highest rate of the sweep, going up from the lowest, at which nothing was lost, at least "
    f"{ANSWERED_PART_MIN:.0%} of the rate was answered, and the median response time was at most "
    f"{P50_RISE_MAX:g} times that at the lowest rate."
)
_BYTES_A_REQUEST = 128 + 192
"""Of an appliance's journal and feed store."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    contenders: list[Contender]
    rates: list[int]
    seconds: float
    """Of each contender at each rate, over all rounds."""
    rounds: int
    cpus: Cpus
    sweep: bool = False
    compare: bool = False
    """The first contender is held against the second as well."""
    sessions: int = 4
    instruments: int = 64
    use_stamps: bool = True
    realtime: bool = False
    xdp_mode: str = "generic"
    frames: int = 4096
    """Receive buffers of each end."""

    def count(self, rate: int) -> int:
        """Requests of one slice, those that warm up included."""
        return max(int(rate * self.seconds / self.rounds), 1)

    def setup(self) -> Setup:
        """What every contender is set up with."""
        return Setup(
            requests=self.requests,
            sessions=self.sessions,
            instruments=self.instruments,
            frames=self.frames,
            use_stamps=self.use_stamps,
            xdp_mode=self.xdp_mode,
            realtime=self.realtime,
        )

    @property
    def requests(self) -> int:
        """Requests that one contender gets at most."""
        fill = self.instruments * BOOK_DEPTH_ROUNDS * generator.STEPS_THAT_REST
        return fill + sum(self.count(rate) * self.rounds for rate in self.rates)


@dataclass
class Row:
    """One contender at one rate: all its slices."""

    contender: Contender
    rate: int
    slices: list[Slice] = field(default_factory=list)

    def total(self, index: int) -> int:
        """A counter of `generator.Traffic.progress`, over all slices."""
        return sum(one.progress[index] for one in self.slices)

    def histogram(self, name: str) -> Histogram:
        """One of HISTOGRAMS, over all slices."""
        merged = histogram.new_histogram()
        for one in self.slices:
            histogram.add(merged, one.histograms[name])
        return merged

    @property
    def lost(self) -> int:
        """Requests without an answer, reports and feed numbers that never came, orders that the feed never showed."""
        unseen = self.total(generator.FEED_EXPECTED) - self.total(generator.FEED_SEEN)
        unanswered = self.total(generator.SENT) - self.total(generator.ANSWERED)
        return unanswered + unseen + self.total(generator.REPORTS_MISSING) + self.total(generator.FEED_MISSING)

    @property
    def answered_a_second(self) -> float:
        """Over the slices' own times, from the first due time to the last answer."""
        return self.total(generator.ANSWERED) / sum(one.seconds for one in self.slices)

    @property
    def p50_ns(self) -> int:
        """Median response time."""
        return histogram.percentile_ns(self.histogram("response"), 500_000)


@dataclass
class Outcome:
    """Everything that was measured."""

    plan: Plan
    rows: list[Row]
    hiccups: dict[int, Histogram]
    """By CPU."""
    scenes: dict[str, str]
    """Contender's name: the way between the two."""
    descriptions: dict[str, tuple[str, str]]
    """Contender's name: what its server's and the generator's port really are."""
    counted: dict[str, dict[str, Any]]
    """Contender's name: what its server said at the end."""

    def row(self, contender: Contender, rate: int) -> Row | None:
        """The one of this contender at this rate, if it was measured."""
        return next((row for row in self.rows if row.contender == contender and row.rate == rate), None)


def breaks_knee(row: Row, lowest: Row) -> str:
    """Why `row` is beyond the knee, in words; empty when it is not. `lowest`: the same contender at the lowest rate."""
    if row.lost:
        return f"{row.lost} lost"
    if row.answered_a_second < ANSWERED_PART_MIN * row.rate:
        return f"{row.answered_a_second:,.0f} answered a second"
    if row.p50_ns > P50_RISE_MAX * lowest.p50_ns:
        return (
            f"p50 {row.p50_ns / 1000:.1f} us, {row.p50_ns / max(lowest.p50_ns, 1):.0f} times that at {lowest.rate:,}/s"
        )
    return ""


def sweep_rates(lowest: int, highest: int, factor: float = 1.25) -> list[int]:
    """Rates from `lowest` up to `highest`, each `factor` times the one before, rounded to hundreds."""
    rates = [lowest]
    while rates[-1] < highest:
        rates.append(min(max(round(rates[-1] * factor / 100) * 100, rates[-1] + 1), highest))
    return rates


def warm_up() -> None:
    """Compile the generator and the echo servers, or load them from the cache."""
    echo.warm_up()
    nowhere = make_templates(Addresses(0, "127.0.0.1", 9, 0, "127.0.0.1", 9), 1)
    traffic = generator.new_traffic(
        {generator.INSTRUMENTS: 1, generator.SESSIONS: 1, generator.LAG_ROUNDS: 1}, nowhere, session_uuids(1)
    )
    with open_port(PortConfig(kind="memory")) as port:
        generator.run(traffic, port.handle, 0, 1, 0)


def measure(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Carry out `plan`; `say` hears what is being done. Raises BenchError."""
    _check_memory(plan)
    warm_up()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pitwire-wire-")))
        links = []
        for contender in plan.contenders:
            say(f"starting the {contender.title}")
            link = stack.enter_context(linked(contender, plan.cpus, folder, plan.setup()))
            link.fill_books()
            links.append(link)
        outcome = Outcome(
            plan,
            [],
            {cpu: histogram.new_histogram() for cpu in (plan.cpus.server, plan.cpus.generator)},
            {link.contender.name: link.scene.title for link in links},
            {link.contender.name: (link.server.description, link.port.describe()) for link in links},
            {},
        )
        _measure_all(plan, links, outcome, say)
        for link in links:
            outcome.counted[link.contender.name] = link.server.finish()
    return outcome


def _measure_all(plan: Plan, links: list[Link], outcome: Outcome, say: Callable[[str], None]) -> None:
    running = list(links)
    lowest: dict[str, Row] = {}
    for rate in plan.rates:
        rows = {link.contender.name: Row(link.contender, rate) for link in running}
        for number in range(plan.rounds):
            _watch_hiccups(plan.cpus, outcome)
            turn = number % len(running)
            for link in running[turn:] + running[:turn]:  # nobody is always the first
                count = plan.count(rate)
                rows[link.contender.name].slices.append(link.measure(rate, count, int(count * WARM_PART)))
            say(f"{rate:,}/s, round {number + 1} of {plan.rounds}")
        outcome.rows += rows.values()
        if not plan.sweep:
            continue
        for link in list(running):
            row = rows[link.contender.name]
            reason = breaks_knee(row, lowest.setdefault(link.contender.name, row))
            if reason:
                say(f"{link.contender.title}: beyond its knee at {rate:,}/s ({reason})")
                running.remove(link)
        if not running:
            return


def _watch_hiccups(cpus: Cpus, outcome: Outcome) -> None:
    """Both at once, as server and generator run at once; all servers are paused."""
    meters = [HiccupMeter(cpus.server), HiccupMeter(cpus.generator)]
    with meters[0], meters[1]:
        time.sleep(HICCUP_SECONDS)
    for meter in meters:
        found = meter.result()
        histogram.add(outcome.hiccups[found.cpu], found.delays)


def _check_memory(plan: Plan) -> None:
    """Journals and feed stores lie in shared memory: say it before half of them are made."""
    appliances = sum(contender.what == APPLIANCE for contender in plan.contenders)
    needed = appliances * (plan.requests * _BYTES_A_REQUEST + (64 << 20))
    room = shutil.disk_usage("/dev/shm").free
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > min(room, pages):
        raise BenchError(
            f"The journals and feed stores of {plan.requests:,} requests a server need {needed >> 20:,} MiB of shared "
            f"memory, and {min(room, pages) >> 20:,} are free: lower --seconds, the rates or the number of servers."
        )
