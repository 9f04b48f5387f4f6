//! A macro that implements `Debug` of errors by their `Display`.

/// Implements `Debug` of an error by its `Display`: `fn main() -> Result<(), Box<dyn Error>>` prints `Debug`, where a
/// message is more helpful than field names.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_as_display {
    ($error:ty) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    };
}
