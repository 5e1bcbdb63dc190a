"""The wire benchmark's arithmetic and files: schedule, sweep, knee, frames, drawings, reports; nothing is measured."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.histogram import HEADER_SLOTS, count, new_histogram
from appliance.histogram_log import read_log
from appliance.latency import record
from bench.wire import contenders, generator
from bench.wire.contenders import BenchError, Contender, Cpus
from bench.wire.drawing import Drawing
from bench.wire.generator import due_after_ns, due_count
from bench.wire.link import HISTOGRAMS, Slice
from bench.wire.measure import Outcome, Plan, Row, breaks_knee, sweep_rates
from bench.wire.results import differences, faults, knees, table, to_json
from bench.wire.templates import Addresses, make_templates
from bench.wire.write import write_all
from native.ports import PortConfig, open_port
from wire.net.frames import parse_udp_frame

ROOT = Path(__file__).parents[2]
XDP = Contender(contenders.APPLIANCE, "xdp", "xdp")
ECHO_XDP = Contender(contenders.ECHO, "xdp", "xdp")
PLAIN = Contender(contenders.ECHO, "socket", "udp")


@settings(deadline=None)
@given(k=st.integers(0, 10**9), rate=st.integers(1, 5_000_000))
def test_the_schedule_is_exact(k: int, rate: int) -> None:
    due = int(due_after_ns(k, rate))
    assert due == k * 10**9 // rate  # no error adds up, however long it runs
    assert due_count(due, rate) >= k + 1
    assert due_count(due - 1, rate) <= k


@settings(deadline=None)
@given(elapsed=st.integers(-10, 10**11), rate=st.integers(1, 5_000_000))
def test_everything_that_is_due_is_counted_and_nothing_else(elapsed: int, rate: int) -> None:
    due = int(due_count(elapsed, rate))
    if due:
        assert due_after_ns(due - 1, rate) <= elapsed
    assert due_after_ns(due, rate) > elapsed


def test_a_sweep_rises_to_its_end() -> None:
    assert sweep_rates(10_000, 20_000) == [10_000, 12_500, 15_600, 19_500, 20_000]
    assert sweep_rates(5, 5) == [5]
    assert sweep_rates(1, 4) == [1, 2, 3, 4]


def slice_of(rate: int, times_ns: list[int], **counted: int) -> Slice:
    progress = [0] * generator.PROGRESS_COUNT
    progress[generator.SENT] = progress[generator.ANSWERED] = len(times_ns)
    progress[generator.START_NS] = 1
    progress[generator.LAST_NS] = 1 + len(times_ns) * 10**9 // rate
    progress[generator.STAMPED_MONOTONIC] = len(times_ns)
    for name, value in counted.items():
        progress[getattr(generator, name)] = value
    histograms = {}
    for name in HISTOGRAMS:
        histograms[name] = new_histogram()
        for time_ns in times_ns:
            record(histograms[name], time_ns)
    return Slice(rate, 1_790_000_000.0, tuple(progress), histograms)


def row_of(contender: Contender, rate: int, p50_ns: int, **counted: int) -> Row:
    times = [p50_ns - 500, p50_ns, p50_ns + 70_000] * 10
    return Row(contender, rate, [slice_of(rate, times, **counted), slice_of(rate, times)])


def test_the_knee_is_broken_by_losses_by_too_few_answers_and_by_waiting() -> None:
    lowest = row_of(XDP, 1000, 5000)
    assert breaks_knee(lowest, lowest) == ""
    assert breaks_knee(row_of(XDP, 2000, 15_000), lowest) == ""
    assert "times that at 1,000/s" in breaks_knee(row_of(XDP, 2000, 16_000), lowest)
    assert breaks_knee(row_of(XDP, 2000, 5000, ANSWERED=29), lowest) == "1 lost"
    assert breaks_knee(row_of(XDP, 2000, 5000, FEED_EXPECTED=7, FEED_SEEN=5), lowest) == "2 lost"
    assert breaks_knee(row_of(XDP, 2000, 5000, REPORTS_MISSING=3), lowest) == "3 lost"
    slow = row_of(XDP, 2000, 5000)
    progress = list(slow.slices[0].progress)
    progress[generator.LAST_NS] *= 2
    late = Slice(2000, 0.0, tuple(progress), slow.slices[0].histograms)
    assert breaks_knee(Row(XDP, 2000, [late]), lowest) == "1,000 answered a second"


def outcome_of(rows: list[Row], *, sweep: bool = False) -> Outcome:
    chosen = list(dict.fromkeys(row.contender for row in rows))
    plan = Plan(chosen, sorted({row.rate for row in rows}), 1.0, 2, Cpus(1, 0), sweep=sweep)
    return Outcome(
        plan,
        rows,
        {0: rows[0].histogram("lateness"), 1: new_histogram()},
        {one.name: "veth <pair>" for one in chosen},
        {one.name: ("server", "client") for one in chosen},
        {one.name: {} for one in chosen},
    )


def test_the_knee_is_the_last_rate_before_the_first_that_breaks_the_rule() -> None:
    rows = [row_of(XDP, 1000, 5000), row_of(XDP, 2000, 6000), row_of(XDP, 4000, 90_000), row_of(PLAIN, 1000, 9000)]
    found = {row["contender"]: row for row in knees(outcome_of(rows, sweep=True))}
    assert found["xdp"]["knee"] == 2000 and found["xdp"]["beyond"].startswith("at 4,000/s: p50 90.0 us")
    assert found["xdp"]["limited_by"] == "generator"  # its lateness is as long as the response
    assert found["echo-socket"]["knee"] == 1000 and found["echo-socket"]["limited_by"] == ""
    assert knees(outcome_of(rows)) == []


def test_an_appliance_stands_beside_its_floor_and_the_plain_echo() -> None:
    outcome = outcome_of([row_of(XDP, 1000, 5000), row_of(ECHO_XDP, 1000, 3600), row_of(PLAIN, 1000, 6000)])
    floor, plain = differences(outcome)
    assert (floor["beside"], floor["within_tolerance"]) == ("echo-xdp", True)
    assert floor["p50_added_ns"] == pytest.approx(1400, abs=8)  # the width of a bucket
    assert (plain["beside"], plain["beats_at_p50"], plain["within_tolerance"]) == ("echo-socket", True, None)
    text = table(to_json(outcome))
    assert "xdp beside echo-xdp at 1,000/s: p50 +1.40 us" in text and "within the 1.5 us" in text
    assert "appliance over AF_XDP" in text and "beats it at p50" in text


def test_rivals_are_held_against_each_other() -> None:
    udp = Contender(contenders.APPLIANCE, "udp", "udp")
    outcome = outcome_of([row_of(XDP, 1000, 5000), row_of(udp, 1000, 7000)])
    assert differences(outcome) == []
    outcome.plan = replace(outcome.plan, compare=True)
    (found,) = differences(outcome)
    assert (found["appliance"], found["beside"], found["beats_at_p50"]) == ("xdp", "udp", True)
    assert found["p50_added_ns"] == pytest.approx(-2000, abs=8) and found["within_tolerance"] is None


def test_losses_and_rejects_are_faults_at_a_stated_rate() -> None:
    outcome = outcome_of([row_of(XDP, 1000, 5000, ANSWERED=28, REJECTS=4)])
    outcome.counted["xdp"] = {"counters": {"tx_dropped": 2}, "dropped": {"drop_duplicate": 1, "drop_not_udp": 0}}
    found = faults(outcome)
    assert len(found) == 4 and "2 lost." in found[1] and "drop_not_udp" not in found[3]
    assert len(faults(outcome_of([row_of(XDP, 1000, 5000, ANSWERED=28)], sweep=True))) == 0
    assert "FAULT: " in table(to_json(outcome)) and to_json(outcome)["equal"] is False


class Page(HTMLParser):
    """What an HTML page opens, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "rect", "polyline"):
            self.open.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "polyline"):
            return
        assert self.open.pop() == tag


def png_pixels(data: bytes) -> np.ndarray:
    """(height, width, 3) of an 8-bit RGB file without filters."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, {}
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        parts[kind] = body
        at += 12 + size
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any() and list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    return rows[:, 1:].reshape(height, width, 3)


def test_the_files_of_a_measurement(tmp_path: Path) -> None:
    rows = [row_of(one, rate, 5000) for rate in (1000, 2000) for one in (XDP, PLAIN)]
    outcome = outcome_of(rows, sweep=True)
    whole = to_json(outcome) | {"command": "pitwire bench wire <all>"}
    write_all(outcome, whole, tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["knees"] == whole["knees"]
    assert (tmp_path / "result.txt").read_text() == table(whole) + "\n"
    page = Page()
    text = (tmp_path / "report.html").read_text()
    page.feed(text)
    assert page.open == [] and page.fetched == []
    assert text.count("<svg") == 2 and "&lt;all&gt;" in text and "veth &lt;pair&gt;" in text
    assert "appliance over AF_XDP" in text and whole["commit"] in text
    for name in ("percentiles.png", "rates.png"):
        pixels = png_pixels((tmp_path / name).read_bytes())
        assert pixels.shape == (1040, 1920, 3) and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    logs = sorted(path.name for path in (tmp_path / "histograms").iterdir())
    assert len(logs) == 2 * len(rows) * len(HISTOGRAMS)
    with (tmp_path / "histograms" / "xdp-1000-response.hlog").open() as source:
        intervals = read_log(source)
    assert [count(one.histogram) for one in intervals] == [30, 30]
    assert np.array_equal(
        sum(one.histogram[HEADER_SLOTS:] for one in intervals), rows[0].histogram("response")[HEADER_SLOTS:]
    )


def test_a_drawing_puts_colours_where_it_is_told() -> None:
    drawing = Drawing(40, 20)
    drawing.line([(5, 10), (35, 10)], "#ff0000", 2.0)
    drawing.line([(5, 15), (35, 15)], "#00ff00", 2.0, dashed=True)
    drawing.text((20, 4), "1", "#0000ff", "middle")
    pixels = png_pixels(drawing.png())
    assert pixels.shape == (40, 80, 3)
    assert pixels[20, 40].tolist() == [255, 0, 0] and pixels[39, 79].tolist() == [255, 255, 255]
    green = (pixels[30] == [0, 255, 0]).all(axis=1)
    assert 20 < green.sum() < 55  # dashes: some of the 60 pixels, not all
    assert (pixels[:16] == [0, 0, 255]).all(axis=2).any()
    assert "stroke-dasharray" in drawing.svg() and drawing.svg().count("<polyline") == 2


ADDRESSES = Addresses(0x020000000002, "10.26.0.2", 26500, 0x020000000001, "10.26.0.1", 26400)


def test_every_frame_of_the_flow_is_whole_and_in_order() -> None:
    """Sent through a memory port: FIXP numbers without gaps a session, ClOrdIDs that rise, older orders that exist."""
    from wire.gen import order_entry_tables as oe

    sessions, instruments = 2, 4
    settings = {generator.INSTRUMENTS: instruments, generator.SESSIONS: sessions, generator.LAG_ROUNDS: instruments * 2,
                generator.LINGER_NS: 0}  # fmt: skip
    uuids = [bytes([n]) * 16 for n in range(sessions)]
    frames, sizes = make_templates(ADDRESSES, sessions)
    traffic = generator.new_traffic(settings, (frames, sizes), uuids)
    sent = []
    with open_port(PortConfig(kind="memory", tx_frames=1024, tx_pending_max=1024)) as port:
        for _ in range(4):
            assert generator.run(traffic, port.handle, 0, 1_000_000, 50) == 0
            while (collected := port.collect()) is not None:
                sent.append(parse_udp_frame(collected.frame))
    assert len(sent) == 200
    numbers: dict[bytes, int] = {}
    last_id: dict[bytes, int] = {}
    open_ids: dict[bytes, set[int]] = {}
    kinds = {oe.NewOrderShort_TEMPLATE_ID: 0, oe.OrderCancelRequest_TEMPLATE_ID: 0}
    kinds[oe.OrderCancelReplaceRequest_TEMPLATE_ID] = 0
    for frame in sent:
        assert frame.source.udp_port == 26500 and frame.destination.udp_port == 26400
        session = frame.payload[8:24]
        assert int.from_bytes(frame.payload[24:32], "little") == numbers.get(session, 0) + 1
        numbers[session] = numbers.get(session, 0) + 1
        template = int.from_bytes(frame.payload[34:36], "little")
        block = frame.payload[40:]
        cl_ord_id = int.from_bytes(block[:8], "little")
        assert cl_ord_id > last_id.get(session, 0)
        last_id[session] = cl_ord_id
        kinds[template] += 1
        known = open_ids.setdefault(session, set())
        if template != oe.NewOrderShort_TEMPLATE_ID:
            known.remove(int.from_bytes(block[8:16], "little"))  # a KeyError is an order that never was
        if template != oe.OrderCancelRequest_TEMPLATE_ID:
            known.add(cl_ord_id)
    assert len(numbers) == sessions and all(kinds.values())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--ports", "nope"], "names no port"),
        (["--ports", ""], "--ports names no port"),
        (["--ports", "udp,udp"], "named twice"),
        (["--rates", "fast"], "is not a list of whole numbers"),
        (["--rates", "0"], "from 1 to"),
        (["--frames", "100000"], "--frames is from 256 to 32768"),
        (["--rounds", "0"], "--rounds is at least 1"),
        (["--instruments", "6", "--sessions", "4"], "a multiple of --sessions"),
        (["--compare", "udp", "udp@nowhere"], "is no checkout that was set up"),
        (["--compare", "udp", "echo:udp@nowhere"], "the echo servers are those of this checkout"),
        (["--compare", "udp", "what:udp"], "is no contender"),
        (["--client", "carrier-pigeon"], "The generator cannot use the carrier-pigeon port"),
        (["--cpus", "0,0"], "two different CPUs"),
        (["--cpus", "here"], "is not SERVER,GENERATOR"),
        (["--ports", "udp", "--rates", "1000000", "--seconds", "86400"], "MiB of shared memory"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(words: list[str], sentence: str, capsys, monkeypatch) -> None:
    from bench.wire import __main__ as main

    monkeypatch.setattr(sys, "argv", ["pitwire bench wire", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert sentence in str(ended.value) and str(ended.value).count("\n") == 0


def test_help_has_examples() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "bench", "wire", "--", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "pitwire bench wire --ports xdp --sweep" in done.stdout


def test_one_cpu_is_not_enough(monkeypatch) -> None:
    monkeypatch.setattr(contenders.os, "sched_getaffinity", lambda _: {0})
    with pytest.raises(BenchError, match="a CPU each"):
        contenders.place(None)
