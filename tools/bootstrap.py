"""Makes `.venv` and installs what requirements.txt pins, once. Standard library only: it runs before the install.

A stamp in `.venv` holds a hash of requirements.txt, pyproject.toml and the Python version; nothing is done
while it still matches.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
NO_NETWORK = re.compile(
    r"NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution|"
    r"Name or service not known|nodename nor servname|ProxyError|Network is unreachable|ConnectTimeout|"
    r"Connection refused|Could not fetch URL|Max retries exceeded"
)


def stamp_text(root: Path, version: str) -> str:
    """Hash of everything the installation depends on."""
    digest = hashlib.sha256(version.encode())
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def pip(python: Path, log: Path, *arguments: str) -> tuple[bool, str]:
    """Run pip with its output in `log`; show how far it is. Return success and the output."""
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PIP_PROGRESS_BAR": "off"}
    lines, packages, shown = [], 0, time.monotonic()
    with (
        subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
        log.open("a", encoding="utf8") as out,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            lines.append(line)
            if collecting := re.match(r"\s*Collecting (\S+)", line):
                packages += 1
                if time.monotonic() - shown > 10:
                    say(f"         {packages} packages found so far, now {collecting[1]}")
                    shown = time.monotonic()
            if packages and line.startswith("Installing collected packages"):
                say(f"         unpacking {packages} packages")
    return process.returncode == 0, "".join(lines)


def explain(output: str, log: Path) -> str:
    """Say in plain words why pip failed."""
    if NO_NETWORK.search(output):
        return (
            "The first set-up fetches the packages of requirements.txt with pip, and pip could not reach its\n"
            "package index. Connect this machine to the network (or point pip at a mirror with pip's own\n"
            f"PIP_INDEX_URL) and run the same command again. pip's full output: {log}"
        )
    errors = [line for line in output.splitlines() if "error" in line.lower()][:3]
    return (
        "pip could not install the packages of requirements.txt. Its own words:\n  "
        + "\n  ".join(line.strip()[:300] for line in errors or output.splitlines()[-5:])
        + f"\npip's full output: {log}"
    )


def make_venv(venv: Path) -> str:
    """Make the virtual environment; return an explanation if that fails."""
    if venv.exists():
        shutil.rmtree(venv)
    done = subprocess.run([sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    shutil.rmtree(venv, ignore_errors=True)
    words = (done.stdout + done.stderr).strip()
    if "ensurepip" in words or "No module named venv" in words:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"{sys.executable} cannot make a virtual environment: its venv module is missing.\n"
            f"On Debian and Ubuntu: apt install python{version}-venv. Or choose another Python:\n"
            "make book PYTHON=/path/to/python3"
        )
    return f"{sys.executable} -m venv failed:\n{words}"


def main() -> int:
    venv = ROOT / ".venv"
    python, stamp = venv / "bin" / "python", venv / "ssm-book.stamp"
    expected = stamp_text(ROOT, platform.python_version())
    if stamp.is_file() and stamp.read_text() == expected:
        return 0

    log = ROOT / "_build" / "install.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("")
    if Path(sys.prefix) != venv:
        say(f"set-up:  Python {platform.python_version()} ({sys.executable}) makes .venv")
        problem = make_venv(venv)
        if problem:
            return fail(problem)
    say("set-up:  installing requirements.txt (a few minutes the first time)")
    good, output = pip(python, log, "-r", "requirements.txt")
    if good:
        say("set-up:  installing ssm_lib, editable")
        good, output = pip(python, log, "--no-deps", "--no-build-isolation", "-e", ".")
    if not good:
        return fail(explain(output, log))
    stamp.write_text(expected)
    say("set-up:  done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
