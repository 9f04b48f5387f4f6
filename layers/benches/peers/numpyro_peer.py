"""NumPyro's side of `chains`, as a careful user would write it: NUTS, compiled, in single precision.

Reads a question per line (JSON) and answers it with a line: the seconds of each run, and those of them in which JAX compiled, of
which the first run has most. The draws of a run are written to a file of NumPy, one array of shape (chains, draws, ..) by name.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS


def credit(x, y):
    weight = numpyro.sample("weight", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
    bias = numpyro.sample("bias", dist.Normal(0, 1))
    numpyro.sample("y", dist.Bernoulli(logits=x @ weight + bias), obs=y)


def concrete(x, y, units, noise):
    normal = lambda name, *shape: numpyro.sample(name, dist.Normal(0, 1).expand(shape).to_event(len(shape)))
    hidden = jnp.tanh(x @ normal("hidden.weight", units, x.shape[1]).T + normal("hidden.bias", units))
    mean = hidden @ normal("head.weight", units) + normal("head.bias", 1)
    numpyro.sample("y", dist.Normal(mean, noise), obs=y)


#: Seconds of tracing, lowering and compiling so far, which JAX reports.
compiling = 0.0


def on_duration(event, seconds, **_):
    global compiling
    if event.startswith("/jax/core/compile/"):
        compiling += seconds


def answer(question):
    data = np.load(question["data"])
    x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"][:, 0])
    if question["problem"] == "credit":
        model, arguments = credit, (x, y)
    else:
        model = lambda x, y: concrete(x, y, question["units"], question["noise"])
        arguments = (x, y)
    mcmc = MCMC(
        NUTS(model),
        num_warmup=question["warmup"],
        num_samples=question["draws"],
        num_chains=question["chains"],
        chain_method=question["method"],
        progress_bar=False,
    )
    seconds, compiled = [], []
    for seed in question["seeds"]:
        start, before = time.perf_counter(), compiling
        mcmc.run(jax.random.key(seed), *arguments, extra_fields=("num_steps", "diverging"))
        draws = mcmc.get_samples(group_by_chain=True)
        jax.block_until_ready(draws)
        seconds.append(time.perf_counter() - start)
        compiled.append(compiling - before)
        np.savez(f"{question['file']}-{seed}.npz", **{name: np.asarray(array) for name, array in draws.items()})
    extra = mcmc.get_extra_fields(group_by_chain=True)
    return {
        "seconds": seconds,
        "compiling": compiled,
        "steps_of_the_last": int(extra["num_steps"].sum()),
        "divergences_of_the_last": int(extra["diverging"].sum()),
    }


if __name__ == "__main__":
    jax.monitoring.register_event_duration_secs_listener(on_duration)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
