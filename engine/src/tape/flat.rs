//! Gradients as one list of numbers: to be summed, or sent to another process.

use crate::Real;
use crate::tape::Gradients;

impl<T: Real> Gradients<T> {
    /// The number of elements of all learned parameters.
    pub fn num_learned(&self) -> usize {
        self.entries.iter().filter(|entry| entry.role.is_learned()).map(|entry| entry.gradient.len()).sum()
    }

    /// Replaces the content of `out` by the gradients of the learned parameters, in the order of the model's walk, and the new
    /// values of its buffers: for each buffer 1 and its elements, or 0 and as many numbers if it has no new value. A
    /// parameter without a gradient counts as 0. Gradients of one model give lists of one length, of which the first
    /// [`num_learned`](Gradients::num_learned) numbers can be added up.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let w: Tensor = Tensor::new([2], [3.0, 4.0]);
    /// let (mut gradients, mut copy, mut flat) = (Gradients::of(&w), Gradients::of(&w), Vec::new());
    /// let tape = Tape::new();
    /// (tape.param(&w).square().sum() * 0.5).backward(&mut gradients);
    /// gradients.flatten(&mut flat);
    /// assert_eq!(flat, [3.0, 4.0]);
    /// copy.unflatten(&flat);
    /// assert_eq!(copy.get(""), gradients.get(""));
    /// ```
    #[track_caller]
    pub fn flatten(&self, out: &mut Vec<T>) {
        self.check_whole();
        out.clear();
        for learned in [true, false] {
            for (entry, &written) in self.entries.iter().zip(&self.written) {
                if entry.role.is_learned() != learned {
                    continue;
                }
                if !learned {
                    out.push(if written { T::ONE } else { T::ZERO });
                }
                if written {
                    out.extend_from_slice(entry.gradient.data());
                } else {
                    out.resize(out.len() + entry.gradient.len(), T::ZERO);
                }
            }
        }
    }

    /// Replaces the gradients by those that [`flatten`](Gradients::flatten) has written for a model of this structure.
    ///
    /// # Panics
    /// If the number of elements is another.
    #[track_caller]
    pub fn unflatten(&mut self, values: &[T]) {
        let buffers = self.entries.iter().filter(|entry| !entry.role.is_learned());
        let expected = self.num_learned() + buffers.map(|entry| 1 + entry.gradient.len()).sum::<usize>();
        assert!(values.len() == expected, "Gradients::unflatten: got {} numbers, expected {expected}", values.len());
        self.clear();
        self.begin_backward();
        let mut rest = values;
        for learned in [true, false] {
            for (entry, written) in self.entries.iter_mut().zip(&mut self.written) {
                if entry.role.is_learned() != learned {
                    continue;
                }
                *written = true;
                if let (false, [flag, after @ ..]) = (learned, rest) {
                    *written = *flag != T::ZERO;
                    rest = after;
                }
                let (own, after) = rest.split_at(entry.gradient.len());
                if *written {
                    entry.gradient.data_mut().copy_from_slice(own);
                }
                rest = after;
            }
        }
        self.end_backward();
    }
}

#[cfg(test)]
mod tests {
    use crate::{Gradients, Parameters, Path, Role, Tape, Tensor, Visitor, VisitorMut};

    struct WithBuffer([Tensor; 3]);

    const ROLES: [(&str, Role); 3] = [("w", Role::Point), ("running", Role::Buffer), ("b", Role::Point)];

    impl Parameters for WithBuffer {
        type Scalar = f32;

        fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
            self.0.iter().zip(ROLES).for_each(|(tensor, (name, role))| f(&path.at(name), role, tensor));
        }

        fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
            self.0.iter_mut().zip(ROLES).for_each(|(tensor, (name, role))| f(&path.at(name), role, tensor));
        }
    }

    #[test]
    fn learned_parameters_come_before_buffers_with_a_flag() {
        let mut model = WithBuffer([[2.0, 3.0], [7.0, 8.0], [4.0, 5.0]].map(|values| Tensor::new([2], values)));
        let tape = Tape::new();
        let [mut gradients, mut copy] = [0, 0].map(|_| Gradients::of(&model));
        let [w, b] = [0, 2].map(|i| tape.param(&model.0[i]));
        (w * b).sum().backward(&mut gradients);
        let mut flat = Vec::new();
        gradients.flatten(&mut flat);
        assert_eq!(flat, [4.0, 5.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
        assert_eq!(gradients.num_learned(), 4);

        tape.update(&model.0[1], tape.constant(&[2], |i| i as f32 + 1.0));
        (w * b).sum().backward(&mut gradients);
        gradients.flatten(&mut flat);
        assert_eq!(flat, [8.0, 10.0, 4.0, 6.0, 1.0, 1.0, 2.0]);
        copy.unflatten(&flat);
        copy.step(&mut model, |_, values, gradient| values.swap_with_slice(gradient));
        assert_eq!(model.0.each_ref().map(Tensor::data), [[8.0, 10.0], [1.0, 2.0], [4.0, 6.0]]);
        // The values before the step can be restored, as after a backward pass.
        assert!(copy.undo(&mut model));
        assert_eq!(model.0[1].data(), [7.0, 8.0]);
    }

    #[test]
    #[should_panic(expected = "Gradients::unflatten: got 3 numbers, expected 2")]
    fn another_number_of_elements_is_refused() {
        Gradients::of(&Tensor::<f32>::zeros([2])).unflatten(&[0.0; 3]);
    }
}
