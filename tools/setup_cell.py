"""The first code cell of every chapter: the one place where its text is.

It finds `ssm_lib` where it is (installed, or beside the notebook) and clones the book's repository only where it
is not, as on Colab. It never touches torch, numpy or ipywidgets: `--no-deps` keeps pip from replacing them.
"""

TAGS = ["setup", "hide-input"]

TEMPLATE = """\
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = "{url}"  # cloned only if ssm_lib is not here
sys.path += [str(Path(place).resolve()) for place in ("..", ".", "ssm-src")]
if importlib.util.find_spec("ssm_lib") is None:
    if REPOSITORY.endswith("OWNER/REPO"):
        raise RuntimeError("No ssm_lib here: first run make set-repository URL=...")
    subprocess.run(["git", "clone", "--depth=1", REPOSITORY, "ssm-src"], check=True)
if importlib.util.find_spec("anywidget") is None:
    pip = [sys.executable, "-m", "pip", "install", "--no-deps"]
    subprocess.run([*pip, "anywidget", "psygnal"], check=True)
importlib.invalidate_caches()"""


def source(url: str) -> str:
    """The cell's source for a repository."""
    return TEMPLATE.format(url=url)
