"""Apply, verify, undo: on recorded hosts whose drivers are played by the test, and on a real veth pair."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config, parse
from nic.host.ethtool import Refused, rule_text
from nic.host.files import Files
from nic.host.inventory import Ethtool, Inventory
from nic.tune.apply import LiveHost, State, StateError, apply, undo
from nic.tune.plan import make_plan
from nic.tune.settings import settings_of
from tests.golden.test_nic_plan import CASES
from tests.host.recorded_hosts import lay_out, load

ROOT = Path(__file__).resolve().parents[2]
PCI = "/sys/bus/pci"


class PlayedDrivers:
    """Drivers that keep what they are told, refuse what the test says, and lose masks when queues are made anew."""

    def __init__(self, facts: dict[str, Any], files: Files) -> None:
        self.facts = facts
        self.files = files
        self.refused: set[str] = set()
        self.deaf: set[str] = set()
        self.calls: list[str] = []

    def read(self, interface: str) -> Ethtool:
        return Ethtool.model_validate(self.facts.get(interface, {}))

    def _hear(self, name: str) -> bool:
        self.calls.append(name)
        if name in self.refused:
            raise Refused("the driver does not support it")
        return name not in self.deaf

    def set_group(self, interface: str, group: str, values: dict[str, int]) -> None:
        for field in values:
            if f"{interface}/{group}/{field}" in self.refused:
                raise Refused("the driver does not support it")
        for field, value in values.items():
            if self._hear(f"{interface}/{group}/{field}"):
                self.facts[interface][group] = self.facts[interface][group] | {field: value}
        if group == "channels":
            for queue in self.files.names(f"/sys/class/net/{interface}/queues"):
                path = f"/sys/class/net/{interface}/queues/{queue}/xps_cpus"
                if self.files.exists(path):
                    self.files.write(path, "0000")
            nic = self.files.real(f"/sys/class/net/{interface}/device")
            for irq in self.files.names(f"{nic}/msi_irqs"):
                self.files.write(f"/proc/irq/{irq}/smp_affinity_list", "0-15")

    def set_feature(self, interface: str, name: str, on: bool) -> None:
        if self._hear(f"{interface}/offloads/{name}"):
            features = self.facts[interface]["features"]
            self.facts[interface]["features"] = features | {name: features[name] | {"on": on}}

    def set_rule(self, interface: str, location: int, raw: str | None) -> None:
        if not self._hear(f"{interface}/rules/{location}"):
            return
        rules = [rule for rule in self.facts[interface]["rules"] if rule["location"] != location]
        if raw is not None:
            assert rule_text(raw) == "udp4 to port 26400 into queue 0"
            rules.append({"location": location, "queue": 0, "protocol": "udp4", "dst_port": 26400, "raw": raw})
        self.facts[interface]["rules"] = rules


class PlayedFiles(Files):
    """Files that bind and unbind PCI drivers as the kernel does, and refuse what the test says."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refused: set[str] = set()

    def write(self, path: str, text: str) -> None:
        if path in self.refused:
            raise OSError(5, "Input/output error")
        if path.endswith("/driver/unbind"):
            os.unlink(self.root / f"{PCI}/devices/{text}/driver".lstrip("/"))
        elif path == f"{PCI}/drivers_probe":
            override = self.text(f"{PCI}/devices/{text}/driver_override") or "(null)"
            driver = "ena" if override == "(null)" else override
            place = self.root / f"{PCI}/devices/{text}".lstrip("/")
            (place.resolve() / "driver").symlink_to(self.root / f"{PCI}/drivers/{driver}".lstrip("/"))
        elif path.endswith("/driver_override") and text == "\n":
            super().write(path, "(null)\n")
        elif path.endswith("/transparent_hugepage/enabled"):
            words = ("always", "madvise", "never")
            super().write(path, " ".join(f"[{word}]" if word == text else word for word in words))
        else:
            super().write(path, text)


class Played:
    """A recorded host that can be told things."""

    def __init__(self, name: str, root: Path, **ethtool: dict[str, Any]) -> None:
        host = load(name)
        lay_out(host, root)
        (root / "sys/bus/pci/drivers_probe").touch()
        self.files = PlayedFiles(root)
        facts = {interface: said | ethtool.get(interface, {}) for interface, said in host["ethtool"].items()}
        self.drivers = PlayedDrivers(facts, self.files)
        self.live = LiveHost(self.files, self.drivers)  # type: ignore[arg-type]
        self.state = root / "state.json"

    def read(self) -> Inventory:
        return self.live.read()


def refused(outcomes: list[Any]) -> dict[str, str]:
    return {outcome.change.key: outcome.refused for outcome in outcomes if outcome.refused}


@pytest.mark.parametrize("case", CASES)
def test_apply_then_undo_leaves_every_value_as_found(case: str, tmp_path: Path) -> None:
    name, values = CASES[case]
    host, config = Played(name, tmp_path), parse(values)
    before = host.read()
    outcomes = apply(host.live, config, host.state)
    assert outcomes and refused(outcomes) == {}
    assert make_plan(host.read(), config).changes == [], "verified"
    assert host.read() != before
    assert refused(undo(host.live, host.state)) == {}
    assert settings_of(host.read()) == settings_of(before)
    assert host.read() == before and not host.state.exists()


def test_what_is_refused_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    name, values = CASES["mellanox_xdp"]
    host, config = Played(name, tmp_path), parse(values)
    host.drivers.refused = {"ens3f0np0/coalesce/tx_usecs", "ens3f0np0/rules/0"}
    host.drivers.deaf = {"ens3f0np0/rings/rx"}
    host.files.refused = {"/proc/irq/60/smp_affinity_list"}
    before = host.read()
    outcomes = apply(host.live, config, host.state)
    assert refused(outcomes) == {
        "ens3f0np0/coalesce/tx_usecs": "the driver does not support it",
        "ens3f0np0/rules/0": "the driver does not support it",
        "ens3f0np0/rings/rx": "it was taken and is still 1024",
        "irq/megasas0-msix0": "the kernel says: Input/output error",
    }
    now = host.read()
    nic = now.interface("ens3f0np0")
    assert nic and nic.ethtool.coalesce and nic.ethtool.coalesce.rx_usecs == 0, "its neighbours were set one by one"
    assert {cpu.governor for cpu in now.cpus} == {"performance"} and now.machine.thp == "madvise"
    assert refused(undo(host.live, host.state)) == {}
    assert host.read() == before


def test_applied_twice_it_still_undoes_to_the_first_state(tmp_path: Path) -> None:
    name, values = CASES["ena_xdp"]
    host = Played(name, tmp_path)
    before = host.read()
    apply(host.live, parse(values), host.state)
    other = values | {"host": {"loop_cpus": "6,14", "rx_ring": 4096, "thp": "never"}}
    apply(host.live, parse(other), host.state)
    assert host.read().machine.thp == "never"
    assert refused(undo(host.live, host.state)) == {}
    assert host.read() == before


def test_a_run_that_is_cut_short_can_be_undone(tmp_path: Path) -> None:
    name, values = CASES["ena_xdp"]
    host = Played(name, tmp_path)
    before = host.read()

    class Cut(Exception):
        pass

    def cut(*_: object) -> None:
        raise Cut

    host.drivers.set_feature = cut  # type: ignore[method-assign]
    with pytest.raises(Cut):
        apply(host.live, parse(values), host.state)
    assert host.read() != before
    del host.drivers.set_feature
    undo(host.live, host.state)
    assert host.read() == before


def test_nothing_to_change_writes_nothing(tmp_path: Path) -> None:
    host = Played("metal_good", tmp_path)
    config = parse({"port": {"kind": "xdp", "interface": "eth1"}, "host": {"loop_cpus": "4-7"}})
    assert apply(host.live, config, host.state) == [] and not host.state.exists()


def test_states_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    name, values = CASES["ena_xdp"]
    host, config = Played(name, tmp_path), parse(values)
    with pytest.raises(StateError, match="nothing was applied"):
        undo(host.live, host.state)
    host.state.write_text("{}", encoding="utf-8")
    with pytest.raises(StateError, match="is not a state"):
        apply(host.live, config, host.state)
    assert not host.drivers.calls, "nothing was written"
    State(format=99, boot_id="x", found={}).save(host.state)
    with pytest.raises(StateError, match="has format 99"):
        undo(host.live, host.state)
    State(boot_id="of another day", found={"thp/enabled": "never"}, touched=["thp/enabled"]).save(host.state)
    with pytest.raises(StateError, match="restarted since"):
        undo(host.live, host.state)
    apply(host.live, config, host.state)
    state = State.load(host.state)
    assert state and state.found["thp/enabled"] == "always", "what was found before the restart counts no more"


def test_where_the_state_cannot_be_saved_nothing_is_changed(tmp_path: Path) -> None:
    name, values = CASES["ena_xdp"]
    host = Played(name, tmp_path)
    before = host.read()
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be read"):
        apply(host.live, parse(values), tmp_path / "file" / "state.json")
    assert host.read() == before


def test_a_value_is_written_whole_and_only_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "mask").write_text("ffffffff,ffffffff\n")
    files = Files(tmp_path)
    files.write("/mask", "1")
    assert files.text("/mask") == "1"
    with pytest.raises(OSError):
        files.write("/absent", "1")
    assert not (tmp_path / "absent").exists()


def why_no_veth() -> str:
    """A namespace with its own /sys, as `ip netns exec` gives it."""
    for tool in ("unshare", "ip", "mount"):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    probe = "mount -t sysfs sysfs /sys && ip link add pw0 type veth peer name pw1"
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", probe], capture_output=True, check=False)
    return "" if done.returncode == 0 else "needs the right to make namespaces, mount /sys and make a veth pair"


def test_on_veth_undo_leaves_every_value_as_found(tmp_path: Path) -> None:
    if reason := why_no_veth():
        pytest.skip(reason)
    config = tmp_path / "venue.toml"
    # nothing that is not of the namespace: the machine's interrupts and memory are other people's too
    config.write_text(
        '[port]\nkind = "xdp"\ninterface = "pw0"\n'
        '[host]\nthp = ""\ngovernor = ""\nchannels = 2\nmtu = 1400\n'
        'offloads_off = ["rx-gro", "tx-scatter-gather", "tx-generic-segmentation"]\nrx_usecs = 5\n',
        encoding="utf-8",
    )
    pitwire = f"{sys.executable} -m appliance.cli"
    end = "numrxqueues 4 numtxqueues 4"
    script = f"""
        mount -t sysfs sysfs /sys || exit 90
        ip link add pw0 {end} type veth peer name pw1 {end} || exit 91
        ip link set pw0 up; ip link set pw1 up
        echo 3 > /sys/class/net/pw0/queues/tx-1/xps_cpus
        {pitwire} doctor --interface pw0 --json > before.json
        {pitwire} nic apply --config venue.toml --state state.json --json > apply.json; echo apply $?
        {pitwire} nic verify --config venue.toml; echo verify $?
        {pitwire} doctor --interface pw0 --json > between.json
        {pitwire} nic undo --config venue.toml --state state.json --json > undo.json; echo undo $?
        {pitwire} doctor --interface pw0 --json > after.json
        {pitwire} nic undo --config venue.toml --state state.json; echo again $?
    """
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'codecs'}"}
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout
    assert "apply 0" in said and "verify 0" in said and "undo 0" in said and "again 1" in said, (said, done.stderr)
    assert "nothing was applied" in done.stderr and "Traceback" not in done.stderr
    before, between, after = (
        Inventory.model_validate(json.loads((tmp_path / f"{name}.json").read_text())["inventory"])
        for name in ("before", "between", "after")
    )
    changed = {row["setting"] for row in json.loads((tmp_path / "apply.json").read_text())["done"]}
    assert {"pw0/mtu", "pw0/channels/rx", "pw0/channels/tx", "pw0/offloads/tx-scatter-gather"} <= changed
    assert "pw0/gro_flush_timeout" in changed
    assert between.interfaces != before.interfaces
    assert after.interfaces == before.interfaces
    assert settings_of(after) == settings_of(before)
    found = {row["check"]: row for row in json.loads((tmp_path / "before.json").read_text())["checks"]}
    assert found["timestamps"]["verdict"] == "warn" and found["timestamps"]["value"] == "software"
    assert found["xdp"]["verdict"] == "ok"
    zero_copy = found["zero-copy"]
    assert (zero_copy["verdict"], zero_copy["value"]) == ("warn", "no")


def test_a_configuration_without_a_host_table_is_the_default() -> None:
    assert Config().host.mtu == 1500 and parse({}).host == Config().host
