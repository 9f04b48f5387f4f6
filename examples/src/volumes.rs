//! AdrenalMNIST3D: masks of adrenal glands, labelled normal or with hyperplasia or a mass.

use std::path::Path;

use elbo::data::Examples;
use elbo::engine::io::FileError;
use elbo::engine::io::npz::Npz;
use elbo::prelude::*;

use crate::Failure;

/// Voxels along every axis of a volume.
pub const SIDE: usize = 28;

/// Number of classes: normal; hyperplasia or a mass.
pub const CLASSES: usize = 2;

/// The name of the file.
pub const FILE: &str = "adrenalmnist3d.npz";

/// Bytes that one array may take: three times its largest. Masks of ones and zeros compress more than a hundredfold.
const LIMIT: u64 = 3 * 4 * 1188 * (SIDE * SIDE * SIDE) as u64;

/// The three splits of MedMNIST, each (examples, 1, 28, 28, 28) of ones and zeros.
pub struct Volumes {
    /// Training volumes.
    pub train: Examples,
    /// Validation volumes.
    pub validation: Examples,
    /// Test volumes.
    pub test: Examples,
}

impl Volumes {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is missing (`advice` is added to the message), damaged, or has unexpected arrays.
    pub fn read(file: &Path, advice: &str) -> Result<Self, Failure> {
        let unreadable = |error: FileError| Failure::Input(error.to_string());
        if !file.exists() {
            return Err(Failure::Input(format!("{}: no such file\n\n{advice}", file.display())));
        }
        let arrays = Npz::open(file).map_err(unreadable)?.with_limit(LIMIT);
        let part = |name: &str| {
            let array = |what: &str| arrays.tensor::<f32>(&format!("{name}_{what}")).map_err(unreadable);
            part(file, name, array("images")?, &array("labels")?)
        };
        Ok(Volumes { train: part("train")?, validation: part("val")?, test: part("test")? })
    }

    /// Each volume's slice across the first axis with the largest area of the gland: (examples, 1, 28, 28).
    pub fn slices(&self) -> Self {
        Volumes { train: slices(&self.train), validation: slices(&self.validation), test: slices(&self.test) }
    }
}

fn part(file: &Path, name: &str, images: Tensor, labels: &Tensor) -> Result<Examples, Failure> {
    let invalid = |what: String| Failure::Input(format!("{}: {name}: {what}", file.display()));
    let &[count, SIDE, SIDE, SIDE] = images.shape() else {
        let shape = images.shape();
        return Err(invalid(format!("images of shape {shape:?}; expected (examples, {SIDE}, {SIDE}, {SIDE})")));
    };
    if labels.shape() != [count, 1] {
        return Err(invalid(format!("labels of shape {:?} for {count} images; expected [{count}, 1]", labels.shape())));
    }
    if let Some(row) = labels.data().iter().position(|&label| label != 0.0 && label != 1.0) {
        return Err(invalid(format!("row {row} (from 0): label {}, expected 0 or 1", labels.data()[row])));
    }
    let labels = labels.data().iter().map(|&label| usize::from(label == 1.0)).collect();
    let mut images = images.reshaped([count, 1, SIDE, SIDE, SIDE]);
    images.data_mut().iter_mut().for_each(|voxel| *voxel /= 255.0);
    Ok(Examples::new(images, labels)?)
}

fn slices(volumes: &Examples) -> Examples {
    const SLICE: usize = SIDE * SIDE;
    let largest = |volume: &[f32]| {
        let area = |slice: usize| volume[slice * SLICE..][..SLICE].iter().sum::<f32>();
        let slice = (0..SIDE).max_by(|&a, &b| area(a).total_cmp(&area(b))).unwrap_or(0);
        volume[slice * SLICE..][..SLICE].to_vec()
    };
    let images: Vec<f32> = volumes.inputs().data().chunks(SIDE * SLICE).flat_map(largest).collect();
    let images = Tensor::new([volumes.len(), 1, SIDE, SIDE], images);
    Examples::new(images, volumes.targets().clone()).expect("as many labels as before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slice_of_largest_area_is_chosen() {
        let mut x: Tensor = Tensor::zeros([2, 1, SIDE, SIDE, SIDE]);
        x.data_mut()[5 * SIDE * SIDE + 3] = 1.0;
        let second = SIDE * SIDE * SIDE;
        x.data_mut()[second + 2] = 1.0;
        for voxel in [9, 10] {
            x.data_mut()[second + 27 * SIDE * SIDE + voxel] = 1.0;
        }
        let slices = slices(&Examples::new(x, vec![1, 0]).unwrap());
        assert_eq!(slices.inputs().shape(), [2, 1, SIDE, SIDE]);
        let lit: Vec<usize> = (0..2 * SIDE * SIDE).filter(|&i| slices.inputs().data()[i] == 1.0).collect();
        assert_eq!(lit, [3, SIDE * SIDE + 9, SIDE * SIDE + 10]);
    }

    #[test]
    fn arrays_of_unexpected_shape_are_refused() {
        let of = |shape: [usize; 4], labels: Tensor| {
            let error = part(Path::new("a.npz"), "test", Tensor::zeros(shape), &labels).err().unwrap();
            error.to_string()
        };
        let side = [2, SIDE, SIDE, SIDE];
        assert!(
            of([2, SIDE, SIDE, 4], Tensor::zeros([2, 1])).starts_with("a.npz: test: images of shape [2, 28, 28, 4]")
        );
        assert!(of(side, Tensor::zeros([3, 1])).contains("labels of shape [3, 1] for 2 images"));
        assert!(of(side, Tensor::new([2, 1], [0.0, 3.0])).contains("row 1 (from 0): label 3"));
    }
}
