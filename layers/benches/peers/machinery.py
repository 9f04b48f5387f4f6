"""Shared by `compare` and `ops`: the peers' environment, elbo's program, and processes that take turns."""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

#: The peers' packages on PyPI.
PACKAGES = ["numpy", "torch", "jax", "ivon-opt"]

#: Libraries with dependencies of their own; skipped if they cannot be installed.
OPTIONAL = ["laplace-torch"]

#: Unmodified libraries, installed without dependencies: the layers used here need only PyTorch.
LIBRARIES = ["bayesian-torch", "blitz-bayesian-pytorch"]


def environment(folder, packages=PACKAGES, libraries=LIBRARIES):
    """The interpreter of a virtual environment with the peers, which is made if it does not exist."""
    folder = pathlib.Path(folder) if folder else ROOT / "target" / "peers" / "venv"
    python, done = folder / "bin" / "python", folder / "complete"
    wanted = " ".join([*packages, *libraries, *(OPTIONAL if packages is PACKAGES else [])])
    # Made again, upon what is there, when another package is wanted.
    if not done.exists() or done.read_text() != wanted:
        print(f"making the peers' environment in {folder} (takes minutes and some gigabytes)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *packages], check=True)
        # Optional: skipped if they cannot be installed.
        if libraries and subprocess.run([*install, "--no-deps", *libraries]).returncode != 0:
            print(f"{', '.join(libraries)}: not installed, so not compared", file=sys.stderr)
        if packages is PACKAGES and subprocess.run([*install, *OPTIONAL]).returncode != 0:
            print(f"{', '.join(OPTIONAL)}: not installed, so not compared", file=sys.stderr)
        done.write_text(wanted)
    return str(python)


def versions(python):
    code = (
        "import importlib.metadata as m\n"
        "for name in 'torch jax laplace-torch bayesian-torch blitz-bayesian-pytorch'.split():\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: pass"
    )
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]


def build(package, bench):
    """The program of a bench, compiled for release."""
    command = ["cargo", "bench", "-p", package, "--bench", bench, "--no-run", "--message-format=json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    programs = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == bench]
    return programs[-1]


class Process:
    """A process that answers each line with a line, pinned to as many cores as it has threads."""

    def __init__(self, command, threads):
        # `taskset` before the process starts, because libraries count the processors when they load.
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
        one_each = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")} | one_each
        command = ["taskset", "-c", cores, *map(str, command)]
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=HERE, env=environment)
        first = self.read()
        self.unsupported = None if first == "ready" else first.removeprefix("unsupported: ")

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.child.args)} exited with {self.child.wait()}")
        return line.strip()

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.read()

    def losses(self):
        return [float(loss) for loss in self.ask("losses").split()[1:]]

    def run(self, steps):
        """Milliseconds per step."""
        return float(self.ask(f"run {steps}").split()[1]) / steps

    def peak_mb(self):
        """The largest resident set so far, in megabytes of 10⁶ bytes."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e6

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def markdown(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
