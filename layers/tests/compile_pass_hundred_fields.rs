//! A struct of a hundred fields: its verdicts nest no deeper than rustc goes, and its walks reach every field.
//!
//! It adds some 0.2 s to a debug build, which a test cannot hold to account on a busy machine.

use elbo::prelude::*;

macro_rules! network {
    ($($field:ident)*) => {
        #[bayesian]
        struct Network {
            $($field: Dense,)*
        }

        #[bayesian]
        impl Network {
            fn forward(&self, x: Var) -> Var {
                $(let x = self.$field.forward(x);)*
                x
            }
        }

        fn network() -> Network {
            Network { $($field: Dense::new(2, 2),)* }
        }
    };
}

network! {
    l00 l01 l02 l03 l04 l05 l06 l07 l08 l09 l10 l11 l12 l13 l14 l15 l16 l17 l18 l19
    l20 l21 l22 l23 l24 l25 l26 l27 l28 l29 l30 l31 l32 l33 l34 l35 l36 l37 l38 l39
    l40 l41 l42 l43 l44 l45 l46 l47 l48 l49 l50 l51 l52 l53 l54 l55 l56 l57 l58 l59
    l60 l61 l62 l63 l64 l65 l66 l67 l68 l69 l70 l71 l72 l73 l74 l75 l76 l77 l78 l79
    l80 l81 l82 l83 l84 l85 l86 l87 l88 l89 l90 l91 l92 l93 l94 l95 l96 l97 l98 l99
}

#[test]
fn every_field_of_a_hundred_is_drawn_and_counted() {
    let (model, tape) = (network(), Tape::new());
    let terms = model.kl_terms();
    assert_eq!(terms.len(), 200);
    assert_eq!((terms[0].0.as_str(), terms[199].0.as_str()), ("l00.weight", "l99.bias"));
    let draw = model.draw(&tape, Key::new(1));
    let x = Tensor::full([1, 2], 1.0);
    assert_eq!(draw.forward(tape.input(&x)).shape(), [1, 2]);
    let sum: f64 = terms.iter().map(|(_, nats)| nats).sum();
    assert!((draw.kl().nats() / sum - 1.0).abs() < 1e-5);
}
