"""Images read pixel by pixel: sMNIST, psMNIST, sCIFAR, and the Image task of the Long Range Arena.

The original files are read as they are, without torchvision: MNIST's idx files and the binary version of
CIFAR-10, which (unlike the Python version) holds no pickles. The sums of the files are those that several
public sources agree on; a file with another sum is refused.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.tasks.archives import extract
from ssm_lib.tasks.base import Batch, fixed_length
from ssm_lib.tasks.downloads import Remote, data_folder, fetch
from ssm_lib.tasks.prepared import PreparedTask

CLASSES = 10
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_PAGE = "http://yann.lecun.com/exdb/mnist/"
MNIST = {
    part: Remote(_MNIST + name, _PAGE, digest)
    for part, name, digest in (
        (
            "train images",
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            "train labels",
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (
            "test images",
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (
            "test labels",
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
}
CIFAR = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar.html",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)  # red, green, blue
GRAY_MEAN, GRAY_STD = 122.6 / 255, 61.0 / 255


class Images(NamedTuple):
    """The two parts, each (images, labels): uint8 (S, pixels, colours) and int64 (S,)."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load_mnist(
    permuted: bool = False, folder: Path | None = None, download: bool = True
) -> Images:
    """Load MNIST, 60,000 and 10,000 digits of 784 pixels, row after row.

    Parameters
    ----------
    permuted
        psMNIST: the pixels in the order of `bit_reversal`, one for all images.
    folder
        Where the four files are or shall be; None: `ssm_lib.tasks.downloads.data_folder`.
    download
        Whether to use the network if they are not there.

    Raises
    ------
    FileNotFoundError, ConnectionError, ValueError
        As `ssm_lib.tasks.downloads.fetch`; ValueError on a file that is no idx file of that shape.
    """
    validate.flag("permuted", permuted)
    folder = folder or data_folder("mnist")
    parts = []
    for part in ("train", "test"):
        images = read_idx(fetch(MNIST[f"{part} images"], folder, download), 3)
        labels = read_idx(fetch(MNIST[f"{part} labels"], folder, download), 1)
        if len(images) != len(labels):
            raise ValueError(f"{folder} has {len(images)} images and {len(labels)} labels")
        u = torch.from_numpy(images).flatten(1)[..., None]  # (S, 784, 1)
        u = u[:, bit_reversal(u.shape[1])] if permuted else u
        parts.append((u, torch.from_numpy(labels).long()))
    return Images(*parts)


def load_cifar(
    gray: bool = False, folder: Path | None = None, download: bool = True
) -> Images:
    """Load CIFAR-10, 50,000 and 10,000 pictures of 1,024 pixels, row after row.

    Parameters
    ----------
    gray
        One grey value for each pixel, as in the Long Range Arena; else red, green and blue.
    folder, download
        As `load_mnist`.

    Raises
    ------
    FileNotFoundError, ConnectionError, ValueError
        As `load_mnist`.
    """
    validate.flag("gray", gray)
    folder = folder or data_folder("cifar-10")
    unpacked = folder / "unpacked"
    if not unpacked.is_dir():
        extract(fetch(CIFAR, folder, download), unpacked, 10**9)
    parts = []
    for names in ([f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]):
        found = [
            next(iter(sorted(unpacked.rglob(name))), unpacked / name) for name in names
        ]
        records = np.concatenate([_read_cifar(path) for path in found])
        u = records[:, 1:].reshape(-1, 3, 1024).swapaxes(1, 2)  # (S, 1024, 3)
        if gray:  # the weights of the standard ITU-R 601, as imaging libraries round them
            weighted = u.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
            u = ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]
        labels = torch.from_numpy(records[:, 0].astype(np.int64))
        parts.append((torch.from_numpy(np.ascontiguousarray(u)), labels))
    return Images(*parts)


def bit_reversal(length: int) -> Tensor:
    """The order 0 .. length - 1 with the bits of each number read backwards, (length,), int64.

    A length that is no power of two keeps its numbers from the order of the next one.
    """
    bits = max(validate.positive_int("length", length) - 1, 0).bit_length()
    order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)] if bits else [0]
    return torch.tensor([i for i in order if i < length])


def read_idx(path: Path, dims: int) -> np.ndarray:
    """Read an idx file of bytes, gzipped or not, with that many dimensions.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise ValueError(f"{path} cannot be unpacked: {error}") from error
    start = 4 + 4 * dims
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    if content[:4] != bytes([0, 0, 8, dims]) or len(shape) != dims:
        raise ValueError(f"{path} is no idx file of bytes with {dims} dimensions")
    if len(content) - start != np.prod(shape):
        raise ValueError(
            f"{path} says it holds {shape}, but has {len(content) - start} bytes"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def smnist_task(length: int = 784, download: bool = True) -> PreparedTask:
    """sMNIST: pixels in 0 .. 1; its length is 784."""
    fixed_length("smnist", length, 784)
    return _task(load_mnist(download=download), 1, 0.0, 1.0)


def psmnist_task(length: int = 784, download: bool = True) -> PreparedTask:
    """psMNIST: the pixels of sMNIST in another order, the same for all images."""
    fixed_length("psmnist", length, 784)
    return _task(load_mnist(permuted=True, download=download), 1, 0.0, 1.0)


def scifar_task(length: int = 1024, download: bool = True) -> PreparedTask:
    """sCIFAR in colour: standardized pixels (3 numbers each); its length is 1,024."""
    fixed_length("scifar", length, 1024)
    return _task(load_cifar(download=download), 3, CIFAR_MEAN, CIFAR_STD)


def scifar_gray_task(length: int = 1024, download: bool = True) -> PreparedTask:
    """The Image task of the Long Range Arena: sCIFAR in grey."""
    fixed_length("scifar-gray", length, 1024)
    return _task(load_cifar(gray=True, download=download), 1, GRAY_MEAN, GRAY_STD)


def _task(
    data: Images,
    colours: int,
    mean: float | tuple[float, ...],
    std: float | tuple[float, ...],
) -> PreparedTask:
    middle, spread = torch.tensor(mean), torch.tensor(std)

    def prepare(batch: Batch) -> Batch:
        u, y = batch
        assert isinstance(u, Tensor)
        return (u.float() / 255 - middle) / spread, y

    return PreparedTask(prepare, *data, d_output=CLASSES, d_input=colours)


def _read_cifar(path: Path) -> np.ndarray:
    """Records of one label and 3 x 1,024 pixels, (S, 3073)."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: remove {path.parent} to unpack it again"
        )
    records = np.fromfile(path, np.uint8)
    if not len(records) or len(records) % 3073 or records[::3073].max() >= CLASSES:
        raise ValueError(f"{path} holds no records of one label below 10 and 3,072 pixels")
    return records.reshape(-1, 3073)
