"""A run that is killed goes on as if it had not been: at random moments, and at every step of a save."""

import errno
import multiprocessing
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from engine_tools import TINY, assert_same, cut, last, life, train

from ssm_lib import plots
from ssm_lib.__main__ import main
from ssm_lib.engine import checkpoint
from ssm_lib.engine.folder import RunFolder

KILLS = 20
linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="names open files by /proc")
LONG = cut(TINY, steps=60, save_every=3, eval_every=10)


def start(context, path):
    process = context.Process(target=life, args=(path, LONG))
    process.start()
    return process


def reached(path):
    """Step of the newest checkpoint, whole or not."""
    names = (file.name for file in (path / "checkpoints").glob("step-*"))
    return max((int(name.split("-")[1]) for name in names), default=0)


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path):
    """At moments after steps that are drawn: those of a clock would all be alike on a machine that is busy."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ssm_lib.engine.session", "ssm_lib.plots", "lightning_fabric"])
    process = start(context, tmp_path / "whole")
    process.join(120)
    assert process.exitcode == 0
    draw, kills, resumed, path = random.Random(7), 0, set(), tmp_path / "0"
    while True:
        process = start(context, path)
        step, late = reached(path) + draw.randrange(0, 37), draw.uniform(0, 0.05)
        while kills < KILLS and process.exitcode is None and reached(path) < step:
            process.join(0.001)
        process.join(late if kills < KILLS else 120)
        if process.exitcode is None:
            process.kill()  # SIGKILL
            process.join()
            kills += 1
            found = checkpoint.latest(path / "checkpoints", pytest.fail)
            resumed.add(0 if found is None else found.data["step"])
            continue
        assert process.exitcode == 0
        assert_same(path, tmp_path / "whole")
        if kills == KILLS:
            break
        path = tmp_path / str(kills)
    assert len(resumed) > 3, f"all kills came at the same few steps {resumed}: choose other moments"


class Killed(BaseException):
    """Ends a run at once, past every `except OSError`."""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace", "unlink"])
def test_killed_inside_of_a_save(tmp_path, monkeypatch, call):
    """Before and after each call that changes the disk, the checkpoint before or the new one is whole."""
    monkeypatch.setattr(plots, "run_curve", lambda rows, objective: SimpleNamespace(savefig=str))
    short = cut(TINY, steps=5, save_every=1)
    train(tmp_path / "whole", short)
    place = os if call == "fsync" else Path
    real = getattr(place, call)
    for after in (False, True):
        for nth in range(1, 40):
            path, calls = tmp_path / f"{after}{nth}", []

            def interrupted(*args, after=after, nth=nth, calls=calls, **kwargs):
                calls.append(args)
                if len(calls) != nth:
                    return real(*args, **kwargs)
                if after:
                    real(*args, **kwargs)
                raise Killed

            monkeypatch.setattr(place, call, interrupted)
            try:
                train(path, short)
            except Killed:
                pass
            else:
                break  # there is no nth call any more
            finally:
                monkeypatch.setattr(place, call, real)
            holds = RunFolder(path).holds_a_run
            train(path, short, resume=holds)
            assert_same(path, tmp_path / "whole")
            assert not list(path.glob("**/*.part"))
        assert nth > 2


@linux
def test_a_full_disk_costs_a_checkpoint_and_not_the_run(tmp_path, monkeypatch, capsys):
    train(tmp_path / "whole")
    real, full = os.fsync, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fsync(handle, steps=("000000004-", "000000006-")):
        name = os.readlink(f"/proc/self/fd/{handle}")
        if any(step in name for step in steps):
            raise full
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    train(tmp_path / "full")
    said = capsys.readouterr().err
    assert "no checkpoint at step 4: [Errno 28] No space left on device; the one before stays" in said
    assert_same(tmp_path / "full", tmp_path / "whole")
    assert not list((tmp_path / "full").glob("**/*.part"))
    monkeypatch.setattr(os, "fsync", lambda handle: fsync(handle, ("000000006-", "000000008-")))
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path / "end")
    assert last(tmp_path / "end").data["step"] == 4
    assert main(["resume", str(tmp_path / "end"), "--quiet"]) == 1
    assert capsys.readouterr().err.endswith(f"error: {tmp_path}/end: [Errno 28] No space left on device\n")
    monkeypatch.setattr(os, "fsync", real)
    train(tmp_path / "end", resume=True)
    assert_same(tmp_path / "end", tmp_path / "whole")


@linux
def test_a_full_disk_costs_a_row_of_the_log_and_not_the_run(tmp_path, monkeypatch, capsys):
    real = os.fsync

    def fsync(handle):
        if os.readlink(f"/proc/self/fd/{handle}").endswith("log.jsonl"):
            raise OSError(errno.ENOSPC, "no space")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    train(tmp_path / "run")
    assert "the row of step 3 is not in the log" in capsys.readouterr().err
    assert RunFolder(tmp_path / "run").log_file.read_bytes() == b""


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "unreadable name"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_used(tmp_path, capsys, damage):
    train(tmp_path / "whole")
    train(tmp_path / "run")
    path = last(tmp_path / "run").path
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-5] ^= 1
    path.write_bytes(b"" if damage == "empty" else content[: -9 if damage == "torn" else None])
    if damage == "unreadable name":
        path.replace(path.with_name("step-000000009-0123456789abcdef.safetensors"))
    train(tmp_path / "run", resume=True)
    said = capsys.readouterr().err
    assert "is damaged" in said
    assert "goes on from step 6 of 8" in said
    assert_same(tmp_path / "run", tmp_path / "whole")
    names = sorted(p.name[:14] for p in (tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    assert names == ["step-000000006", "step-000000008"]


def test_no_whole_checkpoint_is_no_silent_new_start(tmp_path):
    train(tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(ValueError, match="no checkpoint in .* is whole: 2 are damaged"):
        train(tmp_path / "run", resume=True)
