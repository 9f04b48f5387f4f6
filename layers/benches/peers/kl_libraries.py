"""One library's divergence of the network in a file, for `kl`: a JSON list for each way, [library, call, nats]."""

import importlib.metadata
import json
import os
import sys

import numpy as np

FILE = np.load(sys.argv[2])
LAYERS = range(sum(name.endswith(".weight.mean") for name in FILE.files))
PARTS = [(layer, part) for layer in LAYERS for part in ("weight", "bias")]


def of(layer, part):
    return FILE[f"{layer}.{part}.mean"], FILE[f"{layer}.{part}.sd"]


def inverse_softplus(sd):
    sd = sd.astype(np.float64)
    return (sd + np.log(-np.expm1(-sd))).astype(np.float32)


def say(package, call, nats):
    print(json.dumps([f"{package} {importlib.metadata.version(package)}", call, float(nats)]))


def tfp():
    import tensorflow_probability as tfp

    normal, total = tfp.distributions.Normal, 0.0
    for mean, sd in (of(*place) for place in PARTS):
        total += float(tfp.distributions.kl_divergence(normal(mean, sd), normal(0.0, 1.0)).numpy().sum())
    say("tensorflow-probability", "`tfd.kl_divergence(..)`, summed", total)


def tfp_layers():
    # TFP's layers are those of Keras 2.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    import tensorflow_probability as tfp

    normal = tfp.distributions.Normal

    def given(place):
        mean, sd = of(*place)
        # Keras has kernels of (inputs, outputs).
        mean, sd = (mean.T, sd.T) if place[1] == "weight" else (mean, sd)
        make = lambda *_: tfp.distributions.Independent(normal(mean, sd), reinterpreted_batch_ndims=mean.ndim)
        return make

    def prior(dtype, shape, *_):
        standard = normal(tf.zeros(shape, dtype), tf.ones((), dtype))
        return tfp.distributions.Independent(standard, reinterpreted_batch_ndims=len(shape))

    model = tf.keras.Sequential([
        tfp.layers.DenseReparameterization(
            len(of(layer, "bias")[0]),
            kernel_posterior_fn=given((layer, "weight")),
            bias_posterior_fn=given((layer, "bias")),
            kernel_prior_fn=prior,
            bias_prior_fn=prior,
        )
        for layer in LAYERS
    ])
    model(np.zeros((1, 784), np.float32))
    say("tensorflow-probability", "`sum(model.losses)` of `DenseReparameterization`, with this prior for biases, too", sum(model.losses))


def numpyro():
    import jax
    import numpyro
    import numpyro.distributions as dist

    total = sum(float(dist.kl_divergence(dist.Normal(*of(*place)), dist.Normal(0.0, 1.0)).sum()) for place in PARTS)
    say("numpyro", "`kl_divergence(..).sum()`", total)

    def model():
        for layer, part in PARTS:
            shape = of(layer, part)[0].shape
            numpyro.sample(f"{layer}.{part}", dist.Normal(0.0, 1.0).expand(shape).to_event(len(shape)))

    def guide():
        for layer, part in PARTS:
            mean, sd = of(layer, part)
            numpyro.sample(f"{layer}.{part}", dist.Normal(mean, sd).to_event(mean.ndim))

    for loss in (numpyro.infer.TraceMeanField_ELBO(), numpyro.infer.Trace_ELBO()):
        found = loss.loss(jax.random.PRNGKey(0), {}, model, guide)
        say("numpyro", f"`{type(loss).__name__}` without data, one particle", found)


def torch_parameters(values):
    import torch

    return torch.nn.Parameter(torch.from_numpy(values.copy()))


def bayesian_torch():
    import torch
    from bayesian_torch.layers import LinearReparameterization
    from bayesian_torch.models.dnn_to_bnn import get_kl_loss

    layers, parts = [], 0.0
    for layer in LAYERS:
        (mean, sd), (bias, bias_sd) = of(layer, "weight"), of(layer, "bias")
        made = LinearReparameterization(mean.shape[1], mean.shape[0])
        made.mu_weight, made.rho_weight = torch_parameters(mean), torch_parameters(inverse_softplus(sd))
        made.mu_bias, made.rho_bias = torch_parameters(bias), torch_parameters(inverse_softplus(bias_sd))
        layers.append(made)
        for means, rhos in ((made.mu_weight, made.rho_weight), (made.mu_bias, made.rho_bias)):
            sds = torch.log1p(torch.exp(rhos))
            zero, one = torch.zeros_like(means), torch.ones_like(means)
            parts += made.kl_div(means, sds, zero, one).item() * means.numel()
    say("bayesian-torch", "`get_kl_loss(model)`: the sum of each tensor's mean", get_kl_loss(torch.nn.Sequential(*layers)).item())
    say("bayesian-torch", "`kl_div` of each tensor, times its elements", parts)


def torchbnn():
    import torch
    import torchbnn

    layers = []
    for layer in LAYERS:
        (mean, sd), (bias, bias_sd) = of(layer, "weight"), of(layer, "bias")
        made = torchbnn.BayesLinear(0, 1, mean.shape[1], mean.shape[0])
        made.weight_mu, made.weight_log_sigma = torch_parameters(mean), torch_parameters(np.log(sd))
        made.bias_mu, made.bias_log_sigma = torch_parameters(bias), torch_parameters(np.log(bias_sd))
        layers.append(made)
    model = torch.nn.Sequential(*layers)
    say("torchbnn", "`BKLLoss()(model)`: the mean, by default", torchbnn.BKLLoss()(model).item())
    say("torchbnn", "`BKLLoss(reduction='sum')(model)`", torchbnn.BKLLoss(reduction="sum")(model).item())


def blitz():
    import torch
    from blitz.modules import BayesianLinear
    from blitz.utils import variational_estimator

    torch.manual_seed(0)

    @variational_estimator
    class Network(torch.nn.Module):
        def __init__(self, **prior):
            super().__init__()
            self.layers = torch.nn.ModuleList()
            for layer in LAYERS:
                (mean, sd), (bias, bias_sd) = of(layer, "weight"), of(layer, "bias")
                made = BayesianLinear(mean.shape[1], mean.shape[0], **prior)
                for sampler, means, sds in ((made.weight_sampler, mean, sd), (made.bias_sampler, bias, bias_sd)):
                    sampler.mu, sampler.rho = torch_parameters(means), torch_parameters(inverse_softplus(sds))
                self.layers.append(made)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    def estimate(draws, **prior):
        network, total = Network(**prior), 0.0
        for _ in range(draws):
            network(torch.zeros(1, 784))
            total += network.nn_kl_divergence().item()
        return total / draws

    say("blitz-bayesian-pytorch", "`nn_kl_divergence()`, the prior by default (N(0, 0.1²)), one draw", estimate(1))
    standard = dict(prior_sigma_1=1.0, prior_sigma_2=1.0, prior_pi=1.0)
    say("blitz-bayesian-pytorch", "`nn_kl_divergence()` under N(0, 1), one draw", estimate(1, **standard))
    say("blitz-bayesian-pytorch", "the same, mean of 100 draws", estimate(100, **standard))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
