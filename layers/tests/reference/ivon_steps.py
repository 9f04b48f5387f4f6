"""The first steps of IVON by its authors' library: python3 ivon_steps.py > ivon_steps.json (needs torch and ivon-opt 0.1.3).

A linear regression of 6 rows on 3 inputs with known noise, in double precision, from given means, with given noise. Every step
takes all rows. After each step: the means, and the standard deviations 1/sqrt(ess (hess + weight_decay)).
"""

import json
import math

import ivon
import torch

torch.set_default_dtype(torch.float64)

ROWS, INPUTS, STEPS, SD, PRIOR_SD, HESS = 6, 3, 6, 0.5, 1.5, 0.7
x = torch.tensor([[math.sin(1.0 + 2.0 * i + 0.7 * j) for j in range(INPUTS)] for i in range(ROWS)])
y = torch.tensor([[math.cos(0.9 * i)] for i in range(ROWS)])
noise = [[math.sin(3.1 * step + 1.7 * j + 0.4) for j in range(INPUTS)] for step in range(STEPS)]
means = [0.3, -0.2, 0.5]
settings = dict(beta1=0.9, beta2=0.95)

w = torch.nn.Parameter(torch.tensor(means))
optimizer = ivon.IVON(
    [w], lr=0.2, ess=ROWS, hess_init=HESS, weight_decay=1.0 / (ROWS * PRIOR_SD**2), **settings
)
draws = iter(noise)
torch.randn = lambda *_, **__: torch.tensor(next(draws))

steps = []
for _ in range(STEPS):
    with optimizer.sampled_params(train=True):
        optimizer.zero_grad()
        loss = ((x @ w[:, None] - y) ** 2 / (2 * SD**2) + math.log(SD) + 0.5 * math.log(2 * math.pi)).mean()
        loss.backward()
    optimizer.step()
    group = optimizer.param_groups[0]
    sds = (group["ess"] * (group["hess"] + group["weight_decay"])).rsqrt()
    steps.append({"mean": w.data.tolist(), "sd": sds.tolist()})

case = dict(
    x=x.flatten().tolist(), y=y.flatten().tolist(), noise=noise, means=means, sd=SD, prior_sd=PRIOR_SD, hess=HESS, rate=0.2,
    steps=steps, **settings,
)
print(json.dumps(case, indent=1))
