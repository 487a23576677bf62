#!/usr/bin/env python3
"""Makes the small files under tests/goldens/wild/ with ffmpeg: sounds in formats that need a coder.

    python scripts/make_wild_audio.py

It needs numpy and an ffmpeg with libmp3lame, libopus and libvorbis. The sounds are synthesised.
"""

import pathlib
import subprocess

import numpy as np

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "goldens" / "wild"
RATE = 16_000

# Name, and how ffmpeg writes it.
FILES = [
    ("aac.m4a", ["-c:a", "aac", "-b:a", "32k", "-movflags", "+faststart"]),
    ("alac.m4a", ["-c:a", "alac", "-movflags", "+faststart"]),
    ("aac.aac", ["-c:a", "aac", "-b:a", "32k", "-f", "adts"]),
    ("vorbis.webm", ["-c:a", "libvorbis", "-q:a", "1"]),
    ("flac.mka", ["-c:a", "flac"]),
    ("pcm.caf", ["-c:a", "pcm_s16le", "-t", "0.1"]),
    ("layer2.mp2", ["-c:a", "mp2", "-b:a", "32k"]),
    ("ima.wav", ["-c:a", "adpcm_ima_wav"]),
    ("flac.oga", ["-c:a", "flac", "-f", "ogg"]),
    ("opus.opus", ["-c:a", "libopus", "-b:a", "16k"]),
    ("wavpack.wv", ["-c:a", "wavpack", "-t", "0.2"]),
    ("opus.webm", ["-c:a", "libopus", "-b:a", "16k"]),
]

# Rate, channels and name of files of 0.8 s of a sine of 440 Hz, which tests join.
SINES = [(44_100, 1, "sine-44100.mp3"), (22_050, 2, "sine-22050-stereo.mp3")]


def main():
    """Half a second of a rising tone at 16 kHz, and the sines."""
    OUT.mkdir(parents=True, exist_ok=True)
    n = np.arange(RATE // 2) / RATE
    samples = (12_000 * np.sin(2 * np.pi * (200 + 900 * n) * n)).astype("<i2").tobytes()
    for name, options in FILES:
        command = ["ffmpeg", "-v", "error", "-y", "-fflags", "+bitexact"]
        command += ["-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:"]
        command += options + ["-map_metadata", "-1", "-flags:a", "+bitexact", str(OUT / name)]
        subprocess.run(command, input=samples, check=True)
    for rate, channels, name in SINES:
        n = np.arange(rate * 8 // 10) / rate
        mono = (12_000 * np.sin(2 * np.pi * 440 * n)).astype("<i2")
        command = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(rate)]
        command += ["-ac", str(channels), "-i", "pipe:", "-c:a", "libmp3lame", "-b:a", "32k"]
        command += ["-metadata", "title=A sine", "-write_id3v1", "1", str(OUT / name)]
        subprocess.run(command, input=mono.repeat(channels).tobytes(), check=True)


if __name__ == "__main__":
    main()
