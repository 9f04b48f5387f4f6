//! Data augmentation: randomly flipped volumes.

use elbo::data::Examples;
use elbo::prelude::*;

/// Flips every example of (examples, 1, space ..) along a random subset of its spatial axes. Flipping adds no examples: N
/// stays the same.
pub fn random_flips(examples: &Examples, key: Key) -> Examples {
    let noise = key.at("views").philox();
    let mut flipped = Tensor::zeros(examples.inputs().shape());
    let lengths: Vec<usize> = examples.inputs().shape()[2..].to_vec();
    let voxels: usize = lengths.iter().product();
    let pairs = examples.inputs().data().chunks(voxels).zip(flipped.data_mut().chunks_mut(voxels));
    for (example, (from, to)) in pairs.enumerate() {
        let bits = noise.words(example as u64);
        let flips: Vec<bool> = lengths.iter().zip(bits).map(|(_, bits)| bits & 1 == 1).collect();
        for (index, voxel) in to.iter_mut().enumerate() {
            *voxel = from[source(index, &lengths, &flips)];
        }
    }
    Examples::new(flipped, examples.targets().clone()).expect("as many labels as before")
}

/// The index that the voxel at `index` of the flipped volume comes from.
fn source(mut index: usize, lengths: &[usize], flips: &[bool]) -> usize {
    let (mut source, mut stride) = (0, 1);
    for (&length, &flip) in lengths.iter().zip(flips).rev() {
        let position = index % length;
        source += stride * if flip { length - 1 - position } else { position };
        stride *= length;
        index /= length;
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_volume_has_the_same_voxels() {
        let x = Tensor::from_fn([20, 1, 8, 8], |i| (i % 64) as f64);
        let examples = Examples::new(x, vec![0; 20]).unwrap();
        let flipped = random_flips(&examples, Key::new(1));
        assert_ne!(flipped.inputs(), examples.inputs());
        for volume in flipped.inputs().data().chunks(64) {
            let mut sorted = volume.to_vec();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, examples.inputs().data()[..64]);
            // Neighbours in a row stay neighbours: 19 is between 18 and 20, in either direction.
            let at = volume.iter().position(|&voxel| voxel == 19.0).unwrap();
            let mut neighbours = [volume[at - 1], volume[at + 1]];
            neighbours.sort_by(f32::total_cmp);
            assert_eq!(neighbours, [18.0, 20.0]);
        }
        assert_eq!(random_flips(&examples, Key::new(1)).inputs(), flipped.inputs());
        assert_ne!(random_flips(&examples, Key::new(2)).inputs(), flipped.inputs());
    }

    #[test]
    fn only_the_chosen_axes_are_flipped() {
        assert_eq!(source(5, &[3, 4], &[false, false]), 5);
        assert_eq!(source(5, &[3, 4], &[false, true]), 6);
        assert_eq!(source(1, &[3, 4], &[true, false]), 9);
    }
}
