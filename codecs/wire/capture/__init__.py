"""Packet captures: classic pcap and pcapng, read and written with exact integer nanoseconds. No numba."""

from wire.capture.classic import PcapWriter
from wire.capture.files import create_capture, open_capture, parse_capture
from wire.capture.model import LINK_TYPE_ETHERNET, PACKET_INDEX, Capture, CaptureError, Interface, Packet
from wire.capture.pcapng import PcapngWriter

__all__ = [
    "LINK_TYPE_ETHERNET",
    "PACKET_INDEX",
    "Capture",
    "CaptureError",
    "Interface",
    "Packet",
    "PcapWriter",
    "PcapngWriter",
    "create_capture",
    "open_capture",
    "parse_capture",
]
