//! How errors show themselves.

/// Implements `Debug` of an error by its `Display`: `fn main() -> Result<(), Box<dyn Error>>` shows `Debug`, and a message
/// helps more there than names of fields.
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
