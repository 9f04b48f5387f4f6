"""Reference values of convolutional layers: python3 convolution_layers.py > convolution_layers.json

Needs torch. Each case has the layer's settings, weights, an input, the output, a cotangent, and the gradients of all weights
and the input, in double precision.
"""

import json

import torch
from torch import nn

torch.manual_seed(22)
torch.set_default_dtype(torch.float64)
CASES = []


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.17g}") for x in tensor.detach().reshape(-1).tolist()]}


def case(name, module, x, **attrs):
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    x.requires_grad_()
    weights = dict(module.named_parameters())
    output = module(x)
    cotangent = torch.randn_like(output)
    leaves = {**weights, "x": x}
    gradients = torch.autograd.grad((output * cotangent).sum(), list(leaves.values()))
    CASES.append({
        "name": name, "attrs": attrs,
        "weights": {key: listed(value) for key, value in weights.items()},
        "x": listed(x), "output": listed(output), "cotangent": listed(cotangent),
        "gradients": {key: listed(value) for key, value in zip(leaves, gradients)},
    })


def conv(channels, outputs, kernel, size, mode="zeros", **options):
    axes = len(kernel)
    layer = [nn.Conv1d, nn.Conv2d, nn.Conv3d][axes - 1]
    module = layer(channels, outputs, kernel, padding_mode=mode, **options)
    case(f"conv_{len(CASES)}", module, torch.randn(2, channels, *size), kind="conv", channels=channels, outputs=outputs,
         kernel=kernel, mode=mode, **options)


def transposed(channels, outputs, kernel, size, **options):
    axes = len(kernel)
    layer = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d][axes - 1]
    case(f"transposed_{len(CASES)}", layer(channels, outputs, kernel, **options), torch.randn(2, channels, *size),
         kind="transposed", channels=channels, outputs=outputs, kernel=kernel, **options)


class Separable(nn.Module):
    def __init__(self, channels, outputs, kernel, bias=True, **options):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=bias, **options)
        self.pointwise = nn.Conv2d(channels, outputs, 1, bias=bias)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


conv(4, 6, [3], [7], groups=2, stride=[2], padding=[1])
conv(3, 3, [2, 3], [4, 5], groups=3, dilation=[1, 2], padding=[1, 2], bias=False)
conv(2, 3, [2], [5], padding="same")
conv(2, 2, [4, 3], [5, 4], padding="same", dilation=[1, 2])
conv(1, 2, [2, 1, 3], [3, 2, 3], padding="same")
for mode in ("reflect", "replicate", "circular"):
    conv(2, 3, [3], [5], mode=mode, padding=[2], stride=[2])
    conv(2, 2, [4, 2], [5, 4], mode=mode, padding="same")
    conv(1, 2, [3, 1, 2], [3, 2, 3], mode=mode, padding=[1, 0, 1])
transposed(3, 2, [3], [4], stride=[2], padding=[1], output_padding=[1])
transposed(4, 6, [2, 3], [3, 2], stride=[2, 1], dilation=[2, 1], groups=2, bias=False)
transposed(2, 2, [2, 3, 2], [2, 2, 3], stride=[1, 2, 3], output_padding=[0, 1, 2])
options = dict(stride=[2, 1], padding=[1, 1])
case("separable", Separable(3, 4, [3, 3], **options), torch.randn(2, 3, 4, 3), kind="separable", channels=3, outputs=4,
     kernel=[3, 3], **options)
options = dict(padding="same", bias=False)
case("separable_same", Separable(2, 3, [2, 3], **options), torch.randn(2, 2, 3, 3), kind="separable", channels=2,
     outputs=3, kernel=[2, 3], **options)
print(json.dumps({"torch": torch.__version__, "cases": CASES}))
