//! Settings of an optimiser by parameter name: frozen parameters, learning rates, weight decay.

use std::fmt;

use crate::engine::{Gradients, Parameters, Path, Real, Role};
use crate::optim::check_rate;
use crate::pattern::{matches, nearest};
use crate::scalar::try_to_scalar;

/// An optimiser's settings by name. The last rule that matches a tensor applies to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    rules: Vec<Rule>,
    /// The settings that the rules give to each tensor of the model, found at the first step.
    resolved: Vec<Own>,
}

/// A setting of all tensors whose names match a pattern.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rule {
    pattern: String,
    set: Setting,
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Setting {
    Frozen(bool),
    Rate(f64),
    WeightDecay(f64),
}

/// The settings of one tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) frozen: bool,
    pub(super) rate: f64,
    pub(super) weight_decay: f64,
}

/// The settings that a tensor has of its own.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    frozen: bool,
    rate: Option<f64>,
    weight_decay: Option<f64>,
}

impl Groups {
    pub(super) fn set(mut self, pattern: &str, set: Setting) -> Self {
        self.rules.push(Rule { pattern: pattern.to_owned(), set });
        self.resolved.clear();
        self
    }

    /// Whether a rule freezes the tensor of this name.
    pub(super) fn is_frozen(&self, name: &str) -> bool {
        let of = |rule: &Rule| match rule.set {
            Setting::Frozen(frozen) if matches(&rule.pattern, name) => Some(frozen),
            _ => None,
        };
        self.rules.iter().rev().find_map(of).unwrap_or(false)
    }

    /// # Errors
    /// If a rule's number is invalid.
    pub(super) fn check_settings(&self, optimizer: &str) -> Result<(), String> {
        self.rules.iter().try_for_each(|rule| {
            match rule.set {
                Setting::Frozen(_) => Ok(()),
                Setting::Rate(rate) => check_rate(optimizer, rate),
                Setting::WeightDecay(decay) => check_decay(optimizer, decay),
            }
            .map_err(|mistake| format!("{mistake} for `{}`", rule.pattern))
        })
    }

    /// Checks the rules against a model.
    ///
    /// # Errors
    /// If a pattern matches nothing that its setting applies to, or a number is zero or infinite in the model's scalar
    /// type.
    pub(super) fn check<M: Parameters + ?Sized>(&self, optimizer: &str, model: &M) -> Result<(), String> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let mut tensors = Vec::new();
        model.visit(&Path::ROOT, &mut |path, role, _| tensors.push((path.to_string(), role)));
        self.check_tensors::<M::Scalar>(optimizer, &tensors)
    }

    fn check_tensors<T: Real>(&self, optimizer: &str, tensors: &[(String, Role)]) -> Result<(), String> {
        for Rule { pattern, set } in &self.rules {
            let mut matched =
                tensors.iter().filter(|(name, _)| matches(pattern, name)).map(|&(_, role)| role).peekable();
            if matched.peek().is_none() {
                let near = nearest(pattern, tensors.iter().map(|(name, _)| &name[..]));
                return Err(format!(
                    "{optimizer}: {} `{pattern}` matches no parameter of the model; the nearest names are {near}",
                    set.name()
                ));
            }
            if !matched.any(|role| set.applies_to(role)) {
                return Err(format!(
                    "{optimizer}: {} `{pattern}` matches only {}",
                    set.name(),
                    match set {
                        Setting::WeightDecay(_) => "scales and buffers, which do not decay; name means or points",
                        _ => "buffers, which are not learned",
                    }
                ));
            }
            if let Setting::Rate(number) | Setting::WeightDecay(number) = *set {
                try_to_scalar::<T>(format_args!("{optimizer}: {} `{pattern}`", set.name()), number)?;
            }
        }
        Ok(())
    }

    /// The settings of each tensor of the model of `gradients`: its own, or else its rate of `by_role`, or else the common rate
    /// and weight decay. Discards the gradients of frozen tensors.
    ///
    /// # Panics
    /// Where [`check`](Self::check) fails.
    #[track_caller]
    pub(super) fn prepare<'g, T: Real>(
        &'g mut self,
        optimizer: &str,
        by_role: fn(&str, Role, &[usize]) -> Option<f64>,
        [rate, weight_decay]: [f64; 2],
        gradients: &mut Gradients<T>,
    ) -> impl Fn(usize) -> Settings + use<'g, T> {
        let count = gradients.tensors().len();
        if self.resolved.len() != count {
            let tensors: Vec<(Role, &[usize])> = gradients.tensors().collect();
            if !self.rules.is_empty() {
                let named =
                    tensors.iter().enumerate().map(|(index, &(role, _))| (gradients.name(index).to_owned(), role));
                if let Err(mistake) = self.check_tensors::<T>(optimizer, &named.collect::<Vec<_>>()) {
                    panic!("{mistake}");
                }
            }
            let own = |(index, &(role, shape))| {
                let name = gradients.name(index);
                self.own(name, role, by_role(name, role, shape))
            };
            self.resolved = tensors.iter().enumerate().map(own).collect();
        }
        for (index, own) in self.resolved.iter().enumerate() {
            if own.frozen {
                gradients.discard(index);
            }
        }
        move |index| {
            let own = self.resolved[index];
            Settings {
                frozen: own.frozen,
                rate: own.rate.unwrap_or(rate),
                weight_decay: own.weight_decay.unwrap_or(weight_decay),
            }
        }
    }

    fn own(&self, name: &str, role: Role, rate: Option<f64>) -> Own {
        let mut own = Own { rate, ..Own::default() };
        if !Setting::WeightDecay(0.0).applies_to(role) {
            own.weight_decay = Some(0.0);
        }
        for Rule { pattern, set } in &self.rules {
            if set.applies_to(role) && matches(pattern, name) {
                match *set {
                    Setting::Frozen(frozen) => own.frozen = frozen,
                    Setting::Rate(rate) => own.rate = Some(rate),
                    Setting::WeightDecay(decay) => own.weight_decay = Some(decay),
                }
            }
        }
        own
    }

    #[cfg(feature = "serde")]
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    #[cfg(feature = "serde")]
    pub(crate) fn from_rules(rules: Vec<Rule>) -> Self {
        Groups { rules, resolved: Vec::new() }
    }
}

/// The rules, as settings in a checkpoint say them.
impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|Rule { pattern, set }| write!(f, ", {set:?} for `{pattern}`"))
    }
}

impl Setting {
    /// Its name in errors, before a pattern.
    fn name(self) -> &'static str {
        match self {
            Setting::Frozen(true) => "`freeze` of",
            Setting::Frozen(false) => "`unfreeze` of",
            Setting::Rate(_) => "the learning rate of",
            Setting::WeightDecay(_) => "the weight decay of",
        }
    }

    fn applies_to(self, role: Role) -> bool {
        match self {
            Setting::Frozen(_) => true,
            Setting::Rate(_) => role.is_learned(),
            Setting::WeightDecay(_) => matches!(role, Role::Mean | Role::Point),
        }
    }
}

/// Checks that a weight decay is finite and at least 0.
pub(super) fn check_decay(optimizer: &str, decay: f64) -> Result<(), String> {
    if decay >= 0.0 && decay.is_finite() {
        return Ok(());
    }
    Err(format!("{optimizer}: the weight decay must be finite and at least 0, got {decay}"))
}

/// The methods of an optimiser that add a rule.
macro_rules! settings_by_name {
    ($optimizer:ident) => {
        /// Settings by name. A pattern is a name as a diagnosis or [`Gradients`](crate::Gradients) prints it, of a tensor
        /// (`head.weight.mean`), a weight (`head.weight`) or a part (`head`), in which `*` stands for any characters, dots
        /// too: `body.*`, `*.bias`, `*.rho`. The last setting that matches a tensor applies to it. A pattern that matches
        /// nothing is an error of [`Elbo::fit`](crate::Elbo::fit), and a panic of a step.
        impl $optimizer {
            /// Freezes parameters: no step changes them, nor the buffers among them, and [`Elbo::fit`](crate::Elbo::fit)
            /// keeps their initial values. Their divergence counts in the loss and in reports, and does not move them. Their
            /// gradients are computed and discarded, before clipping.
            ///
            /// ```
            /// # use elbo::prelude::*;
            #[doc = concat!("let optimizer = ", stringify!($optimizer), "::new(1e-3).freeze(\"body.*\").rate_of(\"*.rho\", 1e-2);")]
            /// ```
            pub fn freeze(self, pattern: &str) -> Self {
                self.by_name(pattern, Setting::Frozen(true))
            }

            /// Trains parameters that an earlier [`freeze`](Self::freeze) of a wider pattern froze.
            pub fn unfreeze(self, pattern: &str) -> Self {
                self.by_name(pattern, Setting::Frozen(false))
            }

            /// Sets the learning rate of these parameters. A [`Schedule`](crate::Schedule) multiplies it as any other.
            ///
            /// # Panics
            /// If the rate is not positive and finite.
            #[track_caller]
            pub fn rate_of(self, pattern: &str, rate: f64) -> Self {
                self.by_name(pattern, Setting::Rate(rate))
            }

            /// Sets the weight decay of these parameters: see [`weight_decay`](Self::weight_decay).
            ///
            /// # Panics
            /// If it is negative or not finite.
            #[track_caller]
            pub fn weight_decay_of(self, pattern: &str, decay: f64) -> Self {
                self.by_name(pattern, Setting::WeightDecay(decay))
            }

            #[track_caller]
            fn by_name(mut self, pattern: &str, set: Setting) -> Self {
                self.groups = self.groups.set(pattern, set);
                accepted(self.check_settings())
            }
        }
    };
}

pub(super) use settings_by_name;
