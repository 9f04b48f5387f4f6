"""JAX's side of `compare`, as a careful user would write it: one compiled step with donated buffers."""

import math
import sys

import jax
import jax.numpy as jnp
from jax import lax

import given
import jax_networks
import protocol

#: Workloads where this random generator is faster than JAX's default.
RBG = ("mlp-400", "small")


def parameters(name):
    """(mean, ρ) of each layer's weight and bias; dense weights are (inputs, outputs), kernels (space .., inputs, outputs)."""
    layers = []
    for weight, bias in given.means(name):
        weight = weight.transpose(*range(2, weight.ndim), 1, 0)
        layers.append([(jnp.asarray(x), jnp.full(x.shape, given.RHO)) for x in (weight, bias)])
    if name in ("lenet", "conv2d", "conv3d"):
        reorder(layers, name)
    return layers


def reorder(layers, name):
    """Reorders the first dense layer's inputs from (channels, space ..) to (space .., channels)."""
    at = next(i for i, [(weight, _), _] in enumerate(layers) if weight.ndim == 2)
    channels, side = layers[at - 1][0][0].shape[-1], {"lenet": (5, 5), "conv2d": (8, 8), "conv3d": (3, 3, 3)}[name]
    weight, rho = layers[at][0]
    weight = jnp.moveaxis(weight.reshape(channels, *side, -1), 0, -2).reshape(weight.shape)
    layers[at][0] = (weight, rho)


def normal(key, like, quiet):
    return jnp.zeros_like(like) if quiet else jax.random.normal(key, like.shape)


def signs(key, like):
    return jnp.where(jax.random.bits(key, like.shape, jnp.uint8) & 1 == 1, 1.0, -1.0)


def normal_kl(mean, sigma):
    return jnp.sum(0.5 * (mean * mean + sigma * sigma - 1) - jnp.log(sigma))


def mixture_kl(w, sigma, noise):
    half = math.log(0.5)
    ln_p = jnp.logaddexp(half - 0.5 * w * w, half + 6.0 - 0.5 * w * w * math.exp(12.0))
    return jnp.sum(-jnp.log(sigma) - 0.5 * noise * noise - ln_p)


def draw(layer, key, quiet, mixture=False):
    drawn, kl = [], 0.0
    for (mean, rho), key in zip(layer, jax.random.split(key)):
        sigma, noise = jax.nn.softplus(rho), normal(key, mean, quiet)
        w = mean + sigma * noise
        drawn.append(w)
        kl += mixture_kl(w, sigma, noise) if mixture else normal_kl(mean, sigma)
    return *drawn, kl


def flipout(layer, x, key, quiet):
    ((mean, rho), (bias_mean, bias_rho)), keys = layer, jax.random.split(key, 4)
    sigma, bias_sigma = jax.nn.softplus(rho), jax.nn.softplus(bias_rho)
    bias = bias_mean + bias_sigma * normal(keys[1], bias_mean, quiet)
    perturbed = (x * signs(keys[2], x)) @ (sigma * normal(keys[0], mean, quiet))
    y = x @ mean + bias + perturbed * signs(keys[3], perturbed)
    return y, normal_kl(mean, sigma) + normal_kl(bias_mean, bias_sigma)


def local(layer, x, key, quiet):
    (mean, rho), (bias_mean, bias_rho) = layer
    sigma, bias_sigma = jax.nn.softplus(rho), jax.nn.softplus(bias_rho)
    y, variance = x @ mean + bias_mean, (x * x) @ (sigma * sigma) + bias_sigma * bias_sigma
    kl = normal_kl(mean, sigma) + normal_kl(bias_mean, bias_sigma)
    return y + jnp.sqrt(variance) * normal(key, y, quiet), kl


def max_pool(x):
    """Pool size 2, the remainder dropped: a reshape, whose gradient is faster here than that of reduce_window."""
    for axis in range(1, x.ndim - 1):
        half = x.shape[axis] // 2
        x = lax.slice_in_dim(x, 0, 2 * half, axis=axis)
        x = x.reshape(*x.shape[:axis], half, 2, *x.shape[axis + 1 :]).max(axis + 1)
    return x


CONVOLUTIONS = {
    "lenet": [(2, True), (0, True)],
    "conv2d": [(1, False), (1, True), (1, False), (1, True)],
    "conv3d": [(1, True)] * 3,
}


def forward(name, layers, x, key, quiet):
    """The outputs and the divergence."""
    if name in given.TENSORS:
        return jax_networks.forward(name, layers, x, key, quiet)
    kl, keys = 0.0, jax.random.split(key, len(layers))
    settings = CONVOLUTIONS.get(name, [])
    for layer, key, (padding, pools) in zip(layers, keys, settings):
        weight, bias, part = draw(layer, key, quiet)
        axes = weight.ndim - 2
        layout = ("NHWC", "HWIO", "NHWC") if axes == 2 else ("NDHWC", "DHWIO", "NDHWC")
        x = lax.conv_general_dilated(x, weight, (1,) * axes, [(padding, padding)] * axes, dimension_numbers=layout)
        x, kl = jax.nn.relu(x + bias), kl + part
        if pools:
            x = max_pool(x)
    x = x.reshape(len(x), -1)
    for i in range(len(settings), len(layers)):
        match name:
            case "flipout-1200":
                x, part = flipout(layers[i], x, keys[i], quiet)
            case "local-1200":
                x, part = local(layers[i], x, keys[i], quiet)
            case _:
                weight, bias, part = draw(layers[i], keys[i], quiet, mixture=name == "mixture-1200")
                x = x @ weight + bias
        kl += part
        if i + 1 < len(layers):
            x = jnp.tanh(x) if name == "small" else jax.nn.relu(x)
    return x, kl


def loss(layers, name, x, y, key, quiet):
    output, kl = forward(name, layers, x, key, quiet)
    if name == "small":
        nll = jnp.mean((output - y) ** 2)
    else:
        nll = -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(output), y.reshape(-1, 1), 1))
    return nll + kl / given.EXAMPLES[name]


class Training:
    def __init__(self, name, quiet=False):
        self.name = name
        x = jnp.asarray(given.inputs(name))
        self.x = jnp.moveaxis(x, 1, -1) if x.ndim > 3 else x
        self.y = jnp.asarray(given.targets(name))

        def step(state, x, y):
            layers, first, second, number = state
            key = jax.random.fold_in(jax.random.key(0), number)
            value, gradients = jax.value_and_grad(loss)(layers, name, x, y, key, quiet)
            number += 1
            rate = 1e-3 / (1 - 0.9**number)
            unbias = 1 / jnp.sqrt(1 - 0.999**number)
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
            update = lambda p, m, v: p - rate * m / (jnp.sqrt(v) * unbias + 1e-8)
            return (jax.tree.map(update, layers, first, second), first, second, number), value

        self.compiled = jax.jit(step, donate_argnums=0)
        layers = (jax_networks.parameters if name in given.TENSORS else parameters)(name)
        zeros = lambda: jax.tree.map(jnp.zeros_like, layers)
        self.state = (layers, zeros(), zeros(), jnp.asarray(0, jnp.int32))

    def step(self):
        self.state, value = self.compiled(self.state, self.x, self.y)
        return value

    def run(self, steps):
        for _ in range(steps):
            self.step()
        jax.block_until_ready(self.state)

    def losses(self):
        quiet = Training(self.name, quiet=True)
        return [float(quiet.step()) for _ in range(protocol.CHECKED)]


class Prediction:
    """Probabilities averaged over a hundred draws, in one compiled loop; σ is computed once."""

    def __init__(self):
        self.layers = parameters("predict")
        self.x, self.y = jnp.asarray(given.inputs("predict")), jnp.asarray(given.targets("predict"))
        self.number = 0

        def nll(layers, x, y, number, quiet):
            layers = [[(mean, jax.nn.softplus(rho)) for mean, rho in layer] for layer in layers]

            def add(i, total):
                keys = jax.random.split(jax.random.fold_in(jax.random.key(number), i), 2 * len(layers))
                h = x
                for j, layer in enumerate(layers):
                    both = zip(layer, keys[2 * j :])
                    weight, bias = (mean + sigma * normal(key, mean, quiet) for (mean, sigma), key in both)
                    h = h @ weight + bias
                    if j + 1 < len(layers):
                        h = jax.nn.relu(h)
                return total + jax.nn.softmax(h)

            total = lax.fori_loop(0, given.DRAWS, add, jnp.zeros((len(x), 10)))
            return -jnp.mean(jnp.log(jnp.take_along_axis(total / given.DRAWS, y[:, None], 1)))

        self.compiled = jax.jit(nll, static_argnums=4)

    def run(self, steps):
        for _ in range(steps):
            self.number += 1
            float(self.compiled(self.layers, self.x, self.y, self.number, False))

    def losses(self):
        return [float(self.compiled(self.layers, self.x, self.y, 0, True))]


if __name__ == "__main__":
    name, _ = sys.argv[1:]
    if name in RBG:
        jax.config.update("jax_default_prng_impl", "unsafe_rbg")
    if name in ("evaluate", "laplace-last", "laplace-kron"):
        protocol.answer("compared to PyTorch only")
    else:
        protocol.answer(Prediction() if name == "predict" else Training(name))
