"""Runs from the command line: trained, gone on with, evaluated, exported; and what is wrong, in one line."""

import json
import os
import signal
import subprocess
import sys
from urllib.error import HTTPError

import pytest
import torch
from engine_tools import (
    CPU,
    SMOOTH,
    SPARSE,
    TINY,
    assert_same,
    close,
    cut,
    last,
    sparse_task,
    timeless,
    train,
)
from safetensors import safe_open
from safetensors.torch import save_file

from ssm_lib import SequenceModel, records
from ssm_lib.__main__ import main
from ssm_lib.engine import InputError, checkpoint, loop, session
from ssm_lib.engine.config import Experiment, make_model
from ssm_lib.engine.fabric import Machine
from ssm_lib.engine.folder import RunFolder
from ssm_lib.optim import param_groups
from ssm_lib.recipes import (
    EXPERIMENTS,
    RECIPES,
    ablations,
    as_recipe,
    dlr,
    pendulum,
    s4d_laws,
    spoken_digits,
    structured,
)  # fmt: skip
from ssm_lib.recipes.experiments import run
from ssm_lib.tasks.registry import DOWNLOADED, TASKS

QUICK = ["steps=6", "batch_size=4", "eval_every=2", "save_every=2", "warmup=1"]
SETS = [word for change in QUICK for word in ("--set", change)]


@pytest.fixture
def command(tmp_path, capsys):
    """Run a command; return its status and what it printed to both streams."""

    def run(*words, quick=True):
        arguments = [str(word) for word in words]
        if words[0] == "train":
            arguments += ["--folder", str(tmp_path), "--quiet", "--accelerator", "cpu"]
            arguments += SETS if quick else []
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_the_loop_is_plain_adamw(tmp_path):
    """The same numbers as written out in a few lines, batches and schedule too.

    In 64 bits: the norm behind the encoder leaves its bias a gradient of rounding alone, and AdamW would take that
    for a direction.
    """
    experiment = cut(TINY, model={**TINY.model, "dropout": 0.0}, accumulate=1)
    train(tmp_path / "run", experiment, Machine(accelerator="cpu", precision="64"))
    task, model = session.build(experiment)
    model.double()
    optimizer = torch.optim.AdamW(param_groups(model, 1e-2, 1e-2, 0.01))
    batches = task.train_batches(8, 0)
    losses = []
    for step in range(8):
        u, y = next(batches)
        loss = torch.nn.functional.mse_loss(model(u.double()), y.double())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * loop.learning_rate_factor(step, experiment)
        optimizer.step()
        losses.append(loss.item())
    for name, x in model.state_dict().items():
        torch.testing.assert_close(last(tmp_path / "run").tensors[f"model.{name}"], x)
    rows = RunFolder(tmp_path / "run").rows()
    assert [row["step"] for row in rows] == [3, 6, 8]
    assert [row["loss"] for row in rows] == pytest.approx(
        [sum(losses[:3]) / 3, sum(losses[3:6]) / 3, sum(losses[6:]) / 2]
    )
    assert rows[-1]["samples"] == 64


@pytest.mark.parametrize("objective", ["r2", "accuracy", "f1"])
def test_accumulated_parts_are_one_batch(tmp_path, monkeypatch, objective):
    """Also where a part has few labels, or none, or lacks a class."""
    monkeypatch.setitem(TASKS, "sparse", sparse_task)
    experiment = SMOOTH if objective == "r2" else cut(SPARSE, task_args={"objective": objective})
    for parts in (1, 8):
        exact = Machine(accelerator="cpu", precision="64")
        train(tmp_path / str(parts), cut(experiment, accumulate=parts), exact)
    close(tmp_path / "1", tmp_path / "8", 1e-10)


def test_the_learning_rate_rises_and_falls():
    experiment = cut(TINY, steps=10, warmup=4)
    factors = [loop.learning_rate_factor(step, experiment) for step in range(11)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1, 1]
    assert factors[7] == pytest.approx(0.5)
    assert factors[10] == pytest.approx(0)
    constant = cut(experiment, schedule="constant")
    assert [loop.learning_rate_factor(step, constant) for step in (4, 9)] == [1, 1]


def test_from_the_command_line(command, tmp_path):
    status, printed, _ = command("train", "delay", "--model", "s5", "--length", 16, "--seed", 3)
    path = tmp_path / "delay-s5-length16-seed3"
    assert status == 0
    assert printed.startswith(f"{path}: step 6, test_r2 ")
    result = json.loads((path / "result.json").read_text())
    rows = RunFolder(path).rows()
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert result["test_r2"] == rows[-1]["test_r2"]
    assert result["parameters"] > 0
    assert (path / "curve.png").read_bytes()[:4] == b"\x89PNG"
    config = json.loads((path / "config.json").read_text())
    assert config["recipe"] == "delay"
    assert config["experiment"]["model"]["layer"] == "s5"
    assert config["experiment"]["model"]["layer_args"] == {"d_state": 16}
    assert config["experiment"]["task_args"] == {"length": 16, "lag": 4}
    assert config["experiment"]["seed"] == 3
    assert config["versions"]["torch"] == torch.__version__

    status, printed, _ = command("eval", path)
    found = json.loads(printed)
    assert (status, found["step"]) == (0, 6)
    assert found["test_r2"] == pytest.approx(result["test_r2"], abs=1e-9)
    _, printed, _ = command("eval", path, "--length", 20)
    assert json.loads(printed)["test_r2"] != found["test_r2"]
    assert json.loads(printed)["task_args"]["length"] == 20

    file = tmp_path / "model.safetensors"
    assert command("export", path, file)[0] == 0
    with safe_open(file, "pt") as opened:
        model = SequenceModel.from_config(json.loads(opened.metadata()["config"]))
        model.load_state_dict({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    u = torch.randn(2, 16, 1)
    assert torch.equal(model.eval()(u), session.load_exported(file)(u))
    for name, x in model.state_dict().items():
        assert torch.equal(x, last(path).tensors[f"model.{name}"])

    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file() and p.suffix != ".png"}
    assert command("resume", path, "--quiet")[0] == 0  # at its end: nothing to do
    after = {p: p.read_bytes() for p in before}
    assert after == before


def test_a_finished_or_begun_run_is_never_overwritten(command, tmp_path):
    assert command("train", "delay")[0] == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    status, _, said = command("train", "delay")
    assert status == 2
    path = tmp_path / "delay"
    assert said == (
        f"ssm_lib: error: {path} already holds a run: go on with --resume, or choose another --name\n"
    )
    status, _, said = command("train", "delay", "--resume", "--set", "lr=0.5")
    assert status == 2
    assert "of another model or run: lr is 0.01 there and 0.5 here" in said
    file = tmp_path / "file"
    file.write_text("mine")
    assert command("export", path, file)[::2] == (
        2, f"ssm_lib: error: {file} is there already; choose another name\n"
    )  # fmt: skip
    assert command("train", "delay", "--name", "file")[0] == 2
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    status, _, said = command("train", "delay", "--name", "other")
    assert (status, "is not empty (thesis.tex, …)" in said) == (2, True)
    assert {p: p.read_bytes() for p in before} == before
    assert file.read_text() == "mine"
    assert sorted(p.name for p in (tmp_path / "other").iterdir()) == ["lock", "thesis.tex"]
    assert command("train", "delay", "--resume", "--name", "new")[0] == 0  # none there yet


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train dlay", "unknown recipe 'dlay'; did you mean delay?"),
        ("train s5-lra-listop", "unknown recipe 's5-lra-listop'; did you mean s5-lra-listops"),
        ("train spoken-digits-s4d", "use `record spoken-digits-s4d`"),
        ("train dlr-shift-4096", "use `record dlr-shift-4096`, or train dlr-atomic-shift-4096"),
        ("train delay --model s6", "unknown model 's6'; did you mean s5 or s4"),
        ("train delay --set lrr=3", "unknown key 'lrr'; did you mean lr?"),
        ("train delay --set lr=fast", 'lr must be float, got "fast"'),
        ("train delay --set steps=2.5", "steps must be int, got 2.5"),
        ("train delay --set steps=true", "steps must be int, got true"),
        ("train delay --set steps=0", "steps must be at least 1, got 0"),
        ("train delay --set lr=NaN", "lr must be a number of at least 0, got nan"),
        ("train delay --set clip=0", "clip must be positive or null, got 0"),
        ("train delay --set clip=hard", 'clip must be float | null, got "hard"'),
        ("train delay --set warmup=6", "warmup must lie in 0 .. steps - 1 = 5, got 6"),
        ("train delay --set schedule=cosinus", "unknown schedule 'cosinus'; did you mean cosine"),
        ("train delay --set lr", "--set takes key=value, got 'lr'"),
        ("train delay --set tsk.lag=1", "unknown key 'tsk.lag'"),
        ("train delay --set task.lagg=3", "unknown key of the task delay 'lagg'; did you mean lag?"),
        ("train delay --set task.lag=1.5", "task.lag must be int, got 1.5"),
        ("train delay --set model.d_modell=3", "unknown key of the model 'd_modell'; did you mean d_model"),
        ("train delay --set model.d_input=3", "unknown key of the model 'd_input'"),
        ("train delay --set model.d_model=big", 'model.d_model must be int, got "big"'),
        ("train delay --set model.norm=group", "unknown norm 'group'"),
        ("train delay --set layer.dstate=3", "unknown key of the layer s4d 'dstate'; did you mean d_state"),
        ("train delay --set layer.d_state=3", "d_state must be even"),
        ("train delay --set task=dely", "unknown task 'dely'; did you mean delay?"),
        ("train delay --set model.pooling=mean", "set model.pooling=none, got 'mean'"),
        ("train digits-s4d --set model.pooling=none", "set model.pooling=mean, got 'none'"),
        ("train atomic-shift-s5-1 --set task.device=gpu", "samples cannot be drawn on 'gpu': Expected one of cpu"),
        ("train delay --length 4", "delay by 4 needs a length of at least 5, got 4"),
        ("train digits-s4d --length 65", "digits has sequences of 64 steps, and no others; got length 65"),
        ("train delay --set accumulate=3", "batch_size 4 cannot be split over 1 devices in 3 parts"),
        ("train delay --precision 16", "precision 16 needs a CUDA device"),
        ("eval nowhere", "nowhere holds no run"),
        ("resume nowhere", "nowhere holds no run"),
        ("export nowhere file", "nowhere holds no run"),
    ],
)  # fmt: skip
def test_what_is_wrong_takes_one_line_and_writes_nothing(command, tmp_path, words, message):
    first, *more = words.split()
    status, printed, said = command(first, more[0], *SETS * (first == "train"), *more[1:], quick=False)
    assert status == 2
    assert said.startswith("ssm_lib: error: ")
    assert message in said
    assert said.count("\n") == 1
    assert not printed
    assert not list(tmp_path.iterdir())


def test_other_commands_say_what_is_wrong(command, tmp_path):
    train(tmp_path / "run")
    for words, message in (
        (("eval", tmp_path / "run", "--set", "lr=1"), "eval can change the task only"),
        (("eval", tmp_path / "run", "--length", 2), "needs a length of at least 3, got 2"),
        (("export", tmp_path / "run", tmp_path / "no" / "file"), "there is no folder"),
    ):
        status, _, said = command(*words)
        assert (status, message in said, said.count("\n")) == (2, True, 1), said
    (tmp_path / "run" / "config.json").write_text("{")
    assert "config.json cannot be read" in command("resume", tmp_path / "run")[2]
    (tmp_path / "run" / "config.json").write_text("{}")
    assert "not of a run that this version knows" in command("resume", tmp_path / "run")[2]


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train(tmp_path / "run")
    wider = cut(TINY, model={**TINY.model, "d_model": 6})
    train(tmp_path / "wide", wider)
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    last(tmp_path / "wide").path.rename(tmp_path / "run" / "checkpoints" / last(tmp_path / "wide").path.name)
    with pytest.raises(InputError, match="checkpoint of another model or run: model is .*'d_model': 6"):
        train(tmp_path / "run", resume=True)
    found = last(tmp_path / "run")
    checkpoint.save(found.path.parent, 9, found.tensors, found.data | {"experiment": TINY.plain()})
    with pytest.raises(InputError, match=r"of another model: \d+ of another shape, such as .*: \("):
        train(tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="of another model"):
        session.evaluate(tmp_path / "run", CPU)


def test_nothing_is_unpickled(tmp_path):
    """A file that runs code when it is unpickled is only damaged."""
    train(tmp_path / "run")
    path = last(tmp_path / "run").path

    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path}/evil",))

    torch.save(Evil(), path)
    train(tmp_path / "run", resume=True)
    assert not (tmp_path / "evil").exists()
    foreign = path.with_name("step-000000099-0123456789abcdef.safetensors")
    save_file({"x": torch.ones(1)}, foreign)
    content = foreign.read_bytes()
    foreign.rename(foreign.with_name(f"step-000000099-{checkpoint._digest(content)}.safetensors"))
    train(tmp_path / "run", resume=True)  # whole, but not one of ours
    with pytest.raises(ValueError, match="names no config"):
        session.load_exported(last(tmp_path / "run").path)


def test_a_diverging_run_keeps_its_last_good_checkpoint(command, tmp_path):
    status, _, said = command("train", "delay", "--set", "lr=1e30", "--set", "ssm_lr=1e30")
    assert status == 1
    assert "the loss is nan by step" in said
    assert "try a smaller lr, or clip" in said
    assert said.count("\n") == 1
    for path in (tmp_path / "delay" / "checkpoints").glob("*.safetensors"):
        found = checkpoint.read(path)
        assert found.data["step"] < 6
    for row in RunFolder(tmp_path / "delay").rows():
        assert row["loss"] == row["loss"]


def test_one_process_at_a_time(tmp_path):
    pytest.importorskip("fcntl")
    train(tmp_path / "run")
    other = RunFolder(tmp_path / "run")
    other.lock()
    with pytest.raises(InputError, match="another process is training in"):
        train(tmp_path / "run", resume=True)
    other.close()
    train(tmp_path / "run", resume=True)


def test_asked_to_end_it_saves_and_goes_on(tmp_path, monkeypatch, command):
    train(tmp_path / "whole")
    real = loop.Trainer._one_step

    def step(trainer, batches):
        real(trainer, batches)
        if trainer.step == 5:  # between two checkpoints and two rows
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(loop.Trainer, "_one_step", step)
    with pytest.raises(loop.Stopped, match="stopped at step 5"):
        train(tmp_path / "run")
    monkeypatch.undo()
    assert last(tmp_path / "run").data["step"] == 5
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert command("resume", tmp_path / "run", "--quiet")[0] == 0
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_every_experiment_can_be_built(monkeypatch):
    """Also those whose task is not here: their models, on sequences of numbers or tokens."""

    class StandIn:
        objective, d_output, d_input, vocabulary = "r2", 2, 1, None

        def __init__(self, each_step):
            self.shape = (1, 4, 2) if each_step else (1, 2)

        def train_batches(self, batch_size, seed, start=0, step=1):
            yield torch.zeros(1, 4, 1), torch.zeros(self.shape)

    for name, experiment in EXPERIMENTS.items():
        assert name == name.lower()
        assert experiment.source
        if name.startswith("s5-lra-"):  # the Arena's data, or else it is said
            assert (experiment.task in DOWNLOADED) != ("our own generator" in experiment.source)
        assert Experiment.read(experiment.plain()) == experiment
        task = StandIn(experiment.model.get("pooling") == "none")
        if experiment.task in TASKS.keys() - DOWNLOADED.keys():
            session.build(experiment)
        elif not hasattr(task, "build_model"):
            make_model(experiment, task)


def test_a_task_may_build_its_own_model(monkeypatch, tmp_path):
    class Own(type(TASKS["delay"]())):
        def build_model(self, width: int = 3):
            return torch.nn.Sequential(torch.nn.Linear(1, width), torch.nn.Linear(width, 1))

    def make(length=8):
        task = TASKS["delay"](length)
        return Own(task.sample, length, 1, d_input=1)

    monkeypatch.setitem(TASKS, "own", make)
    experiment = cut(TINY, task="own", task_args={}, model={"width": 5})
    result = train(tmp_path / "run", experiment)
    assert result["parameters"] == 10 + 6
    session.export(tmp_path / "run", tmp_path / "file")
    with pytest.raises(InputError, match="unknown key of the model 'widht'; did you mean width"):
        train(tmp_path / "other", cut(experiment, model={"widht": 5}))
    with pytest.raises(InputError, match="model.width must be int"):
        train(tmp_path / "other", cut(experiment, model={"width": "x"}))


def test_records_are_made_of_experiments(tmp_path):
    recipe = as_recipe(cut(TINY, seeds=(0, 4), source="here", paper="0.5"))
    record = json.loads(records.record("tiny", recipe, tmp_path).read_text())
    assert [run["seed"] for run in record["runs"]] == [0, 4]
    assert record["settings"]["paper"] == "0.5"
    assert record["settings"]["lr"] == 1e-2
    assert (record["task"], record["model"], record["source"]) == ("delay", "s4d", "here")
    for one in record["runs"]:
        assert one["steps"] == 8
        assert one["test_r2"] == one["history"][-1]["test_r2"]
    assert record["runs"][0]["test_r2"] != record["runs"][1]["test_r2"]
    train(tmp_path / "run", cut(TINY, seed=4))
    assert timeless(record["runs"][1]["history"]) == timeless(RunFolder(tmp_path / "run").rows())


def test_no_two_recipes_have_one_name():
    others = ablations, dlr, pendulum, s4d_laws, spoken_digits, structured
    parts = EXPERIMENTS, *(module.RECIPES for module in others)
    assert len(RECIPES) == sum(map(len, parts))
    assert {name for name, recipe in RECIPES.items() if recipe.run is run} == set(EXPERIMENTS)


def test_recipes_are_listed(command):
    status, printed, _ = command("list")
    assert status == 0
    for name in RECIPES:
        assert name in printed
    assert "spoken-digits-s5 (record only)" in printed
    assert "sklearn" not in printed


def test_without_fabric_or_safetensors_it_says_what_to_install(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    assert "pip install 'ssm_lib[train]'" in command("train", "delay")[2]
    monkeypatch.delitem(sys.modules, "ssm_lib.engine.session")
    monkeypatch.delattr("ssm_lib.engine.session")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert "pip install 'ssm_lib[train]'" in command("train", "delay")[2]


def test_importing_the_library_imports_no_fabric():
    code = (
        "import sys, ssm_lib, ssm_lib.__main__, ssm_lib.engine, ssm_lib.recipes\n"
        "assert not any(name.startswith(('lightning', 'safetensors')) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_whatever_the_system_refuses_is_said_with_the_run(tmp_path, monkeypatch, capsys):
    """Some errors of the system are made of more than a message."""

    def refused(*arguments):
        raise HTTPError("https://example.org", 503, "busy", None, None)

    monkeypatch.setattr(session, "train", refused)
    assert main(["train", "delay", "--folder", str(tmp_path), "--name", "run"]) == 1
    assert f"error: {tmp_path / 'run'}: HTTP Error 503: busy" in capsys.readouterr().err
