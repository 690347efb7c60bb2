"""Archives from the network, unpacked without trust: nothing outside the folder, no links, no surprise in size."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

DAMAGED = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)
BLOCK = 1 << 18  # bytes


def extract(
    archive: Path,
    folder: Path,
    max_bytes: int,
    wanted: Callable[[str], bool] | None = None,
) -> Path:
    """Unpack a tar file into a new folder, which appears whole or not at all; return the folder.

    Only plain files and folders are unpacked, with plain permissions. Nothing is done if the folder is there.

    Parameters
    ----------
    archive
        A tar file, compressed or not.
    folder
        To be made.
    max_bytes
        Of all files together, at most.
    wanted
        Called with the path of each file; False leaves it out.

    Raises
    ------
    ValueError
        If a path leads out of the folder, a wanted entry is a link or a device, the files are too large, or
        the archive is damaged. Nothing is left behind.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    left = max_bytes
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                target = _inside(member.name, archive)
                if member.isdir() or (wanted is not None and not wanted(str(target))):
                    continue
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise ValueError(
                        f"{archive} has an entry {member.name!r} that is no plain file: not unpacked"
                    )
                left -= member.size
                if left < 0:
                    raise ValueError(
                        f"{archive} holds more than {max_bytes} bytes: not unpacked"
                    )
                (room / target).parent.mkdir(parents=True, exist_ok=True)
                with content, (room / target).open("wb") as file:
                    shutil.copyfileobj(content, file, BLOCK)
        room.chmod(0o755)
        room.replace(folder)
    except DAMAGED as error:
        raise ValueError(f"{archive} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return folder


def _inside(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in name.split("/")[0]
    ):
        raise ValueError(f"{archive} has an entry {name!r} that leads out: not unpacked")
    return path
