//! `Ranks::map`: independent tasks, shared by the ranks.

use crate::distributed::{Ranks, gather, own_tasks, share};

impl Ranks {
    /// Runs the tasks 0 to `count` − 1, each on one rank, and returns the results of all of them, in their order, on every rank:
    /// folds of a cross-validation, members of an ensemble, learning rates of SafeBayes. Only results travel. A rank runs its tasks one
    /// after the other; each may use threads.
    ///
    /// ```no_run
    /// # use elbo::prelude::*;
    /// # let data: Examples = Examples::new(Tensor::zeros([40, 2]), vec![0; 40])?;
    /// let ranks = elbo::Ranks::start()?;
    /// let nll = ranks.map(5, |fold| {
    ///     let (train, test) = data.folds(5, 1).unwrap().nth(fold).unwrap();
    ///     let mut model = Dense::new(2, 2);
    ///     Elbo::new(Categorical).quiet().fit(&mut model, &train, Epochs(20)).unwrap();
    ///     model.predict(&Categorical, test.inputs(), Draws(32)).nll(test.targets())
    /// });
    /// assert_eq!(nll.len(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A model travels as bytes: `model.save_to_bytes()`, and `load_from_bytes` on the other side. No task may call other functions that
    /// ranks do together.
    ///
    /// # Panics
    /// If the ranks do not all call it with the same `count`. A panic of a task ends the job.
    #[track_caller]
    pub fn map<R: Portable>(&self, count: usize, task: impl FnMut(usize) -> R) -> Vec<R> {
        let counts = (0..self.len()).map(|rank| share(self, rank, (count as u64).to_le_bytes().to_vec()));
        let counts: Vec<u64> = counts.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))).collect();
        assert!(
            counts.iter().all(|&its| its == counts[0]),
            "`Ranks::map` takes the same number of tasks on all ranks; by rank, it is {counts:?}"
        );
        let mut own: Vec<R> = own_tasks(self, count).map(task).collect();
        let bytes = own.iter().map(|result| {
            let mut bytes = Vec::new();
            result.write(&mut bytes);
            bytes
        });
        let all = gather(self, count, bytes.collect());
        let mut own = own.drain(..);
        let of_bytes = |(rank, bytes): (usize, Vec<u8>)| {
            if rank == self.rank() { own.next().expect("a result of each task") } else { R::read(&bytes) }
        };
        all.into_iter().map(of_bytes).collect()
    }
}

/// Results that travel from rank to rank: `f64`, `Vec<f64>`, `Vec<f32>`, bytes, `String`, and `Result`s of these with a `String` as error.
pub trait Portable: sealed::Bytes {}

impl<R: sealed::Bytes> Portable for R {}

mod sealed {
    /// To and from bytes.
    pub trait Bytes {
        fn write(&self, bytes: &mut Vec<u8>);
        fn read(bytes: &[u8]) -> Self;
    }

    impl Bytes for f64 {
        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }

        fn read(bytes: &[u8]) -> Self {
            f64::from_le_bytes(bytes.try_into().expect("eight bytes"))
        }
    }

    impl Bytes for Vec<f64> {
        fn write(&self, bytes: &mut Vec<u8>) {
            self.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        }

        fn read(bytes: &[u8]) -> Self {
            bytes.as_chunks().0.iter().map(|&x| f64::from_le_bytes(x)).collect()
        }
    }

    impl Bytes for Vec<f32> {
        fn write(&self, bytes: &mut Vec<u8>) {
            self.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
        }

        fn read(bytes: &[u8]) -> Self {
            bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x)).collect()
        }
    }

    impl Bytes for Vec<u8> {
        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(self);
        }

        fn read(bytes: &[u8]) -> Self {
            bytes.to_vec()
        }
    }

    impl Bytes for String {
        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(self.as_bytes());
        }

        fn read(bytes: &[u8]) -> Self {
            String::from_utf8_lossy(bytes).into_owned()
        }
    }

    impl<R: Bytes> Bytes for Result<R, String> {
        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.push(u8::from(self.is_err()));
            match self {
                Ok(result) => result.write(bytes),
                Err(error) => error.write(bytes),
            }
        }

        fn read(bytes: &[u8]) -> Self {
            match bytes.split_first() {
                Some((0, rest)) => Ok(R::read(rest)),
                Some((_, rest)) => Err(String::read(rest)),
                None => Err("an empty message".to_owned()),
            }
        }
    }
}
