//! Answers are those of the library, bit for bit.

use elbo::calibration::{ClassNonconformity, ConformalSets};
use elbo::prelude::*;
use elbo_examples::serve::{Method, Saved};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::common::{DRAWS, SEED, Scratch, answers, body, client, examples, images, send, server};

/// The bits of the numbers of a list. As text, because `serde_json` does not read every number as it is written.
fn bits(of: &[Box<RawValue>]) -> Vec<u64> {
    of.iter().map(|number| number.get().parse::<f64>().unwrap().to_bits()).collect()
}

/// An answer whose numbers are text.
#[derive(serde::Deserialize)]
struct Exact {
    probabilities: Vec<Box<RawValue>>,
    class: usize,
    entropy: Box<RawValue>,
    aleatoric: Box<RawValue>,
    epistemic: Box<RawValue>,
    set: Vec<usize>,
    unknown: bool,
}

#[derive(serde::Deserialize)]
struct AllExact {
    answers: Vec<Exact>,
    model: u64,
}

#[test]
fn answers_are_the_predictions_of_the_library_bit_for_bit() {
    let folder = Scratch::new("answers");
    let server = server(&folder, |_| ());
    let reply = send(&server, "POST", "/predict", &body(200, 12));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{}", reply.text());
    let found: AllExact = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((found.answers.len(), found.model), (12, 1));

    let network = Saved::open(&folder.file("model.safetensors")).unwrap().into_network();
    let predict = |rows| network.predict(&Categorical, examples(rows, 16.0).inputs(), Draws(DRAWS).seed(SEED));
    let (predicted, held_out) = (predict(200..212), predict(0..100));
    let sets =
        ConformalSets::new(ClassNonconformity::Lac, 0.1).fit(&held_out, examples(0..100, 16.0).targets()).unwrap();
    let sets = sets.predict(&predicted);
    // 101 · 0.95 = 95.95: the 96th smallest of 100.
    let mut entropies = held_out.entropy();
    entropies.sort_by(f64::total_cmp);
    for (row, answer) in found.answers.iter().enumerate() {
        let expected: Vec<u64> = predicted.row(row).iter().map(|p| p.to_bits()).collect();
        assert_eq!(bits(&answer.probabilities), expected, "row {row}");
        let entropy = predicted.entropy()[row];
        let uncertainties = [entropy, predicted.expected_entropy()[row], predicted.mutual_information()[row]];
        let of_row = [&answer.entropy, &answer.aleatoric, &answer.epistemic].map(|number| number.to_owned());
        assert_eq!(bits(&of_row), uncertainties.map(f64::to_bits), "row {row}");
        assert_eq!((answer.class, &answer.set[..]), (predicted.labels()[row], sets.of(row)), "row {row}");
        assert_eq!(answer.unknown, entropy > entropies[95], "row {row}");
    }
    server.stop();
}

#[test]
fn with_sampled_outputs_an_answer_is_that_of_the_row_alone() {
    let folder = Scratch::new("outputs");
    let server = server(&folder, |options| options.calibration.method = Method::Outputs);
    let reply = send(&server, "POST", "/predict", &body(200, 5));
    let found: AllExact = serde_json::from_slice(&reply.body).unwrap();
    let network = Saved::open(&folder.file("model.safetensors")).unwrap().into_network();
    let sampled = SampledOutputs::new(&network, Draws(DRAWS).seed(SEED));
    for (row, answer) in found.answers.iter().enumerate() {
        let predicted = sampled.predict(&Categorical, examples(200 + row..201 + row, 16.0).inputs());
        let expected: Vec<u64> = predicted.row(0).iter().map(|p| p.to_bits()).collect();
        assert_eq!(bits(&answer.probabilities), expected, "row {row}");
    }
    server.stop();
}

#[test]
fn a_row_has_the_same_answer_alone_and_among_others() {
    let folder = Scratch::new("among-others");
    let server = server(&folder, |_| ());
    let alone: Vec<Value> =
        (0..16).map(|row| answers(&mut client(&server), &body(row, 1))["answers"][0].clone()).collect();
    let together = answers(&mut client(&server), &body(0, 16));
    for (row, alone) in alone.iter().enumerate() {
        let found = &together["answers"][row];
        assert_eq!(
            (&found["class"], &found["set"], &found["unknown"]),
            (&alone["class"], &alone["set"], &alone["unknown"])
        );
        for class in 0..10 {
            let [a, b] = [found, alone].map(|of| of["probabilities"][class].as_f64().unwrap());
            // Products of f32 may be summed in another order.
            assert!((a - b).abs() < 1e-6, "row {row}, class {class}: {a} and {b}");
        }
    }
    server.stop();
}

#[test]
fn sets_cover_and_few_images_are_unknown() {
    let folder = Scratch::new("calibrated");
    let server = server(&folder, |options| options.most_rows = 100);
    // The held-out images themselves: the share is then that of the calibration.
    let found = answers(&mut client(&server), &body(0, 100));
    let found = found["answers"].as_array().unwrap();
    let labels = images().labels().to_vec();
    let covered =
        found.iter().zip(&labels).filter(|(of, label)| of["set"].as_array().unwrap().contains(&Value::from(**label)));
    let unknown = found.iter().filter(|of| of["unknown"].as_bool().unwrap()).count();
    assert!((91..=100).contains(&covered.count()));
    assert_eq!(unknown, 4, "the 96th smallest entropy of 100 is the limit");
    server.stop();
}

#[test]
fn health_and_page_are_there() {
    let folder = Scratch::new("health");
    let server = server(&folder, |_| ());
    let health: Value = serde_json::from_slice(&send(&server, "GET", "/health", b"").body).unwrap();
    let expected = [("status", "ok".into()), ("inputs", 64.into()), ("classes", 10.into()), ("held_out", 100.into())];
    for (name, value) in
        expected.into_iter().chain([("mistake", Value::Null), ("model", 1.into()), ("draws", DRAWS.into())])
    {
        assert_eq!(health[name], value, "{name}: {health}");
    }
    assert!(health["entropy_limit"].as_f64().is_some_and(|nats| nats > 0.0 && nats < 10f64.ln()), "{health}");
    let page = send(&server, "GET", "/", b"");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let text = page.text();
    assert!(
        text.contains("<canvas") && !text.contains("http://") && !text.contains("https://"),
        "it asks other servers"
    );
    server.stop();
}
