"""Reference values of Laplace approximations, from laplace-torch 0.3: python3 laplace_approximation.py > laplace_approximation.json (needs laplace-torch).

Two networks of one tanh layer in double precision, with weights that are written down (they need not be at a mode): regression
with two outputs under Gaussian noise, and three classes. For each curvature (full, Kronecker, diagonal) under the prior
N(0, 1/precision): the log evidence, the covariances of the linearised outputs at some inputs, the best prior precision by
marginal likelihood, one and one for each weight (what laplace-torch calls layerwise), with the log evidence there. For the last
layer: the same with Kronecker factors.
"""

import json
import logging
import math
import warnings

import torch

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from laplace import Laplace  # noqa: E402
from laplace.curvature import CurvlinopsGGN  # noqa: E402

torch.set_default_dtype(torch.float64)
INPUTS, HIDDEN, ROWS, TESTS = 2, 5, 24, 4
PRECISION, NOISE = 0.7, 0.3


def numbers(count, frequency, scale):
    return [scale * math.sin(frequency * i + 0.3) for i in range(count)]


def network(outputs):
    net = torch.nn.Sequential(torch.nn.Linear(INPUTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, outputs))
    for index, parameter in enumerate(net.parameters()):
        values = numbers(parameter.numel(), 1.3 + 0.4 * index, 0.9)
        parameter.data = torch.tensor(values).reshape(parameter.shape)
    return net


def listed(tensor):
    return tensor.detach().reshape(-1).tolist()


def best(approximation, structure):
    """The precision of the largest evidence, which is laplace-torch's, by L-BFGS on its logarithm."""
    count = {"scalar": 1, "layerwise": approximation.n_layers}[structure]
    log_precision = torch.zeros(count, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_precision], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        value = -approximation.log_marginal_likelihood(prior_precision=log_precision.exp())
        value.backward()
        return value

    optimizer.step(loss)
    precision = log_precision.detach().exp()
    return {
        "precision": listed(precision),
        "log_evidence": approximation.log_marginal_likelihood(prior_precision=precision).item(),
    }


def case(likelihood, outputs, structure, subset):
    x = torch.tensor(numbers(ROWS * INPUTS, 0.7, 1.5)).reshape(ROWS, INPUTS)
    if likelihood == "regression":
        y = torch.tensor(numbers(ROWS * outputs, 1.1, 0.8)).reshape(ROWS, outputs)
        targets = listed(y)
    else:
        y = torch.tensor([(i * i) % outputs for i in range(ROWS)])
        targets = y.tolist()
    test = torch.tensor(numbers(TESTS * INPUTS, 2.3, 2.0)).reshape(TESTS, INPUTS)
    net = network(outputs)
    options = {"sigma_noise": NOISE} if likelihood == "regression" else {}
    approximation = Laplace(
        net, likelihood, subset, structure, prior_precision=PRECISION, backend=CurvlinopsGGN, **options
    )
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=ROWS)
    approximation.fit(loader)
    evidence = approximation.log_marginal_likelihood().item()
    means, covariances = approximation._glm_predictive_distribution(test)
    found = {
        "likelihood": likelihood,
        "structure": structure,
        "subset": subset,
        "weights": [listed(parameter) for parameter in net.parameters()],
        "x": listed(x),
        "y": targets,
        "test": listed(test),
        "outputs": outputs,
        "log_evidence": evidence,
        "means": listed(means),
        "covariances": listed(covariances),
        "one": best(approximation, "scalar"),
    }
    if likelihood == "classification":
        approximation.prior_precision = PRECISION
        found["probit"] = listed(approximation(test, pred_type="glm", link_approx="probit"))
    if subset == "all":
        found["by_weight"] = best(approximation, "layerwise")
    return found


cases = [
    case(likelihood, outputs, structure, subset)
    for likelihood, outputs in [("regression", 2), ("classification", 3)]
    for structure, subset in [("full", "all"), ("kron", "all"), ("diag", "all"), ("kron", "last_layer"), ("full", "last_layer")]
]
print(json.dumps({"hidden": HIDDEN, "inputs": INPUTS, "precision": PRECISION, "noise": NOISE, "cases": cases}))
