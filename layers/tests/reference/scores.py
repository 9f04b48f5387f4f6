"""Reference values for metrics, bootstrap intervals, calibration and conformal prediction: python3 scores.py > scores.json

Needs numpy, scipy 1.17, scikit-learn 1.9 and properscoring 0.1. What these libraries have is theirs; the rest (interval score, Brier
terms, risk-coverage, conformal scores, the posterior of a temperature) is written out here with numpy and scipy's quadrature, in another
form than in the library.
"""

import json

import numpy as np
import properscoring
import sklearn
from scipy import integrate, optimize, special, stats
from sklearn import isotonic, metrics

rng = np.random.default_rng(20)


def softmax(z):
    return special.softmax(z, axis=-1)


def listed(**values):
    def plain(value):
        if isinstance(value, dict):
            return {name: plain(of) for name, of in value.items()}
        return np.asarray(value).tolist()

    return {name: plain(value) for name, value in values.items()}


def classification():
    probabilities = np.round(softmax(1.5 * rng.normal(size=(60, 5))), 3)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(-1)
    # Class 3 never occurs as a label.
    labels = rng.choice([0, 1, 2, 4], size=60, p=[0.4, 0.3, 0.2, 0.1])
    predicted = probabilities.argmax(-1)
    averages = {}
    for average in ["macro", "micro", "weighted"]:
        p, r, f, _ = metrics.precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        averages[average] = [p, r, f]
    each = metrics.precision_recall_fscore_support(labels, predicted, labels=range(5), zero_division=0)[:3]
    # Murphy's terms by bins, and Ferro and Fricker's corrections, written out for each class.
    bins, n = 5, len(labels)
    terms = np.zeros(6)
    for c in range(5):
        p, y = probabilities[:, c], (labels == c).astype(float)
        k = np.clip(np.ceil(p * bins).astype(int) - 1, 0, bins - 1)
        rel = res = extra = 0.0
        for b in set(k):
            inside = k == b
            m, o = inside.sum(), y[inside].mean()
            rel += m / n * (p[inside].mean() - o) ** 2
            res += m / n * (o - y.mean()) ** 2
            if m > 1:
                extra += m / n * o * (1 - o) / (m - 1)
        unc, more = y.mean() * (1 - y.mean()), y.mean() * (1 - y.mean()) / (n - 1)
        within = ((p - y) ** 2).mean() - (rel - res + unc)
        terms += [rel, res, unc, rel - extra, res - extra + more, unc + more]
    entropy = special.entr(probabilities).sum(-1)
    loss = (predicted != labels).astype(float)
    order = np.argsort(entropy)
    counts = np.arange(1, n + 1)
    best = np.sort(loss)
    return listed(
        probabilities=probabilities, labels=labels,
        confusion=metrics.confusion_matrix(labels, predicted, labels=range(5)), each=each, averages=averages,
        bins=bins, brier_terms=terms,
        aurc=(np.cumsum(loss[order]) / counts).mean(),
        excess_aurc=(np.cumsum(loss[order]) / counts).mean() - (np.cumsum(best) / counts).mean(),
        risk_at_half=loss[order][: n // 2].mean(),
    )


def crps_by_quad(cdf, y, low, high):
    below, _ = integrate.quad(lambda x: cdf(x) ** 2, low, y, epsabs=1e-12, epsrel=1e-12, limit=500)
    above, _ = integrate.quad(lambda x: (1 - cdf(x)) ** 2, y, high, epsabs=1e-12, epsrel=1e-12, limit=500)
    return below + above


def regression():
    mean, sd, y = np.round(rng.normal(size=12), 3), np.round(rng.gamma(2, 0.4, size=12) + 0.05, 3), np.round(2 * rng.normal(size=12), 3)
    samples = np.round(rng.normal(size=(12, 7)), 3)
    draws = np.round(rng.normal(size=(3, 12)), 3)
    student, counts = [], []
    nu, scale = 3.0, 0.7
    whole = rng.poisson(4.0, size=12)
    for i in range(12):
        def cdf(x):
            return stats.t.cdf((x - draws[:, i]) / scale, nu).mean()
        student.append(crps_by_quad(cdf, y[i], -np.inf, np.inf))
        k = np.arange(0, 400)
        F = stats.poisson.cdf(k[:, None], np.exp(1.0 + 0.3 * draws[:, i])).mean(-1)
        counts.append(((F - (k >= whole[i])) ** 2).sum())
    # The nonrandomised histogram of Czado et al.: F(u) = mean of the piecewise linear transforms.
    high = stats.poisson.cdf(whole[:, None], np.exp(1.0 + 0.3 * draws.T)).mean(-1)
    low = stats.poisson.cdf(whole[:, None] - 1, np.exp(1.0 + 0.3 * draws.T)).mean(-1)
    grid = np.linspace(0, 1, 6)
    F = np.clip((grid[:, None] - low) / (high - low), 0, 1).mean(-1)
    alpha = 0.2
    lower, upper = mean - sd, mean + 1.5 * sd
    winkler = (upper - lower + 2 / alpha * np.where(y < lower, lower - y, 0) + 2 / alpha * np.where(y > upper, y - upper, 0)).mean()
    columns_mean, columns_y = mean.reshape(6, 2), y.reshape(6, 2)
    return listed(
        mean=mean, sd=sd, y=y, samples=samples, draws=draws, whole=whole,
        crps_normal=properscoring.crps_gaussian(y, mean, sd), crps_samples=properscoring.crps_ensemble(y, samples),
        student_crps=np.mean(student), count_crps=np.mean(counts), count_pit=np.diff(F),
        interval_score=winkler, level=1 - alpha,
        rmse=metrics.root_mean_squared_error(y, mean), mae=metrics.mean_absolute_error(y, mean), r2=metrics.r2_score(y, mean),
        r2_columns=metrics.r2_score(columns_y, columns_mean),
    )


def bootstrap():
    # The interval of given resamples, for the unit test in layers/src/metrics/bootstrap/interval.rs.
    fixed = (np.arange(20) ** 2 % 11) / 4
    class Result:
        bootstrap_distribution = (1 + np.sin(0.7 * np.arange(200))) ** 2
    options = dict(n_resamples=0, confidence_level=0.9, bootstrap_result=Result)
    intervals = {m: list(stats.bootstrap((fixed,), np.mean, method=m, **options).confidence_interval) for m in ["percentile", "BCa"]}
    data = np.round(rng.gamma(1.0, 1.0, size=25), 3)
    a, b = np.round(rng.normal(1.0, 1.0, size=14), 3), np.round(rng.gamma(1.0, 1.0, size=9), 3)

    def difference(a, b, axis):
        return a.mean(axis) - b.mean(axis)

    options = dict(n_resamples=400_000, confidence_level=0.9, method="BCa", rng=np.random.default_rng(3))
    return listed(
        intervals=intervals, data=data, groups={"a": a, "b": b},
        many_one=list(stats.bootstrap((data,), np.mean, **options).confidence_interval),
        many=list(stats.bootstrap((a, b), difference, **options).confidence_interval),
    )


def temperature():
    draws, n, classes = 4, 50, 3
    truth = rng.normal(size=(n, classes))
    labels = np.array([rng.choice(classes, p=p) for p in softmax(truth)])
    logits = np.round(3 * truth + 1.5 * rng.normal(size=(draws, n, classes)), 3)

    def nll(u):
        return -np.log(softmax(logits * np.exp(-u)).mean(0)[np.arange(n), labels]).sum()

    def slope(u):
        # By complex steps: softmax and mean are analytic.
        z = logits * np.exp(-(u + 1e-30j))
        p = np.exp(z - z.real.max(-1, keepdims=True))
        p = (p / p.sum(-1, keepdims=True)).mean(0)[np.arange(n), labels]
        return -np.log(p).sum().imag / 1e-30

    best = optimize.brentq(slope, -3, 3, xtol=1e-15, rtol=1e-15)
    prior_sd = 0.4

    def density(u):
        return np.exp(-(nll(u) - nll(best)) - 0.5 * (u / prior_sd) ** 2)

    def integral(f):
        return integrate.quad(f, best - 3, best + 3, epsabs=1e-13, epsrel=1e-13, limit=500, points=[best])[0]

    total = integral(density)
    mean = integral(lambda u: np.exp(u) * density(u)) / total
    second = integral(lambda u: np.exp(2 * u) * density(u)) / total
    first_row = [
        integral(lambda u, c=c: softmax(logits[:, 0] * np.exp(-u)).mean(0)[c] * density(u)) / total for c in range(classes)
    ]
    return listed(
        logits=logits, labels=labels, temperature=np.exp(best), nll=nll(best) / n, nll_before=nll(0.0) / n, prior_sd=prior_sd,
        posterior_mean=mean, posterior_sd=np.sqrt(second - mean**2), first_row=first_row,
    )


def isotonic_regression():
    x = np.round(rng.uniform(size=40), 2)
    y = (rng.uniform(size=40) < x**2).astype(float)
    at = np.linspace(-0.2, 1.2, 57)
    fitted = isotonic.IsotonicRegression(out_of_bounds="clip").fit(x, y)
    return listed(x=x, y=y, at=at, values=fitted.predict(at))


def conformal():
    """Scores by cumulative sums of sorted probabilities, as in the code of Angelopoulos and Bates 2021, "A Gentle Introduction to
    Conformal Prediction". The threshold is the ceil((n + 1)(1 - alpha))-th smallest score, as in its text; its code takes numpy's
    quantile with method "higher", which is sometimes the next one."""
    n, m, classes, alpha = 60, 40, 6, 0.15
    probabilities = np.round(softmax(1.4 * rng.normal(size=(n + m, classes))), 6)
    probabilities[:, 0] = 1 - probabilities[:, 1:].sum(-1)
    labels = np.array([rng.choice(classes, p=p) for p in probabilities])
    place = int(np.ceil((n + 1) * (1 - alpha))) - 1
    penalty, free = 0.05, 2

    def all_scores(method):
        if method == "lac":
            return 1 - probabilities
        order = np.argsort(-probabilities, axis=-1)
        cumulative = np.take_along_axis(probabilities, order, -1).cumsum(-1)
        if method == "raps":
            cumulative = cumulative + penalty * np.maximum(np.arange(1, classes + 1) - free, 0)
        return np.take_along_axis(cumulative, np.argsort(order, axis=-1), -1)

    results = {}
    for method in ["lac", "aps", "raps"]:
        scores = all_scores(method)
        q = np.sort(scores[np.arange(n), labels[:n]])[place]
        sets = scores[n:] <= q
        sets[np.arange(m), probabilities[n:].argmax(-1)] = True
        results[method] = dict(threshold=q, sets=sets.astype(int), coverage=sets[np.arange(m), labels[n:]].mean())
    mean, sd = np.round(rng.normal(size=n + m), 4), np.round(rng.gamma(2, 0.3, size=n + m) + 0.05, 4)
    y = np.round(mean + 1.6 * sd * rng.standard_t(4, size=n + m), 4)
    z = stats.norm.ppf(1 - alpha / 2)
    scores = dict(residual=np.abs(y - mean), scaled=np.abs(y - mean) / sd, quantiles=np.maximum(mean - z * sd - y, y - mean - z * sd))
    thresholds = {name: np.sort(of[:n])[place] for name, of in scores.items()}
    covered = {name: (of[n:] <= thresholds[name]).mean() for name, of in scores.items()}
    return listed(
        held_out=n, alpha=alpha, probabilities=probabilities, labels=labels, penalty=penalty, free=free, sets=results,
        mean=mean, sd=sd, y=y, thresholds=thresholds, covered=covered,
    )


def feature_density():
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    features = np.round(rng.normal(size=(60, 3)) * [1.0, 0.3, 2.0] + 2 * labels[:, None], 3)
    at = np.round(4 * rng.normal(size=(10, 3)), 3)
    parts = [features[labels == c] for c in range(3)]
    covariances = [np.cov(part.T, bias=True) for part in parts]
    jitter = 1e-6 * sum(len(part) * np.trace(cov) for part, cov in zip(parts, covariances)) / features.size
    log_joint = [
        np.log(len(part) / 60) + stats.multivariate_normal(part.mean(0), cov + jitter * np.eye(3)).logpdf(at)
        for part, cov in zip(parts, covariances)
    ]
    return listed(features=features, labels=labels, at=at, log_density=special.logsumexp(log_joint, axis=0))


print(json.dumps(dict(
    source="layers/tests/reference/scores.py", sklearn=sklearn.__version__,
    classification=classification(), regression=regression(), bootstrap=bootstrap(), temperature=temperature(),
    isotonic=isotonic_regression(), conformal=conformal(), feature_density=feature_density(),
)))
