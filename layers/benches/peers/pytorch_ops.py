"""PyTorch's side of `ops`: the operations of engine/benches/ops.rs under the same names, on the same shapes."""

import sys
import time

import torch
import torch.nn.functional as F

SIDES = {"2^8": 16, "2^14": 128, "2^20": 1024}


def one(side):
    return [(side, side)]


def two(side):
    return [(side, side)] * 2


def heads(side):
    positions = min(side * side // 64, 1024 if side == 1024 else 128)
    return [(side * side // 64 // positions, positions, 64)] * 3


def selected_rows(x):
    side = len(x)
    return torch.arange(side) * 7 % side


FAMILIES = {
    "relu": (one, lambda x: x.relu()),
    "exp": (one, lambda x: x.exp()),
    "ln": (one, lambda x: x.log()),
    "tanh": (one, lambda x: x.tanh()),
    "sigmoid": (one, lambda x: x.sigmoid()),
    "softplus": (one, lambda x: F.softplus(x)),
    "gelu": (one, lambda x: F.gelu(x)),
    "erf": (one, lambda x: x.erf()),
    "add": (two, lambda x, y: x + y),
    "multiply": (two, lambda x, y: x * y),
    "divide": (two, lambda x, y: x / y),
    "add a row": (lambda side: [(side, side), (side,)], lambda x, y: x + y),
    "sum of all": (one, lambda x: x.sum()),
    "sum over rows": (one, lambda x: x.sum(1)),
    "sum over columns": (one, lambda x: x.sum(0)),
    "maximum over rows": (one, lambda x: x.amax(1)),
    "variance over rows": (one, lambda x: x.var(1)),
    "log-sum-exp over rows": (one, lambda x: x.logsumexp(1)),
    "softmax over rows": (one, lambda x: x.softmax(1)),
    "cumulative sum over rows": (one, lambda x: x.cumsum(1)),
    "joining two": (two, lambda x, y: torch.cat([x, y], 1)),
    "selecting rows": (one, lambda x, rows: x.index_select(0, rows)),
    "matrix product": (two, lambda x, y: x @ y),
    "affine map": (lambda side: [(side, side), (side, side), (side,)], F.linear),
    "layer norm": (lambda side: [(side, side), (side,), (side,)], lambda x, w, b: F.layer_norm(x, x.shape[1:], w, b)),
    "cross-entropy": (one, lambda x, labels: F.cross_entropy(x, labels)),
    "attention": (heads, lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None])),
}

#: Those that also take the rows chosen, as labels or indices.
INDEXED = ("selecting rows", "cross-entropy")

LAYERS = {
    "lenet 1 to 6": ((128, 1, 28, 28), 6, 5, 2),
    "lenet 6 to 16": ((128, 6, 14, 14), 16, 5, 0),
    "conv2d 3 to 32": ((64, 3, 32, 32), 32, 3, 1),
    "conv2d 32 to 32": ((64, 32, 32, 32), 32, 3, 1),
    "conv2d 32 to 64": ((64, 32, 16, 16), 64, 3, 1),
    "conv2d 64 to 64": ((64, 64, 16, 16), 64, 3, 1),
    "conv3d 1 to 16": ((16, 1, 28, 28, 28), 16, 3, 1),
    "conv3d 16 to 32": ((16, 16, 14, 14, 14), 32, 3, 1),
    "conv3d 32 to 32": ((16, 32, 7, 7, 7), 32, 3, 1),
}

POOLS = {"conv2d 32": (64, 32, 32, 32), "conv3d 16": (16, 16, 28, 28, 28)}


def numbers(shape):
    count = torch.Size(shape).numel()
    return (0.1 + (torch.arange(count, dtype=torch.float64) * 0.618033988749895).frac()).float().reshape(shape)


def find(family, size):
    """The shapes of the inputs and the function."""
    if family == "convolution":
        shape, outputs, kernel, padding = LAYERS[size]
        axes = len(shape) - 2
        convolve = F.conv2d if axes == 2 else F.conv3d
        shapes = [shape, (outputs, shape[1], *[kernel] * axes), (outputs,)]
        return shapes, lambda x, w, b: convolve(x, w, b, padding=padding)
    if family == "max pool":
        pool = F.max_pool2d if len(POOLS[size]) == 4 else F.max_pool3d
        return [POOLS[size]], lambda x: pool(x, 2)
    shapes, f = FAMILIES[family]
    return shapes(SIDES[size]), f


def times(family, size, way):
    """Nanoseconds per call, measured ten times."""
    shapes, f = find(family, size)
    back = way == "forward and back"
    inputs = [numbers(shape).requires_grad_(back) for shape in shapes]
    rest = [selected_rows(inputs[0])] if family in INDEXED else []

    def call():
        if not back:
            return f(*inputs, *rest)
        for x in inputs:
            x.grad = None
        f(*inputs, *rest).sum().backward()

    def spend(calls):
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        return (time.perf_counter_ns() - start) / calls

    with torch.inference_mode(not back):
        spend(1)
        each = spend(3)
        each = spend(max(1, int(1e8 / each)))
        return [spend(max(1, int(3e7 / each))) for _ in range(10)]


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        print(" ".join(map(str, times(*line.rstrip("\n").split("\t")))), flush=True)
