//! Softmax cross-entropy with labels, as one operation.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::reduce::{LANES, log_sum_exp, padded};
use crate::ops::pointwise_loss::Reduction;
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

/// Settings of [`Var::cross_entropy_with`]: label smoothing, ignored label, class weights and reduction.
///
/// ```
/// use elbo_engine::{CrossEntropy, Reduction};
///
/// let smooth = CrossEntropy::new().label_smoothing(0.1).ignore(0).reduction(Reduction::Sum);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossEntropy<'t> {
    reduction: Reduction,
    smoothing: f64,
    ignored: Option<usize>,
    weights: Option<&'t [f64]>,
}

impl<'t> CrossEntropy<'t> {
    /// The mean over all rows, without smoothing, ignored label or class weights.
    #[must_use]
    pub fn new() -> Self {
        CrossEntropy::default()
    }

    /// How the losses of the rows are reduced. The mean divides by the total weight of the labels that are not ignored,
    /// or by their number without weights; if that is 0, because all labels are ignored or have weight 0, the
    /// mean is 0 and so is its gradient.
    #[must_use]
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.reduction = reduction;
        self
    }

    /// Moves this part of each row's probability from its label uniformly to all classes (C. Szegedy et al.,
    /// "Rethinking the Inception architecture", 2016).
    ///
    /// # Panics
    /// If it is not in 0..=1.
    #[must_use]
    #[track_caller]
    pub fn label_smoothing(mut self, smoothing: f64) -> Self {
        assert!((0.0..=1.0).contains(&smoothing), "label_smoothing: the smoothing must be in 0..=1, got {smoothing}");
        self.smoothing = smoothing;
        self
    }

    /// Rows with this label have zero loss; it need not be one of the classes.
    #[must_use]
    pub fn ignore(mut self, label: usize) -> Self {
        self.ignored = Some(label);
        self
    }

    /// Multiplies −ln p of each class by its weight. A class of weight 0 does not count, even if its logit is −∞.
    #[must_use]
    pub fn class_weights(mut self, weights: &'t [f64]) -> Self {
        self.weights = Some(weights);
        self
    }

    fn weight(&self, class: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[class])
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// The mean over rows of −ln softmax(row)\[label\], in nats per example: logits (rows, classes), one label per row.
    ///
    /// # Panics
    /// If this is not a matrix with at least one class, the number of labels differs from the number of rows, or a
    /// label is out of range.
    #[track_caller]
    pub fn cross_entropy(self, labels: &'t [usize]) -> Var<'t, T> {
        self.cross_entropy_with(labels, CrossEntropy::new())
    }

    /// [`cross_entropy`](Var::cross_entropy) with label smoothing, an ignored label, class weights, or another
    /// reduction than the mean.
    ///
    /// # Panics
    /// As [`cross_entropy`](Var::cross_entropy), and if the number of weights differs from the number of classes.
    #[track_caller]
    pub fn cross_entropy_with(self, labels: &'t [usize], options: CrossEntropy<'t>) -> Var<'t, T> {
        let &[rows, classes] = self.shape() else {
            panic!("cross_entropy: logits of shape {:?}; expected (rows, classes)", self.shape());
        };
        assert!(
            rows == labels.len(),
            "cross_entropy: logits of shape {:?} (rows, classes) and {} labels",
            self.shape(),
            labels.len()
        );
        if let Some(row) = labels.iter().position(|&label| label >= classes && Some(label) != options.ignored) {
            panic!("cross_entropy: the label {} of row {row} is out of range for {classes} classes", labels[row]);
        }
        if let Some(weights) = options.weights {
            assert!(
                weights.len() == classes,
                "cross_entropy: {} class weights for logits of shape {:?}; expected one for each of {classes} classes",
                weights.len(),
                self.shape()
            );
        }
        let each = options.reduction.shape(&[rows]);
        self.tape().record(Fused { labels, options }, &[self], [&each[..], &[rows, 2]])[0]
    }
}

/// The loss; its second output, ln Σ eˣ of every row as two summands, is kept for the adjoint.
#[derive(Clone, Copy)]
struct Fused<'t> {
    labels: &'t [usize],
    options: CrossEntropy<'t>,
}

impl Fused<'_> {
    /// Calls `visit` with ranges of rows and the corresponding parts of `out`, possibly in parallel.
    fn for_each_part<'a, T: Real>(
        self,
        classes: usize,
        out: Rows<'a, T>,
        visit: &(dyn Fn(Range<usize>, Rows<'a, T>) + Sync),
    ) {
        for_each_part(out, self.labels.len(), GRAIN.div_ceil(classes.max(1)), 1, visit);
    }

    /// The label of a row and the weight of its −ln p, unless it is ignored.
    fn target(&self, row: usize) -> Option<(usize, f64)> {
        let label = self.labels[row];
        let weight = || (1.0 - self.options.smoothing) * self.options.weight(label);
        (self.options.ignored != Some(label)).then(|| (label, weight()))
    }

    /// The weight of −ln p of every class in each row due to smoothing, before the class's weight.
    fn spread(&self, classes: usize) -> f64 {
        self.options.smoothing / classes as f64
    }

    /// The mean of losses with this sum; 0 if nothing counts.
    fn mean_of(&self, sum: f64) -> f64 {
        match self.divisor() {
            0.0 => 0.0,
            divisor => sum / divisor,
        }
    }

    /// The divisor of the mean.
    fn divisor(&self) -> f64 {
        let kept = self.labels.iter().filter(|&&label| self.options.ignored != Some(label));
        kept.map(|&label| self.options.weight(label)).sum()
    }
}

impl<T: Real> Operation<T> for Fused<'_> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let [loss, totals] = io.outputs();
        self.for_each_part(classes, Rows::new(totals, 2), &|rows, totals| {
            dispatch(Totals { x: &x.data[rows.start * classes..rows.end * classes], totals: totals.data });
        });
        let (totals, _) = totals.as_chunks();
        let spread = self.spread(classes);
        let mut sum = 0.0;
        for (row, &[max, rest]) in totals.iter().enumerate() {
            let x = &x.data[row * classes..][..classes];
            let surprise = |class: usize| (rest + (max - x[class])).to_f64();
            // A class of weight 0 may have an infinite surprise.
            let weighted = |weight: f64, class: usize| if weight == 0.0 { 0.0 } else { weight * surprise(class) };
            let own = self.target(row).map_or(0.0, |(label, weight)| {
                let own = weighted(weight, label);
                if spread == 0.0 {
                    return own;
                }
                own + spread * (0..classes).map(|class| weighted(self.options.weight(class), class)).sum::<f64>()
            });
            sum += own;
            if self.options.reduction == Reduction::Each {
                loss[row] = T::from_f64(own);
            }
        }
        match self.options.reduction {
            Reduction::Mean => loss[0] = T::from_f64(self.mean_of(sum)),
            Reduction::Sum => loss[0] = T::from_f64(sum),
            Reduction::Each => {}
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let (totals, _) = io.output(1).data.as_chunks();
        let g = io.upstream(0).expect("the second output is private");
        let of_all = match self.options.reduction {
            Reduction::Mean => Some(match self.divisor() {
                0.0 => T::ZERO,
                divisor => g[0] / T::from_f64(divisor),
            }),
            Reduction::Sum => Some(g[0]),
            Reduction::Each => None,
        };
        io.accumulate(0, |target, write| {
            self.for_each_part(classes, Rows::new(target, classes), &|rows, target| {
                let x = &x.data[rows.start * classes..rows.end * classes];
                dispatch(Softmax { of: *self, x, totals, g, of_all, rows, target: target.data, write });
            });
        });
    }
}

/// ln Σ eˣ of every row, as two summands.
struct Totals<'a, T> {
    x: &'a [T],
    totals: &'a mut [T],
}

impl<T: Real> Kernel for Totals<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (totals, _) = self.totals.as_chunks_mut::<2>();
        let classes = self.x.len().checked_div(totals.len()).unwrap_or(0);
        for (i, total) in totals.iter_mut().enumerate() {
            *total = log_sum_exp::<S, T>(&self.x[i * classes..][..classes]);
        }
    }
}

/// g (m · softmax(row) − the weight of each class) for some rows, where m is the sum of the weights.
struct Softmax<'a, T> {
    of: Fused<'a>,
    x: &'a [T],
    totals: &'a [[T; 2]],
    /// The loss's adjoint: one for all rows, or one per row.
    g: &'a [T],
    of_all: Option<T>,
    rows: Range<usize>,
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Softmax { of, x, totals, g, of_all, rows, target, write } = self;
        let classes = x.len().checked_div(rows.len()).unwrap_or(0);
        let spread = of.spread(classes);
        let spread_mass = match spread {
            0.0 => 0.0,
            _ => spread * (0..classes).map(|class| of.options.weight(class)).sum::<f64>(),
        };
        let spread_is_zero = spread == 0.0 || (0..classes).all(|class| of.options.weight(class) == 0.0);
        for (i, row) in rows.enumerate() {
            let (x, target) = (&x[i * classes..][..classes], &mut target[i * classes..][..classes]);
            let Some((label, weight)) = of.target(row) else {
                write.clear(target);
                continue;
            };
            let [max, rest] = totals[row];
            let g = of_all.unwrap_or_else(|| g[row]);
            if g == T::ZERO || (weight == 0.0 && spread_is_zero) {
                // The logits of a row that does not count may be infinite or NaN.
                write.clear(target);
                continue;
            }
            let mass = g * T::from_f64(weight + spread_mass);
            for (target, x) in target.chunks_mut(LANES).zip(x.chunks(LANES)) {
                let mut parts = padded(x, max);
                for part in &mut parts {
                    *part = mass * ((*part - max) - rest).exp::<S>();
                }
                for (target, part) in target.iter_mut().zip(parts) {
                    write.put(part, target);
                }
            }
            if spread != 0.0 {
                for (class, target) in target.iter_mut().enumerate() {
                    *target -= g * T::from_f64(spread * of.options.weight(class));
                }
            }
            target[label] -= g * T::from_f64(weight);
        }
    }
}
