"""The relay: its faults are those that were asked for, and the same again for the same seed."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from click.testing import CliRunner

from appliance.cli.relay import command, way
from appliance.client.relay import FaultyLine, LinePolicy

MS = 1_000_000


def passed(policy: LinePolicy, count: int = 20_000, seed: int = 1) -> tuple[list[bytes], FaultyLine]:
    """What comes out of `count` datagrams, one a millisecond, numbered."""
    line, out = FaultyLine(policy, seed), []
    for number in range(count):
        line.offer(number.to_bytes(8, "little"), number * MS)
        out += line.due(number * MS)
    out += line.due(1 << 62)
    return out, line


def numbers(datagrams: list[bytes]) -> list[int]:
    return [int.from_bytes(octets, "little") for octets in datagrams]


def test_a_good_line_changes_nothing() -> None:
    out, line = passed(LinePolicy(), 500)
    assert numbers(out) == list(range(500))
    assert (line.counts.taken, line.counts.sent, line.next_due_ns) == (500, 500, None)


@pytest.mark.parametrize("policy", [LinePolicy(loss_percent=30), LinePolicy(burst_percent=30, burst_length=20)])
def test_losses_have_their_share_and_their_seed(policy: LinePolicy) -> None:
    out, line = passed(policy)
    lost = line.counts.lost + line.counts.lost_in_bursts
    assert len(out) + lost == 20_000 and 0.25 < lost / 20_000 < 0.35
    assert out == passed(policy)[0] and out != passed(policy, seed=2)[0]
    assert sorted(numbers(out)) == numbers(out)


def test_bursts_are_as_long_as_asked() -> None:
    _, line = passed(LinePolicy(burst_percent=20, burst_length=25), 60_000)
    assert 18 < line.counts.lost_in_bursts / line.counts.bursts < 34
    everything, _ = passed(LinePolicy(burst_percent=100))
    assert everything == []


def test_delay_and_jitter_move_and_swap_but_lose_nothing() -> None:
    line = FaultyLine(LinePolicy(delay_ns=5 * MS))
    line.offer(b"a", 0)
    assert line.due(5 * MS - 1) == [] and line.next_due_ns == 5 * MS and line.due(5 * MS) == [b"a"]
    out, _ = passed(LinePolicy(jitter_ns=4 * MS))
    assert numbers(out) != list(range(20_000)) and sorted(numbers(out)) == list(range(20_000))
    out, line = passed(LinePolicy(reorder_percent=10, reorder_ns=3 * MS))
    assert sorted(numbers(out)) == list(range(20_000)) and 1500 < line.counts.reordered < 2500


def test_doubles_and_damage_are_counted() -> None:
    out, line = passed(LinePolicy(duplicate_percent=10))
    assert len(out) == 20_000 + line.counts.duplicated and 1500 < line.counts.duplicated < 2500
    out, line = passed(LinePolicy(corrupt_percent=10))
    changed = sum(number != place for place, number in enumerate(numbers(out)))
    assert changed == line.counts.corrupted and 1500 < changed < 2500 and all(len(octets) == 8 for octets in out)


def test_a_line_keeps_a_bounded_number() -> None:
    line = FaultyLine(LinePolicy(delay_ns=1), waiting_max=3)
    for _ in range(5):
        line.offer(b"x", 0)
    assert line.counts.overflowed == 2 and len(line.due(1)) == 3


@pytest.mark.parametrize(
    "facts",
    [
        {"loss_percent": -1},
        {"corrupt_percent": 101},
        {"burst_length": float("nan")},
        {"delay_ns": -1},
        {"burst_length": 0.5},
        {"loss_percent": float("nan")},
    ],
)
def test_what_no_line_can_do_is_refused(facts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give"):
        LinePolicy(**facts)  # type: ignore[arg-type]


def test_a_line_is_written_in_one_word() -> None:
    one = way("239.1.1.1:5=127.0.0.1:6,loss=2,jitter-us=1.5", LinePolicy(duplicate_percent=3))
    assert one.source == ("239.1.1.1", 5) and one.target == ("127.0.0.1", 6)
    assert one.policy == LinePolicy(loss_percent=2, jitter_ns=1500, duplicate_percent=3)


@pytest.mark.parametrize(
    "words",
    [
        ("127.0.0.1:1",),
        ("127.0.0.1:0=127.0.0.1:9",),
        ("localhost:1=127.0.0.1:9",),
        ("127.0.0.1:1=127.0.0.1:9,rain=3",),
        ("127.0.0.1:1=127.0.0.1:9,loss=much",),
        ("127.0.0.1:1=127.0.0.1:9,loss=300",),
        ("127.0.0.1:1=127.0.0.1:9", "--burst-length", "0"),
        (),
    ],
)
def test_misuse_is_a_sentence(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, [*words, "--seconds", "0.1"])
    assert result.exit_code == 2 and "Error: " in result.output


def test_an_address_that_is_not_ours_is_told() -> None:
    result = CliRunner().invoke(command, ["10.255.1.2:1=127.0.0.1:9", "--seconds", "0.1"])
    assert result.exit_code == 1 and "cannot be opened" in result.output


def test_two_lines_through_real_sockets() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        targets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for target in targets:
            target.bind(("127.0.0.1", 0))
            target.settimeout(5)
        free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        words = [f"127.0.0.1:{port}=127.0.0.1:{targets[0].getsockname()[1]},duplicate=100", "--json"]
        words += [f"127.0.0.2:{port}=127.0.0.1:{targets[1].getsockname()[1]},loss=100", "--seconds", "1.5"]
        results = []
        relay = threading.Thread(target=lambda: results.append(CliRunner().invoke(command, words)))
        relay.start()
        got: list[bytes] = []
        while relay.is_alive():
            sender.sendto(b"hello", ("127.0.0.1", port))
            sender.sendto(b"gone", ("127.0.0.2", port))
            targets[0].settimeout(0.1)
            try:
                got += [targets[0].recv(100), targets[0].recv(100)]
            except TimeoutError:
                continue
        relay.join()
        assert got[:2] == [b"hello", b"hello"]
        told = json.loads(results[0].output)["lines"]
        assert told[0]["duplicated"] == told[0]["taken"] and told[0]["sent"] == 2 * told[0]["taken"]
        assert told[1]["lost"] == told[1]["taken"] > 0 and told[1]["sent"] == 0
        for target in targets:
            target.close()
