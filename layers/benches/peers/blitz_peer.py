"""blitz's side of `compare`, unmodified: its layers, and its `sample_elbo`, which estimates the divergence."""

import sys

import torch
import torch.nn.functional as F

import given
import protocol


def network(name):
    from blitz.modules import BayesianLinear
    from blitz.utils import variational_estimator

    @variational_estimator
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layer = lambda outputs, inputs: BayesianLinear(
                inputs, outputs, prior_sigma_1=1.0, posterior_rho_init=given.RHO
            )
            self.layers = torch.nn.ModuleList([layer(*shape) for shape in given.WEIGHTS[name]])

        def forward(self, x):
            for layer in self.layers[:-1]:
                x = F.relu(layer(x))
            return self.layers[-1](x)

    return Network()


class Training:
    def __init__(self, name):
        self.network = network(name)
        self.x, self.y = torch.from_numpy(given.inputs(name)), torch.from_numpy(given.targets(name))
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)
        self.examples = given.EXAMPLES[name]

    def run(self, steps):
        for _ in range(steps):
            loss = self.network.sample_elbo(
                self.x, self.y, F.cross_entropy, sample_nbr=1, complexity_cost_weight=1 / self.examples
            )
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()


def workload(name):
    if name not in ("mlp-400", "mlp-1200"):
        return "not supported by its layers"
    try:
        return Training(name)
    except ImportError as error:
        return str(error)


if __name__ == "__main__":
    name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    protocol.answer(workload(name))
