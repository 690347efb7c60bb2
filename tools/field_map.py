"""The map of `book/field_map.md`: one table of systems, drawn as an SVG by `make book`.

Rows are years, from top to bottom; a line leads from a system to one that takes it up and changes it. The SVG
is written into the page (`book/field_map.html`, not committed), so that its names are text, its colours the
page's and its links links. It is drawn twice, for a page and for a phone; the style sheet shows one of them.
"""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = "book/field_map.html"


@dataclass(frozen=True)
class System:
    """One system of the map."""

    name: str
    year: int
    key: str  # in book/references.bib
    parents: tuple[str, ...]  # the systems that it takes up and changes
    chapter: str  # the chapter that it changes something of, or that builds it
    built: bool = False  # the chapter builds it: the map links there, not to a section of the page

    @property
    def anchor(self) -> str:
        """Label of its section on the page: `field-mamba-2`."""
        return "field-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def address(self) -> str:
        return f"../notebooks/{self.chapter}.html" if self.built else f"#{self.anchor}"


SYSTEMS = (
    System("Attention", 2017, "vaswani2017attention", (), "12_synthetic_tasks"),
    System("RNN scan", 2018, "martin2018parallelizing", (), "09_s5"),
    System("HiPPO", 2020, "gu2020hippo", (), "03_hippo", built=True),
    System("LSSL", 2021, "gu2021lssl", ("HiPPO",), "01_linear_state_spaces", built=True),
    System("S4", 2022, "gu2022s4", ("LSSL",), "06_s4", built=True),
    System("DSS", 2022, "gupta2022dss", ("S4",), "07_dss", built=True),
    System("S4D", 2022, "gu2022s4d", ("DSS", "S4"), "08_s4d", built=True),
    System("DLR", 2022, "gupta2022dlr", ("DSS",), "11_dlr", built=True),
    System("S5", 2023, "smith2023s5", ("S4D", "RNN scan"), "09_s5", built=True),
    System("H3", 2023, "fu2023h3", ("S4D", "Attention"), "08_s4d"),
    System("Long convs", 2023, "fu2023longconv", ("H3",), "05_long_convolutions"),
    System("SpaceTime", 2023, "zhang2023spacetime", ("LSSL",), "01_linear_state_spaces"),
    System("SeqBoat", 2023, "ren2023seqboat", ("S4D", "Attention"), "08_s4d"),
    System("S4WM", 2023, "deng2023s4wm", ("S4",), "06_s4"),
    System("S5 + reset", 2023, "lu2023structured", ("S5",), "09_s5"),
    System("ConvS5", 2023, "smith2023convolutional", ("S5",), "09_s5"),
    System("S4-PTD", 2024, "yu2024ptd", ("S4D",), "08_s4d"),
    System("Mamba", 2024, "gu2024mamba", ("S4D", "RNN scan"), "10_irregular_sampling"),
    System("Mamba-2", 2024, "dao2024mamba2", ("Mamba", "Attention"), "09_s5"),
    System("Chimera", 2024, "behrouz2024chimera", ("Mamba",), "01_linear_state_spaces"),
    System("Aaren", 2024, "feng2024aaren", ("Attention",), "09_s5"),
    System("DSF", 2024, "sieber2024dsf", ("Attention", "Mamba"), "01_linear_state_spaces"),
    System("DEER", 2024, "lim2024deer", ("RNN scan",), "09_s5"),
    System("LongMamba", 2025, "ye2025longmamba", ("Mamba",), "10_irregular_sampling"),
    System("Stuffed M.", 2025, "chen2025stuffed", ("Mamba-2",), "01_linear_state_spaces"),
    System("Mamba-3", 2026, "lahoti2026mamba3", ("Mamba-2",), "02_discretization"),
    System("ParaRNN", 2026, "danieli2026pararnn", ("DEER",), "09_s5"),
    System("FlowState", 2026, "graf2026flowstate", ("S5",), "10_irregular_sampling"),
)


@dataclass(eq=False)
class Spot:
    """What has a place in a row: a box, or (without a system) a gap that a line passes through."""

    width: float
    system: System | None = None
    above: list["Spot"] = field(default_factory=list)
    below: list["Spot"] = field(default_factory=list)
    x: float = 0.0  # of its middle


@dataclass(frozen=True)
class Size:
    """Measures of a drawing, in pixels."""

    name: str
    width: int
    box: tuple[int, int]
    text: int  # font size
    pitch: int  # from one row to the next
    most: int  # boxes in a row
    gutter: int = 48  # left of the rows, for the years
    gap: int = 9  # between two spots of a row


SIZES = (
    Size("wide", width=720, box=(92, 30), text=14, pitch=58, most=6),
    Size("narrow", width=350, box=(75, 30), text=12, pitch=56, most=3, gutter=40, gap=5),
)


def rows(systems: tuple[System, ...], most: int) -> list[list[System]]:
    """Systems by year; a system stands below what it descends from, and no row has more than `most`."""
    found: list[list[System]] = []
    for year in sorted({system.year for system in systems}):
        waiting = [system for system in systems if system.year == year]
        while waiting:
            names = {system.name for system in waiting}
            ready = [system for system in waiting if not names & set(system.parents)]
            if not ready:
                raise ValueError(f"{', '.join(sorted(names))}: each descends from another of them")
            found.append(ready[:most])
            waiting = [system for system in waiting if system not in ready[:most]]
    return found


def layers(systems: tuple[System, ...], size: Size) -> list[list[Spot]]:
    """Rows of boxes, and the gaps in between for lines that pass a row."""
    grid = [[Spot(size.box[0], system) for system in row] for row in rows(systems, size.most)]
    place = {spot.system.name: (r, spot) for r, row in enumerate(grid) for spot in row if spot.system}
    for name, (end, spot) in list(place.items()):
        for parent in next(s for s in systems if s.name == name).parents:
            start, above = place[parent]
            for r in range(start + 1, end):
                gap = Spot(0)
                grid[r].append(gap)
                above.below.append(gap)
                gap.above.append(above)
                above = gap
            above.below.append(spot)
            spot.above.append(above)
    return grid


def mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def spread(row: list[Spot], size: Size) -> None:
    """Move the spots of a row apart, in their order, and into the width: half of it to each side."""
    right, low, high = [], float(size.gutter), float(size.width - 2)
    for spot in row:
        right.append(max(spot.x, low + spot.width / 2))
        low = right[-1] + spot.width / 2 + size.gap
    for spot, pushed in zip(reversed(row), reversed(right)):
        left = min(spot.x, high - spot.width / 2)
        high = left - spot.width / 2 - size.gap
        spot.x = (left + pushed) / 2
    low, high = float(size.gutter), float(size.width - 2)
    for spot in row:
        spot.x = max(spot.x, low + spot.width / 2)
        low = spot.x + spot.width / 2 + size.gap
    for spot in reversed(row):
        spot.x = min(spot.x, high - spot.width / 2)
        high = spot.x - spot.width / 2 - size.gap


def arrange(grid: list[list[Spot]], size: Size) -> None:
    """Order each row by where its neighbours are (their mean), down and up in turn; then straighten the lines."""
    for row in grid:
        for n, spot in enumerate(row):
            spot.x = size.gutter + (n + 0.5) * (size.width - size.gutter) / len(row)
    for sweep in range(24):
        down = sweep % 2 == 0
        for row in grid if down else reversed(grid):
            for spot in row:
                spot.x = mean([other.x for other in (spot.above if down else spot.below)], spot.x)
            row.sort(key=lambda spot: spot.x)
            spread(row, size)
    for _ in range(100):  # the order is kept from here on
        for row in grid:
            for spot in row:
                sides = [
                    mean([other.x for other in side], spot.x) for side in (spot.above, spot.below) if side
                ]
                spot.x = (spot.x + mean(sides, spot.x)) / 2
            spread(row, size)
    spots = [spot for row in grid for spot in row]
    left, right = min(s.x - s.width / 2 for s in spots), max(s.x + s.width / 2 for s in spots)
    shift = (size.gutter + size.width - left - right) / 2
    for spot in spots:
        spot.x += shift


def curve(start: Spot, end: Spot, top: float, size: Size) -> str:
    """From the lower edge of one row's spot to the upper edge of the next row's, upright at both ends."""
    y0, y1 = top + size.box[1], top + size.pitch
    middle = (y0 + y1) / 2
    through = f"V{y1 + size.box[1]:.0f}" if end.system is None else ""
    return f"M{start.x:.0f} {y0:.0f}C{start.x:.0f} {middle:.0f} {end.x:.0f} {middle:.0f} {end.x:.0f} {y1:.0f}{through}"


def box(spot: Spot, top: float, size: Size) -> str:
    system = spot.system
    assert system is not None
    width, height = size.box
    place = f'x="{spot.x - width / 2:.0f}" y="{top:.0f}" width="{width}" height="{height}" rx="6"'
    text = f'<text x="{spot.x:.0f}" y="{top + height / 2:.0f}" dy="0.35em">{html.escape(system.name)}</text>'
    kind = ' class="built"' if system.built else ""
    return f'<a href="{system.address}"{kind}><rect {place}/>{text}</a>'


def svg(systems: tuple[System, ...], size: Size) -> str:
    """The map at one size. A group and not an image, since an image's links are hidden from screen readers."""
    grid = layers(systems, size)
    arrange(grid, size)
    height = len(grid) * size.pitch
    title = f"field-map-{size.name}"
    lines, boxes, years, last = [], [], [], None
    for r, row in enumerate(grid):
        top = r * size.pitch + (size.pitch - size.box[1]) / 2
        year = next(spot.system.year for spot in row if spot.system)
        if year != last:
            y = f"{r * size.pitch + 0.5:.1f}"
            rule = f'<line class="rule" x1="0" x2="{size.width}" y1="{y}" y2="{y}"/>' if r else ""
            years.append(
                f'{rule}<text class="year" x="0" y="{top + size.box[1] / 2:.0f}" dy="0.35em">{year}</text>'
            )
            last = year
        lines += [curve(spot, other, top, size) for spot in row for other in spot.below]
        boxes += [box(spot, top, size) for spot in sorted(row, key=lambda s: s.x) if spot.system]
    return "\n".join(
        [
            f'<svg class="field-map {size.name}" viewBox="0 0 {size.width} {height}" role="group" '
            f'aria-labelledby="{title}" font-size="{size.text}">',
            f'<title id="{title}">{len(systems)} systems by year, each with lines to those that take it up</title>',
            *years,
            f'<path d="{"".join(lines)}"/>',
            *boxes,
            "</svg>",
        ]
    )


def listing(systems: tuple[System, ...]) -> str:
    """The map in words: for each year its systems, and what each takes up."""
    items = []
    for year in sorted({system.year for system in systems}):
        entries = []
        for system in systems:
            if system.year == year:
                source = f" (from {' and '.join(map(html.escape, system.parents))})" if system.parents else ""
                entries.append(f'<a href="{system.address}">{html.escape(system.name)}</a>{source}')
        items.append(f"<li><strong>{year}</strong>: {', '.join(entries)}</li>")
    return "\n".join(
        ["<details>", "<summary>The map in words</summary>", "<ul>", *items, "</ul>", "</details>"]
    )


def problems(systems: tuple[System, ...], page: str, bibliography: str, chapters: set[str]) -> list[str]:
    """Every way in which the table, the page, the bibliography and the chapters do not point at each other."""
    found = []
    years = {system.name: system.year for system in systems}
    if len(years) < len(systems):
        found.append("two systems have the same name")
    sections = dict(
        re.findall(r"^\((field-[\w-]+)\)=\n+###? +[^\n]+\n(.*?)(?=^\(field-|^##|\Z)", page, re.M | re.S)
    )
    for system in systems:
        for parent in system.parents:
            if parent not in years:
                found.append(f"{system.name}: its parent {parent} is no system of the map")
            elif years[parent] > system.year:
                found.append(f"{system.name} ({system.year}) descends from the later {parent}")
        if f"{{{system.key}," not in bibliography:
            found.append(f"{system.name}: references.bib has no {system.key}")
        if system.chapter not in chapters:
            found.append(f"{system.name}: there is no chapter {system.chapter}")
        if system.built:
            continue
        text = sections.pop(system.anchor, None)
        if text is None:
            found.append(f"{system.name}: the page has no section ({system.anchor})=")
            continue
        if not re.search(r"\{cite:\w+\}`[^`]*\b" + re.escape(system.key) + r"\b", text):
            found.append(f"{system.name}: its section does not cite {system.key}")
        if f"../notebooks/{system.chapter}" not in text:
            found.append(f"{system.name}: its section does not link to {system.chapter}")
    return found + [f"the page has a section ({label})= of no system" for label in sections]


def page_text(systems: tuple[System, ...] = SYSTEMS) -> str:
    """`book/field_map.html`: the map at both sizes, and in words."""
    return "\n".join([*(svg(systems, size) for size in SIZES), listing(systems), ""])


def write_page(root: Path) -> int:
    """Write the map (untouched if nothing changed); return the number of systems."""
    path, text = root / PAGE, page_text()
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")
    return len(SYSTEMS)
