"""Make `ssm_lib/tasks/data/spoken_digits.npz`: the words zero to nine, spoken by a speech synthesizer.

    apt install espeak-ng && python -m tools.make_spoken_digits

Three accents x twelve voices x four draws of pitch and speed: 1,440 words, 8 kHz, 4,000 samples, int8. Run
once; the file is in the repository, and `ssm_lib.tasks.spoken_digits` holds its sha256. Another version of
espeak-ng may speak otherwise, which the program then says.
"""

import hashlib
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import scipy.io.wavfile
import scipy.signal

from ssm_lib.tasks import spoken_digits

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb-x-rp", "en-gb-scotland")  # plain "en-gb" ignores the voice
VOICES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")
DRAWS = 4
LENGTH, RATE = 4000, 8000
SILENT = 0.02  # of the loudest sample


def speak(word: str, accent: str, voice: str, pitch: int, speed: int) -> np.ndarray:
    """One word as int8 (4000,), 8 kHz: silence before it cut off, silence after it filled up with zeros."""
    with tempfile.TemporaryDirectory() as folder:
        wave = f"{folder}/word.wav"
        command = [
            "espeak-ng",
            "-v",
            f"{accent}+{voice}",
            "-p",
            str(pitch),
            "-s",
            str(speed),
            "-w",
            wave,
            word,
        ]
        subprocess.run(command, check=True)
        rate, x = scipy.io.wavfile.read(wave)
    x = scipy.signal.resample_poly(x.astype(float), RATE, rate)
    x /= np.abs(x).max()
    loud = np.flatnonzero(np.abs(x) > SILENT)
    x = x[loud[0] : loud[-1] + 1][:LENGTH]
    return np.pad(np.round(120 * x).astype(np.int8), (0, LENGTH - len(x)))


def main() -> int:
    draw = np.random.default_rng(0)
    clips, labels, voices, accents, cut = [], [], [], [], 0
    for (a, accent), (v, voice) in itertools.product(enumerate(ACCENTS), enumerate(VOICES)):
        for label, word in enumerate(WORDS):
            for _ in range(DRAWS):
                pitch, speed = draw.integers(25, 75), draw.integers(150, 221)
                clips.append(speak(word, accent, voice, int(pitch), int(speed)))
                cut += bool(np.abs(clips[-1][-20:]).max() > 3)
                labels.append(label)
                voices.append(v)
                accents.append(a)
    arrays = {
        "audio": np.stack(clips),
        "label": np.array(labels, dtype=np.int8),
        "voice": np.array(voices, dtype=np.int8),
        "accent": np.array(accents, dtype=np.int8),
    }
    path = Path(spoken_digits.FILE)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)
    digest = hashlib.sha256(arrays["audio"].tobytes()).hexdigest()
    print(
        f"{path.name}: {len(clips)} words, {path.stat().st_size / 1e6:.1f} MB, {cut} longer than half a second"
    )
    print(f"sha256 of the samples: {digest}")
    if digest != spoken_digits.SHA256:
        print("not the samples that ssm_lib.tasks.spoken_digits.SHA256 names", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
