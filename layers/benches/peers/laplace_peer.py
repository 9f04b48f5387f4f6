"""laplace-torch's side of `compare`, unmodified: fit, prior precision, and the linearised model's predictions."""

import logging
import sys
import warnings

import torch
import torch.nn.functional as F

import given
import protocol

#: Rows whose Jacobians are in memory together: those of all 478,410 weights are 19 MB a row.
ROWS = {"laplace-last": 1000, "laplace-kron": 20}

#: Examples of a batch, and of those that are predicted.
BATCH, PREDICTED = 1000, 1000


class Batches:
    """Batches as slices: a `DataLoader` would gather them row by row."""

    def __init__(self, x, y):
        self.x, self.y, self.dataset = x, y, x

    def __iter__(self):
        return iter(zip(self.x.split(BATCH), self.y.split(BATCH)))

    def __len__(self):
        return -(-len(self.x) // BATCH)


class Fit:
    def __init__(self, name):
        from laplace import Laplace

        self.name = name
        layers = []
        for weight, bias in given.means(name):
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
            layers += [layer, torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers[:-1]).eval()
        x, y = torch.from_numpy(given.inputs(name)), torch.from_numpy(given.targets(name))
        self.batches, self.x, self.y = Batches(x, y), x[:PREDICTED], y[:PREDICTED]
        self.weights = {"laplace-last": "last_layer", "laplace-kron": "all"}[name]
        self.make = Laplace

    def nll(self, is_fitted):
        posterior = self.make(
            self.network, "classification", subset_of_weights=self.weights, hessian_structure="kron", prior_precision=1.0
        )
        posterior.fit(self.batches)
        if is_fitted:
            posterior.optimize_prior_precision(method="marglik", pred_type="glm", link_approx="probit")
        parts = [posterior(x, pred_type="glm", link_approx="probit") for x in self.x.split(ROWS[self.name])]
        return F.nll_loss(torch.cat(parts).log(), self.y).item()

    def run(self, steps):
        for _ in range(steps):
            self.nll(True)

    def losses(self):
        return [self.nll(False)]


def workload(name):
    if name not in ROWS:
        return "not a Laplace approximation"
    try:
        return Fit(name)
    except ImportError as error:
        return str(error)


if __name__ == "__main__":
    name, threads = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(int(threads))
    protocol.answer(workload(name))
