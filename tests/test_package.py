"""The library as somebody's dependency: what the wheel holds, what its import needs, what types and README promise."""

import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import ssm_lib
from tools import alone

BUILD = "import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
USER = """
import torch
from torch import Tensor, nn

from ssm_lib import DLR, DSS, LAYERS, LSSL, S4, S4D, S5, RetrievalModel, SequenceModel, SSMLayer, param_groups, show
from ssm_lib import conv, discretize, hippo, kernels, lti, scan, train
from ssm_lib.attention import Attention
from ssm_lib.tasks import delay


class Mine(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.mix: SSMLayer = LAYERS[kind](8, 4)

    def forward(self, u: Tensor) -> Tensor:
        y: Tensor = self.mix(u)
        return y


layers: list[SSMLayer] = [LSSL(8, 4), S4(8, 4), DSS(8, 4), S4D(8, d_state=4, init="lin"), S5(8, 4), DLR(8, 4)]
for layer in layers:
    y_t, state = layer.step(torch.zeros(2, 8), None)
    y_t, state = layer.step(y_t, state, rate=2.0)
K: Tensor = S4D(8, 4).kernel(100)
A, B = hippo.transition("legs", 8)
A_bar, B_bar = discretize.dense(A, B, 0.1, "zoh")
y: Tensor = conv.causal(torch.zeros(2, 8, 100), K)
x: Tensor = scan.linear(torch.ones(4), torch.ones(2, 9, 4))
v: Tensor = kernels.vandermonde(torch.zeros(4), torch.ones(3, 4), 9)
model = SequenceModel(3, 10, d_model=8, n_layers=1, layer="s5", layer_args={"d_state": 4})
optimizer = torch.optim.AdamW(param_groups(model, lr=1e-2, ssm_lr=1e-3, weight_decay=0.05))
print(show(S4D), RetrievalModel, Attention, lti, train.fit, delay, Mine("s4d"), model.config["d_model"])
"""


def run(*arguments, **more):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(root, tmp_path_factory):
    """The wheel and the source distribution of the working tree, without what is built or ignored in it."""
    tree = alone.publish(root, tmp_path_factory.mktemp("tree"))
    out = tmp_path_factory.mktemp("dist")
    for kind in ("wheel", "sdist"):
        run("-c", BUILD.format(kind=kind), out, cwd=tree)
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """What an installation of the wheel puts into site-packages."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(folder)
    return folder


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_wheel_holds_the_library_and_nothing_else(root, built):
    names = alone.git("ls-files", "--cached", "--others", "--exclude-standard", "ssm_lib", cwd=root).split(
        "\n"
    )
    library = {name for name in names if (root / name).is_file() and name != "ssm_lib/ruff.toml"}
    assert {Path(name).suffix for name in library} >= {".py", ".typed", ".js", ".css", ".npz"}
    found = {name for name in contents(built[0]) if ".dist-info/" not in name}
    assert found == library, f"missing {library - found}, too much {found - library}"


def test_source_distribution_gives_the_same_wheel(built, tmp_path):
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    [tree] = tmp_path.iterdir()
    own = {path.name for path in tree.iterdir()}
    assert own <= {
        "LICENSE",
        "MANIFEST.in",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "setup.cfg",
        "ssm_lib",
        "ssm_lib.egg-info",
    }, own
    run("-c", BUILD.format(kind="wheel"), tmp_path, cwd=tree)
    [again] = tmp_path.glob("*.whl")
    assert contents(again) == contents(built[0])


def test_one_version_everywhere(root, built):
    version = ssm_lib.__version__
    assert built[0].name.startswith(f"ssm_lib-{version}-py3-none-any")
    assert re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf8"), re.M)[1] == version
    assert yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf8"))["version"] == version


def needed(*names):
    """The distributions that these need, and those that they need."""
    found, todo = set(), list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            asked = map(Requirement, requires)
            todo += [r.name for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def test_import_needs_torch_and_numpy_only(unpacked, tmp_path):
    """In an interpreter that has the wheel, torch, numpy, and nothing that those two do not need."""
    for name in needed("torch", "numpy"):
        files = importlib.metadata.distribution(name).files or []
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            source = Path(sysconfig.get_paths()["purelib"], top)
            if source.exists() and not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(source)
    assert not (tmp_path / "matplotlib").exists()
    program = (
        "import sys, time; sys.path[:0] = sys.argv[1:]\n"
        "import torch\n"
        "begin = time.process_time()\n"
        "import ssm_lib, json\n"
        "seconds = time.process_time() - begin\n"
        "y = ssm_lib.S4D(4, 8)(torch.ones(2, 9, 4))\n"
        "print(json.dumps([ssm_lib.__file__, list(y.shape), seconds]))"
    )
    home, shape, seconds = json.loads(run("-I", "-S", "-c", program, unpacked, tmp_path))
    assert Path(home).parent == unpacked / "ssm_lib"
    assert shape == [2, 9, 4]
    assert seconds < 1, f"ssm_lib takes {seconds:.1f} s of processor time beyond torch"


@pytest.mark.slow
def test_strict_type_check_of_a_users_program(root, unpacked, tmp_path):
    (tmp_path / "user.py").write_text(USER)
    program = "import mypy.__main__ as m; m.console_entry()"
    cache = root / "_build" / "mypy-strict"
    run(
        *("-c", program, "--strict", "--python-executable", sys.executable, "--cache-dir", cache, "user.py"),
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(unpacked)},
    )  # fmt: skip


def test_readme_runs(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"^```python\n(.*?)^```", (root / "README.md").read_text(encoding="utf8"), re.M | re.S
    )
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert names["scores"].shape == (8, 10)
    assert names["y_t"].shape == (8, 64)
    model, again = names["model"].state_dict(), names["again"].state_dict()
    assert len(blocks) == 3
    assert model.keys() == again.keys()
    assert all(model[key].equal(again[key]) for key in model)


STORED = {  # names and shapes for 3 channels and 4 states: README, "Versions", promises that they stay
    "lssl": {"A": (4, 4), "B": (4,), "C": (3, 4), "D": (3,), "log_dt": (3,)},
    "s4": {"P": (1, 3, 2, 2), "B": (3, 2, 2), "C": (3, 2, 2), "D": (3,)}
    | {"log_neg_re": (3, 2), "imag": (3, 2), "log_dt": (3,)},
    "dss": {"re": (4,), "imag": (4,), "W": (3, 4, 2), "D": (3,), "log_dt": (3,)},
    "s4d": {"log_neg_re": (3, 2), "imag": (3, 2), "B": (3, 2, 2), "C": (3, 2, 2), "D": (3,), "log_dt": (3,)},
    "s5": {"Lambda_re": (2,), "Lambda_im": (2,), "B": (2, 3, 2), "C": (3, 2, 2), "D": (3,), "log_dt": (2,)},
    "dlr": {"theta": (4,), "imag": (4,), "W": (3, 4, 2), "D": (3,)},
}
BLOCK = {"norm.weight": (3,), "norm.bias": (3,), "mix.weight": (6, 3), "mix.bias": (6,)}
BLOCK |= {f"layer.{name}": shape for name, shape in STORED["s4d"].items()}
MODEL = {f"blocks.0.{name}": shape for name, shape in BLOCK.items()}
MODEL |= {"encoder.weight": (3, 2), "encoder.bias": (3,), "norm.weight": (3,), "norm.bias": (3,)}
MODEL |= {"decoder.weight": (5, 3), "decoder.bias": (5,)}


@pytest.mark.parametrize("layer", STORED)
def test_what_a_layer_stores_stays(layer):
    stored = ssm_lib.LAYERS[layer](3, 4).state_dict()
    assert {name: tuple(x.shape) for name, x in stored.items()} == STORED[layer]


def test_what_a_model_stores_stays():
    stored = ssm_lib.SequenceModel(2, 5, d_model=3, n_layers=1, layer_args={"d_state": 4}).state_dict()
    assert {name: tuple(x.shape) for name, x in stored.items()} == MODEL


def test_workflows_pin_each_action_to_a_commit(root):
    for path in (root / ".github" / "workflows").glob("*.yml"):
        for used in re.findall(r"uses: *(.*)", path.read_text(encoding="utf8")):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", used), f"{path.name}: {used}"


def test_security_policy_is_there(root):
    text = (root / "SECURITY.md").read_text(encoding="utf8")
    assert "## Reporting" in text
    for command in re.findall(r"`make ([a-z-]+)", text):
        assert f"\n{command}:" in (root / "Makefile").read_text(encoding="utf8")
