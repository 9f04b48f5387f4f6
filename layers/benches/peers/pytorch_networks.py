"""PyTorch's side of the workloads `lstm`, `transformer` and `resnet`: the outputs of a batch given one draw of all weights.

All random tensors are views of one vector, so that the draw, the divergence and Adam are one pass each.
"""

import torch
import torch.nn.functional as F

import given

GROUPS, HEADS, LAYERS = 8, 4, 2


class Larger(torch.nn.Module):
    def __init__(self, name, quiet=False):
        super().__init__()
        means = [torch.from_numpy(x) for x in given.tensors(name)]
        self.shapes = [x.shape for x in means]
        self.sizes = [x.numel() for x in means]
        self.mean = torch.nn.Parameter(torch.cat([x.flatten() for x in means]))
        self.rho = torch.nn.Parameter(torch.full_like(self.mean, given.RHO))
        self.quiet = quiet
        self.network = {"lstm": lstm, "transformer": transformer, "resnet": resnet}[name]
        widths = {"lstm": [], "transformer": [128] * 9, "resnet": [16] * 5 + [32] * 5 + [64] * 5}[name]
        self.scale = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(width)) for width in widths])
        self.shift = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(width)) for width in widths])

    def forward(self, x):
        """The outputs and the divergence."""
        sigma = F.softplus(self.rho)
        noise = torch.zeros_like(sigma) if self.quiet else torch.randn_like(sigma)
        drawn = torch.addcmul(self.mean, sigma, noise)
        kl = 0.5 * (self.mean.square().sum() + sigma.square().sum() - sigma.numel()) - sigma.log().sum()
        weights = iter([x.view(shape) for x, shape in zip(drawn.split(self.sizes), self.shapes)])
        return self.network(x, weights, iter(zip(self.scale, self.shift))), kl


def take(values, count):
    return [next(values) for _ in range(count)]


def lstm(x, weights, _):
    recurrent = take(weights, 4 * LAYERS)
    zeros = x.new_zeros(LAYERS, x.shape[0], 128)
    # Layers, dropout, training, both directions, batch first.
    outputs, _, _ = torch._VF.lstm(x, (zeros, zeros), recurrent, True, LAYERS, 0.0, True, False, True)
    return F.linear(outputs[:, -1], *take(weights, 2))


def transformer(x, weights, norms):
    characters, positions = take(weights, 2)
    norm = lambda x: F.layer_norm(x, x.shape[-1:], *next(norms))
    dense = lambda x: F.linear(x, *take(weights, 2))
    x = F.embedding(x, characters) + positions
    for _ in range(4):
        heads = dense(norm(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads.unbind(), is_causal=True)
        x = x + dense(mixed.transpose(1, 2).flatten(2))
        x = x + dense(F.gelu(dense(norm(x))))
    return dense(norm(x)).flatten(0, 1)


def resnet(x, weights, norms):
    def normalised(x, stride=1):
        weight = next(weights).contiguous(memory_format=torch.channels_last)
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        return F.group_norm(x, GROUPS, *next(norms))

    x = normalised(x).relu()
    for stride in (1, 1, 2, 1, 2, 1):
        y = normalised(normalised(x, stride).relu())
        x = (y + (normalised(x, stride) if stride > 1 else x)).relu()
    return F.linear(x.mean((2, 3)), *take(weights, 2))
