//! Posterior families: distributions over a weight that are learned.

mod buffer;
mod full_covariance;
mod log_normal;
mod log_scale;
mod low_rank;
mod matrix_normal;
mod mean_field;
mod mean_field_cauchy;
mod mean_field_laplace;
mod point;
pub(crate) mod radial;
mod spike_and_slab;
mod triangle;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

pub use buffer::{Buffer, Saved};
pub use full_covariance::FullCovariance;
pub use log_normal::LogNormal;
pub(crate) use log_scale::{inverse_softplus, log_scale, log_scales, log_softplus, softplus};
pub use low_rank::LowRank;
pub use matrix_normal::MatrixNormal;
pub use mean_field::{INITIAL_SD, MeanField};
pub use mean_field_cauchy::MeanFieldCauchy;
pub use mean_field_laplace::MeanFieldLaplace;
pub use point::Point;
pub use radial::Radial;
pub use spike_and_slab::SpikeAndSlab;
pub(crate) use spike_and_slab::sigmoid;
pub(crate) use triangle::OnTape;
pub use triangle::Triangle;

use crate::divergence::Sampled;
use crate::engine::random::normals;
use crate::engine::threads::call;
use crate::{Cx, Key, Parameters, Path, Prior, Real, Role, Space, Tape, Tensor, Var, Verdict};

/// A distribution over one weight, with learned parameters.
pub trait Posterior: Parameters + 'static {
    /// Whether [`Local`](crate::Local) is for it: [`Yes`](crate::Yes) where [`variance`](Posterior::variance) says more
    /// than [`Variance::Joint`], else [`No<Self>`](crate::No).
    type Local: Verdict;

    /// Whether [`Flipout`](crate::Flipout) is for it: [`Yes`](crate::Yes) where there is a
    /// [`perturbation`](Posterior::perturbation) or none is needed, else [`No<Self>`](crate::No).
    type Flipout: Verdict;

    /// The shape of the weight.
    fn shape(&self) -> &[usize];

    /// Where the elements of the weight may be: anywhere, unless the family says otherwise.
    fn space() -> Space
    where
        Self: Sized,
    {
        Space::Reals
    }

    /// Whether the parameters fit each other. It is asked at every draw, so it allocates only where they do not.
    ///
    /// # Errors
    /// What does not fit: the names of the parameters, and their shapes.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// A sample, by reparameterisation: differentiable with respect to the parameters.
    fn sample<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// The mean.
    fn mean<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// The variance of every element, where the elements are independent: what
    /// [`Estimator::Local`](crate::Estimator::Local) needs.
    fn variance<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Variance<'t, Self::Scalar> {
        let _ = tape;
        Variance::Joint
    }

    /// The sample without its mean, where any signs of its elements are equally likely: what
    /// [`Estimator::Flipout`](crate::Estimator::Flipout) needs. Its noise is that of [`sample`](Posterior::sample).
    fn perturbation<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Option<Var<'t, Self::Scalar>> {
        let _ = cx;
        None
    }
}

/// What is known of the variances of a weight's elements.
#[derive(Clone, Copy, Debug)]
pub enum Variance<'t, T: Real = f32> {
    /// The weight is certain.
    Zero,
    /// The elements are independent, with these variances.
    Independent(Var<'t, T>),
    /// The elements depend on each other, or their variances have no simple form.
    Joint,
}

/// A posterior whose density is known at its own samples.
#[diagnostic::on_unimplemented(
    message = "the density of `{Self}` is not known",
    label = "so its divergence cannot be estimated from the weights drawn"
)]
pub trait Density: Posterior {
    /// ln q(w), summed over the elements of `w`: nats. Differentiable with respect to `w` and, by
    /// [`Cx::density_param`], to the parameters.
    fn log_density<'t>(&'t self, w: Var<'t, Self::Scalar>, cx: Cx<'t, Self::Scalar>) -> Var<'t, Self::Scalar>;

    /// A sample w and ln q(w) − ln p(w) in one pass over memory, where the pair has one.
    #[doc(hidden)]
    fn sample_with_log_ratio<'t, P: Prior>(
        &'t self,
        prior: &P,
        cx: Cx<'t, Self::Scalar>,
    ) -> Option<Sampled<'t, Self::Scalar>> {
        let _ = (prior, cx);
        None
    }

    /// The same of the weight `w` that [`sample`](Posterior::sample) draws with this `cx`, for a family whose noise tells it
    /// better: (w − μ)/σ has lost the digits that σ has below those of μ, where the noise is known to all of its own. Its
    /// gradients are those of [`log_density`](Density::log_density) and the sample together.
    fn log_density_of_sample<'t>(
        &'t self,
        w: Var<'t, Self::Scalar>,
        cx: Cx<'t, Self::Scalar>,
    ) -> Var<'t, Self::Scalar> {
        self.log_density(w, cx)
    }
}

/// # Panics
/// If the parameters do not fit each other.
#[track_caller]
#[inline]
pub(crate) fn check<Q: Posterior>(posterior: &Q) {
    if let Err(mistake) = posterior.check() {
        panic!("{mistake}");
    }
}

/// # Errors
/// If the parameters of these names and shapes, of which each element of a weight has one, differ in shape.
#[inline]
fn same_shape(family: &str, names: [&str; 2], shapes: [&[usize]; 2]) -> Result<(), String> {
    // Not `==`, which calls a function for two numbers.
    if shapes[0].iter().eq(shapes[1]) { Ok(()) } else { Err(other_shape(family, names, shapes)) }
}

#[cold]
fn other_shape(family: &str, [first, second]: [&str; 2], [of_first, of_second]: [&[usize]; 2]) -> String {
    format!(
        "{family}: `{first}` has the shape {of_first:?} and `{second}` {of_second:?}; both must have the shape of the weight"
    )
}

/// ln N(ε; 0, 1), summed over the noise of a weight of this shape at this place: what a normal's log-density is beside its
/// scales.
fn log_density_of_noise<'t, T: Real>(cx: Cx<'t, T>, shape: &[usize]) -> Var<'t, T> {
    let noise = cx.noise(shape);
    noise.square().sum() * -0.5 - 0.5 * std::f64::consts::TAU.ln() * noise.len() as f64
}

/// Fills a weight of shape (outputs, inputs..) from N(0, 2/inputs), so that variances are kept from
/// layer to layer under a rectifier (He et al. 2015, eq. 10); a vector or scalar with zeros.
pub(crate) fn he_normal<T: Real>(key: Key, weight: &mut Tensor<T>) {
    let inputs: usize = match weight.shape() {
        [] | [_] => return weight.data_mut().fill(T::ZERO),
        [_, inputs @ ..] => inputs.iter().product(),
    };
    let sd = T::from_f64((2.0 / inputs.max(1) as f64).sqrt());
    normals(key, 0, weight.data_mut());
    weight.data_mut().iter_mut().for_each(|w| *w *= sd);
}

/// A parameter's start by this key, if it is random.
pub(crate) fn start<T: Real>(key: Key, path: &Path<'_>, role: Role, parameter: &mut Tensor<T>) {
    let is_matrix = parameter.shape().len() > 1;
    match role {
        Role::Mean => he_normal(key, parameter),
        Role::Point if is_matrix && !is_chosen(parameter.data()) => he_normal(key, parameter),
        Role::Scale if is_matrix && path.to_string().ends_with(low_rank::LOADINGS) => low_rank::load(key, parameter),
        Role::Point | Role::Scale | Role::Buffer => {}
    }
}

/// Whether a certain weight is what somebody chose to scale or to shift by: all of its elements are the same. A single
/// element always is, and may have been drawn, so of one 0 and 1 alone count as chosen.
fn is_chosen<T: Real>(elements: &[T]) -> bool {
    match elements {
        [only] => *only == T::ZERO || *only == T::ONE,
        _ => elements.windows(2).all(|pair| pair[0] == pair[1]),
    }
}

/// A key for the initial means of a new weight: one after the other on each thread, so that no two weights start alike.
///
/// A thread is known by its name, so that a program starts alike every time; threads of one name, or of none, by a number,
/// in the order in which they make their first weight. The work of each [`with_threads`](crate::with_threads) counts as a
/// thread without a name, so that a model that is made there does not depend on the thread that the work runs on.
fn next_initial_key() -> Key {
    struct Count {
        /// The call of `with_threads`, or 0.
        call: usize,
        key: Key,
        next: usize,
    }
    static THREADS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
    thread_local! {
        static COUNTS: RefCell<Vec<Count>> = const { RefCell::new(Vec::new()) };
    }
    COUNTS.with_borrow_mut(|counts| {
        let call = call();
        // A call within another has the larger number, and ends first.
        counts.truncate(counts.partition_point(|count| count.call <= call));
        if counts.last().is_none_or(|count| count.call < call) {
            let thread = std::thread::current();
            let name = if call == 0 { thread.name().unwrap_or_default() } else { "" };
            let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
            let number = threads.entry(name.to_owned()).or_default();
            *number += 1;
            counts.push(Count { call, key: Key::new(0).at("initial").at(name).index(*number - 1), next: 0 });
        }
        let count = counts.last_mut().expect("the call's own, at least");
        count.next += 1;
        count.key.index(count.next - 1)
    })
}
