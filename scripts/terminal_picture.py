"""Turn what a command printed into an SVG picture of a terminal, without fonts or scripts from elsewhere:

pitwire demo 2>&1 | python scripts/terminal_picture.py 'pitwire demo' > docs/demo.svg
"""

from __future__ import annotations

import sys
from html import escape

CHARACTER_WIDTH = 8.4
LINE_HEIGHT = 19
MARGIN = 16
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def picture(command: str, lines: list[str]) -> str:
    """The SVG text of a terminal that shows `command` and `lines`."""
    rows = [f"$ {command}", *lines]
    width = int(2 * MARGIN + CHARACTER_WIDTH * max(map(len, rows)))
    height = 2 * MARGIN + LINE_HEIGHT * len(rows)
    body = []
    for place, row in enumerate(rows):
        colour = "#8bd49c" if place == 0 else "#7d8590" if row.startswith("[") else "#e6edf3"
        y = MARGIN + LINE_HEIGHT * (place + 0.8)
        body.append(f'<text x="{MARGIN}" y="{y:.0f}" fill="{colour}" xml:space="preserve">{escape(row)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT}" font-size="14">\n<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    sys.stdout.write(picture(sys.argv[1], [line.rstrip("\n") for line in sys.stdin]))
