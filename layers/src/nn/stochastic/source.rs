//! `Source`: noise of layers without weights, and the traits that such layers implement.

use std::cell::Cell;

use crate::engine::{Real, Shape, Var};
use crate::sampling::Cx;

/// What the first axis of a value with noise is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// The examples of a batch: in a prediction they share their noise, so that a draw is a function of its inputs.
    Examples,
    /// An axis of a weight: it has the same noise in training and in predictions.
    Weight,
}

/// The noise of a layer in a draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t, T: Real> {
    cx: Cx<'t, T>,
    /// The number of calls in this forward pass so far.
    calls: &'t Cell<usize>,
    in_predictions: bool,
}

impl<'t, T: Real> Source<'t, T> {
    pub(super) fn new(cx: Cx<'t, T>, in_predictions: bool) -> Self {
        Source { cx, calls: cx.tape().alloc_without_drop(Cell::new(0)), in_predictions }
    }

    /// Standard normal noise for a value of this shape, if the layer is on. It may have a first axis of 1 for `shape`'s.
    #[track_caller]
    pub(super) fn normal(self, shape: &[usize], rows: Rows) -> Option<Var<'t, T>> {
        let is_training = self.cx.tape().is_recording();
        if !is_training && !self.in_predictions {
            return None;
        }
        let call = self.calls.get();
        let is_shared = rows == Rows::Examples && !is_training;
        let own: Shape = shape.iter().enumerate().map(|(i, &n)| if i == 0 && is_shared { 1 } else { n }).collect();
        let noise = match rows {
            Rows::Examples => self.cx.layer_noise(call, &own),
            Rows::Weight => self.cx.layer_noise_of_weight(call, &own),
        }?;
        self.calls.set(call + 1);
        Some(noise)
    }
}

/// Checks a probability with which something is dropped.
#[track_caller]
pub(super) fn check_rate(layer: &str, rate: f64) {
    assert!((0.0..1.0).contains(&rate), "{layer}: the rate must be in [0, 1), got {rate}");
}

/// The traits of a layer without weights, of which `$drawn` makes the draw.
macro_rules! without_weights {
    ($name:ident, $draw:ident: |$layer:ident, $cx:ident| $drawn:expr) => {
        impl<T: $crate::engine::Real> $crate::engine::Parameters for $name<T> {
            type Scalar = T;

            fn visit<'a>(&'a self, _: &$crate::engine::Path<'_>, _: &mut $crate::engine::Visitor<'_, 'a, T>) {}

            fn visit_mut(&mut self, _: &$crate::engine::Path<'_>, _: &mut $crate::engine::VisitorMut<'_, T>) {}
        }

        impl<T: $crate::engine::Real> $crate::model::Bayesian for $name<T> {
            type Draw<'t> = $draw<'t, T>;
            type Batch = $crate::properties::Yes;
            type Exact = $crate::properties::Yes;
            type Allows = $crate::properties::Yes;

            fn draw_in<'t>(&'t self, $cx: $crate::sampling::Cx<'t, T>) -> $draw<'t, T> {
                let $layer = self;
                $drawn
            }

            fn each_kl(&self, _: &$crate::engine::Path<'_>, _: &mut dyn FnMut(&$crate::engine::Path<'_>, f64)) {}
        }

        impl<'t, T: $crate::engine::Real> $crate::model::Drawn<'t, T> for $draw<'t, T> {
            fn walk(
                &self,
                _: &$crate::engine::Path<'_>,
                _: &mut dyn FnMut(&$crate::engine::Path<'_>, $crate::estimator::Weight<'t, T>),
            ) {
            }
        }
    };
}

pub(in crate::nn) use without_weights;
