//! Runtime dispatch: kernels are compiled for several SIMD levels, and the best supported one runs.
//!
//! A kernel is an ordinary loop in an `#[inline(always)]` function. [`dispatch`] inlines it into functions that differ
//! only in their `#[target_feature]`s, and the compiler vectorises each copy as far as those features allow. So each
//! kernel is written once, and a test at one level tests the source of all.

use std::cell::Cell;
use std::sync::OnceLock;

/// The SIMD level: which vector instructions the kernels use. A higher level includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Instructions that every processor of the target has (on x86-64 the four lanes of SSE2).
    Portable,
    /// 256-bit vectors and fused multiply-add: AVX2 and FMA.
    Avx2,
    /// 512-bit vectors: AVX-512 F, VL, DQ and BW (Skylake-X, Zen 4 and later).
    Avx512,
}

impl Level {
    /// All levels, from the lowest.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// Whether this processor has the level's instructions.
    #[must_use]
    pub fn is_supported(self) -> bool {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            use std::arch::is_x86_feature_detected as has;
            match self {
                Level::Portable => true,
                Level::Avx2 => has!("avx2") && has!("fma"),
                Level::Avx512 => {
                    Level::Avx2.is_supported()
                        && has!("avx512f")
                        && has!("avx512vl")
                        && has!("avx512dq")
                        && has!("avx512bw")
                        && has!("bmi1")
                        && has!("bmi2")
                }
            }
        }
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        {
            self == Level::Portable
        }
    }

    fn best() -> Level {
        let supported = |level: &Level| level.is_supported();
        Level::ALL.into_iter().rfind(supported).unwrap_or(Level::Portable)
    }

    /// Reads the value of `ELBO_SIMD`.
    fn parse(name: &str) -> Result<Level, String> {
        let level = match name {
            "portable" => Level::Portable,
            "avx2" => Level::Avx2,
            "avx512" => Level::Avx512,
            _ => return Err(format!("ELBO_SIMD is `{name}`; expected portable, avx2 or avx512")),
        };
        if level.is_supported() {
            Ok(level)
        } else {
            let best = Level::best();
            Err(format!("ELBO_SIMD is set to {level:?}, but this processor's best level is {best:?}"))
        }
    }
}

/// A level as a type, so that a kernel's source can depend on it at compile time.
pub trait Simd: Copy + 'static {
    /// The corresponding level.
    const LEVEL: Level;

    /// Whether `a * b + c` is rounded once, by a fused instruction, or twice. (Without the instruction, a fused result
    /// would need a call of the C library.)
    const FUSED: bool;
}

macro_rules! levels {
    ($($name:ident fused $fused:literal)*) => {$(
        #[doc = concat!("The type of [`Level::", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Simd for $name {
            const LEVEL: Level = Level::$name;
            const FUSED: bool = $fused;
        }
    )*};
}

levels! {
    Portable fused false
    Avx2 fused true
    Avx512 fused true
}

/// A loop that is compiled for every level.
///
/// `run` and every generic function it calls must be `#[inline(always)]`: a function that is called instead of inlined
/// is compiled without the level's instructions. The loop itself is left to the compiler's vectoriser: use plain
/// indices or iterators over slices of equal length, no early exit, and choices as `if c { a } else { b }` of computed
/// values.
pub trait Kernel {
    /// The result of the loop.
    type Output;

    /// Runs the loop at level `S`.
    fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `kernel` at the current [`level`].
#[inline]
pub fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match level() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        // SAFETY: `level` only gives levels for which `is_supported` found every feature that `avx512` enables.
        Level::Avx512 => unsafe { x86::avx512(kernel) },
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        // SAFETY: as above, for the features that `avx2` enables.
        Level::Avx2 => unsafe { x86::avx2(kernel) },
        _ => kernel.run::<Portable>(),
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86 {
    use super::{Avx2, Avx512, Kernel};

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Avx2>()
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
    pub(super) fn avx512<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Avx512>()
    }
}

thread_local! {
    static OVERRIDE: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The level at which this thread's kernels run: the processor's best, unless the environment variable `ELBO_SIMD`
/// (`portable`, `avx2` or `avx512`) or [`with_level`] lowers it.
///
/// # Panics
///
/// If `ELBO_SIMD` is not the name of a level, or names one that this processor does not have.
#[inline]
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    OVERRIDE.get().unwrap_or_else(|| {
        *LEVEL.get_or_init(|| match std::env::var("ELBO_SIMD") {
            Ok(name) => Level::parse(&name).unwrap_or_else(|message| panic!("{message}")),
            Err(_) => Level::best(),
        })
    })
}

/// Runs `f` with this thread's kernels at `level`. Threads that `f` starts keep their own level.
///
/// # Panics
///
/// If this processor does not have `level`.
pub fn with_level<R>(level: Level, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERRIDE.set(self.0);
        }
    }
    assert!(level.is_supported(), "this processor does not support level {level:?}");
    let _restore = Restore(OVERRIDE.replace(Some(level)));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct WhichLevel;

    impl Kernel for WhichLevel {
        type Output = Level;

        #[inline(always)]
        fn run<S: Simd>(self) -> Level {
            S::LEVEL
        }
    }

    #[test]
    fn a_kernel_runs_at_the_given_level() {
        for level in Level::ALL.into_iter().filter(|level| level.is_supported()) {
            assert_eq!(with_level(level, || dispatch(WhichLevel)), level);
        }
        assert_eq!(dispatch(WhichLevel), level());
    }

    #[test]
    fn the_level_is_restored_after_a_panic() {
        let before = level();
        let panicked = std::panic::catch_unwind(|| with_level(Level::Portable, || panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(level(), before);
    }

    #[test]
    fn the_environment_can_lower_the_level() {
        assert_eq!(Level::parse("portable"), Ok(Level::Portable));
        let message = Level::parse("sse9").unwrap_err();
        assert!(message.contains("`sse9`") && message.contains("portable, avx2 or avx512"), "{message}");
        if !Level::Avx512.is_supported() {
            let message = Level::parse("avx512").unwrap_err();
            assert!(message.contains("this processor's best level is"), "{message}");
        }
    }
}
