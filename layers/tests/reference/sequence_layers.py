"""Reference values of attention layers and transformer blocks: python3 sequence_layers.py > sequence_layers.json

Needs torch. Each case has weights, inputs, the output, a cotangent, and the gradients of all weights and inputs, in double precision.
"""

import json

import torch
from torch import nn

torch.manual_seed(21)
torch.set_default_dtype(torch.float64)
CASES = []


def listed(tensor):
    return {"shape": list(tensor.shape), "data": [float(f"{x:.17g}") for x in tensor.detach().reshape(-1).tolist()]}


def case(name, weights, inputs, forward, **attrs):
    """Records `forward(*inputs)` and its gradients; outputs at padded steps of the first input are 0."""
    lengths = attrs.get("lengths")
    inputs = {key: value.requires_grad_() for key, value in inputs.items()}
    output = forward(*inputs.values())
    if lengths:
        real = torch.arange(output.shape[1])[None, :] < torch.tensor(lengths)[:, None]
        output = torch.where(real[..., None], output, torch.zeros(()))
    cotangent = torch.randn_like(output)
    leaves = {**weights, **inputs}
    gradients = torch.autograd.grad((output * cotangent).sum(), list(leaves.values()))
    CASES.append({
        "name": name, "attrs": attrs,
        "weights": {key: listed(value) for key, value in weights.items()},
        "inputs": {key: listed(value) for key, value in inputs.items()},
        "output": listed(output), "cotangent": listed(cotangent),
        "gradients": {key: listed(value) for key, value in zip(leaves, gradients)},
    })


def padding(lengths, steps):
    """True where a step is padding."""
    return torch.arange(steps)[None, :] >= torch.tensor(lengths)[:, None]


def above(steps):
    """True where a causal mask forbids."""
    return torch.ones(steps, steps, dtype=torch.bool).triu(1)


def randomised(module):
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    return module, dict(module.named_parameters())


def attention():
    x, memory = torch.randn(2, 5, 6), torch.randn(2, 4, 6)
    own = lambda **options: randomised(nn.MultiheadAttention(6, 3, batch_first=True, **options))
    m, w = own()
    case("self", w, {"x": x}, lambda x: m(x, x, x)[0])
    m, w = own(bias=False)
    case("self_causal_without_bias", w, {"x": x}, lambda x: m(x, x, x, attn_mask=above(5))[0], causal=True, bias=False)
    m, w = own()
    pad = padding([5, 3], 5)
    case("self_padded", w, {"x": x}, lambda x: m(x, x, x, key_padding_mask=pad)[0], lengths=[5, 3])
    case("self_causal_padded", w, {"x": x}, lambda x: m(x, x, x, key_padding_mask=pad, attn_mask=above(5))[0],
         lengths=[5, 3], causal=True)
    allowed = torch.rand(2, 1, 5, 5) > 0.4
    allowed[..., 0] = True
    forbidden = ~allowed.expand(2, 3, 5, 5).reshape(6, 5, 5)
    case("self_allowed", w, {"x": x}, lambda x: m(x, x, x, attn_mask=forbidden)[0],
         mask="allow", values=listed(allowed.double()))
    added = torch.randn(5, 5)
    case("self_added", w, {"x": x}, lambda x: m(x, x, x, attn_mask=added)[0], mask="bias", values=listed(added))
    m, w = own()
    case("cross", w, {"x": x, "memory": memory}, lambda x, y: m(x, y, y)[0])
    pad = padding([2, 4], 4)
    case("cross_padded", w, {"x": x, "memory": memory}, lambda x, y: m(x, y, y, key_padding_mask=pad)[0], keys=[2, 4])
    m, w = own(kdim=5, vdim=4)
    keys, values = torch.randn(2, 4, 5), torch.randn(2, 4, 4)
    case("cross_of_other_widths", w, {"x": x, "key": keys, "value": values}, lambda x, k, v: m(x, k, v)[0], memory=[5, 4])


def rotated(x, base):
    """x (.., steps, d): as complex numbers whose parts are d/2 apart."""
    half = x.shape[-1] // 2
    angle = torch.arange(x.shape[-2])[:, None] * torch.tensor([base ** (-i / half) for i in range(half)])
    z = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([z.real, z.imag], -1)


def grouped():
    width, heads, groups, base = 16, 4, 2, 100.0
    d = width // heads
    w = {"in_proj_weight": torch.randn(width + 2 * groups * d, width) * 0.4, "in_proj_bias": torch.randn(width + 2 * groups * d),
         "out_proj.weight": torch.randn(width, width) * 0.4, "out_proj.bias": torch.randn(width)}
    w = {key: value.requires_grad_() for key, value in w.items()}

    def forward(x):
        y = nn.functional.linear(x, w["in_proj_weight"], w["in_proj_bias"])
        q, k, v = y.split([width, groups * d, groups * d], -1)
        q, k, v = [part.unflatten(-1, (-1, d)).transpose(1, 2) for part in (q, k, v)]
        q, k = rotated(q, base), rotated(k, base)
        k, v = [part.repeat_interleave(heads // groups, 1) for part in (k, v)]
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return nn.functional.linear(y.transpose(1, 2).flatten(2), w["out_proj.weight"], w["out_proj.bias"])

    case("grouped_rotary_causal", w, {"x": torch.randn(2, 7, width)}, forward,
         size=[width, heads, groups], rotary=base, causal=True)


def blocks():
    x, memory = torch.randn(2, 5, 6), torch.randn(2, 4, 6)
    for norm_first in (False, True):
        for activation in ("relu", "gelu"):
            options = dict(dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first)
            attrs = dict(norm_first=norm_first, activation=activation)
            kind = f"{'pre' if norm_first else 'post'}_{activation}"
            m, w = randomised(nn.TransformerEncoderLayer(6, 2, 7, **options))
            pad = padding([3, 5], 5)
            case(f"encoder_{kind}", w, {"x": x}, lambda x: m(x), **attrs)
            case(f"encoder_{kind}_causal_padded", w, {"x": x}, lambda x: m(x, src_mask=above(5), src_key_padding_mask=pad),
                 causal=True, lengths=[3, 5], **attrs)
            m, w = randomised(nn.TransformerDecoderLayer(6, 2, 7, **options))
            case(f"decoder_{kind}", w, {"x": x, "memory": memory}, lambda x, y: m(x, y, tgt_mask=above(5)), causal=True, **attrs)
            of_memory = padding([4, 2], 4)
            case(f"decoder_{kind}_padded", w, {"x": x, "memory": memory},
                 lambda x, y: m(x, y, tgt_mask=above(5), tgt_key_padding_mask=pad, memory_key_padding_mask=of_memory),
                 causal=True, lengths=[3, 5], keys=[4, 2], **attrs)


attention()
grouped()
blocks()
print(json.dumps({"torch": torch.__version__, "cases": CASES}))
