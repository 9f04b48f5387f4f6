//! Einstein summation: products and sums given by an equation such as `ij,jk->ik`.

use smallvec::SmallVec;

use crate::{Real, Shape, Var};

/// The letters that name a value's axes.
type Letters = SmallVec<[u8; 8]>;

impl<'t, T: Real> Var<'t, T> {
    /// The sum given by `equation`: a letter per axis of every operand, and after the arrow those of the result.
    /// Letters that are missing in the result are summed over; axes with equal letters must have equal lengths.
    ///
    /// | equation | what it is |
    /// |---|---|
    /// | `"ij,jk->ik"` | a matrix product |
    /// | `"bhqd,bhkd->bhqk"` | the scores of attention |
    /// | `"i,j->ij"` | an outer product |
    /// | `"ii->i"`, `"ii->"` | a diagonal, a trace |
    /// | `"ij->ji"`, `"ij->j"` | a transposition, a sum over rows |
    ///
    /// Operands are multiplied from left to right, two at a time, by [`matmul`](Var::matmul) or elementwise, so their
    /// order determines the cost. Spaces are ignored. The arrow is required, and `...` is not supported.
    ///
    /// # Panics
    /// If the equation is malformed, its number of operands or axes differs from the arguments, equal letters have
    /// different lengths, or a letter of the result is repeated or missing in the operands.
    #[track_caller]
    pub fn einsum(equation: &str, operands: &[Var<'t, T>]) -> Var<'t, T> {
        let Some((inputs, output)) = equation.split_once("->") else {
            panic!("einsum: `{equation}` has no arrow; expected one as in `ij,jk->ik`");
        };
        let output = letters(equation, output);
        let count = inputs.split(',').count();
        assert!(count == operands.len(), "einsum: `{equation}` has {count} operands, got {}", operands.len());
        let mut terms: SmallVec<[Term<'t, T>; 4]> = SmallVec::new();
        for (input, &var) in inputs.split(',').zip(operands) {
            let letters = letters(equation, input);
            assert!(
                letters.len() == var.shape().len(),
                "einsum: in `{equation}` operand {} has {} letters, and its shape is {:?}",
                terms.len(),
                letters.len(),
                var.shape()
            );
            terms.push(Term { var, letters });
        }
        check_lengths(equation, &terms);
        for (i, letter) in output.iter().enumerate() {
            let named = char::from(*letter);
            assert!(!output[..i].contains(letter), "einsum: `{equation}` repeats `{named}` in the result");
            let is_known = terms.iter().any(|term| term.letters.contains(letter));
            assert!(is_known, "einsum: in `{equation}` the result's `{named}` is not an axis of any operand");
        }

        let mut product = terms[0].clone().with_single_letters();
        for k in 1..terms.len() {
            let rest = &terms[k + 1..];
            let kept = |letter: u8| output.contains(&letter) || rest.iter().any(|term| term.letters.contains(&letter));
            product = product.times(terms[k].clone().with_single_letters(), &kept);
        }
        product.summed(&|letter| output.contains(&letter)).in_order(&output).var
    }
}

/// A value with names for its axes.
#[derive(Clone)]
struct Term<'t, T: Real> {
    var: Var<'t, T>,
    letters: Letters,
}

impl<'t, T: Real> Term<'t, T> {
    /// Takes the diagonal along axes with equal letters, so that each letter occurs once.
    #[track_caller]
    fn with_single_letters(self) -> Self {
        let twice = |i: &usize| self.letters[..*i].contains(&self.letters[*i]);
        let Some(second) = (0..self.letters.len()).find(twice) else {
            return self;
        };
        let letter = self.letters[second];
        let others = self.letters.iter().copied().filter(|&other| other != letter);
        let repeats = self.letters.iter().filter(|&&other| other == letter).count();
        // Axes of that letter move last, and two of them become one.
        let order: Letters = others.chain(std::iter::repeat_n(letter, repeats)).collect();
        let mut term = self.in_order(&order);
        term.var = term.var.diagonal();
        term.letters.pop();
        term.with_single_letters()
    }

    /// Sums over all axes that are not kept.
    #[track_caller]
    fn summed(self, kept: &dyn Fn(u8) -> bool) -> Self {
        let axes = (0..self.letters.len()).filter(|&axis| !kept(self.letters[axis]));
        let axes: SmallVec<[isize; 8]> = axes.map(|axis| axis as isize).collect();
        if axes.is_empty() {
            return self;
        }
        let letters = self.letters.iter().copied().filter(|&letter| kept(letter)).collect();
        Term { var: self.var.sum_axes(&axes, false), letters }
    }

    /// Permutes the axes to this order; equal letters keep theirs.
    #[track_caller]
    fn in_order(self, order: &[u8]) -> Self {
        if self.letters[..] == *order {
            return self;
        }
        let mut axes: SmallVec<[isize; 8]> = SmallVec::new();
        for letter in order {
            let is_next = |&axis: &usize| self.letters[axis] == *letter && !axes.contains(&(axis as isize));
            axes.push((0..self.letters.len()).find(is_next).expect("the same letters") as isize);
        }
        Term { var: self.var.permute(&axes), letters: order.into() }
    }

    fn length(&self, letter: u8) -> usize {
        let axis = self.letters.iter().position(|&other| other == letter).expect("one of the letters");
        self.var.shape()[axis]
    }

    fn lengths(&self, letters: &[u8]) -> Shape {
        letters.iter().map(|&letter| self.length(letter)).collect()
    }

    /// The product, summed over the letters that are not kept. Every letter occurs once in each operand.
    #[track_caller]
    fn times(self, other: Self, kept: &dyn Fn(u8) -> bool) -> Self {
        let a = self.clone().summed(&|letter| kept(letter) || other.letters.contains(&letter));
        let b = other.summed(&|letter| kept(letter) || self.letters.contains(&letter));
        let part = |of: &Letters, beside: &Letters, shared: bool, kept: &dyn Fn(u8) -> bool| -> Letters {
            of.iter().copied().filter(|&letter| beside.contains(&letter) == shared && kept(letter)).collect()
        };
        let batch = part(&a.letters, &b.letters, true, kept);
        let contracted = part(&a.letters, &b.letters, true, &|letter| !kept(letter));
        let left = part(&a.letters, &b.letters, false, &|_| true);
        let right = part(&b.letters, &a.letters, false, &|_| true);
        let lengths: [Shape; 4] = [a.lengths(&batch), a.lengths(&left), a.lengths(&contracted), b.lengths(&right)];
        let [batch_lengths, left_lengths, contracted_lengths, right_lengths] = &lengths;
        let letters: Letters = batch.iter().chain(&left).chain(&right).copied().collect();
        let shape: Shape =
            [batch_lengths, left_lengths, right_lengths].into_iter().flat_map(|s| s.iter().copied()).collect();

        let a = a.in_order(&joined(&[&batch, &left, &contracted])).var;
        let b = b.in_order(&joined(&[&batch, &contracted, &right])).var;
        let [batch, m, k, n] = lengths.each_ref().map(|lengths| lengths.elements());
        if left_lengths.is_empty() && right_lengths.is_empty() {
            // Many products of a row and a column: one pass over both.
            let product = a.reshape([batch, k]) * b.reshape([batch, k]);
            let product = if contracted_lengths.is_empty() { product } else { product.sum_axes(&[-1], false) };
            return Term { var: product.reshape(shape), letters };
        }
        let product = if contracted_lengths.is_empty() {
            a.reshape([batch, m, 1]) * b.reshape([batch, 1, n])
        } else if batch_lengths.is_empty() {
            a.reshape([m, k]).matmul(b.reshape([k, n]))
        } else {
            a.reshape([batch, m, k]).matmul(b.reshape([batch, k, n]))
        };
        Term { var: product.reshape(shape), letters }
    }
}

fn joined(parts: &[&Letters]) -> Letters {
    parts.iter().flat_map(|part| part.iter().copied()).collect()
}

/// The letters of one operand.
#[track_caller]
fn letters(equation: &str, term: &str) -> Letters {
    let mut letters = Letters::new();
    for letter in term.chars().filter(|letter| *letter != ' ') {
        assert!(
            letter.is_ascii_alphabetic(),
            "einsum: `{equation}` has a `{letter}`; expected letters, commas and one arrow, as in `ij,jk->ik`"
        );
        letters.push(letter as u8);
    }
    letters
}

/// Checks that axes with equal letters have equal lengths.
#[track_caller]
fn check_lengths<T: Real>(equation: &str, terms: &[Term<'_, T>]) {
    let mut seen: [Option<(usize, usize)>; 128] = [None; 128];
    for (i, term) in terms.iter().enumerate() {
        for (&letter, &length) in term.letters.iter().zip(term.var.shape()) {
            let (first, expected) = *seen[usize::from(letter)].get_or_insert((i, length));
            assert!(
                length == expected,
                "einsum: in `{equation}` the index `{}` is {expected} long in operand {first} of shape {:?} and \
                 {length} long in operand {i} of shape {:?}",
                char::from(letter),
                terms[first].var.shape(),
                term.var.shape()
            );
        }
    }
}
