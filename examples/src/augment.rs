//! The same volumes, seen otherwise: reflected.

use elbo::data::Examples;
use elbo::prelude::*;

/// Every example of (examples, 1, space ..) reflected along some of its axes, at random. They stay the same examples: N is
/// their number, not that of their views.
pub fn views(examples: &Examples, key: Key) -> Examples {
    let noise = key.at("views").philox();
    let mut seen = Tensor::zeros(examples.inputs().shape());
    let side: Vec<usize> = examples.inputs().shape()[2..].to_vec();
    let places: usize = side.iter().product();
    let pairs = examples.inputs().data().chunks(places).zip(seen.data_mut().chunks_mut(places));
    for (example, (from, to)) in pairs.enumerate() {
        let bits = noise.words(example as u64);
        let reflected: Vec<bool> = side.iter().zip(bits).map(|(_, bits)| bits & 1 == 1).collect();
        for (place, voxel) in to.iter_mut().enumerate() {
            *voxel = from[source(place, &side, &reflected)];
        }
    }
    Examples::new(seen, examples.targets().clone()).expect("views of examples are examples")
}

/// The voxel that comes to this place.
fn source(mut place: usize, side: &[usize], reflected: &[bool]) -> usize {
    let (mut source, mut stride) = (0, 1);
    for (&side, &reflected) in side.iter().zip(reflected).rev() {
        let along = place % side;
        source += stride * if reflected { side - 1 - along } else { along };
        stride *= side;
        place /= side;
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_the_voxels_of_its_volume_reflected() {
        let x = Tensor::from_fn([20, 1, 8, 8], |i| (i % 64) as f64);
        let examples = Examples::new(x, vec![0; 20]).unwrap();
        let seen = views(&examples, Key::new(1));
        assert_ne!(seen.inputs(), examples.inputs());
        for seen in seen.inputs().data().chunks(64) {
            let mut sorted = seen.to_vec();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, examples.inputs().data()[..64]);
            // Rows stay rows: 19 stands between 18 and 20, whichever way round.
            let at = seen.iter().position(|&voxel| voxel == 19.0).unwrap();
            let mut beside = [seen[at - 1], seen[at + 1]];
            beside.sort_by(f32::total_cmp);
            assert_eq!(beside, [18.0, 20.0]);
        }
        assert_eq!(views(&examples, Key::new(1)).inputs(), seen.inputs());
        assert_ne!(views(&examples, Key::new(2)).inputs(), seen.inputs());
    }

    #[test]
    fn only_the_axes_that_are_reflected_are() {
        assert_eq!(source(5, &[3, 4], &[false, false]), 5);
        assert_eq!(source(5, &[3, 4], &[false, true]), 6);
        assert_eq!(source(1, &[3, 4], &[true, false]), 9);
    }
}
