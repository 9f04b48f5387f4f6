"""JAX's side of the workloads `lstm`, `transformer` and `resnet`: the outputs of a batch given one draw of all weights."""

import math

import jax
import jax.numpy as jnp
from jax import lax

import given

GROUPS, HEADS, HIDDEN = 8, 4, 128


def parameters(name):
    """The mean and ρ of one vector of all random tensors, and the scales and shifts of the normalisations."""
    mean = jnp.concatenate([jnp.asarray(x).ravel() for x in given.tensors(name)])
    widths = {"lstm": [], "transformer": [128] * 9, "resnet": [16] * 5 + [32] * 5 + [64] * 5}[name]
    return (mean, jnp.full_like(mean, given.RHO)), [(jnp.ones(width), jnp.zeros(width)) for width in widths]


def forward(name, layers, x, key, quiet):
    """The outputs and the divergence."""
    (mean, rho), norms = layers
    sigma = jax.nn.softplus(rho)
    drawn = mean if quiet else mean + sigma * jax.random.normal(key, mean.shape)
    kl = jnp.sum(0.5 * (mean * mean + sigma * sigma - 1) - jnp.log(sigma))
    weights, start = [], 0
    for shape in given.TENSORS[name]:
        size = math.prod(shape)
        weights.append(drawn[start : start + size].reshape(shape))
        start += size
    network = {"lstm": lstm, "transformer": transformer, "resnet": resnet}[name]
    return network(x, iter(weights), iter(norms)), kl


def lstm(x, weights, _):
    x = x.transpose(1, 0, 2)
    for _ in range(2):
        from_x, from_last, *biases = [next(weights) for _ in range(4)]
        # The inputs of all steps at once; only the product with the last output is in the loop.
        sums, from_last = x @ from_x.T + sum(biases), from_last.T

        def step(state, sums):
            output, cell = state
            i, f, g, o = jnp.split(sums + output @ from_last, 4, axis=1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            output = jax.nn.sigmoid(o) * jnp.tanh(cell)
            return (output, cell), output

        zeros = jnp.zeros((x.shape[1], HIDDEN))
        _, x = lax.scan(step, (zeros, zeros), sums)
    return x[-1] @ next(weights).T + next(weights)


def transformer(x, weights, norms):
    dense = lambda x: x @ next(weights).T + next(weights)

    def norm(x):
        scale, shift = next(norms)
        x = x - x.mean(-1, keepdims=True)
        return x * lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * scale + shift

    characters, positions = next(weights), next(weights)
    x = characters[x] + positions
    for _ in range(4):
        heads = dense(norm(x))
        q, k, v = (part.reshape(*part.shape[:2], HEADS, -1) for part in jnp.split(heads, 3, -1))
        mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + dense(mixed.reshape(x.shape))
        x = x + dense(jax.nn.gelu(dense(norm(x)), approximate=False))
    logits = dense(norm(x))
    return logits.reshape(-1, logits.shape[-1])


def resnet(x, weights, norms):
    """Images have their channels last."""

    def normalised(x, stride=1):
        weight, (scale, shift) = next(weights).transpose(2, 3, 1, 0), next(norms)
        padding = [(weight.shape[0] // 2,) * 2] * 2
        x = lax.conv_general_dilated(x, weight, (stride,) * 2, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        groups = x.reshape(*x.shape[:3], GROUPS, -1)
        groups = groups - groups.mean((1, 2, 4), keepdims=True)
        groups = groups * lax.rsqrt(jnp.mean(groups * groups, (1, 2, 4), keepdims=True) + 1e-5)
        return groups.reshape(x.shape) * scale + shift

    x = jax.nn.relu(normalised(x))
    for stride in (1, 1, 2, 1, 2, 1):
        y = normalised(jax.nn.relu(normalised(x, stride)))
        x = jax.nn.relu(y + (normalised(x, stride) if stride > 1 else x))
    return x.mean((1, 2)) @ next(weights).T + next(weights)
