//! A new file is loaded under load, and a bad one is not.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

use crate::common::{Scratch, answers, body, client, metric, save, send, server, until};

fn health(server: &elbo_examples::serve::Server) -> Value {
    serde_json::from_slice(&send(server, "GET", "/health", b"").body).unwrap()
}

#[test]
fn models_are_replaced_under_load_without_an_error() {
    let folder = Scratch::new("reload");
    let file = folder.file("model.safetensors");
    let server = server(&folder, |_| ());
    let request = body(300, 1);
    // What each model answers, by its number.
    let mut of_models = vec![answers(&mut client(&server), &request)["answers"].clone()];
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let found: Vec<(u64, Value)> = std::thread::scope(|scope| {
        let work = || {
            let (mut client, mut found) = (client(&server), Vec::new());
            while !stop.load(Relaxed) {
                let mut reply = answers(&mut client, &request);
                found.push((reply["model"].as_u64().unwrap(), reply["answers"].take()));
                answered.fetch_add(1, Relaxed);
            }
            found
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        for number in 2..=6u64 {
            save(&file, number);
            until("loaded", || health(&server)["model"] == number);
            of_models.push(answers(&mut client(&server), &request)["answers"].clone());
            let before = answered.load(Relaxed);
            until("answered", || answered.load(Relaxed) > before + 16);
        }
        stop.store(true, Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for (number, answer) in &found {
        let expected = &of_models[*number as usize - 1][0];
        assert_eq!(answer[0]["set"], expected["set"], "model {number}");
        for class in 0..10 {
            let [a, b] = [&answer[0], expected].map(|of| of["probabilities"][class].as_f64().unwrap());
            assert!((a - b).abs() < 1e-6, "model {number}: {a} and {b}");
        }
    }
    for number in 1..=6 {
        assert!(found.iter().any(|(of, _)| *of == number), "model {number} has not answered");
        assert!(number == 1 || of_models[number as usize - 1] != of_models[number as usize - 2]);
    }
    assert_eq!(metric(&server, "serve_reloads_total{result=\"loaded\"}"), 5.0);
    assert_eq!(metric(&server, "serve_reloads_total{result=\"failed\"}"), 0.0);
    server.stop();
}

#[test]
fn a_bad_file_keeps_the_model_and_says_why() {
    let folder = Scratch::new("bad");
    let file = folder.file("model.safetensors");
    let server = server(&folder, |_| ());
    let good = std::fs::read(&file).unwrap();
    let before = answers(&mut client(&server), &body(0, 1));
    let mut flipped = good.clone();
    let place = flipped.len() - 100;
    flipped[place] ^= 1;
    let foreign = b"{\"rows\": []}".to_vec();
    let bad =
        [(good[..good.len() / 2].to_vec(), "bytes present"), (flipped, "checksum"), (foreign, "is the file complete")];
    for (bytes, part) in bad {
        // Not in one step, as a copy: what is read before its end is another failure.
        std::fs::write(&file, bytes).unwrap();
        let says = |text: &Value| text.as_str().is_some_and(|mistake| mistake.contains(part));
        until(part, || says(&health(&server)["mistake"]));
        assert_eq!(health(&server)["status"], "old model");
        assert_eq!(answers(&mut client(&server), &body(0, 1)), before);
    }
    assert!(metric(&server, "serve_reloads_total{result=\"failed\"}") >= 3.0);
    std::fs::remove_file(&file).unwrap();
    until("missing", || health(&server)["mistake"].as_str().is_some_and(|mistake| mistake.contains("cannot be read")));
    save(&file, 2);
    until("loaded", || health(&server)["model"] == 2);
    let health = health(&server);
    assert!(health["status"] == "ok" && health["mistake"].is_null(), "{health}");
    server.stop();
}
