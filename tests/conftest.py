"""Shared by all tests: where the book is, and which browser there is."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import widget_tools

from tools import browser

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"


if not torch.cuda.is_available():  # triton reads it as it is imported, by whichever test comes first
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(config, items):
    """Leave the browser tests out where there is no browser, unless REQUIRE_BROWSER=1 demands them."""
    if browser.find() or os.environ.get("REQUIRE_BROWSER") == "1":
        return
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="no Chromium found"))


def pytest_terminal_summary(terminalreporter):
    absent = terminalreporter.stats.get("skipped", [])
    if without := sum(NO_GPU in str(r.longrepr) for r in absent):
        terminalreporter.section("GPU tests left out")
        terminalreporter.line(f"{without} tests would run again on a GPU: {NO_GPU}.")
    skipped = [r for r in absent if "no Chromium found" in str(r.longrepr)]
    if skipped:
        terminalreporter.section("browser tests left out")
        terminalreporter.line(
            f"{len(skipped)} tests in a real browser were left out: no Chromium or Chrome was found. "
            "Install one (Debian, Ubuntu: apt install chromium) or name it with CHROMIUM=/path/to/browser; "
            "REQUIRE_BROWSER=1 makes a missing browser a failure."
        )


NO_GPU = "no GPU that CUDA finds"
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)),
]


@pytest.fixture(params=DEVICES)
def device(request) -> torch.device:
    """The CPU, and the GPU where there is one."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return ROOT


@pytest.fixture(scope="session")
def html() -> Path:
    """The built book."""
    if not (HTML / "index.html").is_file():
        pytest.fail("the book is not built: run make book (make test does it by itself)")
    return HTML


@pytest.fixture(scope="session")
def reference():
    """Numbers computed with the original implementations: {key: tensor}."""
    with np.load(Path(__file__).parent / "reference" / "original_implementations.npz") as numbers:
        return {key: torch.from_numpy(numbers[key]) for key in numbers.files}


@pytest.fixture(scope="module", autouse=True)
def _one_browser():
    """The tests of a file share a browser, each with a page of its own."""
    yield
    widget_tools.close()


# Else torch warns once a process, and which test fails depends on which ran first.
torch.set_warn_always(True)


@pytest.fixture(autouse=True)
def _seeded():
    """Each test starts from the same random numbers, whatever ran before it."""
    torch.manual_seed(0)
