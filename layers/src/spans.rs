//! Spans of the crate `tracing`, with the feature `tracing`; nothing without it.

/// Enters a span until the end of the block: `span!(INFO, "fit", examples = data.len())`. Without the feature, the fields are not
/// evaluated. `span!(INFO, "chains" as all, ..)` names it, so that `span!(INFO, "chain" in all, ..)` is within it on any thread.
macro_rules! span {
    ($level:ident, $name:literal $(as $own:ident)? $(, $field:ident = $value:expr)* $(,)?) => {
        #[cfg(feature = "tracing")]
        let _entered = tracing::span!(target: "elbo", tracing::Level::$level, $name $(, $field = $value)*).entered();
        $(
            #[cfg(feature = "tracing")]
            let $own = _entered.id();
        )?
    };
    ($level:ident, $name:literal in $parent:ident $(, $field:ident = $value:expr)* $(,)?) => {
        #[cfg(feature = "tracing")]
        let _entered = tracing::span!(
            target: "elbo", parent: $parent.clone(), tracing::Level::$level, $name $(, $field = $value)*
        )
        .entered();
    };
}

pub(crate) use span;
