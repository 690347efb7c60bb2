"""Spoken digits: the file is what it should be, whole voices are held out, words can be told apart."""

import numpy as np
import pytest
import torch

from ssm_lib.tasks import spoken_digits


def test_parts_have_their_sizes_and_voices():
    train, test = spoken_digits.load()
    assert train[0].shape == (1080, 4000, 1)
    assert test[0].shape == (360, 4000, 1)
    assert train[0].dtype == torch.float32
    assert torch.equal(train[1].bincount(), torch.full((10,), 108))
    assert torch.equal(test[1].bincount(), torch.full((10,), 36))
    assert float(train[0].std()) == pytest.approx(1, abs=1e-6)
    assert torch.isfinite(train[0]).all()


def test_no_voice_is_in_both_parts():
    train, test = spoken_digits.load()
    with np.load(spoken_digits.FILE) as arrays:
        voice, audio = arrays["voice"], arrays["audio"]
    unheard = np.isin(voice, spoken_digits.TEST_VOICES)
    assert len(set(voice)) == 12
    assert len(set(voice[unheard])) == 3
    scale = float(audio.max()) / float(torch.cat([train[0], test[0]]).max())
    assert np.array_equal(np.round(test[0][..., 0].numpy() * scale).astype(int), audio[unheard])
    assert np.array_equal(np.round(train[0][..., 0].numpy() * scale).astype(int), audio[~unheard])


def test_no_two_words_are_the_same_sound():
    u = torch.cat([part[0][..., 0] for part in spoken_digits.load()])
    assert len({row.numpy().tobytes() for row in u}) == len(u)


def test_another_file_is_named(monkeypatch, tmp_path):
    other = tmp_path / "spoken_digits.npz"
    monkeypatch.setattr(spoken_digits, "FILE", other)
    with pytest.raises(FileNotFoundError, match="part of the repository"):
        spoken_digits.load()
    none = np.zeros(1, dtype=np.int8)
    np.savez(other, audio=np.zeros((1, 4000), dtype=np.int8), label=none, voice=none)
    with pytest.raises(ValueError, match="sha256 .* expected b2dc5e40"):
        spoken_digits.load()
