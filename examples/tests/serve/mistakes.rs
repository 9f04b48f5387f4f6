//! Each kind of bad input has its status, and a message that says what is wrong, where, and what to do.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use elbo_examples::serve::client::{Client, Reply};
use serde_json::Value;

use crate::common::{Scratch, answers, body, client, memory, metric, send, server};

#[track_caller]
fn refused(reply: &Reply, status: u16, kind: &str, parts: &[&str]) {
    let text = reply.text();
    assert_eq!(reply.status, status, "{text}");
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["error"], kind, "{text}");
    let message = format!("{}; {}", error["message"].as_str().unwrap(), error["remedy"].as_str().unwrap());
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!error["remedy"].as_str().unwrap().is_empty());
}

/// A row of zeros, one of which is replaced.
fn row_with(column: usize, number: &str) -> String {
    let mut row = vec!["0"; 64];
    row[column] = number;
    format!("[{}]", row.join(","))
}

#[test]
fn bodies_that_are_not_rows_of_pixels_are_refused() {
    let folder = Scratch::new("bodies");
    let server = server(&folder, |_| ());
    let good = row_with(0, "1");
    let rows = |rows: &str| format!("{{\"rows\": [{rows}]}}");
    let cases: &[(String, u16, &str, &[&str])] = &[
        (String::new(), 400, "invalid_json", &["line 1 column 0", "{\"rows\": [["]),
        ("{\"rows\": [[0, 1".to_owned(), 400, "invalid_json", &["line 1 column 15"]),
        (rows(&row_with(3, "NaN")), 400, "invalid_json", &["line 1 column 18", "no NaN"]),
        (rows(&row_with(3, "-Infinity")), 400, "invalid_json", &["line 1 column 19", "no Infinity"]),
        (rows(&row_with(3, "1e999")), 400, "invalid_json", &["number out of range", "column 22"]),
        (format!("{} x", rows(&good)), 400, "invalid_json", &["trailing characters"]),
        ("\u{feff}{}".to_owned(), 400, "invalid_json", &["line 1 column 1"]),
        ("[".repeat(100_000), 422, "wrong_field", &["an object with the field `rows`"]),
        ("{\"rows\": ".to_owned() + &"[".repeat(100_000), 422, "wrong_number", &["row 0, column 0"]),
        ("null".to_owned(), 422, "wrong_field", &["null", "`rows`"]),
        ("{}".to_owned(), 422, "wrong_field", &["no field `rows`"]),
        ("{\"row\": []}".to_owned(), 422, "wrong_field", &["unknown field `row`", "`rows`"]),
        (format!("{{\"rows\": [{good}], \"rows\": [{good}]}}"), 422, "wrong_field", &["twice"]),
        ("{\"rows\": 7}".to_owned(), 422, "wrong_shape", &["integer `7`", "a list of rows"]),
        (rows(""), 422, "wrong_shape", &["no rows", "64 numbers"]),
        (rows("1, 2"), 422, "wrong_shape", &["integer `1`", "a list of 64 numbers as row 0", "[[..], ..]"]),
        (rows(&format!("{good}, [1, 2]")), 422, "wrong_shape", &["row 1 (from 0) has 2 numbers; expected 64"]),
        (rows(&format!("{good}, {}", row_with(5, "1, 1"))), 422, "wrong_shape", &["row 1", "more than 64 numbers"]),
        (rows(&row_with(9, "null")), 422, "wrong_number", &["null", "row 0, column 9 (both from 0)", "NaN"]),
        (rows(&row_with(9, "\"1\"")), 422, "wrong_number", &["string", "row 0, column 9"]),
        (
            rows(&format!("{good}, {}", row_with(63, "16.5"))),
            422,
            "wrong_number",
            &["row 1, column 63", "is 16.5", "0 to 16"],
        ),
        (rows(&row_with(1, "-1e-30")), 422, "wrong_number", &["row 0, column 1", "0 to 16"]),
        (rows(&row_with(1, "1e300")), 422, "wrong_number", &["row 0, column 1", "0 to 16"]),
        (rows(&vec![&good[..]; 17].join(",")), 413, "too_many_rows", &["more than 16 rows", "at most 16"]),
    ];
    let mut connection = client(&server);
    for (body, status, kind, parts) in cases {
        refused(&connection.send("POST", "/predict", body.as_bytes()).unwrap(), *status, kind, parts);
    }
    refused(
        &connection.send("POST", "/predict", b"{\"rows\": [[\xff]]}").unwrap(),
        400,
        "invalid_json",
        &["column 12"],
    );
    // The connection and the service go on.
    answers(&mut connection, &body(0, 1));
    assert_eq!(metric(&server, "serve_errors_total{kind=\"wrong_shape\"}"), 5.0);
    assert_eq!(metric(&server, "serve_errors_total{kind=\"too_many_rows\"}"), 1.0);
    server.stop();
}

#[test]
fn unknown_paths_and_wrong_methods_are_refused() {
    let folder = Scratch::new("paths");
    let server = server(&folder, |_| ());
    refused(&send(&server, "GET", "/prediction", b""), 404, "unknown_path", &["/prediction", "POST /predict"]);
    refused(&send(&server, "POST", "/../../etc/passwd", b""), 404, "unknown_path", &["/../../etc/passwd"]);
    for (method, path, right) in [("GET", "/predict", "POST"), ("POST", "/health", "GET"), ("DELETE", "/", "GET")] {
        let reply = send(&server, method, path, b"");
        refused(&reply, 405, "wrong_method", &[method, path, &format!("use {right}")]);
        assert!(reply.header("allow").is_some_and(|allowed| allowed.contains(right)), "{:?}", reply.headers);
    }
    // What is not HTTP ends its connection, and nothing else.
    let mut connection = client(&server);
    connection.write(b"\x16\x03\x01 hello\r\n\r\n").unwrap();
    assert_eq!(connection.read().unwrap().status, 400);
    answers(&mut client(&server), &body(0, 1));
    server.stop();
}

/// Sends 100 MB after this head, in chunks if the head says so, and reads the answer.
fn send_100_mb(client: &mut Client, head: &str, is_chunked: bool) -> Reply {
    client.write(head.as_bytes()).unwrap();
    let block = vec![b'['; 1_000_000];
    for _ in 0..100 {
        if is_chunked {
            client.write(format!("{:x}\r\n", block.len()).as_bytes()).unwrap();
        }
        client.write(&block).unwrap();
        if is_chunked {
            client.write(b"\r\n").unwrap();
        }
    }
    if is_chunked {
        client.write(b"0\r\n\r\n").unwrap();
    }
    client.read().unwrap()
}

#[test]
fn a_body_of_100_mb_is_refused_and_not_kept() {
    let folder = Scratch::new("large");
    let server = server(&folder, |_| ());
    let before = memory("VmHWM");
    let head = "POST /predict HTTP/1.1\r\nHost: x\r\n";
    for (rest, is_chunked) in
        [("Content-Length: 100000000\r\n\r\n", false), ("Transfer-Encoding: chunked\r\n\r\n", true)]
    {
        let reply = send_100_mb(&mut client(&server), &format!("{head}{rest}"), is_chunked);
        refused(&reply, 413, "body_too_large", &["1048576 bytes", "fewer rows"]);
        assert!(reply.is_last());
    }
    // A client that asks first sends nothing.
    let mut connection = client(&server);
    connection.write(format!("{head}Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n").as_bytes()).unwrap();
    refused(&connection.read().unwrap(), 413, "body_too_large", &[]);
    if let (Some(before), Some(after)) = (before, memory("VmHWM")) {
        // Other tests run in this process meanwhile.
        assert!(after - before < 60 << 20, "{} MB", (after - before) >> 20);
    }
    server.stop();
}

#[test]
fn slow_clients_are_not_waited_for() {
    let folder = Scratch::new("slow");
    let server = server(&folder, |options| options.patience = Duration::from_millis(300));
    let start = Instant::now();
    // A body that does not end.
    let mut connection = client(&server);
    connection.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"rows\"").unwrap();
    let reply = connection.read().unwrap();
    refused(&reply, 408, "body_too_slow", &["300ms"]);
    assert!(reply.is_last());
    // A head that does not end, and a connection without a request.
    for head in [&b"POST /pred"[..], b""] {
        let mut connection = client(&server);
        connection.write(head).unwrap();
        let closed = connection.read().map(|reply| reply.status).unwrap_or(408);
        assert_eq!(closed, 408);
    }
    // A client that does not read what it asks for.
    let mut connection = client(&server);
    let broken = loop {
        if let Err(error) = connection.write(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000)) {
            break error.kind();
        }
    };
    assert!(matches!(broken, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{broken:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    answers(&mut client(&server), &body(0, 1));
    server.stop();
}

#[test]
fn too_many_requests_are_refused_and_told_when_to_come_again() {
    let folder = Scratch::new("overload");
    let server = server(&folder, |options| {
        (options.most_rows, options.queued_rows, options.wait) = (8, 8, Duration::from_secs(3));
    });
    // An idle connection, for which the first request waits.
    let _idle = client(&server);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| answers(&mut client(&server), &body(0, 5)));
        crate::common::until("queued", || metric(&server, "serve_queued_rows") == 5.0);
        let reply = send(&server, "POST", "/predict", &body(0, 4));
        refused(&reply, 503, "overloaded", &["5 rows wait", "Retry-After"]);
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert_eq!(waiting.join().unwrap()["answers"].as_array().unwrap().len(), 5);
    });
    assert_eq!(metric(&server, "serve_queued_rows"), 0.0);
    answers(&mut client(&server), &body(0, 8));
    server.stop();
}
