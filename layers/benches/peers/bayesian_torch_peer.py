"""bayesian-torch's side of `compare`, unmodified: its layers, and its `get_kl_loss`, which has its own scale."""

import sys

import torch
import torch.nn.functional as F

import given
import protocol


class Training:
    def __init__(self, name):
        from bayesian_torch.layers import LinearFlipout, LinearReparameterization
        from bayesian_torch.models.dnn_to_bnn import get_kl_loss

        self.kl = get_kl_loss
        layer = LinearFlipout if name == "flipout-1200" else LinearReparameterization
        layers = []
        for outputs, inputs in given.WEIGHTS[name]:
            layers += [layer(inputs, outputs, posterior_rho_init=given.RHO), torch.nn.ReLU()]
            # So that the divergence comes only from `get_kl_loss`, once.
            layers[-2].dnn_to_bnn_flag = True
        self.network = torch.nn.Sequential(*layers[:-1])
        self.x, self.y = torch.from_numpy(given.inputs(name)), torch.from_numpy(given.targets(name))
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)
        self.examples = given.EXAMPLES[name]

    def run(self, steps):
        for _ in range(steps):
            loss = F.cross_entropy(self.network(self.x), self.y) + self.kl(self.network) / self.examples
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()


def workload(name):
    if name not in ("mlp-400", "mlp-1200", "flipout-1200"):
        return "not supported by its layers"
    try:
        return Training(name)
    except ImportError as error:
        return str(error)


if __name__ == "__main__":
    name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    protocol.answer(workload(name))
