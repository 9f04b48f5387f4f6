"""Reference values of recurrent layers: python3 recurrent_layers.py writes recurrent_layers.json and recurrent_layers.safetensors.

Needs torch. Each case has PyTorch's weights, the input x and, in one direction, the initial states, the outputs and
the final states of all layers, a cotangent for each, and the gradients of everything that goes in, in double precision.
"""

import json
import struct

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(21)
torch.set_default_dtype(torch.float64)
EXAMPLES, STEPS, INPUTS, HIDDEN, PROJECTED = 3, 9, 2, 4, 3
LENGTHS = [9, 2, 7]
CASES, TENSORS = [], {}


def case(kind, layers=1, both=False, projected=0, bias=True, relu=False, padded=False):
    name = "_".join([kind, str(layers)] + [word for word, on in [
        ("both", both), ("projected", projected), ("plain", not bias), ("relu", relu), ("padded", padded)] if on])
    options = {"proj_size": projected} if projected else {"nonlinearity": "relu"} if relu else {}
    of = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind]
    module = of(INPUTS, HIDDEN, layers, bias=bias, batch_first=True, bidirectional=both, **options)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4)
    inputs = {"x": torch.randn(EXAMPLES, STEPS, INPUTS).requires_grad_()}
    widths = [projected or HIDDEN, HIDDEN][:2 if kind == "lstm" else 1]
    directions = 2 if both else 1
    if both:
        states = [torch.zeros(layers * directions, EXAMPLES, width) for width in widths]
    else:
        states = [torch.randn(layers, EXAMPLES, width).requires_grad_() for width in widths]
        inputs |= {f"state{i}": state for i, state in enumerate(states)}
    x = pack_padded_sequence(inputs["x"], LENGTHS, True, enforce_sorted=False) if padded else inputs["x"]
    y, last = module(x, tuple(states) if kind == "lstm" else states[0])
    if padded:
        y = pad_packed_sequence(y, True, total_length=STEPS)[0]
    last = list(last) if kind == "lstm" else [last]
    # (layers, examples, directions · width): the directions side by side.
    joined = [part.unflatten(0, (layers, directions)).transpose(1, 2).flatten(2) for part in last]
    outputs = {"y": y} | {f"last{i}": part for i, part in enumerate(joined)}
    cotangents = {key: torch.randn_like(value) for key, value in outputs.items()}
    weights = dict(module.named_parameters())
    leaves = weights | inputs
    loss = sum((outputs[key] * cotangents[key]).sum() for key in outputs)
    gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values()))))
    for part, tensors in [("weights", weights), ("inputs", inputs), ("outputs", outputs), ("cotangents", cotangents),
                          ("gradients", gradients)]:
        TENSORS.update({f"{name}/{part}/{key}": value.detach().contiguous() for key, value in tensors.items()})
    CASES.append({"name": name, "kind": kind, "layers": layers, "both": both, "projected": projected, "bias": bias, "relu": relu,
                  "lengths": LENGTHS if padded else None, "weights": list(weights), "inputs": list(inputs), "outputs": list(outputs)})


for kind in ["lstm", "gru", "rnn"]:
    for layers in [1, 2]:
        for both in [False, True]:
            for padded in [False, True]:
                case(kind, layers, both, padded=padded)
    case(kind, bias=False)
for layers in [1, 2]:
    for both in [False, True]:
        case("lstm", layers, both, projected=PROJECTED, padded=both)
        case("rnn", layers, both, relu=True, padded=both)
case("lstm", 2, projected=PROJECTED, bias=False)
sizes = {"inputs": INPUTS, "hidden": HIDDEN}
with open("recurrent_layers.json", "w") as file:
    json.dump({"torch": torch.__version__, "sizes": sizes, "cases": CASES}, file)
header, data = {}, b""
for key, value in TENSORS.items():
    numbers = value.flatten().tolist()
    header[key] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [len(data), len(data) + 8 * len(numbers)]}
    data += struct.pack(f"<{len(numbers)}d", *numbers)
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open("recurrent_layers.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
