"""Readers of the original files, on small files of the same formats that are made here."""

import gzip
import io
import struct
import tarfile
import wave
from itertools import islice

import numpy as np
import pytest
import torch

from ssm_lib import RetrievalModel, SequenceModel
from ssm_lib.tasks import arena, images, listops, registry, speech_commands, texts
from ssm_lib.tasks.base import Task

PUBLISHED = [*images.MNIST.values(), images.CIFAR, speech_commands.ARCHIVE, texts.IMDB]
ARENA_SUM = arena.ARENA.sha256


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Data sets live in a folder of the test, and any sha256 is right."""
    monkeypatch.setenv("SSM_LIB_DATA", str(tmp_path))
    for module, name in ((images, "CIFAR"), (speech_commands, "ARCHIVE"), (texts, "IMDB"), (arena, "ARENA")):
        remote = getattr(module, name)
        monkeypatch.setattr(module, name, type(remote)(remote.url, remote.page))
    for part, remote in images.MNIST.items():
        monkeypatch.setitem(images.MNIST, part, type(remote)(remote.url, remote.page))
    return tmp_path


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def tar(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def wav(samples, rate=16000, channels=1, width=2):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(rate)
        sound.writeframes(np.asarray(samples, "<i2" if width == 2 else "u1").tobytes())
    return buffer.getvalue()


def random(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def packed(array):
    return gzip.compress(
        idx(array), mtime=0
    )  # a time of day in the bytes would make each run a different one


def put_mnist(folder, train=7, test=3):
    folder.mkdir(parents=True)
    for part, number in (("train", train), ("test", test)):
        for what, array in (("images", random((number, 28, 28), number)), ("labels", random(number) % 10)):
            (folder / images.MNIST[f"{part} {what}"].file).write_bytes(packed(array))


# Images


def test_mnist_is_read_row_after_row(home):
    put_mnist(home / "mnist")
    train, test = images.load_mnist(download=False)
    assert train[0].shape == (7, 784, 1)
    assert test[0].shape == (3, 784, 1)
    assert torch.equal(train[0].view(7, 28, 28), torch.from_numpy(random((7, 28, 28), 7)))
    assert train[1].tolist() == (random(7) % 10).tolist()
    permuted = images.load_mnist(permuted=True, download=False)
    order = images.bit_reversal(784)
    assert sorted(order.tolist()) == list(range(784))
    assert torch.equal(permuted.test[0], test[0][:, order])
    assert (home / "mnist" / "train-images-idx3-ubyte.gz.sha256").is_file()
    task = images.smnist_task(download=False)
    assert isinstance(task, Task)
    u, y = next(task.train_batches(5, seed=0))
    assert u.dtype == torch.float32
    assert u.shape == (5, 784, 1)
    assert float(u.min()) >= 0
    assert float(u.max()) == 1
    other = next(images.psmnist_task(download=False).train_batches(5, seed=0))
    assert torch.equal(other[0], u[:, order])
    tested = torch.cat([u for u, _ in task.evaluation()])
    torch.testing.assert_close(tested, test[0].float() / 255)


def test_bits_are_read_backwards():
    assert images.bit_reversal(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert images.bit_reversal(6).tolist() == [0, 4, 2, 1, 5, 3]
    assert images.bit_reversal(1).tolist() == [0]
    backwards = images.bit_reversal(1024)
    assert torch.equal(backwards[backwards], torch.arange(1024))


def test_cifar_is_read_in_colour_and_in_grey(home):
    files, records = {}, {}
    for i, name in enumerate([f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]):
        content = random((4, 3073), i)
        content[:, 0] %= 10
        records[name] = content
        files[f"cifar-10-batches-bin/{name}"] = content.tobytes()
    tar(home / "cifar-10" / "cifar-10-binary.tar.gz", {**files, "cifar-10-batches-bin/readme.html": b"<>"})
    train, test = images.load_cifar(download=False)
    assert train[0].shape == (20, 1024, 3)
    assert test[0].shape == (4, 1024, 3)
    one = records["data_batch_3.bin"][2]
    assert int(train[1][10]) == one[0]
    assert train[0][10, 33].tolist() == [one[1 + 33], one[1 + 1024 + 33], one[1 + 2048 + 33]]
    gray = images.load_cifar(gray=True, download=False)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    expected = (test[0].double() @ weights)[..., None]
    assert float((gray.test[0].double() - expected).abs().max()) < 0.51
    u, _ = next(images.scifar_task(download=False).train_batches(20, seed=0))
    assert u.shape == (20, 1024, 3)
    assert float(u.mean().abs()) < 0.3
    assert next(images.scifar_gray_task(download=False).evaluation())[0].shape == (4, 1024, 1)
    bad = home / "cifar-10" / "unpacked" / "cifar-10-batches-bin" / "test_batch.bin"
    bad.write_bytes(b"\x0c" * 3073)
    with pytest.raises(ValueError, match="holds no records of one label below 10"):
        images.load_cifar(download=False)
    bad.unlink()
    with pytest.raises(FileNotFoundError, match="test_batch.bin is missing: remove .*unpacked"):
        images.load_cifar(download=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no idx file"),
        (idx(random((2, 3)))[:-1], r"says it holds \(2, 3\), but has 5 bytes"),
        (idx(random((2, 3, 4))), "is no idx file of bytes with 2 dimensions"),
        (b"\x00\x00\x0d\x02" + bytes(12), "is no idx file"),
        (packed(random((2, 3)))[:-9], "cannot be unpacked"),
    ],
    ids=["nothing", "a byte short", "a dimension too many", "another type", "a torn archive"],
)
def test_files_that_are_no_idx_files_are_named(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        images.read_idx(tmp_path / "x", 2)


def test_idx_files_need_not_be_compressed(tmp_path):
    (tmp_path / "x").write_bytes(idx(random((2, 3))))
    assert np.array_equal(images.read_idx(tmp_path / "x", 2), random((2, 3)))


# Speech


def put_speech(home, **changed):
    files = {"./validation_list.txt": b"yes/b.wav\n", "./testing_list.txt": b"yes/c.wav\nno/b.wav\n"}
    for i, word in enumerate(speech_commands.WORDS):
        for j, name in enumerate("abc"):
            files[f"./{word}/{name}.wav"] = wav([i, -j, 1000 * j] + [7] * (100 if j else 20000))
    files["./_background_noise_/hum.wav"] = wav([1, 2])
    tar(home / "speech-commands" / "speech_commands_v0.02.tar.gz", {**files, **changed})


def test_speech_is_read_with_the_lists_that_come_with_it(home):
    put_speech(home)
    data = speech_commands.load(download=False)
    assert [len(part[1]) for part in data] == [102, 1, 2]
    assert len(set(data.train[1].tolist())) == 35
    ten = speech_commands.load(speech_commands.TEN, download=False)
    assert [len(part[1]) for part in ten] == [27, 1, 2]
    assert ten.valid[1].tolist() == [0]
    assert ten.test[1].tolist() == [0, 1]
    u, _ = ten.test
    assert u.shape == (2, 16000, 1)
    yes = speech_commands.WORDS.index("yes")
    assert u[0, :5, 0].tolist() == [yes, -2, 2000, 7, 7]
    assert u[0, 102, 0] == 7
    assert not bool(u[0, 103:].any())
    assert bool((ten.train[0][0, 3:] == 7).all())  # the longest are cut
    task = speech_commands.speech_commands_task(words=10, download=False)
    assert isinstance(task, Task)
    batch, y = next(iter(task.evaluation()))
    torch.testing.assert_close(batch, u.float() / 32768)
    assert task.d_output == 10


def test_other_recordings_are_named(home, tmp_path):
    with pytest.raises(ValueError, match=r"unknown words \['yess'\]"):
        speech_commands.load(["yes", "yess"])
    with pytest.raises(ValueError, match="expected different words"):
        speech_commands.load(["yes", "yes"])
    with pytest.raises(ValueError, match="words must be 10 or 35, got 12"):
        speech_commands.speech_commands_task(words=12)
    for content, message in (
        (wav([1], rate=8000), "1 channels of 2 bytes at 8000 Hz"),
        (wav([1, 2], channels=2), "2 channels"),
        (wav([1], width=1), "of 1 bytes"),
        (b"RIFF", "no wav file that can be read"),
        (b"hello, world", "no wav file that can be read"),
    ):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            speech_commands.read_wav(tmp_path / "x.wav")
    put_speech(home)
    unpacked = home / "speech-commands" / "unpacked"
    speech_commands.load(["no"], download=False)
    for path in (unpacked / "no").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no recordings of 'no'"):
        speech_commands.load(["no"], download=False)
    (unpacked / "testing_list.txt").unlink()
    with pytest.raises(FileNotFoundError, match="testing_list.txt is missing"):
        speech_commands.load(["yes"], download=False)


# Texts


def test_characters_become_tokens():
    tokens = texts.vocabulary(["abba", "cb"], min_count=2)
    assert tokens == ["<pad>", "<unknown>", "<end>", "a", "b"]
    u, lengths = texts.encode(["abc", "", "bbbbbb"], tokens, 4)
    assert u.tolist() == [[3, 4, 1, 2], [2, 0, 0, 0], [4, 4, 4, 2]]
    assert lengths.tolist() == [4, 1, 4]
    with pytest.raises(ValueError, match="length must be at least 2"):
        texts.encode([], tokens, 1)


def test_reviews_are_read_and_labelled(home):
    files = {"aclImdb/README": b"x", "aclImdb/train/unsup/0_0.txt": b"unlabelled"}
    for part in ("train", "test"):
        for kind in ("neg", "pos"):
            for i in range(3):
                files[f"aclImdb/{part}/{kind}/{i}_1.txt"] = f"{part} {kind} {i} é".encode()
    tar(home / "imdb" / "aclImdb_v1.tar.gz", files)
    train, test, tokens = texts.load_imdb(16, min_count=1, download=False)
    assert train.y.tolist() == test.y.tolist() == [0, 0, 0, 1, 1, 1]
    read = "".join(tokens[i] for i in test.u[4, : test.lengths[4] - 1].tolist())
    assert read == "test pos 1 é"
    assert test.u[4, test.lengths[4] - 1] == texts.END
    assert not (home / "imdb" / "unpacked" / "aclImdb" / "README").exists()
    assert not (home / "imdb" / "unpacked" / "aclImdb" / "train" / "unsup").exists()
    task = texts.imdb_task(16, download=False)
    assert isinstance(task, Task)
    inputs, y = next(task.train_batches(4, seed=0))
    net = SequenceModel(None, task.d_output, 4, 1, "attention", {"n_heads": 1}, vocabulary=task.vocabulary)
    assert net(**inputs).shape == (4, 2)
    assert y.shape == (4,)
    for path in (home / "imdb" / "unpacked").rglob("*.txt"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no reviews in"):
        texts.load_imdb(16, download=False)


def put_arena(home, change=None):
    one = [listops.expression(listops.Rules(4, 3, 5, 30), 0, i) for i in range(9)]
    rows = [
        (" ".join("( " + listops.TOKENS[i] + " )" for i in e.tokens.tolist()), int(e.values[-1])) for e in one
    ]
    files = {"lra_release/lra_release/pathfinder32/x.png": b"not wanted"}
    for part in ("train", "val", "test"):
        lines = ["Source\tTarget"] + [f"{text}\t{value}" for text, value in rows]
        files[f"lra_release/lra_release/listops-1000/basic_{part}.tsv"] = "\n".join(lines).encode()
    for part in ("train", "eval", "test"):
        lines = [f'{i % 2}.0\tA{i}\tB{i}\tfirst {i}\tsecond "paper" {i * i}' for i in range(6)]
        files[f"lra_release/lra_release/tsv_data/new_aan_pairs.{part}.tsv"] = "\n".join(lines).encode()
    tar(home / "long-range-arena" / "lra_release.gz", {**files, **(change or {})})
    return one


def test_the_listops_of_the_arena_are_read_in_our_tokens(home):
    expected = put_arena(home)
    train, _, test = arena.load_listops(40, download=False)
    for part in (train, test):
        for row, length, y, one in zip(*part, expected, strict=True):
            assert torch.equal(row[:length].long(), one.tokens)
            assert not bool(row[length:].any())
            assert int(y) == int(one.values[-1])
    task = arena.arena_listops_task(40, download=False)
    assert isinstance(task, Task)
    assert task.vocabulary == 16
    assert not list(home.rglob("*.png"))
    with pytest.raises(ValueError, match=r"basic_train.tsv, line \d: expected an expression of at most 5"):
        arena.load_listops(5, download=False)


def test_pairs_of_papers_are_read_for_the_retrieval_model(home):
    put_arena(home)
    train, valid, test, tokens = arena.load_retrieval(12, download=False)
    assert train.y.tolist() == valid.y.tolist() == [0, 1] * 3
    read = [
        "".join(tokens[i] for i in row[: n - 1]) for row, n in zip(test.b.tolist(), test.lengths_b.tolist())
    ]
    assert read[3] == 'second "pap'
    assert "".join(tokens[i] for i in test.a[3, : test.lengths_a[3] - 1].tolist()) == "first 3"
    task = arena.retrieval_task(12, download=False)
    assert isinstance(task, Task)
    model = task.build_model(d_model=4, n_layers=1, layer="attention", layer_args={"n_heads": 1})
    assert isinstance(model, RetrievalModel)
    assert model.encoder.encoder.num_embeddings == len(tokens)
    inputs, y = next(islice(task.train_batches(4, seed=0), 1))
    assert model(**inputs).shape == (4, 2)
    assert y.dtype == torch.int64


@pytest.mark.parametrize("line", ["1.0\tA\tB\tonly one text", "2\tA\tB\tx\ty", "yes\tA\tB\tx\ty"])
def test_lines_that_are_no_pairs_are_named(home, line):
    put_arena(
        home, {"lra_release/lra_release/tsv_data/new_aan_pairs.eval.tsv": f"1\ta\tb\tc\td\n{line}\n".encode()}
    )
    with pytest.raises(ValueError, match=r"new_aan_pairs.eval.tsv, line 2: expected 0 or 1"):
        arena.load_retrieval(12, download=False)


def test_tables_put_there_by_hand_are_found(home):
    (home / "long-range-arena" / "anywhere").mkdir(parents=True)
    for part in ("train", "val", "test"):
        (home / "long-range-arena" / "anywhere" / f"basic_{part}.tsv").write_text("S\tT\n[MAX 1 2 ]\t2")
    assert arena.load_listops(8, download=False)[0].y.tolist() == [2]
    with pytest.raises(FileNotFoundError, match="new_aan_pairs.train.tsv is missing"):
        arena.load_retrieval(8, download=False)


@pytest.mark.parametrize(
    "load",
    [images.load_mnist, images.load_cifar, speech_commands.load, texts.load_imdb, arena.load_retrieval],
)
def test_what_is_not_there_is_said_with_what_to_do(load):
    with pytest.raises(
        FileNotFoundError, match=r"is missing; download=True fetches it, or get https://.* by hand"
    ):
        load(download=False)


@pytest.mark.parametrize("name", registry.DOWNLOADED)
def test_a_length_that_the_data_do_not_have_is_named_before_anything_is_fetched(name):
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        registry.TASKS[name](length=0)
    with pytest.raises(ValueError, match=f"{name} (needs a length of at least|has sequences of .*)"):
        registry.TASKS[name](length=1)


def test_published_sums_are_whole():
    """The sums themselves cannot be checked without a network; that none is cut short can."""
    assert all(len(r.sha256) == 64 and int(r.sha256, 16) for r in PUBLISHED)
    assert len({r.sha256 for r in PUBLISHED}) == 7
    assert ARENA_SUM is None
    assert len(set(speech_commands.WORDS)) == 35
    assert set(speech_commands.TEN) < set(speech_commands.WORDS)
