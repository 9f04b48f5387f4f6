//! Collects the errors of a model, so that one compilation reports all of them.

use std::fmt::Display;

use quote::ToTokens;

/// The errors found so far, in order.
///
/// Dropping it without [`finish`](Errors::finish) panics, so that errors are never lost.
#[derive(Debug)]
pub(crate) struct Errors {
    /// `None` after `finish`.
    found: Option<Vec<syn::Error>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { found: Some(Vec::new()) }
    }

    /// Adds an error at `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.found.as_mut().expect("errors are read once, at the end").push(error);
    }

    /// The value of `result`, or `None` after adding its error.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All errors, joined into one.
    pub(crate) fn finish(mut self) -> syn::Result<()> {
        let mut found = self.found.take().into_iter().flatten();
        let Some(mut all) = found.next() else {
            return Ok(());
        };
        all.extend(found);
        Err(all)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if self.found.is_some() && !std::thread::panicking() {
            panic!("errors of a model were collected and not reported");
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    #[test]
    fn errors_are_joined_in_order() {
        let mut errors = Errors::new();
        errors.at(quote!(a), "first");
        errors.keep(Err::<(), _>(syn::Error::new(Span::call_site(), "second")));
        let messages: Vec<_> = errors.finish().unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(messages, ["first", "second"]);
    }

    #[test]
    fn finishing_without_errors_is_ok() {
        assert!(Errors::new().finish().is_ok());
    }

    #[test]
    #[should_panic = "not reported"]
    fn dropping_unreported_errors_panics() {
        Errors::new().at(quote!(a), "unread");
    }
}
