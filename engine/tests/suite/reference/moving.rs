//! Reference cases of shapes, indices, linear algebra and losses.

use elbo_engine::{CholeskyFactor, CrossEntropy, Indices, Padding, Real, Reduction, Tape, Var};
use serde_json::Value;

/// The value of a case's operation, or `None` if nothing here computes it. Of several outputs, all elements one behind
/// the other.
pub(crate) fn evaluate<'t, T: Real>(
    tape: &'t Tape<T>,
    case: &Value,
    x: &[Var<'t, T>],
    integers: &[&[i64]],
) -> Option<Var<'t, T>> {
    let attrs = &case["attrs"];
    let axis = || attrs["axis"].as_i64().unwrap() as isize;
    let index = |k: usize| tape.alloc_slice(integers[k].len(), |i| integers[k][i] as usize);
    Some(match (case["op"].as_str()?, x) {
        ("broadcast_to", &[x]) => x.broadcast_to(counts(&attrs["shape"])),
        ("repeat", &[x]) => x.repeat(&counts(&attrs["reps"])),
        ("slice", &[x]) => {
            let (starts, stops, steps) = (numbers(&attrs["starts"]), numbers(&attrs["stops"]), counts(&attrs["steps"]));
            (0..steps.len()).fold(x, |x, axis| x.slice(axis as isize, starts[axis]..stops[axis], steps[axis]))
        }
        ("select", &[x]) => x.at(axis(), attrs["index"].as_i64()? as isize),
        ("concat", parts) => Var::concat(parts, axis()),
        ("stack", parts) => Var::stack(parts, axis()),
        ("split", &[x]) => {
            let sizes: [usize; 2] = counts(&attrs["sizes"]).try_into().ok()?;
            let parts = x.split(axis(), sizes);
            Var::concat(&parts.map(|part| part.reshape([part.value().len()])), 0)
        }
        ("pad", &[x]) => {
            let margins: Vec<[usize; 2]> =
                attrs["pads"].as_array()?.iter().map(|pair| counts(pair).try_into().unwrap()).collect();
            let padding = match attrs["mode"].as_str()? {
                "constant" => Padding::Constant(attrs["value"].as_f64()?),
                "reflect" => Padding::Reflect,
                "replicate" => Padding::Replicate,
                mode => panic!("margins of the mode {mode}"),
            };
            x.pad(&margins, padding)
        }
        ("flip", &[x]) => x.flip(&numbers(&attrs["axes"])),
        ("roll", &[x]) => {
            let (shifts, axes) = (numbers(&attrs["shifts"]), numbers(&attrs["axes"]));
            axes.iter().zip(shifts).fold(x, |x, (&axis, shift)| x.roll(axis, shift))
        }
        ("tril", &[x]) => x.tril(attrs["k"].as_i64()? as isize),
        ("triu", &[x]) => x.triu(attrs["k"].as_i64()? as isize),
        ("diag_embed", &[x]) => {
            let n = *x.shape().last()?;
            let columns = x.reshape([x.shape(), &[1]].concat());
            columns * tape.constant([n, n], |i| if i / n == i % n { T::ONE } else { T::ZERO })
        }
        ("gather", &[x]) => x.gather(axis(), places(x, axis(), index(0))),
        ("scatter_add", &[x, source]) => x.scatter_add(axis(), Indices::new(source.shape(), index(0)), source),
        ("index_select", &[x]) => x.index_select(axis(), index(0)),
        ("index_add", &[x, source]) => x.index_add(axis(), index(0), source),
        // The shapes of integers are not handed on.
        ("embedding", &[table]) => match attrs["padding_idx"].as_u64() {
            Some(padding) => table.embedding_padded(Indices::new([2, 3], index(0)), padding as usize),
            None => table.embedding(Indices::new([3, 4], index(0))),
        },
        ("nll_loss", &[x]) => {
            let kept = tape.constant([integers[0].len()], |i| T::from_f64(f64::from(u8::from(integers[0][i] >= 0))));
            let labels = tape.alloc_slice(integers[0].len(), |i| integers[0][i].max(0) as usize);
            let losses = -x.gather(1, Indices::new([labels.len(), 1], labels)).at(1, 0) * kept;
            if attrs["reduction"] == "mean" { losses.sum() / kept.sum() } else { losses }
        }
        ("einsum", operands) => Var::einsum(attrs["equation"].as_str()?, operands),
        ("cholesky", &[a]) => a.cholesky(),
        ("eigvalsh", &[a]) => a.eigenvalues(),
        ("inverse", &[a]) => a.inverse(),
        ("logdet", &[a]) => a.logdet(),
        ("slogdet", &[a]) => Var::concat(&a.slogdet().map(|part| part.reshape([part.value().len()])), 0),
        ("solve", &[a, b]) => a.solve(b),
        ("triangular_solve", &[a, b]) => {
            let triangle = if attrs["upper"] == true { CholeskyFactor::UPPER } else { CholeskyFactor::LOWER };
            let triangle = if attrs["transpose"] == true { triangle.transposed() } else { triangle };
            let triangle = if attrs["unit_diagonal"] == true { triangle.unit_diagonal() } else { triangle };
            a.triangular_solve(b, triangle)
        }
        ("cholesky_solve", &[b, l]) => {
            let half = l.triangular_solve(b, CholeskyFactor::LOWER);
            l.triangular_solve(half, CholeskyFactor::LOWER.transposed())
        }
        ("cross_entropy", &[logits, ..]) => {
            // Classes last; any axes behind them are more rows.
            let rank = logits.shape().len() as isize;
            let order: Vec<isize> = [0].into_iter().chain(2..rank).chain([1]).collect();
            let rows = logits.permute(&order).reshape([integers[0].len(), logits.shape()[1]]);
            let options = CrossEntropy::new()
                .reduction(reduction(attrs))
                .label_smoothing(attrs["label_smoothing"].as_f64()?)
                .ignore(attrs["ignore_index"].as_i64()? as usize);
            match x.get(1) {
                Some(weights) => {
                    let weights = tape.alloc_slice(weights.value().len(), |i| weights.value()[i].to_f64());
                    rows.cross_entropy_with(index(0), options.class_weights(weights))
                }
                None => rows.cross_entropy_with(index(0), options),
            }
        }
        ("mse_loss", &[x, y]) => x.mse(y, reduction(attrs)),
        ("l1_loss", &[x, y]) => x.l1(y, reduction(attrs)),
        ("huber_loss", &[x, y]) => x.huber(y, attrs["delta"].as_f64()?, reduction(attrs)),
        ("bce_with_logits", &[x, y]) => x.bce_with_logits(y, reduction(attrs)),
        ("bce_with_logits", &[x, y, weights]) => {
            let weights: Vec<f64> = weights.value().iter().map(|weight| weight.to_f64()).collect();
            x.bce_with_logits_weighted(y, &weights, reduction(attrs))
        }
        // The references leave the constants of the densities out.
        ("gaussian_nll", &[mean, y, variance]) => {
            let left_out = 0.5 * std::f64::consts::TAU.ln();
            let count = if attrs["reduction"] == "sum" { y.value().len() as f64 } else { 1.0 };
            mean.gaussian_nll(y, variance, reduction(attrs)) - count * left_out
        }
        ("poisson_nll", &[x, y]) => {
            let factorial = |y: f64| (2..=y as u32).map(|k| f64::from(k).ln()).sum::<f64>();
            let left_out: f64 = y.value().iter().map(|y| factorial(y.to_f64())).sum();
            assert_eq!(reduction(attrs), Reduction::Mean);
            x.poisson_nll(y, Reduction::Mean) - left_out / y.value().len() as f64
        }
        _ => return None,
    })
}

fn reduction(attrs: &Value) -> Reduction {
    match attrs["reduction"].as_str().unwrap() {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        _ => Reduction::Each,
    }
}

fn counts(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|n| n as usize).collect()
}

fn numbers(value: &Value) -> Vec<isize> {
    value.as_array().unwrap().iter().map(|n| n.as_i64().unwrap() as isize).collect()
}

/// An index that has the shape of `x` but along one axis.
fn places<'t, T: Real>(x: Var<'t, T>, axis: isize, index: &'t [usize]) -> Indices<'t> {
    let mut shape = x.shape().to_vec();
    let axis = axis.rem_euclid(shape.len() as isize) as usize;
    shape[axis] = index.len() * shape[axis] / x.value().len();
    Indices::new(shape, index)
}
