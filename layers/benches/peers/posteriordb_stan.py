"""Log-densities and gradients of posteriordb's two Bayesian networks by Stan, at points that a formula gives.

    git clone --depth 1 https://github.com/stan-dev/posteriordb
    pip install pystan numpy
    python posteriordb_stan.py posteriordb/posterior_database > examples/data/posteriordb-stan.json

The program `posteriordb` has the same models; its tests compare with the file. Both models get the 100 rows of `mnist_100`, since
PyStan takes data as JSON. Compiling takes some minutes; run it again if PyStan gives up waiting (`TimeoutError`). PyStan leaves a folder
`build` where it runs.
"""

import json
import pathlib
import sys
import zipfile

import numpy as np
import stan

POINTS = 3


def point(hidden, inputs, classes, k):
    """The k-th point: ln σ²_alpha, ln σ²_beta, alpha and beta by columns, alpha1, beta1, as Stan orders its numbers."""
    alpha = 0.004 * np.sin(0.7 * np.arange(hidden * inputs) + k)
    beta = 0.6 * np.sin(1.3 * np.arange(hidden * (classes - 1)) + k)
    alpha1 = 0.5 * np.cos(np.arange(hidden) + k)
    beta1 = 0.4 * np.cos(2.0 * np.arange(classes - 1) + k)
    return [np.array([-8.0 - k]), np.array([-1.0 + 0.5 * k]), alpha, beta, alpha1, beta1]


def measured(model, hidden, data):
    """The log-density without constants, and of each block's gradient g the sums of g², and of g cos 3i."""
    rows = []
    for k in range(POINTS):
        blocks = point(hidden, data["M"], data["K"], k)
        at = np.concatenate(blocks).tolist()
        gradient = np.array(model.grad_log_prob(at))
        ends = np.cumsum([len(block) for block in blocks])[:-1]
        parts = np.split(gradient, ends)
        rows.append({
            "log_density": model.log_prob(at),
            "squares": [float(np.sum(part**2)) for part in parts],
            "cosines": [float(np.sum(part * np.cos(3.0 * np.arange(len(part))))) for part in parts],
        })
    return rows


def main():
    database = pathlib.Path(sys.argv[1])
    with zipfile.ZipFile(database / "data/data/mnist_100.json.zip") as archive:
        data = json.loads(archive.read("mnist_100.json"))
    data = {name: data[name] for name in ["N", "M", "x", "K", "y"]}
    results = {}
    for hidden in [10, 100]:
        code = (database / f"models/stan/nn_rbm1bJ{hidden}.stan").read_text()
        results[str(hidden)] = measured(stan.build(code, data=data), hidden, data)
    print(json.dumps(results, indent=1), file=OUTPUT)


if __name__ == "__main__":
    # PyStan prints its progress on both streams: the results alone go to standard output.
    OUTPUT, sys.stdout = sys.stdout, sys.stderr
    main()
