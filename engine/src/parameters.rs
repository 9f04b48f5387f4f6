//! `Parameters`: a model as a walk over named tensors.

use std::any::TypeId;
use std::fmt;

use smallvec::SmallVec;

use crate::{Real, Tensor};

/// The role of a named tensor in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The location of a posterior: learned.
    Mean,
    /// The scale of a posterior, in any parametrisation: learned.
    Scale,
    /// A point estimate: learned.
    Point,
    /// A value that is saved with the model and not learned, such as a running mean.
    Buffer,
}

impl Role {
    /// Whether an optimiser moves it.
    pub fn is_learned(self) -> bool {
        self != Role::Buffer
    }
}

/// Called with one named tensor after the other; `'a` is how long the tensors may be kept.
pub type Visitor<'v, 'a, T> = dyn FnMut(&Path<'_>, Role, &'a Tensor<T>) + 'v;

/// Called with one named tensor after the other, whose elements it may change.
pub type VisitorMut<'v, T> = dyn FnMut(&Path<'_>, Role, &mut Tensor<T>) + 'v;

/// Anything with parameters: models, layers, posterior families.
///
/// The two walks visit the same tensors under the same names in the same order. Optimisers,
/// checkpoints, printing and [`Gradients`](crate::Gradients) are written on them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model: it does not implement `Parameters`",
    label = "neither a model nor a distribution over a weight"
)]
pub trait Parameters {
    /// The scalar type of every parameter.
    type Scalar: Real;

    /// Calls `f` with every tensor below `path`.
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, Self::Scalar>);

    /// Calls `f` with every tensor below `path`, for changes in place.
    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, Self::Scalar>);

    /// [`visit`](Parameters::visit) of a part of a model with the scalar type `T`, for generated code. The compiler
    /// already checks that `T` is the part's own where the part is sampled, with a better error than this walk would
    /// give.
    #[doc(hidden)]
    fn visit_part<'a, T: Real>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        assert!(TypeId::of::<T>() == TypeId::of::<Self::Scalar>(), "{ONE_SCALAR_TYPE}");
        // SAFETY: `T` and `Self::Scalar` are one type, so these are two names of one type of visitor. (A wrapping
        // visitor would cost each tensor of a deep model a call per level.)
        let f = unsafe { std::mem::transmute::<&mut Visitor<'_, 'a, T>, &mut Visitor<'_, 'a, Self::Scalar>>(f) };
        self.visit(path, f);
    }

    /// [`visit_mut`](Parameters::visit_mut) of a part, as [`visit_part`](Parameters::visit_part).
    #[doc(hidden)]
    fn visit_mut_part<T: Real>(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        assert!(TypeId::of::<T>() == TypeId::of::<Self::Scalar>(), "{ONE_SCALAR_TYPE}");
        // SAFETY: as in `visit_part`.
        let f = unsafe { std::mem::transmute::<&mut VisitorMut<'_, T>, &mut VisitorMut<'_, Self::Scalar>>(f) };
        self.visit_mut(path, f);
    }
}

const ONE_SCALAR_TYPE: &str = "all parts of a model must have the same scalar type";

/// A segment of a name, between dots.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment {
    Name(&'static str),
    Index(usize),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Name(name) => f.write_str(name),
            Segment::Index(index) => write!(f, "{index}"),
        }
    }
}

/// The dotted name of a parameter, such as `hidden.0.weight`, as a linked list on the stack, so that a walk over a
/// model does not allocate.
///
/// ```
/// use elbo_engine::Path;
/// let hidden = Path::ROOT.at("hidden");
/// assert_eq!(hidden.index(0).at("weight").to_string(), "hidden.0.weight");
/// ```
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Option<Segment>,
    depth: usize,
    fingerprint: u64,
}

impl<'a> Path<'a> {
    /// The model itself: the empty name.
    pub const ROOT: Path<'static> = Path { parent: None, segment: None, depth: 0, fingerprint: 0 };

    /// The path of the field `name` below this one.
    #[inline]
    pub fn at(&'a self, name: &'static str) -> Path<'a> {
        self.child(Segment::Name(name))
    }

    /// The path of element `index` below this one.
    #[inline]
    pub fn index(&'a self, index: usize) -> Path<'a> {
        self.child(Segment::Index(index))
    }

    /// The parent path; `None` at the root.
    pub fn parent(&self) -> Option<&'a Path<'a>> {
        self.parent
    }

    /// Folds the segments from the root on: names with `name`, indices with `index`.
    pub fn fold<A>(&self, start: A, name: fn(A, &str) -> A, index: fn(A, usize) -> A) -> A {
        let so_far = match self.parent {
            Some(parent) => parent.fold(start, name, index),
            None => start,
        };
        match self.segment {
            Some(Segment::Name(segment)) => name(so_far, segment),
            Some(Segment::Index(segment)) => index(so_far, segment),
            None => so_far,
        }
    }

    /// The number of segments.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The last segment; `None` at the root.
    pub(crate) fn segment(&self) -> Option<Segment> {
        self.segment
    }

    /// A hash: equal for equal paths, and otherwise equal with probability 2⁻⁶⁴. The same name at two places of a
    /// program may have two fingerprints.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    #[inline]
    pub(crate) fn child(&'a self, segment: Segment) -> Path<'a> {
        /// The golden ratio's fraction, as for Fibonacci hashing (Knuth 1973, section 6.4).
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let value = match segment {
            Segment::Name(name) => (name.as_ptr() as u64) ^ (name.len() as u64) << 48,
            Segment::Index(index) => !(index as u64),
        };
        let fingerprint = (self.fingerprint.rotate_left(23) ^ value).wrapping_mul(SPREAD);
        Path { parent: Some(self), segment: Some(segment), depth: self.depth + 1, fingerprint }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not by recursion: a name may have thousands of segments.
        let mut segments: SmallVec<[Segment; 16]> = SmallVec::with_capacity(self.depth);
        let mut at = Some(self);
        while let Some(path) = at {
            segments.extend(path.segment);
            at = path.parent;
        }
        for (i, segment) in segments.iter().rev().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{segment}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}
