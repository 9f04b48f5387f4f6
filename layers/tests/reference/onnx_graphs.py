"""Runs exported graphs in onnxruntime and compares their outputs with the library's.

    ELBO_ONNX=/tmp/graphs cargo test -p elbo --test suite onnx
    python layers/tests/reference/onnx_graphs.py /tmp/graphs

Needs onnx, onnxruntime, numpy and safetensors.
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

LIMIT = 1e-5


def main(folder):
    errors = []
    files = sorted(pathlib.Path(folder).glob("*.onnx"))
    assert files, f"no graphs in {folder}"
    for file in files:
        model = onnx.load(file)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        expected = load_file(file.with_suffix(".safetensors"))
        # Any number of rows, one by one too.
        x, y = expected["input"], expected["output"]
        rows_of = lambda y: np.moveaxis(y, 1, 0) if "draws" in file.name else y
        whole = session.run(["output"], {"input": x})[0]
        assert whole.shape == y.shape, (file.name, whole.shape, y.shape)
        error = np.max(np.abs(whole - y) / (1 + np.abs(y)))
        print(f"{file.name:28} {str(whole.shape):14} {len(model.graph.node):5} nodes  {error:.1e}")
        errors.append(error)
        if "functions" not in file.name:
            alone = np.concatenate([rows_of(session.run(["output"], {"input": x[i : i + 1]})[0]) for i in range(len(x))])
            errors.append(np.max(np.abs(alone - rows_of(y)) / (1 + np.abs(rows_of(y)))))
    worst = max(errors)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}: largest relative error {worst:.1e}")
    assert all(error < LIMIT for error in errors)


main(sys.argv[1])
