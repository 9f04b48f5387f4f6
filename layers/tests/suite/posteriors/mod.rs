//! The posterior families: samples against moments, densities and divergences against each other, gradients against
//! differences.

mod checks;
mod empty;
mod extremes;
mod flow;
mod full_covariance;
mod log_normal;
mod low_rank;
mod matrix_normal;
mod mean_field_cauchy;
mod mean_field_laplace;
mod pairs;
mod radial;
mod scales;
mod spike_and_slab;
mod threads;
