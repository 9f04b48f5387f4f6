//! `Refusal`: an error as the service answers it.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// Why a request is not answered: what is wrong and where, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    kind: Kind,
    message: String,
    remedy: String,
}

/// The kinds of errors, which are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    InvalidJson,
    WrongField,
    WrongShape,
    WrongNumber,
    TooManyRows,
    BodyTooLarge,
    BodyTooSlow,
    BodyBroken,
    UnknownPath,
    WrongMethod,
    Overloaded,
    Internal,
}

impl Kind {
    pub(super) const ALL: [Kind; 12] = [
        Kind::InvalidJson,
        Kind::WrongField,
        Kind::WrongShape,
        Kind::WrongNumber,
        Kind::TooManyRows,
        Kind::BodyTooLarge,
        Kind::BodyTooSlow,
        Kind::BodyBroken,
        Kind::UnknownPath,
        Kind::WrongMethod,
        Kind::Overloaded,
        Kind::Internal,
    ];

    /// Its name in answers and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::InvalidJson => "invalid_json",
            Kind::WrongField => "wrong_field",
            Kind::WrongShape => "wrong_shape",
            Kind::WrongNumber => "wrong_number",
            Kind::TooManyRows => "too_many_rows",
            Kind::BodyTooLarge => "body_too_large",
            Kind::BodyTooSlow => "body_too_slow",
            Kind::BodyBroken => "body_broken",
            Kind::UnknownPath => "unknown_path",
            Kind::WrongMethod => "wrong_method",
            Kind::Overloaded => "overloaded",
            Kind::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Kind::InvalidJson | Kind::BodyBroken => StatusCode::BAD_REQUEST,
            Kind::WrongField | Kind::WrongShape | Kind::WrongNumber => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooManyRows | Kind::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Kind::UnknownPath => StatusCode::NOT_FOUND,
            Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether some of the body was not read, so that the connection cannot be used again.
    fn ends_connection(self) -> bool {
        matches!(self, Kind::BodyTooLarge | Kind::BodyTooSlow | Kind::BodyBroken)
    }
}

impl Refusal {
    pub(super) fn new(kind: Kind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refusal { kind, message: message.into(), remedy: remedy.into() }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn response(&self) -> Response<Body> {
        let error = json!({ "error": self.kind.name(), "message": self.message, "remedy": self.remedy });
        let mut response = json_response(self.kind.status(), error.to_string());
        if self.kind == Kind::Overloaded {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.kind.ends_connection() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A response with a body in JSON.
pub(super) fn json_response(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
