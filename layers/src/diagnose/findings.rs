//! What follows from the figures, in sentences.

use super::{Diagnosis, DominantTerm, FALLEN_BACK, Parameter, TermGradients};

/// Times the NLL from which the divergence looks alarming.
const ALARMING: f64 = 10.0;

/// How far a term must lead to be said to win.
const CLEAR: f64 = 2.0;

/// The share of fallen weights from which it is worth a word.
const MANY: f64 = 0.2;

/// Parameters that are named at most in one sentence.
const NAMED: usize = 4;

pub(super) fn findings(d: &Diagnosis) -> Vec<String> {
    let mut said = Vec::new();
    if d.total.kl == 0.0 {
        said.push("The model has no divergence: nothing in it is random or has a prior.".to_owned());
        return said;
    }
    said.push(values(d));
    said.extend(dominance("means", d.total.means));
    said.extend(dominance("scales", d.total.scales));
    said.extend(exceptions(d, "means", |parameter| parameter.means));
    said.extend(exceptions(d, "scales", |parameter| parameter.scales));
    said.extend(capacity(d));
    said.extend(fallen_back(d));
    said.extend(advice(d));
    said
}

fn values(d: &Diagnosis) -> String {
    let each = d.total.kl / d.examples as f64;
    let mut text = format!(
        "The divergence is {} nats, {} for each of N = {} examples: {} times the NLL, {} nats an example.",
        number(d.total.kl),
        number(each),
        number(d.examples as f64),
        number(d.kl_to_nll()),
        number(d.nll)
    );
    if d.kl_to_nll() > ALARMING {
        text += &format!(
            " It is a sum over {} weights, {} nats each, and the NLL one over examples; which of them trains the model, \
             their gradients say and not their values.",
            number(d.total.weights as f64),
            number(d.total.kl_per_weight())
        );
    }
    text
}

/// Who moves these parameters.
fn dominance(what: &str, gradients: Option<TermGradients>) -> Option<String> {
    let gradients = gradients.filter(|gradients| gradients.ratio().is_finite())?;
    let ratio = gradients.ratio();
    let pull = match gradients.cosine() {
        cosine if cosine < -0.5 => "; they pull against each other",
        cosine if cosine > 0.5 => "; they pull the same way",
        _ => "",
    };
    let text = if ratio > CLEAR {
        format!(
            "Over the {what} the prior wins: the divergence's gradient is {} times the data's{pull}.",
            number(ratio)
        )
    } else if ratio < 1.0 / CLEAR {
        format!("Over the {what} the data win: their gradient is {} times the divergence's{pull}.", number(1.0 / ratio))
    } else {
        format!("Over the {what} neither wins: the divergence's gradient is {} times the data's{pull}.", number(ratio))
    };
    Some(text)
}

/// The parameters where it is the other way round.
fn exceptions(d: &Diagnosis, what: &str, of: fn(&Parameter) -> Option<TermGradients>) -> Option<String> {
    let whole = of(&d.total)?.dominant();
    let leads = |gradients: &TermGradients| match whole {
        DominantTerm::Data => gradients.ratio() > CLEAR,
        DominantTerm::Prior => gradients.ratio() < 1.0 / CLEAR,
    };
    let others: Vec<String> = (d.parameters.iter())
        .filter(|parameter| of(parameter).as_ref().is_some_and(leads))
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    if others.is_empty() {
        return None;
    }
    let winner = match whole {
        DominantTerm::Data => "the prior wins",
        DominantTerm::Prior => "the data win",
    };
    let more = if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
    let named = others[..others.len().min(NAMED)].join(", ");
    Some(format!("Not so in {named}{more}: over the {what} there {winner}."))
}

/// How many weights the posterior holds, and how many examples there are to hold them.
fn capacity(d: &Diagnosis) -> Option<String> {
    let effective = d.total.effective?;
    let n = d.examples as f64;
    let mut text = format!(
        "By the widths of posterior and prior, {} of {} weights are settled (their effective number, γ).",
        number(effective),
        number(d.total.weights as f64)
    );
    if effective > 2.0 * n && prior_leads_scales(d) {
        text += &format!(
            " N = {} examples settle about as many numbers, so the divergence widens the scales towards the prior until \
             most weights are at it.",
            number(n)
        );
    }
    Some(text)
}

fn fallen_back(d: &Diagnosis) -> Option<String> {
    let share = d.total.fallen_back?;
    let mut text = match share {
        0.0 => "No weight has fallen back to the prior".to_owned(),
        share => format!("{} % of the weights have fallen back to the prior", number(100.0 * share)),
    };
    text += &format!(" (less than {FALLEN_BACK} nats from it)");
    if let Some(median) = d.total.signal_to_noise {
        text += &format!(", and half of all have |μ|/σ below {}", number(median));
    }
    Some(text + ".")
}

fn advice(d: &Diagnosis) -> Option<String> {
    let many = d.total.fallen_back.is_some_and(|share| share > MANY);
    if many {
        return Some(
            "Try fewer weights: those at the prior add noise to the forward and nothing else. Or a prior of smaller \
             standard deviation, at which a fallen weight disturbs less; or wait longer with the divergence (`WarmUp`)."
                .to_owned(),
        );
    }
    let leads = prior_leads_scales(d) || d.total.means.is_some_and(|gradients| gradients.ratio() > CLEAR);
    if leads {
        return Some(
            "Try a prior of smaller standard deviation, so that its scales are nearer (`LearnedNormal` finds one); fewer \
             weights, or more examples; the divergence later (`WarmUp`). `Tempering` weakens it too, and what is learned \
             is then another posterior."
                .to_owned(),
        );
    }
    Some("Neither warm-up nor tempering is called for by these forces.".to_owned())
}

fn prior_leads_scales(d: &Diagnosis) -> bool {
    d.total.scales.is_some_and(|gradients| gradients.ratio() > CLEAR)
}

/// About four digits, thousands apart.
pub(super) fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() || size == 0.0 {
        return if x.is_nan() { "no number of".to_owned() } else { format!("{x}") };
    }
    if !(1e-3..1e9).contains(&size) {
        return format!("{x:.2e}");
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{x:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let digits: String = whole.trim_start_matches('-').to_owned();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let rest = rest.trim_end_matches('0');
    let sign = if x < 0.0 { "-" } else { "" };
    if rest.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (1455.3, "1,455"),
            (447_104.0, "447,104"),
            (-5.612_34, "-5.612"),
            (0.008_765, "0.008765"),
            (0.5, "0.5"),
            (1.2e-7, "1.20e-7"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(x), text);
        }
    }
}
