"""Exchanges networks with PyTorch and bayesian-torch, by files.

    python layers/tests/reference/pytorch_files.py write /tmp/nets
    ELBO_PYTORCH=/tmp/nets cargo test -p elbo --test suite networks_are_exchanged -- --ignored
    python layers/tests/reference/pytorch_files.py check /tmp/nets

Needs torch, bayesian-torch, onnxruntime and safetensors.
"""

import pathlib
import sys

import onnxruntime
import torch
from bayesian_torch.layers import LinearReparameterization
from safetensors.torch import load_file, save_file


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 4)
        self.conv = torch.nn.Conv1d(4, 6, 3, padding=1)
        self.norm = torch.nn.BatchNorm1d(6)
        self.lstm = torch.nn.LSTM(6, 5, batch_first=True)
        self.gru = torch.nn.GRU(5, 3, batch_first=True, bidirectional=True)
        self.scale = torch.nn.LayerNorm(6)
        self.fc = torch.nn.Linear(6, 2)

    def forward(self, x):
        x = self.embedding(x).transpose(1, 2)
        x = torch.relu(self.norm(self.conv(x))).transpose(1, 2)
        x, _ = self.gru(self.lstm(x)[0])
        return self.fc(self.scale(x.mean(1)))


def write(folder):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    net, x = Net(), torch.randint(0, 11, (4, 7))
    for _ in range(3):  # running statistics
        net(torch.randint(0, 11, (16, 7)))
    net.eval()
    save_file(net.state_dict(), folder / "net.safetensors")
    save_file({"input": x.float(), "output": net(x).detach()}, folder / "outputs.safetensors")
    save_file(LinearReparameterization(3, 2).state_dict(), folder / "bayesian_torch.safetensors")


def check(folder):
    theirs, back = load_file(folder / "net.safetensors"), load_file(folder / "back.safetensors")
    counter = "norm.num_batches_tracked"
    assert set(theirs) == set(back) | {counter}, set(theirs) ^ set(back)
    assert all(torch.equal(theirs[name], back[name]) for name in back)
    net = Net()
    net.load_state_dict(back)  # strict
    net.eval()
    expected = load_file(folder / "outputs.safetensors")
    x = expected["input"].long()
    assert torch.equal(net(x), expected["output"])

    draws, outputs = load_file(folder / "draws.safetensors"), load_file(folder / "draw_outputs.safetensors")["output"]
    for k in range(3):
        net.load_state_dict({name: tensor[k] for name, tensor in draws.items()})
        error = (net(x) - outputs[k]).abs().max()
        print(f"draw {k}: largest difference {error:.1e}")
        assert error < 1e-5

    session = onnxruntime.InferenceSession(folder / "draws.onnx")
    error = abs(session.run(None, {"input": expected["input"].numpy()})[0] - outputs.numpy()).max()
    print(f"onnxruntime: largest difference {error:.1e}")
    assert error < 1e-5

    rho = load_file(folder / "bayesian_torch.safetensors")["rho_weight"]
    error = (load_file(folder / "sd.safetensors")["sd"] - torch.log1p(torch.exp(rho))).abs().max()
    print(f"bayesian-torch: largest difference of a standard deviation {error:.1e}")
    assert error < 1e-8
    print("PyTorch loads what was saved, bit for bit")


{"write": write, "check": check}[sys.argv[1]](pathlib.Path(sys.argv[2]))
