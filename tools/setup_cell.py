"""The first code cell of every chapter: the one place where its text is.

It finds `ssm_lib` where it is (installed, or beside the notebook) and clones the book's repository only where it
is not, as on Colab. It never touches torch, numpy or ipywidgets: `--no-deps` keeps pip from replacing them.
"""

TAGS = ["setup", "hide-input"]

TEMPLATE = """\
# Finds ssm_lib: installed, beside this notebook, or else cloned. Leaves torch, numpy, ipywidgets alone.
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = "{url}"
sys.path += [str(Path(place).resolve()) for place in ("..", ".", "ssm-book")]
if importlib.util.find_spec("ssm_lib") is None:
    if REPOSITORY.endswith("OWNER/REPO"):
        raise RuntimeError("ssm_lib is not here and no repository is set: run make set-repository URL=...")
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY, "ssm-book"], check=True)
if importlib.util.find_spec("anywidget") is None:
    subprocess.run([sys.executable, *"-m pip install -q --no-deps anywidget psygnal".split()], check=True)
importlib.invalidate_caches()"""


def source(url: str) -> str:
    """The cell's source for a repository."""
    return TEMPLATE.format(url=url)
