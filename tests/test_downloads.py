"""Downloads survive broken connections, wrong files and hostile archives; served on this machine."""

import errno
import hashlib
import io
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ssm_lib.tasks import downloads
from ssm_lib.tasks.archives import extract
from ssm_lib.tasks.downloads import Remote, data_folder, fetch

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Server:
    """Serves one file; `breaks` are the numbers of bytes after which its next answers break off."""

    def __init__(self):
        self.content, self.tag, self.ranges, self.breaks = CONTENT, '"v1"', True, []
        self.status, self.asked, self.length = 200, [], True

    @contextmanager
    def running(self):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/data.bin"
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            handler.send_error(self.status)
            return
        begin = 0
        if wanted and self.ranges and handler.headers.get("If-Range") == self.tag:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
        if begin >= len(self.content):
            handler.send_error(416)
            return
        body = self.content[begin:]
        handler.send_response(206 if begin else 200)
        if begin:
            last = len(self.content) - 1
            handler.send_header("Content-Range", f"bytes {begin}-{last}/{last + 1}")
        if self.length:
            handler.send_header("Content-Length", str(len(body)))
        if self.tag:
            handler.send_header("ETag", self.tag)
        handler.end_headers()
        handler.wfile.write(body[: self.breaks.pop(0)] if self.breaks else body)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0.0)


@pytest.fixture
def server():
    return Server()


def remote(url, content=CONTENT):
    digest = None if content is None else hashlib.sha256(content).hexdigest()
    return Remote(url, "https://example.org/data", digest)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_fetched_once(server, tmp_path):
    with server.running() as url:
        path = fetch(remote(url), tmp_path / "new")
        assert path.read_bytes() == CONTENT
        assert names(path.parent) == ["data.bin"]
    assert fetch(remote(url), tmp_path / "new") == path  # the server is gone
    assert fetch(remote(url), tmp_path / "new", download=False) == path
    assert server.asked == [None]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path, ranges):
    server.ranges, server.breaks = ranges, [300_000, 200_000]
    with server.running() as url:
        assert fetch(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.asked[0] is None
    if ranges:
        assert server.asked[1:] == ["bytes=300000-", "bytes=500000-"]
    else:
        assert len(server.asked) == 3
    assert names(tmp_path) == ["data.bin"]


def test_the_next_call_goes_on_where_this_one_gave_up(server, tmp_path):
    server.breaks = [400_000] + [0] * downloads.TRIES
    with server.running() as url:
        with pytest.raises(ConnectionError, match=r"400000 bytes are kept, call again .* by hand"):
            fetch(remote(url), tmp_path)
        assert names(tmp_path) == ["data.bin.part", "data.bin.part.json"]
        assert fetch(remote(url), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=400000-"
    assert names(tmp_path) == ["data.bin"]


def test_a_file_that_changed_meanwhile_is_not_mixed(server, tmp_path):
    server.breaks = [400_000] + [0] * downloads.TRIES
    with server.running() as url:
        with pytest.raises(ConnectionError):
            fetch(remote(url, None), tmp_path)
        server.content, server.tag = CONTENT[::-1], '"v2"'
        assert fetch(remote(url, None), tmp_path).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("torn", [True, False])
def test_killed_at_its_notes_it_mixes_nothing(server, tmp_path, monkeypatch, torn):
    """The notes tell which version of the file the bytes are of; they are torn, or newer than the bytes."""
    server.breaks = [400_000] + [0] * downloads.TRIES
    write = Path.write_text

    def killed(path, text):
        write(path, "" if torn else text)
        raise KeyboardInterrupt

    with server.running() as url:
        with pytest.raises(ConnectionError):
            fetch(remote(url, None), tmp_path)
        server.content, server.tag = CONTENT[::-1], '"v2"'
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_text", killed)
            with pytest.raises(KeyboardInterrupt):
                fetch(remote(url, None), tmp_path)
        assert fetch(remote(url, None), tmp_path).read_bytes() == CONTENT[::-1]


def test_a_whole_part_of_an_earlier_run_does_no_harm(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    (tmp_path / "data.bin.part.json").write_text('{"version": "\\"v1\\""}')
    with server.running() as url:
        assert fetch(remote(url), tmp_path).read_bytes() == CONTENT


def test_without_a_tag_or_a_length_it_starts_again(server, tmp_path):
    server.tag, server.breaks = None, [1000]
    with server.running() as url:
        assert fetch(remote(url), tmp_path).read_bytes() == CONTENT
        assert server.asked == [None, None]
        server.length = False
        assert fetch(Remote(url, "", None, "other"), tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_removed(server, tmp_path):
    with server.running() as url:
        with pytest.raises(ValueError, match="sent a file with the sha256 .* expected"):
            fetch(remote(url, b"other"), tmp_path)
        assert names(tmp_path) == []
    (tmp_path / "data.bin").write_bytes(b"by hand, and wrong")
    with pytest.raises(ValueError, match="has the sha256 .*: remove it to download it again"):
        fetch(remote(url), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"by hand, and wrong"


def test_a_file_without_a_published_sum_keeps_that_of_its_arrival(server, tmp_path):
    with server.running() as url:
        path = fetch(remote(url, None), tmp_path)
        recorded = (tmp_path / "data.bin.sha256").read_text()
        assert recorded == hashlib.sha256(CONTENT).hexdigest() + "  data.bin\n"
        fetch(remote(url, None), tmp_path)
        path.write_bytes(CONTENT[:-1] + b"!")
        with pytest.raises(ValueError, match="has the sha256"):
            fetch(remote(url, None), tmp_path)
        path.unlink()
        server.content = CONTENT[::-1]
        with pytest.raises(ValueError, match="sent a file with the sha256"):
            fetch(remote(url, None), tmp_path)


def test_no_network_is_said_with_what_to_do(server, tmp_path):
    with server.running() as url:
        pass
    what = r"no connection .* get http://.* by hand \(described at https://example.org/data\) and put it at .*data.bin"
    with pytest.raises(ConnectionError, match=what):
        fetch(remote(url), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"data.bin is missing; download=True fetches it, or get"):
        fetch(remote(url), tmp_path, download=False)
    with pytest.raises(ConnectionError, match="no connection"):
        fetch(remote("http://no-such-host.invalid/data.bin"), tmp_path)


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, downloads.TRIES)])
def test_what_the_server_says_is_passed_on(server, tmp_path, status, requests):
    server.status = status
    with (
        server.running() as url,
        pytest.raises(ConnectionError, match=f"the server answers {status} .* by hand"),
    ):
        fetch(remote(url), tmp_path)
    assert len(server.asked) == requests


def test_a_full_disk_is_no_broken_connection(server, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with server.running() as url, monkeypatch.context() as patch:
        patch.setattr(downloads.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            fetch(remote(url), tmp_path)
    assert server.asked == [None]


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected an address with https, got file:"):
        fetch(remote("file:///etc/hostname"), tmp_path)


def test_the_folder_is_where_one_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SSM_LIB_DATA", str(tmp_path))
    assert data_folder("mnist") == tmp_path / "mnist"
    monkeypatch.delenv("SSM_LIB_DATA")
    assert data_folder("mnist").parts[-3:] == (".cache", "ssm_lib", "mnist")


# Archives


def pack(path, entries):
    """A tar file; an entry is (name, content) or a TarInfo."""
    with tarfile.open(path, "w:gz") as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size, info.mode = len(entry[1]), 0o6777
            tar.addfile(info, io.BytesIO(entry[1]))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_is_unpacked_whole_and_plain(tmp_path):
    entries = [special("d", tarfile.DIRTYPE), ("d/a", b"1"), ("./d/e/b", b"22"), ("d/c", b"333")]
    archive = pack(tmp_path / "a.tar.gz", entries)
    folder = extract(archive, tmp_path / "out" / "a", 6)
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    assert {name: p.read_bytes() for name, p in files.items()} == {"d/a": b"1", "d/e/b": b"22", "d/c": b"333"}
    assert not any(p.stat().st_mode & 0o6111 for p in files.values())
    assert names(tmp_path / "out") == ["a"]
    archive.unlink()
    assert extract(archive, folder, 6) == folder
    other = pack(tmp_path / "b.tar.gz", entries)
    some = extract(other, tmp_path / "some", 6, wanted=lambda name: name.startswith("d/e"))
    assert [str(p.relative_to(some)) for p in some.rglob("*") if p.is_file()] == ["d/e/b"]


HOSTILE = {
    "above": (("../evil", b"x"), "leads out"),
    "deep": (("a/b/../../../evil", b"x"), "leads out"),
    "absolute": (("/tmp/evil", b"x"), "leads out"),
    "backslash": (("..\\evil", b"x"), "leads out"),
    "drive": (("C:/evil", b"x"), "leads out"),
    "symbolic link": (special("a", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
    "hard link": (special("a", tarfile.LNKTYPE, "../../evil"), "no plain file"),
    "device": (special("a", tarfile.CHRTYPE), "no plain file"),
    "pipe": (special("a", tarfile.FIFOTYPE), "no plain file"),
    "large": (("a", bytes(2000)), "holds more than 1000 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_leave_nothing_behind(tmp_path, name):
    entry, message = HOSTILE[name]
    archive = pack(tmp_path / "evil.tar.gz", [("good", b"1"), entry])
    home = tmp_path / "deep" / "home"
    with pytest.raises(ValueError, match=message):
        extract(archive, home / "data", 1000)
    assert names(home) == []
    assert names(tmp_path) == ["deep", "evil.tar.gz"]


def test_a_file_through_a_link_is_not_written(tmp_path):
    link = special("a", tarfile.SYMTYPE, str(tmp_path))
    archive = pack(tmp_path / "evil.tar.gz", [link, ("a/evil", b"x")])
    with pytest.raises(ValueError, match="no plain file"):
        extract(archive, tmp_path / "out", 1000)
    extract(archive, tmp_path / "out", 1000, wanted=lambda name: name != "a")
    assert (tmp_path / "out" / "a").is_dir()
    assert not (tmp_path / "out" / "a").is_symlink()
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"no tar", lambda b: b[:40] + b"?" + b[41:]]
)
def test_a_damaged_archive_is_named(tmp_path, damage):
    archive = pack(tmp_path / "a.tar.gz", [("a", bytes(range(256)) * 40), ("b", b"1")])
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(ValueError, match=r"a.tar.gz cannot be unpacked"):
        extract(archive, tmp_path / "out", 10**6)
    assert names(tmp_path) == ["a.tar.gz"]
