"""Reference values of normalisations: python3 norm_layers.py > norm_layers.json

Needs torch. Each case has the layer's settings, weights, an input, the output, a cotangent, and the gradients of all weights
and the input, in double precision.
"""

import json

import torch
from torch import nn

torch.manual_seed(23)
torch.set_default_dtype(torch.float64)
CASES = []


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.17g}") for x in tensor.detach().reshape(-1).tolist()]}


def case(kind, module, size, **attrs):
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.7)
    x = (torch.randn(3, *size) * 1.5 + 0.4).requires_grad_()
    weights = dict(module.named_parameters())
    output = module(x)
    cotangent = torch.randn_like(output)
    leaves = {**weights, "x": x}
    gradients = torch.autograd.grad((output * cotangent).sum(), list(leaves.values()))
    CASES.append({
        "name": f"{kind}_{len(CASES)}", "kind": kind, "attrs": attrs,
        "weights": {key: listed(value) for key, value in weights.items()},
        "x": listed(x), "output": listed(output), "cotangent": listed(cotangent),
        "gradients": {key: listed(value) for key, value in zip(leaves, gradients)},
    })


class FilterResponseNorm(nn.Module):
    """Singh and Krishnan 2020, eq. 1 to 4."""

    def __init__(self, channels, affine):
        super().__init__()
        for name in ("weight", "bias", "threshold") if affine else ():
            setattr(self, name, nn.Parameter(torch.zeros(channels)))

    def forward(self, x):
        axes = tuple(range(2, x.dim()))
        y = x / torch.sqrt((x ** 2).mean(axes, keepdim=True) + 1e-6)
        if not hasattr(self, "weight"):
            return y
        per_channel = lambda w: w.view(1, -1, *[1] * len(axes))
        return torch.maximum(per_channel(self.weight) * y + per_channel(self.bias), per_channel(self.threshold))


for affine in (True, False):
    case("group", nn.GroupNorm(2, 4, affine=affine), [4, 3], groups=2, shape=[4], affine=affine)
    for shape, size in (([3], [2, 3]), ([3], [3]), ([2, 3], [2, 2, 3])):
        case("layer", nn.LayerNorm(shape, elementwise_affine=affine), size, shape=shape, affine=affine)
        case("rms", nn.RMSNorm(shape, eps=1e-5, elementwise_affine=affine), size, shape=shape, affine=affine)
    for layer, size in ((nn.InstanceNorm1d, [2, 4]), (nn.InstanceNorm2d, [2, 2, 3]), (nn.InstanceNorm3d, [2, 2, 1, 3])):
        case("instance", layer(2, affine=affine), size, shape=[2], affine=affine)
    for size in ([2, 4], [2, 2, 3]):
        case("filter_response", FilterResponseNorm(2, affine), size, shape=[2], affine=affine)
print(json.dumps({"torch": torch.__version__, "cases": CASES}))
