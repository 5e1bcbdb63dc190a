"""What `pitwire nic plan` says for recorded hosts, word for word, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.config import Config, ConfigError, parse
from nic.tune.plan import PlanError, make_plan, render
from tests.host.recorded_hosts import recorded

GOLDEN = Path(__file__).parent / "nic"
ENA = {"port": {"kind": "xdp", "interface": "ens6"}, "host": {"loop_cpus": "7,15"}}
MELLANOX = {
    "port": {"kind": "xdp", "interface": "ens3f0np0"},
    "host": {"loop_cpus": "14-15,30-31", "hugepages_2m": 512},
}
DPDK = {
    "host": {
        "interface": "ens6",
        "loop_cpus": "7,15",
        "dpdk_devices": ["0000:00:05.0", "0000:00:06.0"],
        "vfio_no_iommu": True,
        "hugepages_2m": 512,
    }
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "ena_xdp": ("ena_ec2", ENA),
    "ena_rules": ("ena_tuned", ENA),
    "ena_dpdk": ("ena_ec2", DPDK),
    "mellanox_xdp": ("mellanox_two_sockets", MELLANOX),
}


@pytest.mark.parametrize("case", CASES)
def test_the_plan_of_a_recorded_host(case: str, tmp_path: Path) -> None:
    host, values = CASES[case]
    plan = render(make_plan(recorded(host, tmp_path), parse(values)))
    assert plan + "\n" == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")


def test_a_host_that_is_ready_needs_nothing(tmp_path: Path) -> None:
    config = parse({"port": {"kind": "xdp", "interface": "eth1"}, "host": {"loop_cpus": "4-7", "irq_cpus": "0-3"}})
    plan = make_plan(recorded("metal_good", tmp_path), config)
    assert (plan.changes, plan.notes) == ([], [])


def test_the_same_inputs_give_the_same_plan(tmp_path: Path) -> None:
    inventory = recorded("mellanox_two_sockets", tmp_path)
    assert make_plan(inventory, parse(MELLANOX)) == make_plan(inventory, parse(MELLANOX))


def test_what_is_to_be_left_is_left_and_said(tmp_path: Path) -> None:
    values = MELLANOX | {"host": MELLANOX["host"] | {"leave": ["irq/", "thp/"], "governor": "", "rx_usecs": -1}}
    plan = make_plan(recorded("mellanox_two_sockets", tmp_path), parse(values))
    keys = [change.key for change in plan.changes]
    assert not [key for key in keys if key.startswith(("irq/", "thp/", "cpu"))]
    assert not [key for key in keys if key.endswith("rx_usecs")] and "ens3f0np0/coalesce/tx_usecs" in keys
    assert "thp/enabled is left as it is (always): host.leave says so." in plan.notes


def test_a_rule_that_is_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    other = {"location": 0, "queue": 3, "protocol": "udp4", "dst_port": 53}
    said = {"ens3f0np0": {"rules": [other]}}
    plan = make_plan(recorded("mellanox_two_sockets", tmp_path, ethtool=said), parse(MELLANOX))
    assert not [change for change in plan.changes if "/rules/" in change.key]
    assert any("rules/0 is in use" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ({"interface": "eth9"}, "no interface eth9; it has ens5, ens6"),
        ({"loop_cpus": "15-16"}, "CPU 16, which this host does not have online"),
        ({"loop_cpus": "0-15"}, "leave at least one"),
        ({"loop_cpus": "7", "irq_cpus": "6-7"}, "both the loop's and in host.irq_cpus"),
        ({"dpdk_devices": ["0000:ff:00.0"]}, "no network device 0000:ff:00.0"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_sentence(host: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=says):
        make_plan(recorded("ena_ec2", tmp_path), parse({"host": host}))


@pytest.mark.parametrize(
    "host", [{"loop_cpu": "3"}, {"loop_cpus": "3-1"}, {"irq_cpus": "a"}, {"rx_ring": -2}, {"dpdk_devices": ["eth0"]}]
)
def test_unknown_keys_and_wrong_values_are_errors(host: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"host"):
        parse({"host": host})


def test_every_key_of_the_table_is_documented() -> None:
    """Where `pitwire config schema` takes it from."""
    keys = Config.model_json_schema()["$defs"]["Host"]["properties"]
    assert set(keys) == set(Config().host.model_dump())
    assert not [key for key, facts in keys.items() if len(facts.get("description", "")) < 20]
