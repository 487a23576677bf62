"""Runs ONNX files with ONNX Runtime: one JSON request a line in, one answer a line out.

A request names a `model` and the `frames` to give it (an npy file). The answer has
`probabilities`, `label`, `features` and the model's `metadata`, or `error`. A model is checked by
onnx.checker when it is first named.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

sessions = {}
for line in sys.stdin:
    request = json.loads(line)
    path = request["model"]
    try:
        if path not in sessions:
            onnx.checker.check_model(path, full_check=True)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            sessions[path] = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        session = sessions[path]
        probabilities, label, features = session.run(
            ["probabilities", "label", "features"], {"frames": np.load(request["frames"])}
        )
        answer = {
            "probabilities": probabilities.tolist(),
            "label": label.item() if hasattr(label, "item") else label,
            "features": features.tolist(),
            "metadata": session.get_modelmeta().custom_metadata_map,
        }
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
