//! How long things take.

/// Time since a moment. WebAssembly without a host (`wasm32-unknown-unknown`) has no clock: `Instant::now` panics there.
pub(crate) struct Clock(#[cfg(not(all(target_family = "wasm", target_os = "unknown")))] std::time::Instant);

impl Clock {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) fn start() -> Clock {
        Clock(std::time::Instant::now())
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    pub(crate) fn start() -> Clock {
        Clock()
    }

    /// Seconds since the start; NaN where there is no clock.
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// Seconds since the start; NaN where there is no clock.
    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    pub(crate) fn seconds(&self) -> f64 {
        f64::NAN
    }
}
