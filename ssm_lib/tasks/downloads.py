"""Data sets from the network: fetched once, checked, resumed where a connection broke.

A file arrives as ``NAME.part`` and takes its name when it is whole and its sha256 is right. If nobody has
published a sha256, that of the first arrival is kept beside it (``NAME.sha256``), and a later change noticed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tqdm import tqdm

BLOCK = 1 << 18  # bytes
SECONDS = 30  # without a byte, and the connection counts as broken
TRIES, PAUSE = (
    4,
    1.0,
)  # in a row without a byte more; seconds before the second, then doubled


@dataclass(frozen=True)
class Remote:
    """A file of a data set.

    Parameters
    ----------
    url
        Where it is, by https (or http).
    page
        The page that describes the data set, for a person.
    sha256
        As published; None if nobody has.
    name
        What it is called here; None: the end of the url.
    """

    url: str
    page: str
    sha256: str | None = None
    name: str | None = None

    @property
    def file(self) -> str:
        """Its name in the folder of the data set."""
        return self.name or PurePosixPath(urlsplit(self.url).path).name


def data_folder(name: str) -> Path:
    """The folder of a data set: ``$SSM_LIB_DATA/name``, or ``~/.cache/ssm_lib/name``; not yet made."""
    root = os.environ.get("SSM_LIB_DATA")
    return (Path(root) if root else Path.home() / ".cache" / "ssm_lib") / name


def fetch(remote: Remote, folder: Path, download: bool = True) -> Path:
    """Return the path of a file, which is downloaded if it is not there, and checked in any case.

    Parameters
    ----------
    remote
        The file.
    folder
        Where it is or shall be.
    download
        False: never use the network.

    Raises
    ------
    FileNotFoundError
        If it is not there and not to be downloaded; it says where to put it.
    ConnectionError
        If the network or the server fails; what has arrived is kept, and the next call goes on.
    OSError
        If the disk is full; likewise.
    ValueError
        If the file has another sha256 than expected. A download is then removed; a file that was there
        is left alone.
    """
    path = folder / remote.file
    known = path.with_name(path.name + ".sha256")
    expected = remote.sha256
    if expected is None and known.is_file():
        expected = known.read_text(encoding="ascii").split()[0]
    if path.is_file():
        found = sha256(path)
        if expected not in (None, found):
            raise ValueError(
                f"{path} has the sha256 {found}, expected {expected}: remove it to download it again"
            )
    else:
        by_hand = (
            f"get {remote.url} by hand (described at {remote.page}) and put it at {path}"
        )
        if not download:
            raise FileNotFoundError(
                f"{path} is missing; download=True fetches it, or {by_hand}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        _receive(remote.url, part, by_hand)
        found = sha256(part)
        if expected not in (None, found):
            _forget(part)
            raise ValueError(
                f"{remote.url} sent a file with the sha256 {found}, expected {expected}; it is removed"
            )
        part.replace(path)
        _forget(part)
    if remote.sha256 is None and not known.is_file():
        known.write_text(f"{found}  {path.name}\n", encoding="ascii")
    return path


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _receive(url: str, part: Path, by_hand: str) -> None:
    """Download to `part`, going on where it ends; try again as long as something arrives."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"expected an address with https, got {url}")
    failed = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            if _receive_once(url, part):
                return
            trouble = "the connection broke"
        except urllib.error.HTTPError as error:
            if error.code == 416 and before:  # it ends where ours does, or is another file
                _forget(part)
            trouble = f"the server answers {error.code} {error.reason}"
            if error.code not in (408, 416, 429, 500, 502, 503, 504):
                raise ConnectionError(f"{url}: {trouble}; {by_hand}") from error
        except (OSError, HTTPException) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            trouble = f"no connection ({getattr(error, 'reason', error)})"
        arrived = part.stat().st_size if part.is_file() else 0
        failed = 0 if arrived > before else failed + 1
        if failed == TRIES:
            raise ConnectionError(
                f"{url}: {trouble}; {arrived} bytes are kept, call again to go on, or {by_hand}"
            )
        time.sleep(PAUSE * 2**failed)


def _receive_once(url: str, part: Path) -> bool:
    """One request for what is missing; True if all is there."""
    notes = part.with_name(part.name + ".json")
    begin = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "ssm_lib", "Accept-Encoding": "identity"}
    try:
        version = json.loads(notes.read_text()).get("version")
    except (OSError, ValueError):  # there are none, or a killed process tore them
        version = None
    if begin and version:
        headers |= {"Range": f"bytes={begin}-", "If-Range": version}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        if answer.status != 206 or not str(
            answer.headers.get("Content-Range", "")
        ).startswith(f"bytes {begin}-"):
            begin = (
                0  # all of it again: the file has changed, or the server knows no ranges
            )
        length = answer.headers.get("Content-Length")
        total = None if length is None else begin + int(length)
        tag = answer.headers.get("ETag", "")
        version = answer.headers.get("Last-Modified") if tag[:2] in ("", "W/") else tag
        if not begin:
            part.write_bytes(b"")  # first, lest a kill leaves old bytes under a new note
        notes.write_text(json.dumps({"version": version}))
        with (
            part.open("r+b") as file,
            tqdm(
                total=total, initial=begin, unit="B", unit_scale=True, desc=part.stem
            ) as bar,
        ):
            file.seek(begin)
            while block := answer.read(BLOCK):
                file.write(block)
                bar.update(len(block))
            file.flush()
            os.fsync(file.fileno())
            return total is None or file.tell() == total


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".json").unlink(missing_ok=True)
