"""The first code cell of every chapter: the one place where its text is.

It finds `ssm_lib` where it is (installed, or beside the notebook) and clones the book's repository only where it
is not, as on Colab. It never touches torch, numpy or ipywidgets: `--no-deps` keeps pip from replacing them.
"""

TAGS = ["setup", "hide-input"]

TEMPLATE = """\
# Finds ssm_lib: installed, beside this notebook, or else cloned. Leaves torch, numpy and ipywidgets as they are.
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = "{url}"
sys.path += [str(p.resolve()) for p in (Path(".."), Path(".")) if (p / "ssm_lib").is_dir()]
if importlib.util.find_spec("ssm_lib") is None:
    if REPOSITORY.endswith("OWNER/REPO"):
        raise RuntimeError("ssm_lib is not here and no repository is set: run make set-repository URL=...")
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", REPOSITORY, "ssm-book"], check=True)
    sys.path.append(str(Path("ssm-book").resolve()))
if importlib.util.find_spec("anywidget") is None:
    subprocess.run([sys.executable, *"-m pip install -q --no-deps anywidget psygnal".split()], check=True)"""


def source(url: str) -> str:
    """The cell's source for a repository."""
    return TEMPLATE.format(url=url)
