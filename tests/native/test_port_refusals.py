"""A port that cannot be opened says in one sentence what is wrong and what to do."""

from __future__ import annotations

import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from native import codes
from native._native import lib
from native.ports import PORT_KINDS, PortConfig, PortError, explain_missing, open_port

OFFLINE_REFUSALS: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown_kind": ({"kind": "tape"}, codes.ERROR_INVALID_ARGUMENT, "choose one of memory, pcap"),
    "no_frames": ({"kind": "memory", "rx_frames": 0}, codes.ERROR_INVALID_ARGUMENT, "from 1 to 65536"),
    "too_many_frames": ({"kind": "memory", "tx_frames": 65537}, codes.ERROR_INVALID_ARGUMENT, "from 1 to 65536"),
    "negative_frames": ({"kind": "memory", "tx_frames": -1}, codes.ERROR_INVALID_ARGUMENT, "tx_frames"),
    "port_id": ({"kind": "memory", "port_id": 65536}, codes.ERROR_INVALID_ARGUMENT, "port_id"),
    "udp_port_0": ({"kind": "udp", "udp_ports": (0,)}, codes.ERROR_INVALID_ARGUMENT, "from 1 to 65535"),
    "udp_two_ports": ({"kind": "udp", "udp_ports": (1, 2)}, codes.ERROR_INVALID_ARGUMENT, "binds one UDP port"),
    "nine_ports": ({"kind": "packet", "udp_ports": tuple(range(1, 10))}, codes.ERROR_INVALID_ARGUMENT, "at most 8"),
    "not_an_address": ({"kind": "udp", "local_ip": "venue"}, codes.ERROR_INVALID_ARGUMENT, "not an IPv4 address"),
    "foreign_address": ({"kind": "udp", "local_ip": "203.0.113.9"}, codes.ERROR_NOT_FOUND, "has the address 203.0."),
    "ttl": ({"kind": "udp", "multicast_ttl": 256}, codes.ERROR_INVALID_ARGUMENT, "multicast_ttl"),
    "udp_interface": ({"kind": "udp", "interface": "nope0"}, codes.ERROR_NOT_FOUND, "There is no interface nope0"),
    "xdp_mode": ({"kind": "xdp", "xdp_mode": "fast"}, codes.ERROR_INVALID_ARGUMENT, "auto, native, generic"),
    "zero_copy": ({"kind": "xdp", "zero_copy": "yes"}, codes.ERROR_INVALID_ARGUMENT, "auto, off, required"),
    "steering": ({"kind": "dpdk", "steering": "left"}, codes.ERROR_INVALID_ARGUMENT, "auto, flow, rss"),
    "offloads": ({"kind": "dpdk", "offloads": "all"}, codes.ERROR_INVALID_ARGUMENT, "choose auto or off"),
    "tx_queue": ({"kind": "dpdk", "tx_queue": -2}, codes.ERROR_INVALID_ARGUMENT, "number of a queue, or -1"),
    "zero_byte": ({"kind": "pcap", "in_path": "a\0b"}, codes.ERROR_INVALID_ARGUMENT, "zero byte"),
    "no_capture": ({"kind": "pcap", "in_path": "/no/such.pcap"}, codes.ERROR_NOT_FOUND, "/no/such.pcap: No such file"),
    "directory": ({"kind": "pcap", "in_path": "/tmp"}, codes.ERROR_FORMAT, "not a regular file"),
    "no_folder": ({"kind": "pcap", "out_path": "/no/out.pcap"}, codes.ERROR_NOT_FOUND, "/no/out.pcap: No such file"),
}


def refusal(**fields: Any) -> PortError:
    with pytest.raises(PortError) as refused:
        open_port(PortConfig(**fields))
    return refused.value


@pytest.mark.parametrize("name", OFFLINE_REFUSALS)
def test_a_wrong_configuration_is_refused_with_a_sentence(name: str) -> None:
    fields, code, words = OFFLINE_REFUSALS[name]
    error = refusal(**fields)
    assert error.code == code
    assert words in error.sentence
    assert error.sentence.endswith((".", "?"))
    assert "\n" not in error.sentence


def test_the_capture_that_is_read_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "day.pcap"
    with open_port(PortConfig("pcap", out_path=str(path))):
        pass
    before = path.read_bytes()
    link = tmp_path / "same.pcap"
    link.symlink_to(path)
    assert refusal(kind="pcap", in_path=str(path), out_path=str(link)).code == codes.ERROR_INVALID_ARGUMENT
    assert path.read_bytes() == before


def test_a_fifo_does_not_hold_the_open_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert refusal(kind="pcap", in_path=str(tmp_path / "fifo")).code == codes.ERROR_FORMAT


def test_a_udp_port_in_use() -> None:
    with open_port(PortConfig("udp", local_ip="127.0.0.1")) as port:
        error = refusal(kind="udp", local_ip="127.0.0.1", udp_ports=(port.udp_port,))
        assert error.code == codes.ERROR_BUSY
        assert f"UDP port {port.udp_port} of 127.0.0.1 is in use" in error.sentence


def test_more_ports_than_the_table_holds() -> None:
    gc.collect()  # ports of rigs that nobody holds any more
    ports = []
    try:
        for _ in range(64):
            ports.append(open_port(PortConfig("memory", rx_frames=1, tx_frames=1)))
        error = refusal(kind="memory", rx_frames=1, tx_frames=1)
        assert (error.code, error.sentence) == (codes.ERROR_NO_MEMORY, "At most 64 ports can be open in a process.")
    finally:
        for port in ports:
            port.close()
    open_port(PortConfig("memory", rx_frames=1, tx_frames=1)).close()


def as_nobody(question: Callable[[], Any]) -> Any:
    """The answer of a child process that has given up every privilege."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            os.write(write_end, pickle.dumps(question()))
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def code_and_sentence(**fields: Any) -> tuple[int, str]:
    try:
        with open_port(PortConfig(**fields)) as port:
            return 0, port.describe()
    except PortError as error:
        return error.code, error.sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root to see what is left")
def test_without_privileges_udp_and_pcap_work_and_the_others_say_what_they_need() -> None:
    assert as_nobody(lambda: [explain_missing(kind) for kind in ("memory", "pcap", "udp")]) == [None, None, None]
    assert as_nobody(lambda: code_and_sentence(kind="udp"))[0] == 0
    assert as_nobody(lambda: code_and_sentence(kind="pcap"))[0] == 0
    packet = "The packet port needs CAP_NET_RAW: run as root, or use the udp port."
    assert as_nobody(lambda: explain_missing("packet")) == packet
    fields = {"kind": "packet", "interface": "lo", "udp_ports": (26400,)}
    assert as_nobody(lambda: code_and_sentence(**fields)) == (codes.ERROR_PERMISSION, packet)
    if lib.port_has_xdp():
        assert as_nobody(lambda: explain_missing("xdp")) == (
            "The xdp port needs CAP_NET_ADMIN and CAP_NET_RAW and CAP_BPF: run as root, or use the udp port."
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root to see what is left")
def test_a_reserved_udp_port_without_privileges() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("this host lets everybody bind low ports")
    code, sentence = as_nobody(lambda: code_and_sentence(kind="udp", udp_ports=(1023,)))
    assert code == codes.ERROR_PERMISSION
    assert "1023 is reserved" in sentence


def test_every_kind_can_be_asked_what_it_lacks() -> None:
    for kind in PORT_KINDS:
        missing = explain_missing(kind)  # type: ignore[arg-type]
        assert missing is None or missing.endswith(".")
