"""What is known of drivers beyond what they say themselves. Sources: their documentation and their kernel sources.

Only read, not tried: of all these, only veth and virtio_net were at hand.
"""

from __future__ import annotations

from typing import NamedTuple

from nic.host.inventory import Interface


class Driver(NamedTuple):
    """What a driver can do in the kernels of the last years."""

    native_xdp: bool
    zero_copy: bool
    """AF_XDP without a copy, where the kernel does not say it itself (before Linux 6.3)."""
    xdp_takes_half: bool = False
    """With XDP at most half of the channels can be used: each needs a second transmit queue."""
    mtu_max: int = 3498
    """With a single-buffer XDP program."""


JOINING = ("rx-lro", "rx-gro-hw")

DRIVERS = {
    "ena": Driver(native_xdp=True, zero_copy=False, xdp_takes_half=True),
    "gve": Driver(native_xdp=True, zero_copy=True, mtu_max=2048),
    "i40e": Driver(native_xdp=True, zero_copy=True, mtu_max=3046),
    "ice": Driver(native_xdp=True, zero_copy=True, mtu_max=3046),
    "igb": Driver(native_xdp=True, zero_copy=False),
    "igc": Driver(native_xdp=True, zero_copy=True, mtu_max=1500),
    "ixgbe": Driver(native_xdp=True, zero_copy=True, mtu_max=3050),
    "mlx5_core": Driver(native_xdp=True, zero_copy=True),
    "bnxt_en": Driver(native_xdp=True, zero_copy=False),
    "sfc": Driver(native_xdp=True, zero_copy=False),
    "tun": Driver(native_xdp=True, zero_copy=False),
    "veth": Driver(native_xdp=True, zero_copy=False),
    "virtio_net": Driver(native_xdp=True, zero_copy=False),
}


def joins_for_good(nic: Interface) -> list[str]:
    """Offloads that join received frames and cannot be turned off. With one of them drivers refuse native XDP."""
    return [name for name in JOINING if (found := nic.ethtool.features.get(name)) and found.on and not found.changeable]


def has_native_xdp(nic: Interface) -> bool | None:
    """Does the driver run XDP programs itself? None: neither kernel nor table knows."""
    if joins_for_good(nic):
        return False
    if nic.ethtool.xdp:
        return nic.ethtool.xdp.native
    known = DRIVERS.get(nic.ethtool.driver or "")
    return known.native_xdp if known else None


def has_zero_copy(nic: Interface) -> bool | None:
    """Does the driver give frames to AF_XDP without a copy? None: neither kernel nor table knows."""
    if joins_for_good(nic):
        return False
    if nic.ethtool.xdp:
        return nic.ethtool.xdp.zero_copy
    known = DRIVERS.get(nic.ethtool.driver or "")
    return known.zero_copy if known else None


def version_of(text: str | None) -> tuple[int, ...]:
    """(2, 13, 0) of `2.13.0g`; empty where there is no number."""
    numbers = []
    for part in (text or "").split("."):
        digits = "".join(character for character in part if character.isdigit() or character == " ").split()
        if not part[:1].isdigit() or not digits:
            break
        numbers.append(int(digits[0]))
    return tuple(numbers)


def combined_max(nic: Interface, with_xdp: bool) -> int:
    """Channels that can be used; 0: the driver does not say."""
    channels = nic.ethtool.channels
    if channels is None:
        return 0
    most = channels.combined_max or min(channels.rx_max, channels.tx_max)
    known = DRIVERS.get(nic.ethtool.driver or "")
    full_use = nic.ethtool.driver == "ena" and is_out_of_tree_ena(nic) and version_of(nic.ethtool.version) >= (2, 17)
    if with_xdp and known and known.xdp_takes_half and not full_use:
        return max(most // 2, 1)
    return most


def is_out_of_tree_ena(nic: Interface) -> bool:
    """Amazon's own driver names its version (2.x); the one in the kernel names the kernel's (6.1.0-...)."""
    return nic.ethtool.driver == "ena" and (nic.ethtool.version or "").endswith("g")
