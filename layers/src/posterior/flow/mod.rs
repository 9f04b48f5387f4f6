//! `Flow`: a posterior by a normalising flow of affine coupling layers.

mod coupling;

use crate::distribution::elementwise::{ElementwiseTerm, sum};
use crate::distribution::log_scale::{divisor, log_scales};
use crate::engine::random::normals;
use crate::engine::{Key, Parameters, Path, Real, Shape, Tape, Tensor, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::posterior::{Density, MeanField, Posterior};
use crate::properties::No;
use crate::sampling::{Cx, Sampled};
pub use coupling::Coupling;

/// A normalising flow (Rezende and Mohamed 2015) of affine coupling layers (Real NVP: Dinh, Sohl-Dickstein and Bengio 2016) over
/// the elements of the weight, row by row: w = μ + σ y, where y is standard normal noise ε after the couplings. Each coupling
/// multiplies and shifts one half of the elements by functions of the other half, in turn the second half and the first, so
/// two couplings change all elements. It can be correlated, curved and have several modes, and its density is exact.
///
/// It is for weights of moderate size: a coupling has hidden · (n/2 + n) parameters for n elements, and a draw multiplies by all of
/// them. A weight of one element has no couplings and is a [`MeanField`]. The factors of a coupling are between e⁻² and e², so
/// that a draw is finite for all values of the parameters.
///
/// The divergence is estimated from the drawn weights, so the prior is wrapped in [`MonteCarlo`](struct@crate::MonteCarlo). The noise
/// ε has the weight's name and shape. Elements are not independent, so neither local reparameterisation nor Flipout applies.
/// The mean has no closed form; [`Posterior::mean`] is the mean of 64 fixed draws in antithetic pairs.
///
/// ```
/// # use elbo::prelude::*;
/// let mut layer = Dense::of(3, 2, |shape| Flow::<f32>::new(shape, 4), MonteCarlo(Normal(0.0, 1.0)));
/// layer.initialise(Key::new(1));
/// assert!(layer.kl_estimate(Key::new(2), 100).mean > 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Flow<T: Real = f32> {
    /// μ and σ.
    pub base: MeanField<T>,
    /// The couplings, in the order in which noise passes through them.
    pub couplings: Vec<Coupling<T>>,
}

/// The draws whose mean is the mean of a flow, in pairs of ε and −ε.
const DRAWS_OF_MEAN: usize = 64;

impl<T: Real> Flow<T> {
    /// A weight of this shape with this number of couplings, of 2 n hidden units for n elements, but at least 8 and at most 64. μ
    /// and σ are initialised as by [`MeanField::new`], and the couplings close to the identity, equally in all flows of as many
    /// elements.
    ///
    /// # Panics
    /// If there are no couplings.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, couplings: usize) -> Self {
        let shape = shape.into();
        let hidden = (2 * shape.elements()).clamp(8, 64);
        Flow::with_hidden(shape, couplings, hidden)
    }

    /// [`new`](Flow::new) with this number of hidden units.
    ///
    /// # Panics
    /// If there are no couplings or no hidden units.
    #[track_caller]
    pub fn with_hidden(shape: impl Into<Shape>, couplings: usize, hidden: usize) -> Self {
        assert!(couplings > 0, "Flow: at least one coupling is needed, got 0; use `MeanField`");
        assert!(hidden > 0, "Flow: at least one hidden unit is needed, got 0");
        let base = MeanField::new(shape);
        let n = base.mean.len();
        let key = |i: usize| Key::new(0).at("made by a constructor").at("flow").index(n).index(i);
        let coupling = |i: usize| {
            let [kept, changed] = halves(n, i);
            Coupling::new([kept, changed, hidden], key(i))
        };
        let couplings = if n < 2 { Vec::new() } else { (0..couplings).map(coupling).collect() };
        Flow { base, couplings }
    }

    /// Sets the initial standard deviation of every element, before the couplings.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn initial_sd(self, sd: f64) -> Self {
        Flow { base: self.base.initial_sd(sd), ..self }
    }

    /// Rows y of rows ε, with the sum of the logarithms of all factors.
    fn through<'t>(&'t self, rows: Var<'t, T>) -> (Var<'t, T>, Option<Var<'t, T>>) {
        let put = |parameter: &'t Tensor<T>| rows.tape().param(parameter);
        let (mut y, mut log_det) = (rows, None);
        for (i, coupling) in self.couplings.iter().enumerate() {
            let [kept, changed] = parts(y, i);
            let [log_factor, shift] = coupling.of(kept, &put);
            y = joined([kept, changed * log_factor.exp() + shift], i);
            log_det = plus(log_det, log_factor.sum());
        }
        (y, log_det)
    }

    /// ε of the draw, as one row.
    fn noise<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        cx.noise(self.shape()).reshape([1, self.base.mean.len()])
    }

    /// μ + σ y.
    fn scaled<'t>(&'t self, y: Var<'t, T>) -> Var<'t, T> {
        let [mean, rho] = [&self.base.mean, &self.base.rho].map(|parameter| y.tape().param(parameter));
        mean + rho.softplus() * y.reshape(self.shape())
    }

    /// ln N(ε) − ln |det ∂w/∂ε|.
    fn log_density_by<'t>(&'t self, noise: Var<'t, T>, log_det: Option<Var<'t, T>>, rho: Var<'t, T>) -> Var<'t, T> {
        let half_log_tau = 0.5 * std::f64::consts::TAU.ln() * noise.len() as f64;
        let of_noise = noise.square().sum() * -0.5 - half_log_tau - log_scales(rho);
        log_det.map_or(of_noise, |log_det| of_noise - log_det)
    }
}

/// How many of n elements coupling `i` keeps and changes.
fn halves(n: usize, i: usize) -> [usize; 2] {
    let first = n / 2;
    if i.is_multiple_of(2) { [first, n - first] } else { [n - first, first] }
}

/// The elements of rows that coupling `i` keeps and changes.
fn parts<'t, T: Real>(rows: Var<'t, T>, i: usize) -> [Var<'t, T>; 2] {
    let n = rows.shape()[1];
    let [first, second] = rows.split(1, [n / 2, n - n / 2]);
    if i.is_multiple_of(2) { [first, second] } else { [second, first] }
}

/// Rows of the elements that coupling `i` keeps and changes.
fn joined<'t, T: Real>([kept, changed]: [Var<'t, T>; 2], i: usize) -> Var<'t, T> {
    Var::concat(&if i.is_multiple_of(2) { [kept, changed] } else { [changed, kept] }, 1)
}

fn plus<'t, T: Real>(total: Option<Var<'t, T>>, more: Var<'t, T>) -> Option<Var<'t, T>> {
    Some(total.map_or(more, |total| total + more))
}

impl<T: Real> Parameters for Flow<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.base.visit(path, f);
        let couplings = path.at("couplings");
        self.couplings.iter().enumerate().for_each(|(i, coupling)| coupling.visit(&couplings.index(i), f));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.base.visit_mut(path, f);
        let couplings = path.at("couplings");
        self.couplings.iter_mut().enumerate().for_each(|(i, coupling)| coupling.visit_mut(&couplings.index(i), f));
    }
}

impl<T: Real> Posterior for Flow<T> {
    type Local = No<Self>;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.base.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.base.check_as("Flow")?;
        for (i, coupling) in self.couplings.iter().enumerate() {
            coupling
                .check(halves(self.base.mean.len(), i))
                .map_err(|found| format!("Flow: coupling {i} has {found}"))?;
        }
        Ok(())
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        super::check(self);
        self.scaled(self.through(self.noise(cx)).0)
    }

    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        super::check(self);
        let n = self.base.mean.len();
        let mut noise = vec![T::ZERO; DRAWS_OF_MEAN / 2 * n];
        normals(Key::new(0).at("mean of a flow"), 0, &mut noise);
        let pairs = tape.constant([DRAWS_OF_MEAN, n], |i| {
            let (row, column) = (i / n, i % n);
            let noise = noise[row / 2 * n + column];
            if row.is_multiple_of(2) { noise } else { -noise }
        });
        self.scaled(self.through(pairs).0.mean_axes(&[0], false))
    }

    fn log_density_of_draw<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Option<Var<'t, T>> {
        Some(self.log_density_of_sample(w, cx))
    }
}

impl<T: Real> Density for Flow<T> {
    /// By the inverse of the flow.
    fn log_density<'t>(&'t self, w: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let put = |parameter: &'t Tensor<T>| cx.density_param(parameter);
        let (mean, rho) = (put(&self.base.mean), put(&self.base.rho));
        let (mut y, mut log_det) = (((w - mean) / divisor(rho)).reshape([1, w.len()]), None);
        for (i, coupling) in self.couplings.iter().enumerate().rev() {
            let [kept, changed] = parts(y, i);
            let [log_factor, shift] = coupling.of(kept, &put);
            y = joined([kept, (changed - shift) * (-log_factor).exp()], i);
            log_det = plus(log_det, log_factor.sum());
        }
        self.log_density_by(y, log_det, rho)
    }

    fn sample_with_log_ratio<'t, F: ElementwiseTerm<1> + 't>(
        &'t self,
        log_prior: F,
        cx: Cx<'t, T>,
    ) -> Option<Sampled<'t, T>> {
        super::check(self);
        let noise = self.noise(cx);
        let (y, log_det) = self.through(noise);
        let w = self.scaled(y);
        Some((w, self.log_density_by(noise, log_det, cx.tape().param(&self.base.rho)) - sum(log_prior, [w], None)))
    }

    fn log_density_of_sample<'t>(&'t self, _: Var<'t, T>, cx: Cx<'t, T>) -> Var<'t, T> {
        let noise = self.noise(cx);
        let (_, log_det) = self.through(noise);
        self.log_density_by(noise, log_det, cx.tape().param(&self.base.rho))
    }
}
