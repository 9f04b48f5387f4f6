//! `Agreement`: what the ranks of a training do as one.

use crate::data::Checksum;
use crate::distributed::{Exchange, gather, share};
use crate::engine::Path;
use crate::infer::vi::TrainError;
use crate::model::Bayesian;

/// What the ranks of a training do as one: rank 0 decides, has the files, and its parameters count. A single process is rank 0 of one,
/// and nothing is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement<'e>(pub(super) &'e dyn Exchange);

impl Agreement<'_> {
    pub(super) fn is_first(self) -> bool {
        self.0.rank() == 0
    }

    pub(super) fn is_alone(self) -> bool {
        self.0.size() == 1
    }

    /// The decisions of rank 0.
    pub(super) fn decisions<const N: usize>(self, own: [bool; N]) -> [bool; N] {
        if self.is_alone() {
            return own;
        }
        let mut bytes: Vec<u8> = own.map(u8::from).to_vec();
        self.0.broadcast(&mut bytes);
        std::array::from_fn(|index| bytes[index] == 1)
    }

    /// The bytes of rank 0.
    pub(super) fn bytes(self, own: Vec<u8>) -> Vec<u8> {
        share(self.0, 0, own)
    }

    /// Fails on all ranks with the text of the first rank that has one.
    ///
    /// # Errors
    /// If a rank has a text.
    fn no_text(self, own: Option<String>) -> Result<(), TrainError> {
        if self.is_alone() {
            return own.map_or(Ok(()), |text| Err(TrainError::Options(text)));
        }
        let texts = gather(self.0, self.0.size(), vec![own.unwrap_or_default().into_bytes()]);
        match texts.into_iter().find(|(_, text)| !text.is_empty()) {
            Some((_, text)) => Err(TrainError::Options(String::from_utf8_lossy(&text).into_owned())),
            None => Ok(()),
        }
    }

    /// Does on rank 0 what needs its files. All ranks get its error.
    ///
    /// # Errors
    /// As `work`.
    #[cfg(feature = "files")]
    pub(super) fn on_first<R>(self, work: impl FnOnce() -> Result<R, TrainError>) -> Result<Option<R>, TrainError> {
        let result = if self.is_first() { work().map(Some) } else { Ok(None) };
        let text = result.as_ref().err().map_or(Vec::new(), |error| error.to_string().into_bytes());
        let text = self.bytes(text);
        match result {
            Ok(_) if !text.is_empty() => Err(TrainError::Checkpoint(String::from_utf8_lossy(&text).into_owned())),
            result => result,
        }
    }

    /// Checks that all ranks have the settings of rank 0: `differences` says in words how rank 0's differ from this rank's.
    ///
    /// # Errors
    /// If a rank has others.
    #[cfg(feature = "files")]
    pub(super) fn same_settings(
        self,
        own: Vec<u8>,
        differences: impl FnOnce(&[u8]) -> Option<String>,
    ) -> Result<(), TrainError> {
        if self.is_alone() {
            return Ok(());
        }
        let found = differences(&self.bytes(own));
        let rank = self.0.rank();
        self.no_text(found.map(|found| format!("ranks: rank {rank} has another training than rank 0. {found}")))
    }

    /// Gives the model the parameters of rank 0, and checks that they have arrived.
    ///
    /// # Errors
    /// If not.
    pub(super) fn parameters_of_first<M: Bayesian>(self, model: &mut M) -> Result<(), TrainError> {
        if self.is_alone() {
            return Ok(());
        }
        let mut elements: Vec<M::Scalar> = Vec::new();
        model.visit(&Path::ROOT, &mut |_, _, tensor| elements.extend_from_slice(tensor.data()));
        self.0.broadcast(&mut elements);
        let mut rest = &elements[..];
        model.visit_mut(&Path::ROOT, &mut |_, _, tensor| {
            let (its, after) = rest.split_at(tensor.len());
            tensor.data_mut().copy_from_slice(its);
            rest = after;
        });
        self.same_parameters(model)
    }

    /// Checks that all ranks have the same parameters, bit for bit.
    ///
    /// # Errors
    /// If not.
    pub(super) fn same_parameters<M: Bayesian>(self, model: &M) -> Result<(), TrainError> {
        if self.is_alone() {
            return Ok(());
        }
        let mut checksum = Checksum::default();
        model.visit(&Path::ROOT, &mut |_, _, tensor| checksum.add_tensor(tensor));
        let own = checksum.finish().to_le_bytes().to_vec();
        let is_same = self.bytes(own.clone()) == own;
        let rank = self.0.rank();
        self.no_text((!is_same).then(|| {
            format!(
                "ranks: the parameters of rank {rank} are not those of rank 0. The ranks must run the same program, on processors with \
                 the same instructions"
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributed::threads::on_ranks;
    use crate::engine::Parameters;
    use crate::nn::Dense;

    #[test]
    fn rank_0_decides() {
        for size in [1, 2, 3, 5, 8, 11] {
            on_ranks(size, |exchange| {
                let agreement = Agreement(exchange);
                let own = [exchange.rank() == 0, exchange.rank() != 0];
                assert_eq!(agreement.decisions(own), [true, false]);
                assert_eq!(agreement.bytes(vec![7; 3 * (exchange.rank() + 1)]), [7; 3]);
                assert!(agreement.bytes(vec![7; exchange.rank()]).is_empty());
            });
        }
    }

    #[test]
    fn the_first_rank_with_a_mistake_is_named_on_all() {
        on_ranks(5, |exchange| {
            let agreement = Agreement(exchange);
            let of = |wrong: [usize; 2]| {
                let own = wrong.contains(&exchange.rank()).then(|| format!("rank {}", exchange.rank()));
                agreement.no_text(own).map_err(|error| error.to_string())
            };
            assert_eq!(of([9, 9]), Ok(()));
            assert_eq!(of([4, 2]), Err("rank 2".to_owned()));
            assert_eq!(of([0, 2]), Err("rank 0".to_owned()));
        });
    }

    #[test]
    fn the_parameters_of_rank_0_count() {
        on_ranks(3, |exchange| {
            let agreement = Agreement(exchange);
            let mut model: Dense = Dense::new(3, 2);
            model.initialise(crate::engine::Key::new(exchange.rank() as u64));
            let error = agreement.same_parameters(&model).unwrap_err().to_string();
            assert!(error.starts_with("ranks: the parameters of rank 1 are not those of rank 0"), "{error}");
            agreement.parameters_of_first(&mut model).unwrap();
            let mut expected: Dense = Dense::new(3, 2);
            expected.initialise(crate::engine::Key::new(0));
            let mean = |model: &Dense| {
                let mut all = Vec::new();
                model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
                all
            };
            assert_eq!(mean(&model), mean(&expected));
        });
    }
}
