"""PyTorch's side of `compare`, eager, as a careful user would write it: the fused Adam, each pass over the weights once."""

import math
import sys

import torch
import torch.nn.functional as F

import given
import protocol
import pytorch_networks

LN_MIXTURE = [(math.log(0.5), 0.0), (math.log(0.5), 6.0)]
"""ln πₖ and −ln sₖ of the scale mixture's two components."""


LAYOUTS = {"conv2d": torch.channels_last, "resnet": torch.channels_last, "conv3d": torch.channels_last_3d}
"""Channels last in memory, where that is faster than PyTorch's default."""


def laid_out(name, x):
    layout = LAYOUTS.get(name)
    return x.contiguous(memory_format=layout) if layout and x.ndim > 2 else x


class Layer(torch.nn.Module):
    """A random weight and bias; without noise if `quiet`."""

    def __init__(self, name, weight, bias, quiet):
        super().__init__()
        parameter = lambda x: torch.nn.Parameter(laid_out(name, x).clone())
        self.mean = torch.nn.ParameterList([parameter(torch.from_numpy(x)) for x in (weight, bias)])
        self.rho = torch.nn.ParameterList([parameter(torch.full(x.shape, given.RHO)) for x in (weight, bias)])
        self.quiet = quiet

    def noise(self, like):
        return torch.zeros_like(like) if self.quiet else torch.randn_like(like)

    def draw(self):
        """The weight and the bias, with the divergence from N(0, 1) in closed form."""
        drawn, kl = [], 0.0
        for mean, rho in zip(self.mean, self.rho):
            sigma = F.softplus(rho)
            drawn.append(torch.addcmul(mean, sigma, self.noise(mean)))
            kl = kl + normal_kl(mean, sigma)
        return *drawn, kl

    def draw_mixture(self):
        """The same under the scale mixture, with the divergence estimated at the drawn weight."""
        drawn, kl = [], 0.0
        for mean, rho in zip(self.mean, self.rho):
            sigma, noise = F.softplus(rho), self.noise(mean)
            w = torch.addcmul(mean, sigma, noise)
            (a, less), (b, more) = LN_MIXTURE
            half_square = 0.5 * w.square()
            ln_p = torch.logaddexp(a + less - half_square, b + more - half_square * math.exp(2 * more))
            kl = kl - sigma.log().sum() - 0.5 * noise.square().sum() - ln_p.sum()
            drawn.append(w)
        return *drawn, kl

    def flipout(self, x):
        weight, bias = (F.softplus(rho) * self.noise(rho) for rho in self.rho)
        signs = lambda y: torch.empty_like(y).bernoulli_().mul_(2).sub_(1)
        y = F.linear(x, self.mean[0], self.mean[1] + bias)
        return y + F.linear(x * signs(x), weight) * signs(y), self.closed()

    def local(self, x):
        mean = F.linear(x, self.mean[0], self.mean[1])
        sigmas = [F.softplus(rho) for rho in self.rho]
        variance = F.linear(x.square(), sigmas[0].square(), sigmas[1].square())
        kl = sum(normal_kl(mean, sigma) for mean, sigma in zip(self.mean, sigmas))
        return torch.addcmul(mean, variance.sqrt(), self.noise(mean)), kl

    def closed(self):
        return sum(normal_kl(mean, F.softplus(rho)) for mean, rho in zip(self.mean, self.rho))


def normal_kl(mean, sigma):
    return 0.5 * (mean.square().sum() + sigma.square().sum() - mean.numel()) - sigma.log().sum()


class Network(torch.nn.Module):
    def __init__(self, name, quiet=False):
        super().__init__()
        self.name = name
        self.layers = torch.nn.ModuleList([Layer(name, *means, quiet) for means in given.means(name)])

    def forward(self, x):
        """The outputs and the divergence."""
        match self.name:
            case "lenet":
                return self.convolve(x, [(2, True), (0, True)])
            case "conv2d":
                return self.convolve(x, [(1, False), (1, True), (1, False), (1, True)])
            case "conv3d":
                return self.convolve(x, [(1, True)] * 3)
        return self.dense(x, self.layers, torch.tanh if self.name == "small" else F.relu)

    def convolve(self, x, settings):
        """Convolutions, each with its padding and whether a pool of 2 follows; then the dense layers."""
        kl = 0.0
        map, pool = (F.conv3d, F.max_pool3d) if self.name == "conv3d" else (F.conv2d, F.max_pool2d)
        for layer, (padding, pools) in zip(self.layers, settings):
            weight, bias, part = layer.draw()
            x, kl = F.relu(map(x, weight, bias, padding=padding)), kl + part
            if pools:
                x = pool(x, 2)
        x, part = self.dense(x.flatten(1), self.layers[len(settings) :], F.relu)
        return x, kl + part

    def dense(self, x, layers, activation):
        kl = 0.0
        for i, layer in enumerate(layers):
            match self.name:
                case "flipout-1200":
                    x, part = layer.flipout(x)
                case "local-1200":
                    x, part = layer.local(x)
                case "mixture-1200":
                    weight, bias, part = layer.draw_mixture()
                    x = F.linear(x, weight, bias)
                case _:
                    weight, bias, part = layer.draw()
                    x = F.linear(x, weight, bias)
            kl = kl + part
            if i + 1 < len(layers):
                x = activation(x)
        return x, kl


class Training:
    def __init__(self, name, quiet=False):
        network = pytorch_networks.Larger if name in given.TENSORS else Network
        self.name, self.network = name, network(name, quiet)
        self.x = laid_out(name, torch.from_numpy(given.inputs(name)))
        self.y = torch.from_numpy(given.targets(name)).flatten(0, 1 if name == "transformer" else 0)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)

    def step(self):
        output, kl = self.network(self.x)
        nll = F.mse_loss(output, self.y) if self.name == "small" else F.cross_entropy(output, self.y)
        loss = nll + kl / given.EXAMPLES[self.name]
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        return loss

    def run(self, steps):
        for _ in range(steps):
            self.step()

    def losses(self):
        quiet = Training(self.name, quiet=True)
        return [quiet.step().item() for _ in range(protocol.CHECKED)]


class Prediction:
    """Probabilities averaged over a hundred draws; σ is computed once."""

    def __init__(self):
        self.layers = Network("predict").layers
        self.x, self.y = torch.from_numpy(given.inputs("predict")), torch.from_numpy(given.targets("predict"))

    @torch.inference_mode()
    def nll(self, draws=given.DRAWS, noise=torch.randn_like):
        layers = [[(m, F.softplus(r)) for m, r in zip(layer.mean, layer.rho)] for layer in self.layers]
        total = torch.zeros(len(self.x), 10)
        for _ in range(draws):
            x = self.x
            for i, layer in enumerate(layers):
                weight, bias = (torch.addcmul(mean, sigma, noise(mean)) for mean, sigma in layer)
                x = F.linear(x, weight, bias)
                if i + 1 < len(layers):
                    x = x.relu_()
            total += x.softmax(1)
        return F.nll_loss((total / draws).log(), self.y).item()

    def run(self, steps):
        for _ in range(steps):
            self.nll()

    def losses(self):
        return [self.nll(1, torch.zeros_like)]


class Evaluation:
    """The bound: the mean NLL of 64 draws of the weights, each over all rows in batches that stay in the cache, and the closed KL."""

    BATCH = 1000

    def __init__(self):
        self.layers = Network("evaluate").layers
        self.x, self.y = torch.from_numpy(given.inputs("evaluate")), torch.from_numpy(given.targets("evaluate"))

    @torch.inference_mode()
    def loss(self, draws=given.BOUND_DRAWS, noise=torch.randn_like):
        layers = [[(m, F.softplus(r)) for m, r in zip(layer.mean, layer.rho)] for layer in self.layers]
        kl = sum((0.5 * (m * m + s * s - 1) - s.log()).sum().item() for layer in layers for m, s in layer)
        total = 0.0
        for _ in range(draws):
            drawn = [[torch.addcmul(mean, sigma, noise(mean)) for mean, sigma in layer] for layer in layers]
            for x, y in zip(self.x.split(self.BATCH), self.y.split(self.BATCH)):
                for i, (weight, bias) in enumerate(drawn):
                    x = F.linear(x, weight, bias)
                    if i + 1 < len(drawn):
                        x = x.relu_()
                total += F.cross_entropy(x, y, reduction="sum").item()
        return (total / draws + kl) / len(self.x)

    def run(self, steps):
        for _ in range(steps):
            self.loss()

    def losses(self):
        for layer in self.layers:
            for rho in layer.rho:
                rho.data.fill_(given.QUIET_RHO)
        return [self.loss(1, torch.zeros_like)]


if __name__ == "__main__":
    name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    special = {"predict": Prediction, "evaluate": Evaluation}
    if name.startswith("laplace"):
        protocol.answer("compared to laplace-torch only")
    else:
        protocol.answer(special[name]() if name in special else Training(name))
