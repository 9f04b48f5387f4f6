//! Spans of the crate `tracing`, with the feature `tracing`; nothing without it.

/// Enters a span until the end of the block: `span!(INFO, "fit", examples = data.len())`. Without the feature, the fields are not
/// evaluated.
macro_rules! span {
    ($level:ident, $name:literal $(, $field:ident = $value:expr)* $(,)?) => {
        #[cfg(feature = "tracing")]
        let _entered = tracing::span!(target: "elbo", tracing::Level::$level, $name $(, $field = $value)*).entered();
    };
}

pub(crate) use span;
