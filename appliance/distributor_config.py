"""[distributor]: the process that makes L2, L1, lines and snapshots from the L3 feed, and who gets what of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SUBSCRIBERS_MAX = 256
TIERS_MAX = 4
TIER_DEPTH_MAX = 64
CHANNELS = ("l3", "l2", "l1", "snapshot")
"""What `subscribers.channels` may name, beside the names of tiers. Their ids follow feed.channel_id in this order."""
_UdpPort = Annotated[int, Field(ge=1, le=65535)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Tier(_Table):
    """[[distributor.tiers]]: L2 of the best levels only, as a channel of its own."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
    depth: Annotated[int, Field(ge=1, le=TIER_DEPTH_MAX)]
    """Levels of each side."""


class Subscriber(_Table):
    """[[distributor.subscribers]]: who gets packets by unicast, where no multicast reaches (as on EC2)."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,31}$")]
    ip: str
    udp_port: _UdpPort
    """All its channels come here; the packet header says which one it is."""
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    """What it is entitled to: l3, l2, l1, snapshot, or the name of a tier."""


class Distributor(_Table):
    """[distributor]: market data made from the L3 feed, by a process of its own."""

    enabled: bool = True
    cpu: Annotated[int, Field(ge=-1, le=1023)] = -1
    """CPU to pin it to; -1: not pinned."""
    idle: Literal["spin", "yield", "sleep"] = "sleep"
    """What it does when there is nothing to do: spin needs a CPU of its own; sleep is 50 us at a time."""
    interface_ip: str = ""
    """Address of the interface that line A and unicast leave by; empty: feed.interface_ip. The kernel must have it,
    also where the core's own port goes past the kernel."""
    group_b: str = "239.192.26.2"
    """Multicast group of line B of all channels; line A has feed.group."""
    interface_ip_b: str = ""
    """Address of the interface that line B leaves by; empty: that of line A."""
    l3_port_b: _UdpPort = 26411
    """L3, line B; line A is feed.udp_port, sent by the matching core."""
    l2_port: _UdpPort = 26403
    l2_port_b: _UdpPort = 26413
    l1_port: _UdpPort = 26404
    """Best bid and offer, trades and status."""
    l1_port_b: _UdpPort = 26414
    snapshot_port: _UdpPort = 26405
    """Definitions, status and snapshots of all instruments, in a loop."""
    snapshot_port_b: _UdpPort = 26415
    snapshot_cycle_ms: Annotated[int, Field(ge=100, le=5000)] = 2000
    """Every instrument comes once in so much time, as far as the next key allows it."""
    snapshot_packets_a_second_max: Annotated[int, Field(ge=100, le=10_000_000)] = 50_000
    """A loop that would need more takes longer; `snapshot_cycle_us_max` tells."""
    packets_a_turn: Annotated[int, Field(ge=1, le=4096)] = 256
    """L3 packets followed, and packets of a channel sent, before it looks at its other work."""
    shuffle_seed: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    """From it and a packet's number comes the order in which subscribers get the packet; 0: drawn at every start, and
    recorded in config.json."""
    tiers: Annotated[tuple[Tier, ...], Field(max_length=TIERS_MAX)] = ()
    """Their channel ids follow the snapshot channel's. They go to subscribers, not by multicast."""
    subscribers: Annotated[tuple[Subscriber, ...], Field(max_length=SUBSCRIBERS_MAX)] = ()

    @model_validator(mode="after")
    def _names_and_addresses(self) -> Distributor:
        names = [tier.name for tier in self.tiers]
        if len(set(names)) != len(names) or set(names) & set(CHANNELS):
            raise ValueError("two tiers have the same name, or that of a channel")
        if len({subscriber.name for subscriber in self.subscribers}) != len(self.subscribers):
            raise ValueError("two subscribers have the same name")
        for key, text in self._addresses():
            try:
                address = ipaddress.IPv4Address(text)
            except ValueError:
                raise ValueError(f"{key} {text!r} is not an IPv4 address") from None
            if address.is_multicast != (key == "group_b"):
                raise ValueError(f"{key} {text} is {'a' if address.is_multicast else 'not a'} multicast address")
        for subscriber in self.subscribers:
            unknown = sorted(set(subscriber.channels) - {*CHANNELS, *names})
            if unknown:
                raise ValueError(f"subscriber {subscriber.name}: there is no channel or tier {unknown[0]!r}")
            if len(set(subscriber.channels)) != len(subscriber.channels):
                raise ValueError(f"subscriber {subscriber.name} names a channel twice")
        return self

    def _addresses(self) -> Iterator[tuple[str, str]]:
        yield "group_b", self.group_b
        if self.interface_ip:
            yield "interface_ip", self.interface_ip
        if self.interface_ip_b:
            yield "interface_ip_b", self.interface_ip_b
        for subscriber in self.subscribers:
            yield f"subscriber {subscriber.name}: ip", subscriber.ip

    def channel_id(self, channel: str, l3_channel_id: int) -> int:
        """Id in the packet headers of a channel or tier."""
        names = (*CHANNELS, *(tier.name for tier in self.tiers))
        return l3_channel_id + names.index(channel)
