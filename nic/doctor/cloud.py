"""Checks of what EC2 adds: allowances, ENA Express, the hardware clock."""

from __future__ import annotations

from nic.doctor.finding import Finding, InterfaceCheckFunction, Subject, bad, ok, skip, warn
from nic.host.drivers import is_out_of_tree_ena, version_of
from nic.host.inventory import Interface, Inventory

_ALLOWANCES = (
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded",
)
ENA_PHC_VERSION_MIN = (2, 10)


def _ena(inventory: Inventory, name: str) -> Interface | None:
    found = inventory.interface(name)
    return found if found and found.ethtool.driver == "ena" else None


def allowances(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """Frames that EC2 held back."""
    nic = _ena(inventory, name)
    if nic is None:
        return None
    counted = {key: nic.ethtool.statistics.get(key) for key in _ALLOWANCES}
    if all(value is None for value in counted.values()):
        return skip("not told", "This driver does not count what EC2 holds back.")
    exceeded = {key: value for key, value in counted.items() if value}
    if not exceeded:
        return ok("none exceeded", "EC2 has not queued or dropped a frame of this instance.")
    some = ", ".join(f"{key.removesuffix('_allowance_exceeded')} {value}" for key, value in exceeded.items())
    if "conntrack_allowance_exceeded" in exceeded:
        return bad(some, "EC2 drops frames because the security group tracks more flows than the instance may have; "
                   "rules that allow all from and to the clients are not tracked.")  # fmt: skip
    return bad(some, "EC2 queued or dropped frames because the instance is over its allowance; take a larger one.")


def ena_express(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """SRD between instances."""
    nic = _ena(inventory, name)
    if nic is None:
        return None
    mode = nic.ethtool.statistics.get("ena_srd_mode")
    if mode is None:
        return skip("not told", "This driver or instance has no ENA Express.")
    # 0 off, 1 on, 2 on but UDP without it, 3 UDP with it (ENA's statistics)
    if mode in (1, 3):
        return ok(f"mode {mode}", "Frames to instances with ENA Express take several paths and are re-sent on loss.")
    return warn(
        f"mode {mode}",
        "Orders and market data take a single path; ENA Express shortens the tail where both ends have it.",
        "aws ec2 modify-network-interface-attribute --network-interface-id ENI "
        "--ena-srd-specification 'EnaSrdEnabled=true,EnaSrdUdpSpecification={EnaSrdUdpEnabled=true}'",
    )


def hardware_clock(inventory: Inventory, subject: Subject, name: str) -> Finding | None:
    """The PTP clock of the Nitro card."""
    nic = _ena(inventory, name)
    if nic is None:
        return None
    if any("ena" in clock for clock in inventory.machine.ptp_clocks):
        return ok("on", "The instance reads Amazon's clock on the Nitro card, to some tens of microseconds.")
    if is_out_of_tree_ena(nic) and version_of(nic.ethtool.version) < ENA_PHC_VERSION_MIN:
        return warn("driver too old", "This driver has no access to the clock of the Nitro card.",
                    "dkms install amzn-drivers/2.17.0  # from github.com/amzn/amzn-drivers")  # fmt: skip
    return warn(
        "off",
        "The clock of the Nitro card is not in use, so the host's clock is kept over the network only.",
        "echo 'options ena phc_enable=1' > /etc/modprobe.d/ena.conf && reboot",
    )


CHECKS: dict[str, InterfaceCheckFunction] = {
    "ena-allowances": allowances,
    "ena-express": ena_express,
    "ena-clock": hardware_clock,
}
