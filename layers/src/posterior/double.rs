//! Converts families to double precision, in which divergences without a tape are computed.

use crate::engine::Real;
use crate::posterior::{
    CholeskyFactor, DropoutNoise, FullCovariance, LowRank, MatrixNormal, MeanField, MeanFieldLaplace, Point, Posterior,
    Radial, SpikeAndSlab,
};

/// A family that can be converted to double precision.
pub(crate) trait Double: Posterior {
    /// The family with `f64` parameters.
    type Double: Posterior<Scalar = f64>;

    /// The distribution with its parameters converted to `f64`.
    fn double(&self) -> Self::Double;
}

macro_rules! double {
    ($($family:ident: |$q:ident| $double:expr;)*) => {$(
        impl<T: Real> Double for $family<T> {
            type Double = $family<f64>;

            fn double(&self) -> $family<f64> {
                let $q = self;
                $double
            }
        }
    )*};
}

double! {
    Point: |q| Point(q.0.cast());
    MeanField: |q| MeanField { mean: q.mean.cast(), rho: q.rho.cast() };
    MeanFieldLaplace: |q| MeanFieldLaplace { parameters: q.parameters.double() };
    DropoutNoise: |q| q.cast();
    Radial: |q| Radial { parameters: q.parameters.double() };
    LowRank: |q| LowRank { diagonal: q.diagonal.double(), loadings: q.loadings.cast() };
    FullCovariance: |q| FullCovariance { mean: q.mean.cast(), factor: cholesky_factor(&q.factor) };
    MatrixNormal: |q| MatrixNormal { mean: q.mean.cast(), rows: cholesky_factor(&q.rows), columns: cholesky_factor(&q.columns) };
    SpikeAndSlab: |q| SpikeAndSlab { slab: q.slab.double(), inclusion: q.inclusion.cast() };
}

fn cholesky_factor<T: Real>(factor: &CholeskyFactor<T>) -> CholeskyFactor<f64> {
    CholeskyFactor { rho: factor.rho.cast(), lower: factor.lower.cast() }
}
