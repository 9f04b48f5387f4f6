"""Reference values of layers with rank-1 factors and of BatchEnsemble: python3 factor_layers.py > factor_layers.json

Needs torch. Each case has parameters, an input, the output, a cotangent, and the gradients of all parameters and of the input, in
double precision. Deviations are those of the factors from 1.
"""

import json

import torch
from torch.nn import functional

torch.manual_seed(21)
torch.set_default_dtype(torch.float64)
CASES = []


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.17g}") for x in tensor.detach().reshape(-1).tolist()]}


def case(name, shapes, x, forward):
    parameters = {key: torch.randn(shape).requires_grad_() for key, shape in shapes.items()}
    x = torch.randn(x).requires_grad_()
    output = forward(x, **parameters)
    cotangent = torch.randn_like(output)
    leaves = {**parameters, "x": x}
    gradients = torch.autograd.grad((output * cotangent).sum(), list(leaves.values()), allow_unused=True)
    CASES.append({
        "name": name,
        "parameters": {key: listed(value) for key, value in parameters.items()},
        "x": listed(x), "output": listed(output), "cotangent": listed(cotangent),
        "gradients": {key: listed(value) for key, value in zip(leaves, gradients) if value is not None},
    })


def dense(x, weight, input_deviation, output_deviation, bias=None):
    effective = weight * torch.outer(1 + output_deviation, 1 + input_deviation)
    return functional.linear(x, effective, bias)


def conv(x, weight, input_deviation, output_deviation, bias=None, **settings):
    effective = weight * (1 + output_deviation)[:, None, None, None] * (1 + input_deviation)[None, :, None, None]
    return functional.conv2d(x, effective, bias, **settings)


factors = {"weight": (4, 3), "input_deviation": (3,), "output_deviation": (4,)}
case("dense", {**factors, "bias": (4,)}, (4, 3), dense)
case("dense without bias", factors, (2, 3, 3), dense)
factors = {"weight": (4, 3, 2, 3), "input_deviation": (3,), "output_deviation": (4,)}
case("conv", {**factors, "bias": (4,)}, (4, 3, 5, 6), lambda x, **p: conv(x, **p, stride=(1, 2), padding=(1, 0)))
case("conv without bias", factors, (3, 3, 4, 4), conv)


def member(x, weight, i, **parameters):
    s, r, b = (parameters.get(f"members.{i}.{name}") for name in ("input_factors", "output_factors", "bias"))
    return functional.linear(x, weight * torch.outer(r, s), b)


def vectors(bias):
    shapes = {"weight": (4, 3)}
    for i in range(3):
        shapes |= {f"members.{i}.input_factors": (3,), f"members.{i}.output_factors": (4,)}
        if bias:
            shapes[f"members.{i}.bias"] = (4,)
    return shapes


# The draws 0 to 4 of three members.
for bias in (True, False):
    name = "ensemble" if bias else "ensemble without bias"
    case(name, vectors(bias), (4, 3), lambda x, **p: torch.stack([member(x, i=draw % 3, **p) for draw in range(5)]))

print(json.dumps({"cases": CASES}))
