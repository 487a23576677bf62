"""Words spoken by espeak-ng, in many voices.

    python models/ears/voices.py DIR

DIR gets voices.npz: 16 kHz int16 samples one after the other, where each starts and how long it is.
The same version of espeak-ng speaks the same samples.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

RATE = 16000
COUNT = 6000
LANGUAGES = "en-us en-gb en-gb-scotland en-gb-x-rp en-029 de fr-fr es it pt nl sv pl cs ru tr fi el hu ro hi id sw".split()
VARIANTS = "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 croak whisper klatt klatt2 klatt3 klatt4 Andrea Diogo Gene Jacky Lee Mario Michael Tweaky".split()
WORDS = """zero one two three four five six seven eight nine ten yes no up down left right on off stop go hello
start end open close light door window kettle water fire wind rain bird dog cat horse house tree garden street
car train clock phone music radio kitchen table chair red green blue white black morning evening night today
please thanks maybe never always again left over under after before mother father brother sister alpha bravo
charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango
uniform victor whiskey xray yankee zulu marvin sheila happy follow forward backward learn visual wow bed computer
alexa jarvis mycroft afield robot machine pump motor engine valve alarm danger help ready steady""".split()


def main():
    folder = Path(sys.argv[1])
    rng = np.random.default_rng(0)
    parts, starts, lengths, at = [], [], [], 0
    for _ in range(COUNT):
        words = " ".join(rng.choice(WORDS, 1 if rng.random() < 0.6 else rng.integers(2, 5)))
        language = LANGUAGES[0] if rng.random() < 0.3 else rng.choice(LANGUAGES)
        voice = f"{language}+{rng.choice(VARIANTS)}"
        command = ["espeak-ng", "-v", voice, "-s", str(rng.integers(100, 230)), "-p", str(rng.integers(10, 95)), "--stdout", words]
        wave = subprocess.run(command, capture_output=True, check=True).stdout
        samples = np.frombuffer(wave[44 : len(wave) // 2 * 2], np.int16).astype(np.float32)
        count = int(len(samples) * RATE / 22050)
        samples = np.interp(np.arange(count) * 22050 / RATE, np.arange(len(samples)), samples).astype(np.int16)
        parts.append(samples)
        starts.append(at)
        lengths.append(count)
        at += count
    np.savez(folder / "voices.npz", samples=np.concatenate(parts), starts=starts, lengths=lengths)
    print(f"{COUNT} utterances, {at / RATE / 3600:.2f} hours")


if __name__ == "__main__":
    main()
