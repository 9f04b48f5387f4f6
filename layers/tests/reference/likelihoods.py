"""Reference values of likelihoods, in 50 digits: python3 likelihoods.py > likelihoods.json (needs mpmath).

Densities are written from their textbook definitions, gradients are numerical derivatives, distribution functions come from
mpmath's incomplete gamma, beta and error functions, and quantiles from bisection. For every case: two draws of outputs for
some rows of two elements, in blocks (first parameter of both elements, second of both, ..); the mean NLL of draw 0 and its
gradient; mean, standard deviation, and the quantiles 0.05, 0.5, 0.95 of every element under the mixture of both draws; and
the mixture's NLL, in which the elements of a row share a draw.
"""

import json
from math import inf

from mpmath import mp, mpf, betainc, exp, gamma, gammainc, log, loggamma, ncdf, pi, sqrt

mp.dps = 50


def normal(y, m, s):
    return -((y - m) / s) ** 2 / 2 - log(s) - log(2 * pi) / 2


def softplus(x):
    return log(1 + exp(x))


class Family:
    """One element: p are its parameters."""

    discrete = False

    def cdf(self, p, y):
        raise NotImplementedError


class Gaussian(Family):
    def __init__(self, sd):
        self.sd = mpf(sd)

    def log_density(self, p, y):
        return normal(y, p[0], self.sd)

    def moments(self, p):
        return p[0], self.sd**2

    def cdf(self, p, y):
        return ncdf((y - p[0]) / self.sd)


class Heteroscedastic(Family):
    def log_density(self, p, y):
        return normal(y, p[0], exp(p[1]))

    def moments(self, p):
        return p[0], exp(2 * p[1])

    def cdf(self, p, y):
        return ncdf((y - p[0]) / exp(p[1]))


class Laplace(Family):
    def log_density(self, p, y):
        return -abs(y - p[0]) / exp(p[1]) - p[1] - log(2)

    def moments(self, p):
        return p[0], 2 * exp(2 * p[1])

    def cdf(self, p, y):
        z = (y - p[0]) / exp(p[1])
        return exp(z) / 2 if z < 0 else 1 - exp(-z) / 2


class LogNormal(Family):
    def log_density(self, p, y):
        return normal(log(y), p[0], exp(p[1])) - log(y)

    def moments(self, p):
        v = exp(2 * p[1])
        return exp(p[0] + v / 2), (exp(v) - 1) * exp(2 * p[0] + v)

    def cdf(self, p, y):
        return ncdf((log(y) - p[0]) / exp(p[1])) if y > 0 else mpf(0)


class StudentT(Family):
    def __init__(self, df):
        self.df = mpf(df)

    def log_density(self, p, y):
        n, t = self.df, (y - p[0]) / exp(p[1])
        return loggamma((n + 1) / 2) - loggamma(n / 2) - log(n * pi) / 2 - p[1] - (n + 1) / 2 * log(1 + t * t / n)

    def moments(self, p):
        return p[0], exp(2 * p[1]) * self.df / (self.df - 2)

    def cdf(self, p, y):
        n, t = self.df, (y - p[0]) / exp(p[1])
        tail = betainc(n / 2, mpf(1) / 2, 0, n / (n + t * t), regularized=True) / 2
        return tail if t < 0 else 1 - tail


class Poisson(Family):
    discrete = True

    def log_density(self, p, y):
        return y * p[0] - exp(p[0]) - loggamma(y + 1)

    def moments(self, p):
        return exp(p[0]), exp(p[0])

    def cdf(self, p, y):
        return gammainc(mp.floor(y) + 1, exp(p[0]), regularized=True) if y >= 0 else mpf(0)


class NegativeBinomial(Family):
    discrete = True

    def log_density(self, p, y):
        m, r = exp(p[0]), exp(p[1])
        gammas = loggamma(y + r) - loggamma(r) - loggamma(y + 1)
        return gammas + r * log(r / (r + m)) + y * log(m / (r + m))

    def moments(self, p):
        m = exp(p[0])
        return m, m + m * m / exp(p[1])

    def cdf(self, p, y):
        m, r = exp(p[0]), exp(p[1])
        return sum(exp(self.log_density(p, mpf(k))) for k in range(int(mp.floor(y)) + 1)) if y >= 0 else mpf(0)


class Binomial(Family):
    discrete = True

    def __init__(self, trials=None):
        self.trials = trials

    def n(self, p):
        return mpf(self.trials) if self.trials else p[1]

    def log_density(self, p, y):
        n = self.n(p)
        choose = loggamma(n + 1) - loggamma(y + 1) - loggamma(n - y + 1)
        return choose - y * softplus(-p[0]) - (n - y) * softplus(p[0])

    def moments(self, p):
        chance = 1 / (1 + exp(-p[0]))
        return self.n(p) * chance, self.n(p) * chance * (1 - chance)

    def cdf(self, p, y):
        last = min(int(mp.floor(y)), int(self.n(p)))
        return sum(exp(self.log_density(p, mpf(k))) for k in range(last + 1)) if y >= 0 else mpf(0)


class Bernoulli(Binomial):
    def __init__(self):
        super().__init__(1)


class ZeroInflated(Family):
    discrete = True

    def __init__(self, inner):
        self.inner = inner

    def log_density(self, p, y):
        zero = 1 / (1 + exp(-p[-1]))
        counted = (1 - zero) * exp(self.inner.log_density(p[:-1], y))
        return log(counted + (zero if y == 0 else 0))

    def moments(self, p):
        zero = 1 / (1 + exp(-p[-1]))
        m, v = self.inner.moments(p[:-1])
        return (1 - zero) * m, (1 - zero) * (v + m * m) - ((1 - zero) * m) ** 2

    def cdf(self, p, y):
        zero = 1 / (1 + exp(-p[-1]))
        return (zero if y >= 0 else 0) + (1 - zero) * self.inner.cdf(p[:-1], y)


class Beta(Family):
    def shapes(self, p):
        m, f = 1 / (1 + exp(-p[0])), exp(p[1])
        return m * f, (1 - m) * f

    def log_density(self, p, y):
        a, b = self.shapes(p)
        return loggamma(a + b) - loggamma(a) - loggamma(b) + (a - 1) * log(y) + (b - 1) * log(1 - y)

    def moments(self, p):
        a, b = self.shapes(p)
        m = a / (a + b)
        return m, m * (1 - m) / (1 + a + b)

    def cdf(self, p, y):
        a, b = self.shapes(p)
        return betainc(a, b, 0, min(max(y, mpf(0)), mpf(1)), regularized=True)


class MixtureDensity(Family):
    def __init__(self, k):
        self.k = k

    def parts(self, p):
        k = self.k
        total = sum(exp(x) for x in p[:k])
        return [(exp(p[i]) / total, p[k + i], exp(p[2 * k + i])) for i in range(k)]

    def log_density(self, p, y):
        return log(sum(w * exp(normal(y, m, s)) for w, m, s in self.parts(p)))

    def moments(self, p):
        mean = sum(w * m for w, m, s in self.parts(p))
        return mean, sum(w * (s * s + (m - mean) ** 2) for w, m, s in self.parts(p))

    def cdf(self, p, y):
        return sum(w * ncdf((y - m) / s) for w, m, s in self.parts(p))


class Censored(Heteroscedastic):
    def __init__(self, lower, upper):
        self.lower, self.upper = mpf(lower), mpf(upper)

    def log_density(self, p, y):
        if y <= self.lower:
            return log(ncdf((self.lower - p[0]) / exp(p[1])))
        if y >= self.upper:
            return log(ncdf((p[0] - self.upper) / exp(p[1])))
        return super().log_density(p, y)


class Truncated(Family):
    def __init__(self, lower, upper):
        self.lower, self.upper = mpf(lower), mpf(upper)

    def ends(self, p):
        return [(x - p[0]) / exp(p[1]) for x in (self.lower, self.upper)]

    def mass(self, p):
        a, b = self.ends(p)
        return ncdf(-a) - ncdf(-b) if a > 0 else ncdf(b) - ncdf(a)

    def log_density(self, p, y):
        return normal(y, p[0], exp(p[1])) - log(self.mass(p))

    def moments(self, p):
        a, b = self.ends(p)
        density = lambda z: exp(-z * z / 2) / sqrt(2 * pi) if mp.isfinite(z) else mpf(0)
        of = lambda z: z * density(z) if mp.isfinite(z) else mpf(0)
        m = (density(a) - density(b)) / self.mass(p)
        s = exp(p[1])
        return p[0] + s * m, s * s * (1 + (of(a) - of(b)) / self.mass(p) - m * m)

    def cdf(self, p, y):
        a, _ = self.ends(p)
        z = (min(max(y, self.lower), self.upper) - p[0]) / exp(p[1])
        part = ncdf(-a) - ncdf(-z) if a > 0 else ncdf(z) - ncdf(a)
        return part / self.mass(p)


def quantile(family, draws, probability):
    below = lambda y: sum(family.cdf(p, y) for p in draws) / len(draws)
    low, high = mpf(-1), mpf(1)
    while below(low) >= probability:
        low *= 2
        if family.discrete and low < -1:
            break
        if low < -(mpf(2) ** 60):
            break
    while below(high) < probability:
        high *= 2
    if family.discrete:
        y = 0
        while below(mpf(y)) < probability:
            y += 1
        return mpf(y)
    for _ in range(120):
        middle = (low + high) / 2
        if below(middle) < probability:
            low = middle
        else:
            high = middle
    return high


def case(name, family, outputs, targets, known=0):
    """outputs: (draws, rows, blocks), targets: (rows, D). The last `known` blocks are data, without a gradient."""
    draws = [[[mpf(x) for x in row] for row in draw] for draw in outputs]
    ys = [[mpf(y) for y in row] for row in targets]
    d = len(ys[0])
    element = lambda row, i: row[i::d]
    nats = lambda row, y: sum(family.log_density(element(row, i), y[i]) for i in range(d))
    gradient = []
    for row, y in zip(draws[0], ys):
        slopes = []
        for k in range(len(row)):
            if k >= len(row) - known * d:
                slopes.append(mpf(0))
                continue
            f = lambda x: -nats(row[:k] + [x] + row[k + 1 :], y) / len(ys)
            slopes.append(mp.diff(f, row[k]))
        gradient.append(slopes)
    mean, sd, quantiles = [], [], []
    for r in range(len(ys)):
        for i in range(d):
            of_draws = [element(draw[r], i) for draw in draws]
            moments = [family.moments(p) for p in of_draws]
            m = sum(a for a, _ in moments) / len(moments)
            mean.append(m)
            sd.append(sqrt(sum(v + (a - m) ** 2 for a, v in moments) / len(moments)))
            quantiles.append([quantile(family, of_draws, mpf(q) / 100) for q in (5, 50, 95)])
    mixed = sum(
        -log(sum(exp(nats(draw[r], y)) for draw in draws) / len(draws)) for r, y in enumerate(ys)
    ) / len(ys)
    number = lambda x: float(x)
    return {
        "name": name,
        "outputs": outputs,
        "targets": targets,
        "nll": number(-sum(nats(row, y) for row, y in zip(draws[0], ys)) / len(ys)),
        "gradient": [[number(x) for x in row] for row in gradient],
        "mean": [number(x) for x in mean],
        "sd": [number(x) for x in sd],
        "quantiles": [[number(x) for x in row] for row in quantiles],
        "mixture_nll": number(mixed),
    }


def numbers(seed, draws, rows, blocks, low, high):
    """Blocks (low, high) of two elements each, from a fixed sequence."""
    state = seed
    out = []
    for _ in range(draws):
        draw = []
        for _ in range(rows):
            row = []
            for b in range(blocks):
                for _ in range(2):
                    state = (state * 1103515245 + 12345) % (1 << 31)
                    row.append(round(low[b] + (high[b] - low[b]) * state / (1 << 31), 4))
            draw.append(row)
        out.append(draw)
    return out


def main():
    reals = [[0.3, -1.2], [2.5, 0.0], [-0.7, 8.0]]
    counts = [[0, 3], [1, 0], [12, 2]]
    cases = [
        case("gaussian", Gaussian(0.7), numbers(1, 2, 3, 1, [-2], [2]), reals),
        case("bernoulli", Bernoulli(), numbers(2, 2, 3, 1, [-3], [3]), [[0, 1], [1, 1], [1, 0]]),
        case("heteroscedastic", Heteroscedastic(), numbers(3, 2, 3, 2, [-2, -1], [2, 1]), reals),
        case("laplace", Laplace(), numbers(4, 2, 3, 2, [-2, -1], [2, 1]), reals),
        case("log_normal", LogNormal(), numbers(5, 2, 3, 2, [-1, -1], [1, 0.5]), [[0.3, 1.2], [2.5, 1e-6], [7.0, 40.0]]),
        case("student_t", StudentT(4), numbers(6, 2, 3, 2, [-2, -1], [2, 1]), reals),
        case("poisson", Poisson(), numbers(7, 2, 3, 1, [-2], [3]), counts),
        case("negative_binomial", NegativeBinomial(), numbers(8, 2, 3, 2, [-2, -2], [3, 3]), counts),
        case("nearly_poisson", NegativeBinomial(), numbers(9, 2, 3, 2, [-1, 16], [2, 22]), counts),
        case("binomial", Binomial(12), numbers(10, 2, 3, 1, [-2], [2]), counts),
        case(
            "binomial_by_row",
            Binomial(),
            [[[0.5, -0.9, 4, 9], [1.5, 0.2, 1, 7], [-0.3, 0.1, 20, 2]], [[-0.5, 1.0, 4, 9], [2.5, 0, 1, 7], [0.3, 2, 20, 2]]],
            counts,
            known=1,
        ),
        case("zero_inflated_poisson", ZeroInflated(Poisson()), numbers(11, 2, 3, 2, [-1, -2], [2, 2]), counts),
        case(
            "zero_inflated_negative_binomial",
            ZeroInflated(NegativeBinomial()),
            numbers(12, 2, 3, 3, [-1, -1, -2], [2, 2, 2]),
            counts,
        ),
        case("beta", Beta(), numbers(13, 2, 3, 2, [-2, 0], [2, 3]), [[0.3, 0.9], [0.5, 0.01], [0.999, 0.2]]),
        case("mixture_density", MixtureDensity(3), numbers(14, 2, 3, 9, [-1] * 3 + [-4] * 3 + [-1] * 3, [1] * 3 + [4] * 3 + [1] * 3), reals),
        case("censored", Censored(-1, 2), numbers(15, 2, 3, 2, [-2, -1], [2, 1]), [[0.3, -1.0], [2.0, 0.0], [-1.0, 2.0]]),
        case("censored_in_the_tail", Censored(-inf, 30), [[[0.0, 0.5, 0.0, -1.0]], [[1.0, 0.2, 0.3, 0.1]]], [[30.0, 30.0]]),
        case("truncated", Truncated(-1, 2), numbers(16, 2, 3, 2, [-2, -1], [2, 1]), [[0.3, -1.0], [2.0, 0.0], [-0.5, 1.2]]),
        case("truncated_in_the_tail", Truncated(10, inf), [[[0.0, 0.5, 0.0, 0.4]], [[1.0, 0.2, 0.3, 0.1]]], [[10.5, 11.0]]),
        case("truncated_far", Truncated(1000, inf), [[[0.0, 0.5, 0.0, 0.4]], [[1.0, 0.2, 0.3, 0.1]]], [[1000.0005, 1000.002]]),
        case("truncated_below", Truncated(-inf, -40), [[[0.0, 0.5, 0.0, 0.4]], [[1.0, 0.2, 0.3, 0.1]]], [[-40.01, -40.1]]),
        case("truncated_in_a_narrow_interval", Truncated(2, 2.125), [[[0.0, 0.5, 9.0, 0.4]], [[1.0, 0.2, 9.3, 0.1]]], [[2.015625, 2.0625]]),
    ]
    print(json.dumps({"source": "layers/tests/reference/likelihoods.py", "cases": cases}, indent=1))


main()
