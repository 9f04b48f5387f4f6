//! Settings are written and read by `serde`, and what a constructor refuses is refused when it is read.

use std::fmt::Debug;

use elbo::data::{Csv, Encoder, Missing, Scaling};
use elbo::{
    Adam, Clip, Draws, Epochs, Estimator, Estimators, KlWeight, Monitor, Schedule, Sgd, Tempering, Tensor,
    UntilConverged, WarmUp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value, compares the text, and reads it again.
fn round_trip<T: Serialize + DeserializeOwned + Debug>(value: T, json: &str) {
    let written = serde_json::to_string(&value).unwrap();
    assert_eq!(written, json);
    let read: T = serde_json::from_str(json).unwrap();
    assert_eq!(format!("{read:?}"), format!("{value:?}"));
}

fn refused<T: DeserializeOwned + Debug>(json: &str, why: &str) {
    let message = serde_json::from_str::<T>(json).expect_err(json).to_string();
    assert!(message.contains(why), "{json}: {message}");
}

#[test]
fn every_setting_is_read_as_it_was_written() {
    round_trip(Epochs(20), "20");
    round_trip(Monitor::ValidationNll, r#""ValidationNll""#);
    round_trip(Estimator::Flipout, r#""Flipout""#);
    round_trip(
        Estimators::all(Estimator::Local).set("head.weight", Estimator::Sample),
        r#"{"others":"Local","named":[["head.weight","Sample"]]}"#,
    );
    round_trip(KlWeight::Halving, r#""Halving""#);
    round_trip(Tempering::None, r#""None""#);
    round_trip(Tempering::Posterior(0.5), r#"{"Posterior":0.5}"#);
    round_trip(WarmUp::cosine(100), r#"{"shape":"Cosine","period":100,"growth":1.0,"cycles":1}"#);
    round_trip(WarmUp::cyclic(100, 4, 0.5), r#"{"shape":"Linear","period":100,"growth":0.5,"cycles":4}"#);
    round_trip(Clip::Norm(10.0), r#"{"Norm":10.0}"#);
    round_trip(Clip::Outliers(10.0), r#"{"Outliers":10.0}"#);
    round_trip(UntilConverged::within(Epochs(3)), r#"{"limit":{"Epochs":3}}"#);
    round_trip(Schedule::constant().warm_up(10), r#"{"shape":"Constant","warm_up":10}"#);
    round_trip(Schedule::cosine_to(0.1, 100), r#"{"shape":{"Cosine":{"steps":100,"floor":0.1}},"warm_up":0}"#);
    round_trip(Schedule::step(3, 0.5), r#"{"shape":{"Step":{"every":3,"factor":0.5}},"warm_up":0}"#);
    round_trip(Adam::new(1e-3).betas(0.8, 0.99), r#"{"rate":0.001,"betas":[0.8,0.99]}"#);
    round_trip(Adam::automatic(), r#"{"rate":0.03,"automatic":true,"betas":[0.9,0.999]}"#);
    round_trip(Sgd::new(0.1).momentum(0.9), r#"{"rate":0.1,"momentum":0.9}"#);
    round_trip(
        Adam::new(1e-3).epsilon(1e-6).weight_decay(0.01).freeze("body.*").rate_of("*.rho", 0.01),
        r#"{"rate":0.001,"betas":[0.9,0.999],"epsilon":1e-6,"weight_decay":0.01,"by_name":[{"pattern":"body.*","set":{"Frozen":true}},{"pattern":"*.rho","set":{"Rate":0.01}}]}"#,
    );
    round_trip(
        Sgd::new(0.1).weight_decay_of("*.bias", 0.5).unfreeze("head"),
        r#"{"rate":0.1,"momentum":0.0,"by_name":[{"pattern":"*.bias","set":{"WeightDecay":0.5}},{"pattern":"head","set":{"Frozen":false}}]}"#,
    );
    round_trip(Draws(64).seed(7).in_one_batch(), r#"{"count":64,"seed":7,"in_one_batch":true}"#);
    let scaling = Scaling::fit(&Tensor::<f64>::new([2, 2], [1.0, 10.0, 3.0, 50.0]));
    round_trip(scaling, r#"{"shift":[2.0,30.0],"scale":[1.0,20.0]}"#);
    let csv = Csv::new().target("y").missing(Missing::Mask);
    let encoder = Encoder::fit(&csv.parse("t", "x,leaf,y\n1,a,0\n,b,4\n3,a,2\n").unwrap()).unwrap();
    round_trip(
        encoder,
        "{\"inputs\":[{\"Number\":{\"name\":\"x\",\"mean\":2.0,\"sd\":1.0,\"flags_missing\":true}},\
         {\"Categories\":{\"name\":\"leaf\",\"names\":[\"a\",\"b\"],\"flags_missing\":false,\"has_other\":false}}],\
         \"targets\":[{\"Number\":{\"name\":\"y\",\"mean\":2.0,\"sd\":1.632993161855452,\"flags_missing\":false}}]}",
    );
}

#[test]
fn what_is_left_out_is_as_the_constructor_has_it() {
    let read = |json| serde_json::from_str::<Adam>(json).unwrap();
    assert_eq!(format!("{:?}", read(r#"{"rate":0.001}"#)), format!("{:?}", Adam::new(1e-3)));
    assert_eq!(serde_json::from_str::<Draws>(r#"{"count":64}"#).unwrap(), Draws(64));
    assert_eq!(serde_json::from_str::<WarmUp>(r#"{"shape":"Linear","period":9}"#).unwrap(), WarmUp::linear(9));
}

#[test]
fn what_a_constructor_refuses_is_refused() {
    refused::<Tempering>(r#"{"KlFactor":0}"#, "KlFactor(0.0): the factor must be positive and finite");
    refused::<Clip>(r#"{"Value":-1}"#, "the limit of gradient clipping must be positive, got Value(-1.0)");
    refused::<WarmUp>(r#"{"shape":"Linear","period":0}"#, "at least one step, got 0");
    refused::<WarmUp>(r#"{"shape":"Linear","period":9,"cycles":0}"#, "at least one cycle");
    refused::<WarmUp>(r#"{"shape":"Linear","period":9,"growth":1.5}"#, "must be in (0, 1], got 1.5");
    refused::<Schedule>(r#"{"shape":{"Cosine":{"steps":0,"floor":0}}}"#, "at least one step is needed, got 0");
    refused::<Schedule>(r#"{"shape":{"Cosine":{"steps":9,"floor":2}}}"#, "must be in [0, 1], got 2");
    refused::<Schedule>(r#"{"shape":{"Step":{"every":0,"factor":0.5}}}"#, "`every` must be at least one step, got 0");
    refused::<Schedule>(r#"{"shape":{"Step":{"every":1,"factor":0}}}"#, "positive and finite, got 0");
    let endless = format!(r#"{{"shape":{{"Cosine":{{"steps":9,"floor":0}}}},"warm_up":{}}}"#, usize::MAX);
    refused::<Schedule>(&endless, "overflow the number of steps");
    refused::<Adam>(r#"{"rate":0}"#, "the learning rate must be positive and finite, got 0");
    refused::<Adam>(r#"{"rate":0.1,"betas":[0.9,1]}"#, "betas must be in [0, 1), got 0.9 and 1");
    refused::<Adam>(r#"{"rate":0.1,"beta":0.9}"#, "unknown field `beta`");
    refused::<Sgd>(r#"{"rate":0.1,"momentum":1}"#, "the momentum must be in [0, 1), got 1");
    refused::<Draws>(r#"{"count":0}"#, "at least one draw is needed, got 0");
    refused::<Draws>(r#"{"count":4294967297}"#, "at most 4294967296 draws");
    refused::<Scaling>(r#"{"shift":[0],"scale":[]}"#, "1 columns of shifts, but 0 of scales");
    refused::<Scaling>(r#"{"shift":[0],"scale":[0]}"#, "the scale must be positive and finite, got 0");
    refused::<Encoder>(r#"{"inputs":[],"targets":[]}"#, "at least one input column");
}

#[test]
fn what_a_setting_by_name_refuses_is_refused() {
    refused::<Adam>(r#"{"rate":0.1,"epsilon":0}"#, "epsilon must be positive and finite, got 0");
    refused::<Sgd>(r#"{"rate":0.1,"weight_decay":-1}"#, "the weight decay must be finite and at least 0, got -1");
    let rule = r#"{"rate":0.1,"by_name":[{"pattern":"a","set":{"Rate":0}}]}"#;
    refused::<Adam>(rule, "the learning rate must be positive and finite, got 0 for `a`");
}

#[test]
fn a_function_cannot_be_written() {
    let error = serde_json::to_string(&KlWeight::from_fn(|_, _| 1.0)).unwrap_err().to_string();
    assert!(error.contains("KlWeight::Custom cannot be serialized"), "{error}");
    let error = serde_json::to_string(&Schedule::from_fn(|_| 1.0)).unwrap_err().to_string();
    assert!(error.contains("cannot be serialized"), "{error}");
}
