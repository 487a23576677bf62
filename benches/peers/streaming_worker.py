"""One peer on one signal, in a process of its own: `streaming_worker.py SPEC.json`.

It prints one JSON object. The key `what` of the specification selects the job:

- `listen`: openWakeWord's streaming features, with or without one of its wake words, over a
  WAV file in pieces of 80 ms, as from a microphone.
- `windows`: an ONNX graph by ONNX Runtime, window after window of stored frames, or all of
  them in one call; CPU microseconds an embedding, for the given seconds; it stores the embeddings.
- `mel`: the ONNX graph of the log-mel frames, on the same length of sound as in openWakeWord;
  CPU microseconds a hop.
"""

import json
import sys
import time
import wave

import numpy as np


def session(path, **entries):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for name, value in entries.items():
        options.add_session_config_entry(f"session.{name}", value)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def read_wav(path):
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def listen(spec):
    samples = read_wav(spec["wav"])
    rows = 0
    if spec["words"]:
        from openwakeword.model import Model

        model = Model(wakeword_model_paths=spec["words"])
        take = model.predict
    else:
        from openwakeword.utils import AudioFeatures

        take = AudioFeatures()
    for start in range(0, len(samples) - 1279, 1280):
        take(samples[start : start + 1280])
        rows += 1
    return {"rows": rows}


def repeat(seconds, units, once):
    once()
    passes, begun = [], time.monotonic()
    while not passes or time.monotonic() - begun < seconds:
        started = time.process_time()
        once()
        passes.append((time.process_time() - started) * 1e6 / units)
    return passes


def windows(spec):
    frames = np.load(spec["frames"])
    starts = range(0, len(frames) - spec["window"] + 1, spec["hop"])
    cut = [frames[start : start + spec["window"]] for start in starts]
    if spec["transposed"]:
        cut = [window.T for window in cut]
    cut = [np.ascontiguousarray(window, np.float32).reshape(spec["shape"]) for window in cut]
    graph = session(spec["model"], **spec["entries"])
    name, output = graph.get_inputs()[0].name, spec["output"] or graph.get_outputs()[0].name
    out = []

    def one_by_one():
        out.clear()
        for window in cut:
            out.append(graph.run([output], {name: window})[0].reshape(-1))

    def whole():
        out.clear()
        rows = graph.run([output], {name: frames[None, :, :, None]})[0]
        out.extend(rows.reshape(-1, spec["size"])[: len(cut)])

    passes = repeat(spec["seconds"], len(cut), whole if spec["whole"] else one_by_one)
    np.save(spec["embeddings"], np.stack(out))
    return {"rows": len(out), "cpu_us": passes}


def mel(spec):
    samples = read_wav(spec["wav"]).astype(np.float32)
    graph = session(spec["model"])
    name = graph.get_inputs()[0].name
    ends = range(1760, len(samples), 1280)

    def once():
        for end in ends:
            graph.run(None, {name: samples[None, end - 1760 : end]})

    return {"cpu_us": repeat(spec["seconds"], len(ends), once)}


def main():
    with open(sys.argv[1]) as file:
        spec = json.load(file)
    print(json.dumps({"listen": listen, "windows": windows, "mel": mel}[spec["what"]](spec)))


if __name__ == "__main__":
    main()
