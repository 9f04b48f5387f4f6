//! The integration tests of the library, in one binary, which is linked once.

mod accumulation;
mod allocations;
mod attention;
mod automatic;
#[cfg(feature = "mcmc")]
mod chain_files;
#[cfg(feature = "files")]
mod chain_mistakes;
#[cfg(feature = "mcmc")]
mod chains_that_fail;
mod check_failures;
#[cfg(feature = "files")]
mod checkpoints;
mod checks;
mod closed_form;
mod common;
#[allow(unreachable_pub, reason = "visible models are what it is about")]
mod compile_pass;
#[allow(unreachable_pub, reason = "visible models are what it is about")]
mod compile_pass_hundred_fields;
#[allow(unreachable_pub, reason = "visible models are what it is about")]
mod compile_pass_hygiene;
mod compile_pass_ordinary_rust;
mod containers;
mod convolutions;
#[cfg(feature = "gzip")]
mod data;
mod determinism;
mod diagnose;
mod divergence_reference;
mod dropout;
mod elbo_reference;
mod errors;
mod estimator_bias;
mod estimators;
mod estimators_by_type;
mod evaluation;
mod factors;
mod fits_in_parallel;
mod fixed;
mod generative_last_layer;
mod held_out;
mod history;
mod ivon;
mod kl;
mod laplace;
mod last_layer;
mod layer_table;
mod layers_of_any_family;
mod likelihoods;
mod map;
#[cfg(feature = "mcmc")]
mod mcmc;
mod memory;
mod metrics;
mod normalisation;
mod norms;
mod objective;
#[cfg(feature = "files")]
mod onnx;
mod optimisers;
mod own_process;
mod parameter_groups;
mod posteriors;
mod prediction;
mod predictives;
mod priors;
mod priors_with_parameters;
mod products;
mod prune;
#[cfg(feature = "files")]
mod pytorch;
#[cfg(all(feature = "files", feature = "gzip"))]
mod readers_survive_anything;
mod recurrent;
mod recurrent_layers;
mod refused_batches;
mod refused_options;
mod report;
mod rooms;
mod samples;
#[cfg(feature = "files")]
mod saved_models;
mod scores;
mod sequences;
mod service;
mod sgmcmc;
mod sharded;
mod sngp;
mod stochastic;
mod summary;
mod svgd;
mod swag;
mod tempering;
mod training;
mod training_failures;
mod variational_dropout;
mod warm_starts;
mod weight_pictures;
mod weights;
