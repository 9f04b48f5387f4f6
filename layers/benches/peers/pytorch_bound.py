"""One training in PyTorch of the network of `time_to_bound`: reads a line of JSON, answers with one.

{"folder", "units", "method", "flushed", "settings", "seconds", "threads", "seed"} gives {"elbo", "steps", "seconds"}: the bound, in
nats, after about as many seconds of training. The steps that fit are found by timing some first.
"""

import json
import math
import sys
import time

import numpy
import torch
from torch.nn import functional

BATCH = 64


def main():
    for line in sys.stdin:
        print(json.dumps(train(**json.loads(line))), flush=True)


def train(folder, units, method, flushed, settings, seconds, threads, seed):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(flushed)
    x = torch.from_numpy(numpy.load(f"{folder}/inputs.npy"))
    y = torch.from_numpy(numpy.load(f"{folder}/labels.npy")).long()
    widths = [x.shape[1], units, units, int(y.max()) + 1]
    make = {"adam": Adam, "ivon": Ivon, "recipe": Recipe}[method]
    # Time some steps of a model that is thrown away, after warming up.
    torch.manual_seed(seed)
    trial = make(widths, len(x), 1000, **settings)
    run(trial, x, y, 100)
    step = run(trial, x, y, 200) / 200
    steps = max(50, int(seconds / step))
    torch.manual_seed(seed)
    model = make(widths, len(x), steps, **settings)
    spent = run(model, x, y, steps)
    with torch.no_grad():
        nll = sum(functional.cross_entropy(model.sample(x), y).item() * len(x) for _ in range(64)) / 64
        return {"elbo": -(nll + model.kl().item()), "steps": steps, "seconds": spent}


def run(model, x, y, steps):
    batches = math.ceil(len(x) / BATCH)
    begin = time.perf_counter()
    for step in range(steps):
        if step % batches == 0:
            order = torch.randperm(len(x))
        rows = order[step % batches * BATCH :][:BATCH]
        model.step(step, x[rows], y[rows])
    return time.perf_counter() - begin


class MeanField:
    """Layers with independent normal weights, sigma = softplus(rho), prior N(0, 1)."""

    def __init__(self, widths, initial_sd, bias_sd=None):
        inverse = lambda sd: math.log(math.expm1(sd))
        self.layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            sd = initial_sd(inputs)
            of_bias = bias_sd or sd
            mean = torch.randn(outputs, inputs) * math.sqrt(2 / inputs)
            layer = [mean, torch.full((outputs, inputs), inverse(sd)), torch.zeros(outputs), torch.full((outputs,), inverse(of_bias))]
            self.layers.append([tensor.requires_grad_() for tensor in layer])

    def parameters(self):
        return [tensor for layer in self.layers for tensor in layer]

    def kl(self):
        total = 0.0
        for layer in self.layers:
            for mean, rho in (layer[:2], layer[2:]):
                sd = functional.softplus(rho)
                total = total + (0.5 * (sd * sd + mean * mean - 1) - sd.log()).sum()
        return total

    def sample(self, x):
        for i, (mean, rho, bias, bias_rho) in enumerate(self.layers):
            weight = mean + functional.softplus(rho) * torch.randn_like(mean)
            x = functional.linear(x, weight, bias + functional.softplus(bias_rho) * torch.randn_like(bias))
            x = x if i == len(self.layers) - 1 else x.relu()
        return x

    def local(self, x):
        for i, (mean, rho, bias, bias_rho) in enumerate(self.layers):
            variance = functional.linear(x * x, functional.softplus(rho) ** 2, functional.softplus(bias_rho) ** 2)
            output = functional.linear(x, mean, bias)
            x = output + variance.sqrt() * torch.randn_like(output)
            x = x if i == len(self.layers) - 1 else x.relu()
        return x


class Adam(MeanField):
    """Bayes by backprop: sampled weights, Adam at one rate, constant or falling by a cosine."""

    def __init__(self, widths, examples, steps, rate, initial_sd, cosine):
        super().__init__(widths, lambda _: initial_sd)
        self.examples = examples
        self.adam = torch.optim.Adam(self.parameters(), lr=rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.adam, steps) if cosine else None

    def step(self, _, x, y):
        self.adam.zero_grad()
        (functional.cross_entropy(self.sample(x), y) + self.kl() / self.examples).backward()
        self.adam.step()
        if self.schedule:
            self.schedule.step()


class Recipe(MeanField):
    """What elbo chooses: rates by role, local reparameterisation, start by inputs, warm-up, clipping, a cosine."""

    def __init__(self, widths, examples, steps):
        super().__init__(widths, lambda inputs: 0.1 / math.sqrt(inputs), 0.05)
        groups = []
        for mean, rho, bias, bias_rho in self.layers:
            groups.append({"params": [mean], "rate": min(0.03, 0.12 / math.sqrt(mean.shape[1]))})
            groups.append({"params": [bias], "rate": 0.03})
            groups.append({"params": [rho, bias_rho], "rate": 0.048})
        self.adam = torch.optim.Adam(groups, lr=1e-3, fused=True)
        self.examples, self.steps, self.norm, self.weight = examples, steps, 0.0, 0.0

    def step(self, step, x, y):
        part = step / self.steps
        factor = min(1.0, (step + 1) / min(0.05 * self.steps, 400)) * 0.5 * (1 + math.cos(math.pi * part))
        for group in self.adam.param_groups:
            group["lr"] = group["rate"] * factor
            group["betas"] = (0.9, min(0.999, 1 - (step + 1) ** -0.8))
        self.adam.zero_grad()
        growth = min(1.0, step / min(0.1 * self.steps, 1200))
        (functional.cross_entropy(self.local(x), y) + growth * self.kl() / self.examples).backward()
        limit = 8 * self.norm / self.weight if self.weight else math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit).item()
        self.norm += 0.01 * (min(norm, limit) - self.norm)
        self.weight += 0.01 * (1 - self.weight)
        self.adam.step()


class Ivon:
    """IVON of ivon-opt (Shen et al. 2024): N(0, 1) is a weight decay of 1/N."""

    def __init__(self, widths, examples, steps, rate, hessian):
        import ivon

        layers = []
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
            torch.nn.init.normal_(layers[-2].weight, 0.0, math.sqrt(2 / inputs))
            torch.nn.init.zeros_(layers[-2].bias)
        self.net = torch.nn.Sequential(*layers[:-1])
        self.examples = examples
        self.ivon = ivon.IVON(
            self.net.parameters(), lr=rate, ess=examples, hess_init=hessian, weight_decay=1 / examples, beta2=0.9995
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.ivon, steps)

    def step(self, _, x, y):
        with self.ivon.sampled_params(train=True):
            self.ivon.zero_grad()
            functional.cross_entropy(self.net(x), y).backward()
        self.ivon.step()
        self.schedule.step()

    def sample(self, x):
        with self.ivon.sampled_params():
            return self.net(x)

    def kl(self):
        total = 0.0
        for group in self.ivon.param_groups:
            variance = 1 / (group["ess"] * (group["hess"] + group["weight_decay"]))
            means = torch.cat([parameter.flatten() for parameter in group["params"]])
            total = total + 0.5 * (variance + means * means - 1 - variance.log()).sum()
        return total


if __name__ == "__main__":
    main()
