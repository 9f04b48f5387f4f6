//! A printable listing of a tape's values, and its memory use.

use std::fmt;

use crate::tape::lists::Maker;
use crate::tape::{Gradients, Origin, Tape};
use crate::{Real, Shape};

/// The memory of a tape, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Values in use now, with the operations and shapes. Borrowed elements (parameters and data) are not counted.
    pub used: usize,
    /// The peak since the last reset, including the adjoints of a backward pass, the working memory of operations, and
    /// values recomputed by [`Tape::recompute`].
    pub peak: usize,
    /// Memory kept from step to step, used or not, including the tape's lists.
    pub held: usize,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { used, peak, held } = *self;
        write!(f, "{} in use, at most {}, {} held", Bytes(used), Bytes(peak), Bytes(held))
    }
}

/// The values on a tape, in the order of evaluation: see [`Tape::dump`].
#[derive(Clone, Debug)]
pub struct Dump {
    number: &'static str,
    memory: Memory,
    entries: Vec<Entry>,
}

/// A value on a tape, without its elements.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// What produced it.
    pub origin: Origin,
    /// The parameter's name, if the gradients know it.
    pub parameter: Option<String>,
    /// The lengths of the axes, for one draw.
    pub shape: Shape,
    /// The number of draws.
    pub draws: usize,
    /// The entries that it was computed from.
    pub inputs: Vec<usize>,
    /// Bytes of its elements.
    pub bytes: usize,
    /// Whether these bytes are counted elsewhere: elements borrowed from a parameter or data, or an alias of another
    /// value with a different shape.
    pub shared: bool,
    /// Whether a gradient flows through it.
    pub tracked: bool,
}

impl Dump {
    /// The values, in the order of evaluation.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The memory of the tape.
    pub fn memory(&self) -> Memory {
        self.memory
    }
}

impl<T: Real> Tape<T> {
    /// The memory that this tape holds.
    ///
    /// ```
    /// use elbo_engine::{Tape, Tensor};
    ///
    /// let x: Tensor = Tensor::zeros([1000]);
    /// let tape = Tape::inference();
    /// let before = tape.memory().used;
    /// tape.input(&x).exp();
    /// assert!((4000..4500).contains(&(tape.memory().used - before)));
    /// ```
    pub fn memory(&self) -> Memory {
        let inner = self.inner.borrow().as_ref().map(|inner| inner.memory());
        let (peak, held) = inner.map_or((0, 0), |inner| (inner.peak, inner.held));
        Memory {
            used: self.arena.used(),
            peak: self.arena.peak() + peak,
            held: self.arena.capacity() + self.lists().capacity() + held,
        }
    }

    /// A printable listing of every value on the tape: the operation that produced it and the line that called it, its
    /// shape, its bytes. `gradients`, if given, supply the parameters' names.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let w: Tensor = Tensor::zeros([4, 2]);
    /// let x = Tensor::zeros([3, 2]);
    /// let tape = Tape::new();
    /// tape.input(&x).linear(tape.param(&w)).tanh();
    /// let dump = tape.dump(Some(&Gradients::of(&w)));
    /// println!("{dump}");
    /// assert_eq!(dump.entries()[3].shape, [3, 4]);
    /// ```
    pub fn dump(&self, gradients: Option<&Gradients<T>>) -> Dump {
        let lists = self.lists();
        let entries = lists.slots.iter().zip(lists.makers()).map(|(slot, maker)| {
            let (origin, inputs, parameter) = match maker {
                Maker::Operation(node) => (node.origin(), node.inputs(&lists.inputs), None),
                Maker::Parameter(address) => (Origin::Parameter, &[][..], Some(address)),
                Maker::Input => (Origin::Input, &[][..], None),
            };
            let is_input = |&input: &u32| lists.slots[input as usize].data == slot.data;
            let is_made = matches!(maker, Maker::Operation(_));
            Entry {
                origin,
                parameter: parameter.and_then(|address| Some(gradients?.name_at(address)?.to_owned())),
                // SAFETY: the slot was made under this borrow of the tape.
                shape: unsafe { slot.shape() }.into(),
                draws: slot.draws as usize,
                inputs: inputs.iter().map(|&input| input as usize).collect(),
                bytes: slot.elements() * size_of::<T>(),
                shared: !is_made || (slot.len > 0 && inputs.iter().any(is_input)),
                tracked: slot.tracked,
            }
        });
        Dump { number: T::NAME, memory: self.memory(), entries: entries.collect() }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} values of {}: {}", self.entries.len(), self.number, self.memory)?;
        for (id, entry) in self.entries.iter().enumerate() {
            writeln!(f, "{id:>5}  {entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (&self.origin, &self.parameter) {
            (Origin::Parameter, Some(name)) => format!("parameter `{name}`"),
            (Origin::Parameter, None) => "parameter".to_owned(),
            (Origin::Input, _) => "data".to_owned(),
            (Origin::Operation { name, .. } | Origin::Adjoint { name, .. }, _) => {
                let inputs: Vec<_> = self.inputs.iter().map(usize::to_string).collect();
                format!("{name}({})", inputs.join(", "))
            }
        };
        let draws = if self.draws == 1 { String::new() } else { format!("{} × ", self.draws) };
        let shape = format!("{draws}{:?}", self.shape);
        let bytes = if self.shared { "shared".to_owned() } else { Bytes(self.bytes).to_string() };
        write!(f, "{what:<32} {shape:<20} {bytes:>10}")?;
        if let Origin::Operation { caller, .. } = &self.origin {
            let constant = if self.tracked { "" } else { "constant, " };
            write!(f, "  {constant}{caller}")?;
        }
        Ok(())
    }
}

/// Displays a number of bytes in B, KiB or MiB.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..1024 => write!(f, "{bytes} B"),
            bytes @ 1024..0x10_0000 => write!(f, "{:.1} KiB", bytes as f64 / 1024.0),
            bytes => write!(f, "{:.1} MiB", bytes as f64 / 1024.0 / 1024.0),
        }
    }
}
