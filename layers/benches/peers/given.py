"""Inputs, labels and initial weights, bit for bit the same as those of elbo/given.rs."""

import numpy as np

#: Weight shapes of every network's convolutions and dense layers, in order: (outputs, inputs ..).
WEIGHTS = {
    "mlp-400": [(400, 784), (400, 400), (10, 400)],
    "mlp-1200": [(1200, 784), (1200, 1200), (10, 1200)],
    "small": [(50, 1), (50, 50), (1, 50)],
    "lenet": [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)],
    "conv2d": [(32, 3, 3, 3), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (10, 4096)],
    "conv3d": [(16, 1, 3, 3, 3), (32, 16, 3, 3, 3), (32, 32, 3, 3, 3), (11, 864)],
}
for name in ("mixture-1200", "flipout-1200", "local-1200"):
    WEIGHTS[name] = WEIGHTS["mlp-1200"]
for name in ("predict", "evaluate", "laplace-last", "laplace-kron"):
    WEIGHTS[name] = WEIGHTS["mlp-400"]

#: The random tensors of the larger networks, in order.
TENSORS = {
    "lstm": [
        *[(512, 12), (512, 128), (512,), (512,)],
        *[(512, 128), (512, 128), (512,), (512,)],
        *[(9, 128), (9,)],
    ],
    "transformer": [
        *[(65, 128), (128, 128)],
        *[(384, 128), (384,), (128, 128), (128,), (512, 128), (512,), (128, 512), (128,)] * 4,
        *[(65, 128), (65,)],
    ],
    "resnet": [
        (16, 3, 3, 3),
        *[(16, 16, 3, 3)] * 4,
        *[(32, 16, 3, 3), (32, 32, 3, 3), (32, 16, 1, 1), *[(32, 32, 3, 3)] * 2],
        *[(64, 32, 3, 3), (64, 64, 3, 3), (64, 32, 1, 1), *[(64, 64, 3, 3)] * 2],
        *[(10, 64), (10,)],
    ],
}

#: The shape of a batch of inputs, and the number of classes (None for regression).
INPUTS = {
    "small": ((32, 1), None),
    "lenet": ((128, 1, 28, 28), 10),
    "conv2d": ((64, 3, 32, 32), 10),
    "conv3d": ((16, 1, 28, 28, 28), 11),
    "predict": ((1000, 784), 10),
    "evaluate": ((60_000, 784), 10),
    "laplace-last": ((10_000, 784), 10),
    "laplace-kron": ((10_000, 784), 10),
    "lstm": ((64, 29, 12), 9),
    "transformer": ((16, 128), 65),
    "resnet": ((64, 3, 32, 32), 10),
}
for name in WEIGHTS:
    INPUTS.setdefault(name, ((128, 784), 10))

#: N, by which the divergence is divided.
EXAMPLES = {name: 1000 if name == "small" else 60_000 for name in (*WEIGHTS, *TENSORS)}

#: Initial ρ of every weight; σ = softplus(ρ).
RHO = -5.0

#: ρ of weights that are as good as without noise.
QUIET_RHO = -40.0

#: Draws that a prediction averages over.
DRAWS = 100

#: Draws of the bound of `evaluate`.
BOUND_DRAWS = 64


def uniform(stream, shape):
    """Uniform numbers in [0, 1), in double precision."""
    x = np.arange(np.prod(shape), dtype=np.uint32)
    x = (x + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)) * np.uint32(0x9E3779B1)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x85EBCA77)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE3D)
    x ^= x >> np.uint32(16)
    return (x / 4_294_967_296.0).reshape(shape)


def inputs(name):
    if name == "transformer":
        return (uniform(1, INPUTS[name][0]) * INPUTS[name][1]).astype(np.int64)
    return ((2 * uniform(1, INPUTS[name][0]) - 1) * np.sqrt(3.0)).astype(np.float32)


def targets(name):
    """Labels, or numbers for regression."""
    shape, classes = INPUTS[name]
    if classes is None:
        return (2 * uniform(3, shape) - 1).astype(np.float32)
    # The transformer has a target for every step.
    return (uniform(2, shape if name == "transformer" else shape[:1]) * classes).astype(np.int64)


def means(name):
    """Initial means, a pair (weight, bias) for every layer."""
    for layer, shape in enumerate(WEIGHTS[name]):
        scale = np.sqrt(6 / np.prod(shape[1:]))
        weight = (2 * uniform(16 + 2 * layer, shape) - 1) * scale
        bias = (2 * uniform(17 + 2 * layer, shape[:1]) - 1) * 0.1
        yield weight.astype(np.float32), bias.astype(np.float32)


def tensors(name):
    """Initial means of the larger networks' random tensors."""
    for stream, shape in enumerate(TENSORS[name], 16):
        scale = 0.1 if len(shape) == 1 else np.sqrt(6 / np.prod(shape[1:]))
        yield ((2 * uniform(stream, shape) - 1) * scale).astype(np.float32)
