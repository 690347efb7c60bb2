"""`make set-repository URL=…`: writes the publisher's repository everywhere it is named.

It is configured in one place, `repository.url` in _config.yml. The set-up cell of each notebook, README.md,
pyproject.toml and CITATION.cff are derived from it; a test holds them equal.
"""

import json
import re
import sys
from pathlib import Path

from tools import setup_cell
from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "https://github.com/OWNER/REPO"
DERIVED = ("README.md", "pyproject.toml", "CITATION.cff")
CONFIGURED = re.compile(r"^(repository:\n(?:[ \t]+.*\n)*?[ \t]+url:[ \t]*)(\S+)", re.MULTILINE)
NOTICE = re.compile(r"(<!-- repository -->\n).*?(\n<!-- /repository -->)", re.DOTALL)


def configured(root: Path) -> str:
    """The repository in _config.yml."""
    match = CONFIGURED.search((root / "_config.yml").read_text(encoding="utf8"))
    if not match:
        raise ValueError("_config.yml has no repository.url")
    return match[2]


def checked(url: str) -> str:
    """The address in its plain form, or a ValueError that says what is wrong with it."""
    plain = url.strip().rstrip("/").removesuffix(".git")
    if not plain:
        raise ValueError("Which repository? make set-repository URL=https://github.com/me/ssm-book")
    if not re.fullmatch(r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(/[A-Za-z0-9_.-]+){2}", plain):
        raise ValueError(
            f"{url!r} is no address of a repository. It must be https, a host, an owner and a name and nothing "
            "else, as in https://github.com/me/ssm-book"
        )
    return plain


def notice(url: str) -> str:
    """What README.md says about the repository."""
    if url == PLACEHOLDER:
        return (
            f"> **This copy has no repository yet.** Its set-up cells carry `{PLACEHOLDER}` and refuse to clone, and\n"
            "> its pages have no Colab buttons: a guessed address could hold a stranger's code. Before\n"
            "> publishing, run `make set-repository URL=https://github.com/me/ssm-book` with your own."
        )
    return f"This book's repository is <{url}>."


def write(path: Path, text: str) -> bool:
    """Write a changed text; say whether it had changed."""
    if path.read_text(encoding="utf8") == text:
        return False
    path.write_text(text, encoding="utf8")
    return True


def set_in_notebook(path: Path, url: str) -> bool:
    """Write the set-up cell of one notebook."""
    text = path.read_text(encoding="utf8")
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "setup" in cell["metadata"].get("tags", []):
            cell["source"] = setup_cell.source(url).splitlines(keepends=True)
    return write(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def set_repository(root: Path, url: str) -> list[str]:
    """Write `url` everywhere; return the names of the files that changed."""
    before, changed = configured(root), []
    for name in ("_config.yml", *DERIVED):
        path = root / name
        text = path.read_text(encoding="utf8")
        if name == "_config.yml":
            text = CONFIGURED.sub(lambda match: match[1] + url, text, count=1)
        else:
            text = re.sub(re.escape(before) + r"(?![\w.-]*[\w-])", url, text)
            text = NOTICE.sub(lambda match: match[1] + notice(url) + match[2], text)
        changed += [name] * write(path, text)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        changed += [path.relative_to(root).as_posix()] * set_in_notebook(path, url)
    return changed


def main(arguments: list[str]) -> int:
    try:
        url = checked(arguments[0] if arguments else "")
    except ValueError as error:
        return fail(str(error))
    changed = set_repository(ROOT, url)
    say(
        f"set-repository: {url} written to {', '.join(changed)}"
        if changed
        else f"set-repository: {url} it is already"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
