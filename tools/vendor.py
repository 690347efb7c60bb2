"""Fetches the scripts and fonts that a page needs, so that the book is whole with no network.

Takes the named versions from the npm registry with `npm pack`, keeps only the files that pages load, and writes
their list to book/_static/vendor/README.md. Run through `make vendor` after changing a version here.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "book" / "_static" / "vendor"
TESTS = ROOT / "tests" / "vendor"

# package, version, where to, {file or pattern inside the package: folder}
PACKAGES = [
    ("mathjax", "3.2.2", PAGES, {
        "es5/tex-chtml.js": "mathjax",
        "es5/output/chtml/fonts/woff-v2/*.woff": "mathjax/output/chtml/fonts/woff-v2",
        "LICENSE": "mathjax",
    }),
    ("axe-core", "4.14.1", TESTS, {"axe.min.js": ".", "LICENSE": "axe-core"}),
]  # fmt: skip


def fetch(package: str, version: str, target: Path, wanted: dict[str, str]) -> tuple[str, list[str]]:
    """Copy the wanted files of one npm package; return its licence and their names."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, check=True, capture_output=True
        )
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder) / "package"
        names = []
        for pattern, place in wanted.items():
            found = sorted(unpacked.glob(pattern))
            if not found:
                raise FileNotFoundError(f"{package}@{version} holds no {pattern}")
            for path in found:
                (target / place).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / place / path.name)
                names.append((Path(place) / path.name).as_posix())
        return json.loads((unpacked / "package.json").read_text())["license"], names


def main() -> int:
    if not shutil.which("npm"):
        return fail("make vendor needs npm (Debian, Ubuntu: apt install npm).")
    rows = []
    for package, version, target, wanted in PACKAGES:
        say(f"vendor: {package} {version}")
        licence, names = fetch(package, version, target, wanted)
        if target == PAGES:
            shown = [n for n in names if "woff" not in n] + (
                ["fonts (woff)"] if any("woff" in n for n in names) else []
            )
            rows.append(f"| {package} | {version} | {licence} | {', '.join(shown)} |")
    (PAGES / "README.md").write_text(
        "# Vendored scripts\n\n"
        "Unchanged files of other projects, kept here so that math works with no network.\n"
        "`make vendor` (tools/vendor.py) fetches them again; the versions are named there.\n\n"
        "| package | version | licence | files |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
