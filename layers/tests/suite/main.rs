//! Integration tests that can share one process, in one program so that it is linked once.

#[path = "../common/mod.rs"]
mod common;

mod determinism;
mod diagnose;
mod divergence_reference;
mod elbo_reference;
mod errors;
mod estimator_bias;
mod estimators;
mod estimators_by_type;
mod evaluation;
mod kl;
mod layers_of_any_family;
mod memory;
mod metrics;
mod normalisation;
mod objective;
mod optimisers;
mod posteriors;
mod prediction;
mod predictives;
mod priors;
mod priors_with_parameters;
mod products;
mod recurrent;
mod refused_options;
mod rooms;
mod samples;
mod tempering;
mod training;
mod training_failures;
mod weights;
