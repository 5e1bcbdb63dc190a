"""Lines and words on a canvas, as SVG for the report and as PNG for a README: all that a plot of latencies needs.

Written here because a plotting library would be the largest dependency by far, for one picture.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from html import escape
from typing import Literal

import numpy as np
import numpy.typing as npt

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

_SCALE = 2
"""PNG pixels a unit."""
_FONT_UNITS = 1.5
"""Size of a dot of the font, in units."""
_GLYPH_COLUMNS = 5
_GLYPH_ROWS = 7
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .,:/%()+-_=<>@|'"
# a glyph is seven rows of five dots, or nine where it goes below the line; each row a digit to the base of 32
_GLYPH_TABLE = """
ehjlphe 4c4444e eh1248v v2421he 26aiv22 vgu11he 68guhhe v124888 ehhehhe ehhf12c ehhvhhh uhhuhhu ehggghe sihhhis
vgguggv vgguggg ehgnhhf hhhvhhh e44444e 72222ic hikokih ggggggv hrllhhh hhpljhh ehhhhhe uhhuggg ehhhlid uhhukih
fgge11u v444444 hhhhhhe hhhhha4 hhhllla hha4ahh hhha444 v1248gv 00e1fhf ggmphhu 00egghe 11djhhf 00ehvge 698s888
00fhhhf1e ggmphhh 40c444e 2062222ic ggikoki c44444e 00qllhh 00mphhh 00ehhhe 00uhhhugg 00fhhhf11 00mpggg 00ege1u
88s8896 00hhhjd 00hhha4 00hhlla 00ha4ah 00hhhhf1e 00v248v 0000000 00000cc 0000c48 0cc0cc0 01248g0 op248j3 2488842
8422248 044v440 000v000 000000v 00v0v00 248g842 8421248 ehnlnge 4444444 4480000
"""
_GLYPHS = dict(zip(_LETTERS, _GLYPH_TABLE.split(), strict=True))


@dataclass(frozen=True)
class _Line:
    points: tuple[Point, ...]
    colour: str
    width: float
    dashed: bool


@dataclass(frozen=True)
class _Text:
    at: Point
    words: str
    colour: str
    anchor: Anchor


@dataclass
class Drawing:
    """A white canvas of `width` by `height` units, drawn on in order. Colours are #rrggbb."""

    width: int
    height: int
    _parts: list[_Line | _Text] = field(default_factory=list)

    def line(self, points: list[Point], colour: str, width: float = 1.0, *, dashed: bool = False) -> None:
        """A line through all `points`."""
        self._parts.append(_Line(tuple(points), colour, width, dashed))

    def text(self, at: Point, words: str, colour: str = "#333333", anchor: Anchor = "start") -> None:
        """Words, with the middle of their height at `at`."""
        self._parts.append(_Text(at, words, colour, anchor))

    def svg(self) -> str:
        """The drawing as an SVG element, complete in itself."""
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'font-family="system-ui, sans-serif" font-size="12">',
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>',
        ]
        for part in self._parts:
            if isinstance(part, _Line):
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.points)
                dash = ' stroke-dasharray="5 4"' if part.dashed else ""
                out.append(
                    f'<polyline points="{points}" fill="none" stroke="{part.colour}" stroke-width="{part.width:g}"'
                    f'{dash} stroke-linejoin="round"/>'
                )
            else:
                out.append(
                    f'<text x="{part.at[0]:.1f}" y="{part.at[1] + 4:.1f}" fill="{part.colour}" '
                    f'text-anchor="{part.anchor}">{escape(part.words)}</text>'
                )
        return "\n".join([*out, "</svg>"])

    def png(self) -> bytes:
        """The drawing as a PNG file, two pixels a unit."""
        pixels = np.full((self.height * _SCALE, self.width * _SCALE, 3), 255.0)
        for part in self._parts:
            if isinstance(part, _Text):
                _draw_text(pixels, part)
            else:
                for start, end in _strokes(part):
                    _draw_stroke(pixels, start, end, part)
        rows = np.zeros((pixels.shape[0], 1 + pixels.shape[1] * 3), np.uint8)  # filter 0 before each row
        rows[:, 1:] = np.rint(pixels).astype(np.uint8).reshape(pixels.shape[0], -1)
        header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)), _chunk(b"IEND", b""))
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _colour(text: str) -> npt.NDArray[np.float64]:
    return np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)], np.float64)


def _strokes(line: _Line) -> list[tuple[Point, Point]]:
    """The straight parts of a line, cut into dashes where it is dashed."""
    straight = list(zip(line.points, line.points[1:], strict=False))
    if not line.dashed:
        return straight
    dashes, along = [], 0.0
    for (x, y), (to_x, to_y) in straight:
        length = max(float(np.hypot(to_x - x, to_y - y)), 1e-9)
        at = 0.0
        while at < length:
            left = 5.0 - along % 9.0
            step = min(left if left > 0 else 9.0 - along % 9.0, length - at)
            if left > 0:
                a, b = at / length, (at + step) / length
                dashes.append(((x + (to_x - x) * a, y + (to_y - y) * a), (x + (to_x - x) * b, y + (to_y - y) * b)))
            at += step
            along += step
    return dashes


def _draw_stroke(pixels: npt.NDArray[np.float64], start: Point, end: Point, line: _Line) -> None:
    """Blend a straight line in: each pixel by how far it is from the line."""
    (x, y), (to_x, to_y) = ((px * _SCALE, py * _SCALE) for px, py in (start, end))
    half = line.width * _SCALE / 2
    reach = int(half) + 2
    left, right = max(int(min(x, to_x)) - reach, 0), min(int(max(x, to_x)) + reach + 1, pixels.shape[1])
    top, bottom = max(int(min(y, to_y)) - reach, 0), min(int(max(y, to_y)) + reach + 1, pixels.shape[0])
    if left >= right or top >= bottom:
        return
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    length = (to_x - x) ** 2 + (to_y - y) ** 2
    along = np.clip(((columns - x) * (to_x - x) + (rows - y) * (to_y - y)) / max(length, 1e-9), 0, 1)
    away = np.hypot(columns - x - along * (to_x - x), rows - y - along * (to_y - y))
    share = np.clip(half + 0.5 - away, 0, 1)[..., None]
    part = pixels[top:bottom, left:right]
    part += share * (_colour(line.colour) - part)


def _draw_text(pixels: npt.NDArray[np.float64], text: _Text) -> None:
    dot = int(_FONT_UNITS * _SCALE)
    advance = (_GLYPH_COLUMNS + 1) * dot
    width = len(text.words) * advance - dot
    x = int(text.at[0] * _SCALE) - {"start": 0, "middle": width // 2, "end": width}[text.anchor]
    y = int(text.at[1] * _SCALE) - _GLYPH_ROWS * dot // 2
    colour = _colour(text.colour)
    for letter in text.words:
        for row, digit in enumerate(_GLYPHS.get(letter, _GLYPHS[" "])):
            bits = _DIGITS.index(digit)
            for column in range(_GLYPH_COLUMNS):
                if bits >> (_GLYPH_COLUMNS - 1 - column) & 1:
                    top, left = y + row * dot, x + column * dot
                    if top >= 0 and left >= 0:
                        pixels[top : top + dot, left : left + dot] = colour
        x += advance
