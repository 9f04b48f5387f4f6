//! The same volumes, seen otherwise: reflected and shifted.

use elbo::data::Examples;
use elbo::prelude::*;

/// Voxels that a volume is shifted at most, along every axis and either way.
const SHIFT: usize = 2;

/// Every example of (examples, 1, space ..) reflected along some of its axes and shifted by up to two voxels along each,
/// at random; what comes in at the edges is zero. They stay the same examples: N is their number, not that of their views.
pub fn views(examples: &Examples, key: Key) -> Examples {
    let noise = key.at("views").philox();
    let mut seen = Tensor::zeros(examples.inputs().shape());
    let side: Vec<usize> = examples.inputs().shape()[2..].to_vec();
    let places: usize = side.iter().product();
    let pairs = examples.inputs().data().chunks(places).zip(seen.data_mut().chunks_mut(places));
    for (example, (from, to)) in pairs.enumerate() {
        let bits = noise.words(example as u64);
        let moves: Vec<Move> = side.iter().zip(bits).map(|(_, bits)| Move::of(bits)).collect();
        for (place, voxel) in to.iter_mut().enumerate() {
            if let Some(source) = source(place, &side, &moves) {
                *voxel = from[source];
            }
        }
    }
    Examples::new(seen, examples.targets().clone()).expect("views of examples are examples")
}

/// What happens along one axis.
struct Move {
    reflected: bool,
    /// The voxels that it moves forward, and [`SHIFT`] more.
    shift: usize,
}

impl Move {
    fn of(bits: u32) -> Self {
        Move { reflected: bits & 1 == 1, shift: (bits >> 1) as usize % (2 * SHIFT + 1) }
    }

    fn source(&self, place: usize, side: usize) -> Option<usize> {
        let place = if self.reflected { side - 1 - place } else { place };
        (place + SHIFT).checked_sub(self.shift).filter(|place| *place < side)
    }
}

/// The voxel that comes to this place.
fn source(mut place: usize, side: &[usize], moves: &[Move]) -> Option<usize> {
    let (mut source, mut stride) = (0, 1);
    for (&side, along) in side.iter().zip(moves).rev() {
        source += along.source(place % side, side)? * stride;
        stride *= side;
        place /= side;
    }
    Some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_the_voxels_of_its_volume_reflected_and_shifted() {
        let middle = |i: usize| (2..6).contains(&(i / 8 % 8)) && (2..6).contains(&(i % 8));
        let x = Tensor::from_fn([20, 1, 8, 8], |i| if middle(i) { 1.0 + (i % 64) as f64 } else { 0.0 });
        let examples = Examples::new(x, vec![0; 20]).unwrap();
        let seen = views(&examples, Key::new(1));
        assert_ne!(seen.inputs(), examples.inputs());
        for (seen, whole) in seen.inputs().data().chunks(64).zip(examples.inputs().data().chunks(64)) {
            // What is in the middle is not shifted out.
            let sorted = |x: &[f32]| {
                let mut x = x.to_vec();
                x.sort_by(f32::total_cmp);
                x
            };
            assert_eq!(sorted(seen), sorted(whole));
            // Rows stay rows: 19 stands between 18 and 20, whichever way round.
            let at = seen.iter().position(|&voxel| voxel == 20.0).unwrap();
            let mut beside = [seen[at - 1], seen[at + 1]];
            beside.sort_by(f32::total_cmp);
            assert_eq!(beside, [19.0, 21.0]);
        }
        assert_eq!(views(&examples, Key::new(1)).inputs(), seen.inputs());
        assert_ne!(views(&examples, Key::new(2)).inputs(), seen.inputs());
    }

    #[test]
    fn what_is_shifted_in_is_nothing() {
        let forward = Move { reflected: false, shift: SHIFT + 1 };
        let still = Move { reflected: false, shift: SHIFT };
        assert_eq!(source(0, &[3, 4], &[still, forward]), None);
        let reflected = Move { reflected: true, shift: SHIFT };
        assert_eq!(source(5, &[3, 4], &[reflected, Move { reflected: false, shift: SHIFT + 1 }]), Some(4));
    }
}
