"""What drivers say and are told: ethtool's rings, channels, coalescing, offloads, rules; XDP abilities by netlink.

Together with `nic/namespaces.py` the only place that imports pyroute2. What pyroute2 has no call for (driver names,
time stamping, receive rules) goes through the same ioctl here; the records are those of linux/ethtool.h, and
`tests/native/test_ethtool_records.py` compares their layout with the C compiler's.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from nic.host.inventory import Channels, Coalesce, Ethtool, Feature, Rings, Rule, Timestamping, Xdp

_SIOCETHTOOL = 0x8946
_GDRVINFO, _GET_TS_INFO = 0x03, 0x41
_GRXCLSRLCNT, _GRXCLSRULE, _GRXCLSRLALL, _SRXCLSRLDEL, _SRXCLSRLINS = 0x2E, 0x2F, 0x30, 0x31, 0x32
_UDP_V4_FLOW = 0x02
_FLOW_NAMES = {0x01: "tcp4", 0x02: "udp4", 0x03: "sctp4", 0x05: "tcp6", 0x06: "udp6", 0x0D: "ip4", 0x12: "ether"}
_RULES_MAX = 4096
_TX_HARDWARE, _TX_SOFTWARE, _RX_HARDWARE, _RX_SOFTWARE, _RAW_HARDWARE = 1, 2, 4, 8, 64
_XDP_BASIC, _XDP_REDIRECT, _XDP_ZERO_COPY, _XDP_RX_SG = 1, 2, 8, 32
_XDP_METADATA_TIMESTAMP = 1
_NETDEV_CMD_DEV_GET = 1

_COALESCE_FIELDS = {
    "adaptive_rx": "use_adaptive_rx_coalesce",
    "adaptive_tx": "use_adaptive_tx_coalesce",
    "rx_usecs": "rx_coalesce_usecs",
    "rx_frames": "rx_max_coalesced_frames",
    "tx_usecs": "tx_coalesce_usecs",
    "tx_frames": "tx_max_coalesced_frames",
}
_CHANNEL_FIELDS = {"rx": "rx_count", "tx": "tx_count", "combined": "combined_count"}
STATISTICS = (
    "bw_in_allowance_exceeded",
    "bw_out_allowance_exceeded",
    "pps_allowance_exceeded",
    "conntrack_allowance_exceeded",
    "ena_srd_mode",
    "ena_srd_eligible_tx_pkts",
    "ena_srd_tx_pkts",
    "rx_out_of_buffer",
    "rx_missed_errors",
    "rx_no_buffer_count",
    "rx_drops",
)
"""Counters of `ethtool -S` that checks read, of ENA, mlx5 and the Intel drivers."""

T = TypeVar("T")


class DriverInfo(ctypes.Structure):
    """struct ethtool_drvinfo."""

    _fields_ = [
        ("cmd", ctypes.c_uint32),
        ("driver", ctypes.c_char * 32),
        ("version", ctypes.c_char * 32),
        ("fw_version", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("erom_version", ctypes.c_char * 32),
        ("reserved2", ctypes.c_char * 12),
        ("n_priv_flags", ctypes.c_uint32),
        ("n_stats", ctypes.c_uint32),
        ("testinfo_len", ctypes.c_uint32),
        ("eedump_len", ctypes.c_uint32),
        ("regdump_len", ctypes.c_uint32),
    ]


class TimestampInfo(ctypes.Structure):
    """struct ethtool_ts_info."""

    _fields_ = [
        ("cmd", ctypes.c_uint32),
        ("so_timestamping", ctypes.c_uint32),
        ("phc_index", ctypes.c_int32),
        ("tx_types", ctypes.c_uint32),
        ("tx_reserved", ctypes.c_uint32 * 3),
        ("rx_filters", ctypes.c_uint32),
        ("rx_reserved", ctypes.c_uint32 * 3),
    ]


class Ports4(ctypes.BigEndianStructure):
    """struct ethtool_tcpip4_spec, padded to the 52 bytes of the union that it is in."""

    _fields_ = [
        ("ip4src", ctypes.c_uint32),
        ("ip4dst", ctypes.c_uint32),
        ("psrc", ctypes.c_uint16),
        ("pdst", ctypes.c_uint16),
        ("tos", ctypes.c_uint8),
        ("rest", ctypes.c_uint8 * 39),
    ]


class FlowSpec(ctypes.Structure):
    """struct ethtool_rx_flow_spec."""

    _fields_ = [
        ("flow_type", ctypes.c_uint32),
        ("h_u", Ports4),
        ("h_ext", ctypes.c_uint8 * 20),
        ("m_u", Ports4),
        ("m_ext", ctypes.c_uint8 * 20),
        ("ring_cookie", ctypes.c_uint64),
        ("location", ctypes.c_uint32),
    ]


class RxRules(ctypes.Structure):
    """struct ethtool_rxnfc, with room for the locations that follow it."""

    _fields_ = [
        ("cmd", ctypes.c_uint32),
        ("flow_type", ctypes.c_uint32),
        ("data", ctypes.c_uint64),
        ("fs", FlowSpec),
        ("rule_cnt", ctypes.c_uint32),
        ("rule_locs", ctypes.c_uint32 * _RULES_MAX),
    ]


class _IfReq(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 16), ("data", ctypes.c_void_p), ("rest", ctypes.c_uint8 * 16)]


class Refused(Exception):
    """A driver does not take a setting; the message says why."""


def udp4_rule(location: int, dst_port: int, queue: int) -> Rule:
    """The rule that takes UDP over IPv4 to `dst_port` into `queue`, at `location` of the driver's table."""
    spec = FlowSpec(flow_type=_UDP_V4_FLOW, ring_cookie=queue, location=location)
    spec.h_u.pdst = dst_port
    spec.m_u.pdst = 0xFFFF
    return _rule(spec)


def rule_text(raw: str) -> str:
    """The rule with this record, for people."""
    rule = _rule(FlowSpec.from_buffer_copy(bytes.fromhex(raw)))
    port = f" to port {rule.dst_port}" if rule.dst_port is not None else ""
    return f"{rule.protocol}{port} into queue {rule.queue}"


def _rule(spec: FlowSpec) -> Rule:
    protocol = _FLOW_NAMES.get(spec.flow_type, str(spec.flow_type))
    has_port = protocol in ("udp4", "tcp4") and spec.m_u.pdst == 0xFFFF
    return Rule(
        location=spec.location,
        queue=spec.ring_cookie & 0xFFFFFFFF,
        protocol=protocol,
        dst_port=spec.h_u.pdst if has_port else None,
        raw=bytes(spec).hex(),
    )


class Drivers:
    """An open door to the drivers of the calling thread's network namespace."""

    def __init__(self) -> None:
        from pyroute2.ethtool.ioctl import IoctlEthtool

        self._ethtool = IoctlEthtool()
        self._socket: socket.socket = self._ethtool.sock
        self._xdp = _xdp_features()

    def close(self) -> None:
        """Close the socket."""
        self._ethtool.close()

    def __enter__(self) -> Drivers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, interface: str, record: ctypes.Structure) -> None:
        request = _IfReq(name=interface.encode(), data=ctypes.addressof(record))
        fcntl.ioctl(self._socket, _SIOCETHTOOL, request)

    def read(self, interface: str) -> Ethtool:
        """Everything that the driver of `interface` says; what it does not support is None or empty."""
        self._ethtool.change_ifname(interface)
        info = _ask(lambda: self._driver(interface)) or DriverInfo()
        return Ethtool(
            driver=_text(info.driver),
            version=_text(info.version),
            firmware=_text(info.fw_version),
            rings=_ask(self._rings),
            channels=_ask(self._channels),
            coalesce=_ask(self._coalesce),
            features=_ask(self._features) or {},
            timestamping=_ask(lambda: self._timestamping(interface)),
            xdp=self._xdp.get(_index(interface)),
            rules=_ask(lambda: self._rules(interface)),
            statistics=_ask(self._statistics) or {},
        )

    def _driver(self, interface: str) -> DriverInfo:
        info = DriverInfo(cmd=_GDRVINFO)
        self._call(interface, info)
        return info

    def _rings(self) -> Rings:
        found = self._ethtool.get_rings()
        return Rings(rx=found["rx"], rx_max=found["rx_max"], tx=found["tx"], tx_max=found["tx_max"])

    def _channels(self) -> Channels:
        found = self._ethtool.get_channels()
        return Channels(
            rx=found["rx_count"], rx_max=found["max_rx"], tx=found["tx_count"], tx_max=found["max_tx"],
            combined=found["combined_count"], combined_max=found["max_combined"],
        )  # fmt: skip

    def _coalesce(self) -> Coalesce:
        found = self._ethtool.get_coalesce()
        return Coalesce(**{ours: found[theirs] for ours, theirs in _COALESCE_FIELDS.items()})

    def _features(self) -> dict[str, Feature]:
        found = self._ethtool.get_features()
        return {
            name: Feature(on=bool(on), changeable=bool(available) and not found.is_never_changed(name))
            for name, on, available, _, _ in found
            if name
        }

    def _timestamping(self, interface: str) -> Timestamping:
        info = TimestampInfo(cmd=_GET_TS_INFO)
        self._call(interface, info)
        flags = info.so_timestamping
        return Timestamping(
            hardware_rx=bool(flags & _RX_HARDWARE and flags & _RAW_HARDWARE),
            hardware_tx=bool(flags & _TX_HARDWARE and flags & _RAW_HARDWARE),
            software=bool(flags & _RX_SOFTWARE),
            phc=info.phc_index if info.phc_index >= 0 else None,
        )

    def _rules(self, interface: str) -> tuple[Rule, ...]:
        rules = RxRules(cmd=_GRXCLSRLCNT)
        self._call(interface, rules)
        rules = RxRules(cmd=_GRXCLSRLALL, rule_cnt=min(rules.rule_cnt, _RULES_MAX))
        self._call(interface, rules)
        found = []
        for location in rules.rule_locs[: rules.rule_cnt]:
            one = RxRules(cmd=_GRXCLSRULE, fs=FlowSpec(location=location))
            self._call(interface, one)
            found.append(_rule(one.fs))
        return tuple(found)

    def _statistics(self) -> dict[str, int]:
        return {name: int(value) for name, value in self._ethtool.get_statistics() if name in STATISTICS}

    def set_group(self, interface: str, group: str, values: dict[str, Any]) -> None:
        """Set some fields of `rings`, `channels` or `coalesce` in one call; the others stay. Raises Refused."""
        self._ethtool.change_ifname(interface)
        if group == "rings":
            get, put, names = self._ethtool.get_rings, self._ethtool.set_rings, {}
        elif group == "channels":
            get, put, names = self._ethtool.get_channels, self._ethtool.set_channels, _CHANNEL_FIELDS
        else:
            get, put, names = self._ethtool.get_coalesce, self._ethtool.set_coalesce, _COALESCE_FIELDS

        def change() -> None:
            record = get()
            for name, value in values.items():
                record[names.get(name, name)] = int(value)
            put(record)

        _tell(change)

    def set_feature(self, interface: str, name: str, on: bool) -> None:
        """Turn an offload on or off."""

        def change() -> None:
            self._ethtool.change_ifname(interface)
            features = self._ethtool.get_features()
            if name not in features:
                raise Refused(f"it has no offload {name}")
            features[name] = on
            self._ethtool.set_features(features)

        _tell(change)

    def set_rule(self, interface: str, location: int, raw: str | None) -> None:
        """Put the rule with the record `raw` at `location`; None: remove the rule that is there."""
        if raw is None:
            record = RxRules(cmd=_SRXCLSRLDEL, fs=FlowSpec(location=location))
        else:
            record = RxRules(cmd=_SRXCLSRLINS, fs=FlowSpec.from_buffer_copy(bytes.fromhex(raw)))
        _tell(lambda: self._call(interface, record))


def _ask(question: Callable[[], T]) -> T | None:
    """The answer, or None where the driver has none."""
    from pyroute2.ethtool.ioctl import EthtoolError

    try:
        return question()
    except (OSError, EthtoolError):
        return None


def _tell(change: Callable[[], None]) -> None:
    from pyroute2.ethtool.ioctl import EthtoolError, NoSuchDevice

    try:
        change()
    except NoSuchDevice:
        raise Refused("there is no such interface") from None
    except EthtoolError:
        raise Refused("the driver does not support it") from None
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise Refused("the driver does not support it") from None
        if error.errno == errno.EPERM:
            raise Refused("it needs CAP_NET_ADMIN (root)") from None
        raise Refused(f"the driver says: {os.strerror(error.errno or 0)}") from None


def _text(value: bytes) -> str | None:
    return value.decode("utf-8", "replace").strip() or None


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return -1


def _xdp_features() -> dict[int, Xdp]:
    """By interface index; empty where the kernel has no netdev family (before Linux 6.3)."""
    from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, genlmsg
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.generic import GenericNetlinkSocket

    class NetdevMessage(genlmsg):  # type: ignore[misc]
        nla_map = (
            ("NETDEV_A_DEV_UNSPEC", "none"),
            ("NETDEV_A_DEV_IFINDEX", "uint32"),
            ("NETDEV_A_DEV_PAD", "none"),
            ("NETDEV_A_DEV_XDP_FEATURES", "uint64"),
            ("NETDEV_A_DEV_XDP_ZC_MAX_SEGS", "uint32"),
            ("NETDEV_A_DEV_XDP_RX_METADATA_FEATURES", "uint64"),
            ("NETDEV_A_DEV_XSK_FEATURES", "uint64"),
        )

    found: dict[int, Xdp] = {}
    try:
        with GenericNetlinkSocket() as netlink:
            netlink.bind("netdev", NetdevMessage)
            message = NetdevMessage()
            message["cmd"] = _NETDEV_CMD_DEV_GET
            message["version"] = 1
            flags = NLM_F_REQUEST | NLM_F_DUMP
            for device in netlink.nlm_request(message, msg_type=netlink.prid, msg_flags=flags):
                features = device.get_attr("NETDEV_A_DEV_XDP_FEATURES") or 0
                metadata = device.get_attr("NETDEV_A_DEV_XDP_RX_METADATA_FEATURES") or 0
                found[device.get_attr("NETDEV_A_DEV_IFINDEX")] = Xdp(
                    native=bool(features & _XDP_BASIC),
                    redirect=bool(features & _XDP_REDIRECT),
                    zero_copy=bool(features & _XDP_ZERO_COPY),
                    multi_buffer=bool(features & _XDP_RX_SG),
                    rx_timestamp=bool(metadata & _XDP_METADATA_TIMESTAMP),
                )
    except (NetlinkError, OSError):
        return {}
    return found
