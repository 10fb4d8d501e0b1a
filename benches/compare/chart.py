"""A chart of bars, written as SVG: no library, and readable on light and dark pages."""

from pathlib import Path
from xml.sax.saxutils import escape

BAR, GAP, LEFT, WIDTH = 18, 8, 220, 720


def bars(path: Path, title: str, rows: list[dict], value: str):
    """One bar a row, the smallest first; ours is the one with colour."""
    rows = sorted(rows, key=lambda row: row[value].median)
    most = max(row[value].median for row in rows)
    height = 40 + len(rows) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<text x="0" y="18" fill="#888" font-weight="bold">{escape(title)}</text>',
    ]
    for at, row in enumerate(rows):
        name, median = next(iter(row.values())), row[value].median
        y = 34 + at * (BAR + GAP)
        length = max(1.0, (WIDTH - LEFT - 70) * median / most)
        colour = "#2f81f7" if name == "feature-build" else "#999"
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end" fill="#888">{escape(str(name))}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}" fill="#888">{median:.3g}</text>',
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")
