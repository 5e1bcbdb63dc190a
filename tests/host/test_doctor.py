"""Each check with a good and a bad recorded host; and what the doctor says about this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from nic.doctor import HOST_CHECKS, INTERFACE_CHECKS, examine, exit_status
from nic.doctor.finding import Finding, Subject
from nic.doctor.jitter import judge_jitter
from nic.host.files import Files
from nic.host.inventory import Inventory
from nic.host.sysctls import SYSCTLS
from nic.namespaces import HostPair, explain_missing, inside
from tests.host import recorded_hosts as hosts

ROOT = Path(__file__).resolve().parents[2]
SUBJECTS = {
    "metal_good": Subject(("eth1",), (4,)),
    "metal_bad": Subject(("eth1",), (4,)),
    "ena_ec2": Subject(("ens6",), (7,)),
    "ena_tuned": Subject(("ens6",), (7,)),
    "mellanox_two_sockets": Subject(("ens3f0np0",), (14,)),
}
ICE = "/sys/devices/pci0000:40/0000:41:00.0"
STOLEN = {"files": {"/proc/stat": "cpu  1000 0 500 900000 10 0 5 90000 0 0"}}
OURS = {"links": {f"{ICE}/driver": "../../../bus/pci/drivers/vfio-pci"}}

# check: (good host, bad host, verdict there); hosts without a name are metal_good and metal_bad
CASES = {
    "isolated": ("", "", "bad"),
    "tickless": ("", "", "warn"),
    "rcu": ("", "", "warn"),
    "idle-states": ("", "", "bad"),
    "governor": ("", "", "bad"),
    "smt": ("", "", "bad"),
    "irq-affinity": ("", "", "bad"),
    "irqbalance": ("mellanox_two_sockets", "", "bad"),
    "steal": ("ena_tuned", "ena_ec2", "bad"),
    "thp": ("", "", "bad"),
    "hugepages": ("", "", "warn"),
    "numa": ("mellanox_two_sockets", "", "bad"),
    "memlock": ("", "", "bad"),
    "hypervisor": ("", "ena_ec2", "warn"),
    "kernel-options": ("", "", "bad"),
    "sysctl": ("", "", "warn"),
    "clock-source": ("", "", "bad"),
    "clock-sync": ("", "", "warn"),
    "capabilities": ("", "", "bad"),
    "limits": ("", "", "warn"),
    "driver": ("ena_tuned", "ena_ec2", "warn"),
    "link": ("", "", "bad"),
    "channels": ("", "ena_ec2", "bad"),
    "steering": ("", "", "bad"),
    "rings": ("", "", "bad"),
    "coalescing": ("", "", "bad"),
    "offloads": ("", "", "bad"),
    "nic-irqs": ("", "", "bad"),
    "rps-xps": ("", "", "bad"),
    "mtu": ("", "", "bad"),
    "xdp": ("", "", "bad"),
    "zero-copy": ("", "", "warn"),
    "timestamps": ("", "", "warn"),
    "busy-poll": ("", "", "warn"),
    "drops": ("", "", "warn"),
    "dpdk": ("", "ena_ec2", "warn"),
    "ena-allowances": ("ena_tuned", "ena_ec2", "bad"),
    "ena-express": ("ena_tuned", "ena_ec2", "warn"),
    "ena-clock": ("ena_tuned", "ena_ec2", "warn"),
}
CHECKS = {name: check for table in (*HOST_CHECKS.values(), *INTERFACE_CHECKS.values()) for name, check in table.items()}


def judged(check: str, host: str, root: Path, **changes: dict) -> Finding | None:
    inventory = hosts.recorded(host, root, **changes)
    subject = SUBJECTS[host]._replace(port="dpdk" if check == "dpdk" else "xdp")
    rows = [row.finding for row in examine(inventory, subject) if row.check == check]
    assert len(rows) <= 1
    return rows[0] if rows else None


def test_every_check_has_a_case() -> None:
    assert set(CASES) == set(CHECKS)


@pytest.mark.parametrize("check", CASES)
def test_a_good_and_a_bad_host(check: str, tmp_path: Path) -> None:
    good_host, bad_host, verdict = CASES[check]
    good = judged(check, good_host or "metal_good", tmp_path / "good", **(OURS if check == "dpdk" else {}))
    bad = judged(check, bad_host or "metal_bad", tmp_path / "bad", **(STOLEN if check == "steal" else {}))
    assert good and bad
    assert (good.verdict, good.fix) == ("ok", "")
    assert bad.verdict == verdict
    for finding in (good, bad):
        assert finding.value
        assert finding.why[0].isalpha() and finding.why.endswith(".") and ". " not in finding.why, "one sentence"


def test_what_is_bad_says_how_to_mend_it(tmp_path: Path) -> None:
    rows = examine(hosts.recorded("metal_bad", tmp_path), SUBJECTS["metal_bad"])
    without = {row.check for row in rows if row.finding.verdict in ("bad", "warn") and not row.finding.fix}
    assert without == {"driver", "xdp", "zero-copy", "timestamps"}, "only what another NIC alone would mend"


def test_exit_status_says_the_worst() -> None:
    assert exit_status(["ok", "skip"]) == 0
    assert exit_status(["ok", "warn"]) == 4
    assert exit_status(["warn", "bad", "ok"]) == 3


def test_a_missing_interface_is_a_finding(tmp_path: Path) -> None:
    rows = examine(hosts.recorded("metal_good", tmp_path), Subject(("eth9",)))
    assert [(row.check, row.finding.verdict) for row in rows if row.interface] == [("link", "bad")]


def test_a_joining_device_that_cannot_stop_has_no_native_xdp(tmp_path: Path) -> None:
    stuck = {"eth1": {"features": {"rx-gro-hw": {"on": True, "changeable": False}}}}
    rows = examine(hosts.recorded("metal_good", tmp_path, ethtool=stuck), SUBJECTS["metal_good"])
    found = {row.check: row.finding.verdict for row in rows}
    assert (found["offloads"], found["xdp"], found["zero-copy"]) == ("bad", "bad", "warn")


def test_an_old_kernel_does_not_tell_and_the_table_does(tmp_path: Path) -> None:
    rows = examine(hosts.recorded("metal_good", tmp_path, ethtool={"eth1": {"xdp": None}}), SUBJECTS["metal_good"])
    found = {row.check: row.finding.verdict for row in rows}
    assert (found["xdp"], found["zero-copy"]) == ("ok", "ok")
    unknown = {"eth1": {"xdp": None, "driver": "nobody"}}
    rows = examine(hosts.recorded("metal_good", tmp_path / "2", ethtool=unknown), SUBJECTS["metal_good"])
    found = {row.check: row.finding.verdict for row in rows}
    assert (found["xdp"], found["zero-copy"], found["driver"]) == ("skip", "skip", "warn")


def test_an_empty_host_is_judged_without_a_crash(tmp_path: Path) -> None:
    rows = examine(Inventory(), Subject())
    assert {row.check for row in rows} >= {"isolated", "memlock"}
    from nic.host.read import read

    empty = read(Files(tmp_path), lambda name: pytest.fail(name))
    assert empty.cpus == () and examine(empty, Subject(("eth0",)))


@pytest.mark.parametrize("name", hosts.NAMES)
def test_an_inventory_survives_json(name: str, tmp_path: Path) -> None:
    inventory = hosts.recorded(name, tmp_path)
    assert Inventory.model_validate_json(inventory.model_dump_json()) == inventory


def test_the_settings_that_are_judged_are_those_that_are_shipped() -> None:
    shipped = {}
    for line in (ROOT / "sysctl" / "90-pitwire.conf").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            shipped[key.strip()] = value.strip()
    assert shipped == {sysctl.key: sysctl.wanted for sysctl in SYSCTLS}


def test_hiccups_are_judged() -> None:
    quiet = {"gap_ns_max": 4000, "stolen_ppm": 3, "gaps": 12}
    assert judge_jitter(quiet).finding.verdict == "ok"
    assert judge_jitter(quiet | {"gap_ns_max": 90_000}).finding.verdict == "warn"
    assert judge_jitter(quiet | {"stolen_ppm": 50_000}).finding.verdict == "bad"


def run(*words: str, status: int | None = None) -> str:
    done = CliRunner().invoke(main, ["doctor", *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if status is not None:
        assert done.exit_code == status, done.output
    return done.output


def test_the_command_judges_a_recorded_host(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text(hosts.recorded("metal_good", tmp_path / "tree").model_dump_json(), encoding="utf-8")
    report = json.loads(run("--inventory", str(path), "--cpus", "4", "--json", status=0))
    assert {row["verdict"] for row in report["checks"]} == {"ok"}
    assert Inventory.model_validate(report["inventory"]).interface("eth1")
    again = tmp_path / "report.json"
    again.write_text(json.dumps(report), encoding="utf-8")
    assert "0 bad" in run("--inventory", str(again), "--cpus", "4", status=0)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--cpus", "x"], 2, "not a list of CPUs"),
        (["--cpus", "900"], 2, "not online"),
        (["--jitter", "soon"], 2, "not a time"),
        (["--inventory", "absent.json"], 1, "cannot be read"),
        (["--inventory", __file__], 1, "is not an inventory"),
        (["--inventory", "x.json", "--jitter", "1s"], 2, "does not go with"),
    ],
)
def test_misuse_is_one_sentence(words: list[str], status: int, says: str) -> None:
    output = run(*words, status=status)
    assert says in " ".join(output.split()) and "Traceback" not in output


def test_this_machine_is_told_as_its_files_are() -> None:
    report = json.loads(run("--json"))
    found = {(row["interface"], row["check"]): row for row in report["checks"]}
    isolated = Path("/sys/devices/system/cpu/isolated")
    if isolated.exists() and not isolated.read_text().strip():
        assert found["", "isolated"]["verdict"] == "bad"
        assert found["", "isolated"]["value"] in ("none", "one CPU")
    clock = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    if clock.exists():
        assert found["", "clock-source"]["value"] == clock.read_text().strip()
    assert report["exit_status"] in (0, 3, 4)


@pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing()))
def test_veth_is_told_as_it_is() -> None:
    """Native XDP, yes; zero-copy and hardware time stamps, no; nothing to size or to coalesce."""
    from nic.host.ethtool import Drivers

    with HostPair() as pair, inside(pair.venue.namespace), Drivers() as drivers:
        said = drivers.read(pair.venue.interface)
    assert said.driver == "veth"
    assert said.timestamping and not said.timestamping.hardware_rx and said.timestamping.software
    assert said.coalesce is None and said.rules is None
    if said.xdp is None:
        pytest.skip("this kernel does not tell what drivers can do with XDP (before Linux 6.3)")
    assert not said.xdp.zero_copy and said.xdp.redirect
