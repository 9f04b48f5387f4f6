"""The protocol of a timed process, which answers each line with a line: see elbo/main.rs."""

import sys
import time

#: Steps whose losses are compared.
CHECKED = 3


def answer(workload):
    """`workload` has `losses()` and a blocking `run(steps)`, or is a text that says why it is unsupported."""
    say = lambda line: print(line, flush=True)
    if isinstance(workload, str):
        say(f"unsupported: {workload}")
        return
    say("ready")
    for line in sys.stdin:
        match line.split():
            case ["losses"]:
                say("losses " + " ".join(f"{loss:.9f}" for loss in workload.losses()))
            case ["run", steps]:
                start = time.perf_counter()
                workload.run(int(steps))
                say(f"ms {(time.perf_counter() - start) * 1e3:.6f}")
            case _:
                say(f"unsupported: {line!r}")
