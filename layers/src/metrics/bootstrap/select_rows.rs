//! `SelectRows`: predictions and targets of chosen rows.

use crate::data::{Labels, Observed, Targets};
use crate::engine::{Real, Tensor};
use crate::metrics::{Mixture, Probabilities, Unscaled};
use crate::predictive::{Outputs, Univariate};

/// What has rows that can be chosen, in any order and repeatedly: predictions and targets, for
/// [`Bootstrap`](super::Bootstrap), for parts by group, and to split predictions in two.
///
/// ```
/// # use elbo::metrics::{Probabilities, SelectRows};
/// let p = Probabilities::new(vec![0.9, 0.1, 0.4, 0.6], vec![0.3, 0.6], 2, 1);
/// assert_eq!(p.select(&[1, 1, 0]).mean(), [0.4, 0.6, 0.4, 0.6, 0.9, 0.1]);
/// ```
pub trait SelectRows: Sized {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// These rows, in this order.
    ///
    /// # Panics
    /// If a row is out of range, or `rows` is empty where there must be one.
    #[must_use]
    fn select(&self, rows: &[usize]) -> Self;
}

macro_rules! targets {
    ($(($($generic:tt)*) $targets:ty;)+) => {$(
        impl<$($generic)*> SelectRows for $targets {
            fn rows(&self) -> usize {
                Targets::rows(self)
            }

            #[track_caller]
            fn select(&self, rows: &[usize]) -> Self {
                let mut selected = self.empty_like();
                self.gather(rows, &mut selected);
                selected
            }
        }
    )+};
}

targets! {
    () Vec<usize>;
    () Labels;
    (T: Real) Tensor<T>;
}

impl<T: Real, Y: Targets> SelectRows for Observed<T, Y> {
    fn rows(&self) -> usize {
        self.targets().rows()
    }

    #[track_caller]
    fn select(&self, rows: &[usize]) -> Self {
        let mut selected = self.empty_like();
        self.gather(rows, &mut selected);
        selected
    }
}

impl<T: Real> SelectRows for Outputs<T> {
    fn rows(&self) -> usize {
        Outputs::rows(self)
    }

    #[track_caller]
    fn select(&self, rows: &[usize]) -> Self {
        if let Some(row) = rows.iter().find(|row| **row >= self.rows()) {
            panic!("select: row {row} (from 0) is out of range for {} rows", self.rows());
        }
        let width: usize = self.axes().iter().product();
        let mut shape = self.tensor().shape().to_vec();
        shape[1] = rows.len();
        let mut selected = Vec::with_capacity(shape.iter().product());
        for draw in self.tensor().data().chunks_exact((self.rows() * width).max(1)) {
            rows.iter().for_each(|row| selected.extend_from_slice(&draw[row * width..][..width]));
        }
        Outputs::new(Tensor::new(shape, selected))
    }
}

impl<L: Univariate> SelectRows for Mixture<L> {
    fn rows(&self) -> usize {
        self.len()
    }

    #[track_caller]
    fn select(&self, rows: &[usize]) -> Self {
        Mixture { likelihood: self.likelihood.clone(), outputs: self.outputs.select(rows) }
    }
}

impl<L: Univariate> SelectRows for Unscaled<L> {
    fn rows(&self) -> usize {
        self.len()
    }

    #[track_caller]
    fn select(&self, rows: &[usize]) -> Self {
        self.scaled().select(rows).unscaled(self.scaling())
    }
}

/// Rows are examples, with all of their distributions.
impl SelectRows for Probabilities {
    fn rows(&self) -> usize {
        self.shape()[0]
    }

    #[track_caller]
    fn select(&self, rows: &[usize]) -> Self {
        self.selected(rows)
    }
}
