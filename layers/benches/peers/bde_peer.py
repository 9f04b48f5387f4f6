"""`BdeRegressor` of sklearn-contrib-bde (ensembles of networks, each followed by a chain of MCLMC) on the program `uci`'s splits.

    python3 layers/benches/peers/bde_peer.py DATA [--sets concrete] [--splits N] [--hidden 16,16] [--json FILE]
    python3 layers/benches/peers/bde_peer.py DATA --airfoil FOLDER      # also writes the splits of airfoil for `uci --data FOLDER`

DATA is the folder with `uci/standard.tar.gz`. `airfoil` is the package's own set, in five random splits of 80 and 20 %. The settings
are those of the package's example; inputs and targets are scaled by the training rows. RMSE, log-likelihood of a test row (nats, by the
mixture of all draws) and coverage of 90 % intervals are in the target's unit. Needs Python 3.11 and sklearn-contrib-bde.
"""

import argparse
import io
import json
import os
import tarfile
import time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import bde
import numpy as np
from bde import BdeRegressor
from bde.loss import GaussianNLL
from scipy.special import logsumexp, ndtr

AIRFOIL_SPLITS = 5


def airfoil():
    """The table, and the pairs of training and test rows."""
    table = np.loadtxt(Path(bde.__file__).parent / "data/airfoil.csv", delimiter=",", skiprows=1)
    orders = [np.random.default_rng(split).permutation(len(table)) for split in range(AIRFOIL_SPLITS)]
    cut = len(table) * 4 // 5
    return table, [(order[:cut], order[cut:]) for order in orders]


def standard(data, name):
    """The table of a standard set, its last column the target, and the pairs of training and test rows."""
    with tarfile.open(Path(data) / "uci/standard.tar.gz") as archive:
        read = lambda file: np.loadtxt(archive.extractfile(f"standard/{name}/data/{file}"))
        table = read("data.txt")
        columns = np.append(read("index_features.txt"), read("index_target.txt")).astype(int)
        splits = int(read("n_splits.txt"))
        rows = lambda part, split: read(f"index_{part}_{split}.txt").astype(int)
        return table[:, columns], [(rows("train", split), rows("test", split)) for split in range(splits)]


def write_airfoil(folder):
    """Writes `uci/standard.tar.gz` with airfoil alone."""
    table, splits = airfoil()
    lines = lambda rows: "\n".join(" ".join(repr(float(x)) for x in np.atleast_1d(row)) for row in rows) + "\n"
    files = {"data.txt": table, "index_features.txt": range(table.shape[1] - 1), "index_target.txt": [table.shape[1] - 1]}
    for split, (train, test) in enumerate(splits):
        files |= {f"index_train_{split}.txt": train, f"index_test_{split}.txt": test}
    target = Path(folder) / "uci/standard.tar.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, rows in files.items():
            text = lines(rows).encode()
            entry = tarfile.TarInfo(f"standard/airfoil/data/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def measure(table, train, test, hidden):
    """RMSE, log-likelihood, coverage of 90 % intervals, and the seconds of the training and the prediction."""
    centre, scale = table[train].mean(0), table[train].std(0)
    scaled = ((table - centre) / np.where(scale > 0, scale, 1)).astype(np.float32)
    start = time.perf_counter()
    regressor = BdeRegressor(
        hidden_layers=hidden,
        n_members=8,
        seed=0,
        loss=GaussianNLL(),
        epochs=200,
        validation_split=0.15,
        lr=1e-3,
        weight_decay=1e-4,
        warmup_steps=5000,
        n_samples=2000,
        n_thinning=2,
        patience=10,
    )
    regressor.fit(x=scaled[train, :-1], y=scaled[train, -1])
    raw = np.asarray(regressor.predict(scaled[test, :-1], raw=True), dtype=np.float64)
    means = raw[..., 0].reshape(-1, len(test))
    # The second output is the deviation before a softplus, as the package's GaussianNLL and mean_and_std take it.
    sds = np.logaddexp(raw[..., 1], 0).reshape(-1, len(test)) + 1e-6
    seconds = time.perf_counter() - start
    y = scaled[test, -1].astype(np.float64)
    density = -0.5 * ((y - means) / sds) ** 2 - np.log(sds) - 0.5 * np.log(2 * np.pi)
    log_likelihood = np.mean(logsumexp(density, axis=0) - np.log(len(means))) - np.log(scale[-1])
    distribution = ndtr((y - means) / sds).mean(0)
    rmse = scale[-1] * np.sqrt(np.mean((means.mean(0) - y) ** 2))
    return [float(x) for x in (rmse, log_likelihood, np.mean(np.abs(distribution - 0.5) <= 0.45), seconds)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--sets", default="concrete,airfoil")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--hidden", default="16,16")
    parser.add_argument("--airfoil")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.airfoil:
        write_airfoil(options.airfoil)
    hidden, rows = [int(units) for units in options.hidden.split(",")], []
    for name in options.sets.split(","):
        table, splits = airfoil() if name == "airfoil" else standard(options.data, name)
        measured = np.array([measure(table, *parts, hidden) for parts in splits[: options.splits]])
        error = measured.std(0, ddof=1) / np.sqrt(len(measured)) if len(measured) > 1 else np.full(4, np.nan)
        names = ["rmse", "log_likelihood", "coverage_90", "seconds"]
        row = {"set": name, "hidden": hidden, "splits": len(measured)}
        row |= dict(zip(names, measured.mean(0))) | {f"{n}_standard_error": e for n, e in zip(names, error)}
        print(", ".join(f"{key} {value:.4f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()), flush=True)
        rows.append(row)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
