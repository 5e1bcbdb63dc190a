"""A dpdk port that cannot be opened says in one sentence what is wrong, whatever DPDK itself prints about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from native import _native, codes
from native.ports import Port, PortConfig, PortError, open_port
from tests.dpdk_far import EAL_ARGS
from tests.dpdk_rigs import RingRig, why_no_dpdk

ROOT = Path(__file__).resolve().parents[2]
needs_dpdk = pytest.mark.skipif(why_no_dpdk() is not None, reason=str(why_no_dpdk()))

IN_A_PROCESS = """
import json, sys
from native.ports import PortConfig, PortError, open_port
answers = []
for fields in json.loads(sys.argv[1]):
    try:
        open_port(PortConfig("dpdk", **fields)).close()
        answers.append([0, ""])
    except PortError as error:
        answers.append([error.code, error.sentence])
print(json.dumps(answers))
"""

LIBRARY = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("native._native", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules["native._native"] = module
from native import codes
from native.ports import PortConfig, PortError, explain_missing, open_port
open_port(PortConfig("memory")).close()
try:
    open_port(PortConfig("dpdk", device="net_null0"))
except PortError as error:
    assert error.code == codes.ERROR_NOT_SUPPORTED
    assert error.sentence == explain_missing("dpdk")
    print(error.sentence)
"""


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and not text.endswith("..")


def python(program: str, *words: str) -> str:
    """What the program prints; nothing else may be said."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def in_a_process(*opens: dict[str, Any]) -> list[tuple[int, str]]:
    """Code and sentence of each open, one after the other in a process of their own."""
    answers: list[tuple[int, str]] = [tuple(answer) for answer in json.loads(python(IN_A_PROCESS, json.dumps(opens)))]
    assert all(code == 0 or is_one_sentence(text) for code, text in answers), answers
    return answers


def refusal(**fields: Any) -> PortError:
    with pytest.raises(PortError) as refused:
        open_port(PortConfig("dpdk", **{"eal_args": EAL_ARGS, **fields}))
    assert is_one_sentence(refused.value.sentence), refused.value.sentence
    return refused.value


# --- the library ---


def test_without_the_library_it_says_what_to_install(tmp_path: Path) -> None:
    alone = Path(shutil.copy(_native.__file__, tmp_path))
    sentence = "This build has no dpdk port: install libdpdk-dev (Debian), then build again."
    assert python(LIBRARY, str(alone)).splitlines() == [sentence]


def test_a_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    alone = Path(shutil.copy(_native.__file__, tmp_path))
    (tmp_path / "_port_dpdk.so").write_bytes(b"no library")
    (sentence,) = python(LIBRARY, str(alone)).splitlines()
    assert sentence.startswith("The libraries of DPDK that the dpdk port was built with are not here (")
    assert sentence.endswith("): install dpdk (Debian), or build again.")


# --- the EAL ---


@needs_dpdk
@pytest.mark.parametrize(
    ("eal_args", "code", "words"),
    [
        ("--no-huge --bogus", codes.ERROR_INVALID_ARGUMENT, "\"--no-huge --bogus\": unrecognized option '--bogus'"),
        ("--no-huge -l nine", codes.ERROR_INVALID_ARGUMENT, "invalid"),
        ("--no-huge --in-memory", codes.ERROR_INVALID_ARGUMENT, "not compatible with --in-memory"),
        ("--no-huge --vdev=net_nosuch0", codes.ERROR_NOT_FOUND, "net_nosuch0"),
        ("--no-huge " + 80 * "x ", codes.ERROR_INVALID_ARGUMENT, "at most 79 words"),
        (3000 * "x", codes.ERROR_INVALID_ARGUMENT, "at most 2047 bytes"),
    ],
)
def test_wrong_eal_arguments(eal_args: str, code: int, words: str) -> None:
    ((got, sentence),) = in_a_process({"device": "net_null0", "eal_args": eal_args})
    assert words in sentence
    assert got == code


@needs_dpdk
def test_no_hugepages() -> None:
    free = sum(int(path.read_text()) for path in Path("/sys/kernel/mm/hugepages").glob("*/free_hugepages"))
    if free:
        pytest.skip("this host has free hugepages")
    first, then = in_a_process({"device": "net_null0"}, {"device": "net_null0", "eal_args": "--no-huge"})
    assert first[0] == codes.ERROR_NO_MEMORY
    assert first[1].startswith("There are no free hugepages: `sysctl -w vm.nr_hugepages=256`, or put --no-huge")
    assert then == (0, ""), "it was seen before DPDK was started, so that a second try is possible"


@needs_dpdk
def test_the_eal_starts_once_a_process() -> None:
    again, other, none = in_a_process(
        {"device": "net_null0", "eal_args": "--no-huge"},
        {"device": "net_null0", "eal_args": "--no-huge -m 512"},
        {"device": "net_null0"},
    )
    assert again == none == (0, "")
    assert other[0] == codes.ERROR_BUSY
    assert 'DPDK runs in this process already, with the arguments "--no-huge", and cannot take others' in other[1]


@needs_dpdk
def test_an_eal_that_failed_late_cannot_be_started_again() -> None:
    first, then = in_a_process(
        {"device": "net_null0", "eal_args": "--no-huge -m 100000000"}, {"device": "net_null0", "eal_args": "--no-huge"}
    )
    assert first[0] < 0
    assert "DPDK did not start" in first[1]
    assert then[0] == codes.ERROR_BUSY
    assert "use a new process" in then[1]


@needs_dpdk
def test_devices_that_the_eal_makes() -> None:
    one = "--no-huge --vdev=net_null0"
    assert in_a_process({"eal_args": one}, {"eal_args": one}, {"device": "net_null0"}) == [(0, "")] * 3
    ((code, sentence),) = in_a_process({"eal_args": one + " --vdev=net_null1"})
    assert (code, sentence) == (codes.ERROR_INVALID_ARGUMENT, "eal_args give DPDK 2 devices: name one as the device.")
    ((code, sentence),) = in_a_process({"eal_args": "--no-huge"})
    assert code == codes.ERROR_NOT_FOUND
    assert "name one as the device" in sentence


# --- devices ---


@needs_dpdk
@pytest.mark.parametrize(
    ("device", "code", "words"),
    [
        ("net_nosuch0", codes.ERROR_NOT_FOUND, 'does not take the device "net_nosuch0"'),
        ("0000:ff:00.0", codes.ERROR_NOT_FOUND, "`dpdk-devbind.py --status` lists"),
        ("eth0", codes.ERROR_NOT_FOUND, 'does not take the device "eth0"'),
        ("net_memif700,role=queen", codes.ERROR_NOT_FOUND, "Unknown role: queen"),
        ("net_pcap700,rx_pcap=/no/such.pcap", codes.ERROR_NOT_FOUND, "/no/such.pcap: No such file or directory"),
        ("net_virtio_user700,path=/no/such.sock", codes.ERROR_NOT_FOUND, "No such file or directory"),
        ("net_memif700,role=client,socket=/no/such,socket-abstract=no", codes.ERROR_NOT_FOUND, "Invalid socket dir"),
        ("net_memif700,role=client,socket=/tmp/none,socket-abstract=no", codes.ERROR_IO, "refused to start: Failed to"),
        ("net_null700" + 4000 * "x", codes.ERROR_NOT_FOUND, "does not take"),
    ],
)
def test_devices_that_are_not_there(device: str, code: int, words: str) -> None:
    error = refusal(device=device)
    assert words in error.sentence
    assert error.code == code


@needs_dpdk
@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"queue": 1}, codes.ERROR_INVALID_ARGUMENT, "set up with 1 queues"),
        ({"queue": 4, "queue_count": 4}, codes.ERROR_INVALID_ARGUMENT, "numbers from 0 to 3"),
        ({"queue_count": 2, "tx_queue": 2}, codes.ERROR_INVALID_ARGUMENT, "numbers from 0 to 1"),
        ({"queue_count": 65}, codes.ERROR_INVALID_ARGUMENT, "from 1 to 64"),
        ({"queue_count": 17}, codes.ERROR_INVALID_ARGUMENT, "at most 16 queues"),
        ({"steering": "flow", "udp_ports": (26400,)}, codes.ERROR_NOT_SUPPORTED, "refused the flow rule"),
        ({"steering": "rss", "queue_count": 2}, codes.ERROR_NOT_SUPPORTED, "no RSS table"),
        ({"rx_frames": 65536, "queue_count": 16}, codes.ERROR_NO_MEMORY, "lower rx_frames"),
    ],
)
def test_what_a_driver_has_not(fields: dict[str, Any], code: int, words: str) -> None:
    error = refusal(device="net_ring701", **fields)
    assert words in error.sentence
    assert error.code == code


@needs_dpdk
def test_a_queue_in_use() -> None:
    rig = RingRig()
    with rig.open() as port:
        device = port.config.device
        assert refusal(device=device, queue_count=2, queue=0).sentence.startswith(f"Queue 0 of {device} is in use")
        assert refusal(device=device, queue_count=3).code == codes.ERROR_BUSY
        assert refusal(device=device, queue_count=2, queue=1, tx_queue=1).code == codes.ERROR_BUSY
    rig.close()


@needs_dpdk
def test_refused_opens_leave_nothing_behind() -> None:
    """Neither pools nor devices nor numbers: there are 256, 32 and 255 of them."""
    for _ in range(300):
        refusal(device="net_ring702", queue_count=2, steering="rss")
    ports: list[Port] = []
    try:
        for number in range(16):
            config = PortConfig("dpdk", device=f"net_null{710 + number}", eal_args=EAL_ARGS, rx_frames=64, tx_frames=64)
            ports.append(open_port(config))
    finally:
        for port in ports:
            port.close()
