//! What is answered at which path.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{get, post};
use serde_json::json;
use tokio::time::timeout;

use super::Calibration;
use super::batches::{Full, Queue};
use super::metrics::{Gauges, Metrics};
use super::model::Current;
use super::refusal::{Kind, Refusal, json_response};
use super::request::{Form, parse};

/// The page that draws a digit and shows what the model thinks. It asks nothing of other servers, and the browser enforces that.
const PAGE: &str = include_str!("page.html");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";

/// Bytes for which memory is allocated before they are there.
const AT_FIRST: usize = 16 << 10;

/// What clients may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of a body.
    pub(super) bytes: usize,
    /// Rows of a request.
    pub(super) rows: usize,
    /// The time to send a request, and to read an answer.
    pub(super) patience: Duration,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) file: Arc<Path>,
    pub(super) current: Arc<Current>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) queue: Queue,
    pub(super) calibration: Calibration,
    pub(super) limits: Limits,
    /// Open connections.
    pub(super) open: Arc<AtomicUsize>,
    pub(super) is_stopping: AtomicBool,
}

impl Shared {
    /// From now on, each answer ends its connection.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Relaxed);
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Body> {
        self.metrics.count_error(refusal.kind());
        refusal.response()
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/predict", post(predict))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(shared.clone(), count))
        .with_state(shared)
}

async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response<Body> {
    shared.metrics.count_request(request.uri().path());
    let mut response = next.run(request).await;
    if shared.is_stopping.load(Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn predict(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let start = Instant::now();
    let answered = async {
        let body = read(body, &headers, shared.limits).await?;
        let model = shared.current.model();
        let (inputs, pixels) = (model.predictor.inputs(), model.predictor.pixels());
        let inputs = parse(&body, Form { inputs, pixels, most_rows: shared.limits.rows })?;
        drop(body);
        let answers = shared.queue.answer(model, inputs).await.map_err(|Full| {
            let message = format!("{} rows wait already", shared.queue.queued_rows());
            Refusal::new(Kind::Overloaded, message, "send the request again after the seconds of `Retry-After`")
        })?;
        answers.ok_or_else(|| {
            let message = "the model cannot predict these rows: its outputs are not finite";
            Refusal::new(Kind::Internal, message, "send other rows, or train the model again")
        })
    };
    match answered.await {
        Ok(answers) => {
            let unknown = answers.answers.iter().filter(|answer| answer.unknown).count();
            let text = serde_json::to_string(&answers).expect("numbers and lists are JSON");
            shared.metrics.count_answers(start.elapsed(), answers.answers.len(), unknown);
            json_response(StatusCode::OK, text)
        }
        Err(refusal) => shared.refuse(&refusal),
    }
}

/// The whole body.
///
/// # Errors
/// If it is too large, comes too slowly, or breaks off.
async fn read(mut body: Body, headers: &HeaderMap, limits: Limits) -> Result<Vec<u8>, Refusal> {
    let too_large = || {
        let message = format!("the body is longer than {} bytes", limits.bytes);
        Refusal::new(Kind::BodyTooLarge, message, "send fewer rows in a request")
    };
    let reading = async {
        let declared = body.size_hint().lower() as usize;
        if declared > limits.bytes && headers.contains_key(header::EXPECT) {
            // The client asks before it sends the body.
            return Err(too_large());
        }
        let (mut bytes, mut is_too_large) = (Vec::with_capacity(declared.min(AT_FIRST)), declared > limits.bytes);
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(|error| {
                Refusal::new(Kind::BodyBroken, format!("the body breaks off: {error}"), "send the request again")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            is_too_large |= bytes.len() + data.len() > limits.bytes;
            // A client that is still sending would not read the answer, so the rest is read and dropped.
            if is_too_large {
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&data);
            }
        }
        if is_too_large { Err(too_large()) } else { Ok(bytes) }
    };
    timeout(limits.patience, reading).await.unwrap_or_else(|_| {
        let message = format!("the body was not there after {:?}", limits.patience);
        Err(Refusal::new(Kind::BodyTooSlow, message, "send fewer rows in a request, or over a faster connection"))
    })
}

async fn health(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let (model, mistake) = shared.current.get();
    let (predictor, how) = (&model.predictor, shared.calibration);
    let is_stopping = shared.is_stopping.load(Relaxed);
    let status = match mistake {
        _ if is_stopping => "stopping",
        Some(_) => "old model",
        None => "ok",
    };
    let text = json!({
        "status": status,
        "mistake": mistake,
        "file": shared.file.display().to_string(),
        "model": model.number,
        "loaded": model.loaded.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        "inputs": predictor.inputs(),
        "classes": predictor.classes(),
        "largest": predictor.pixels()[0],
        "draws": how.draws,
        "draws_of": how.method.name(),
        "held_out": predictor.held_out(),
        "coverage": 1.0 - how.miss,
        "entropy_limit": predictor.entropy_limit(),
        "most_rows": shared.limits.rows,
        "most_bytes": shared.limits.bytes,
    });
    // A load balancer then sends new requests elsewhere.
    let code = if is_stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json_response(code, text.to_string())
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let now = Gauges {
        connections: shared.open.load(Relaxed),
        queued_rows: shared.queue.queued_rows(),
        model: shared.current.model().number,
    };
    text_response("text/plain; version=0.0.4", shared.metrics.text(&now).into())
}

async fn page() -> Response<Body> {
    let mut response = text_response("text/html; charset=utf-8", PAGE.into());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn text_response(kind: &'static str, text: Body) -> Response<Body> {
    let mut response = Response::new(text);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

async fn unknown_path(State(shared): State<Arc<Shared>>, uri: Uri) -> Response<Body> {
    let path: String = uri.path().chars().take(80).collect();
    let remedy = "use POST /predict, GET /health, GET /metrics or GET /";
    shared.refuse(&Refusal::new(Kind::UnknownPath, format!("there is no {path}"), remedy))
}

async fn wrong_method(State(shared): State<Arc<Shared>>, method: Method, uri: Uri) -> Response<Body> {
    let right = if uri.path() == "/predict" { "POST" } else { "GET" };
    let message = format!("{method} is not for {}", uri.path());
    shared.refuse(&Refusal::new(Kind::WrongMethod, message, format!("use {right}")))
}
