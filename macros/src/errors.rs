//! Collects the mistakes of a model, so that all are told in one run.

use std::fmt::Display;

use quote::ToTokens;

/// The mistakes found so far, in the order in which they were found.
///
/// It panics if it is dropped unread: a mistake that nobody tells is worse than a crash.
#[derive(Debug)]
pub(crate) struct Errors {
    /// `None` once they were read.
    found: Option<Vec<syn::Error>>,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { found: Some(Vec::new()) }
    }

    /// A mistake that stands at `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.found.as_mut().expect("errors are read once, at the end").push(error);
    }

    /// What `result` holds, or a mistake more.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All mistakes joined, if there are any.
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
            panic!("mistakes of a model were collected and never told");
        }
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use quote::quote;

    use super::*;

    #[test]
    fn all_mistakes_are_joined_in_order() {
        let mut errors = Errors::new();
        errors.at(quote!(a), "first");
        errors.keep(Err::<(), _>(syn::Error::new(Span::call_site(), "second")));
        let told: Vec<_> = errors.finish().unwrap_err().into_iter().map(|error| error.to_string()).collect();
        assert_eq!(told, ["first", "second"]);
    }

    #[test]
    fn no_mistake_is_no_error() {
        assert!(Errors::new().finish().is_ok());
    }

    #[test]
    #[should_panic = "never told"]
    fn unread_mistakes_panic() {
        Errors::new().at(quote!(a), "unread");
    }
}
