//! Findings and advice from a diagnosis, in sentences.

use super::{Diagnosis, DominantTerm, FALLEN_BACK, Parameter, TermGradients};

/// The ratio of KL/N to the NLL from which the values are explained.
const ALARMING: f64 = 10.0;

/// The gradient ratio from which a term counts as dominant.
const CLEAR: f64 = 2.0;

/// The share of fallen-back weights from which advice is given.
const MANY: f64 = 0.2;

/// The most parameters named in one sentence.
const NAMED: usize = 4;

pub(super) fn findings(d: &Diagnosis) -> Vec<String> {
    let mut findings = Vec::new();
    if d.total.kl == 0.0 {
        findings.push("The model has no divergence: it has no weight with a prior.".to_owned());
        return findings;
    }
    findings.push(values(d));
    findings.extend(dominance("means", d.total.means));
    findings.extend(dominance("scales", d.total.scales));
    findings.extend(exceptions(d, "means", |parameter| parameter.means));
    findings.extend(exceptions(d, "scales", |parameter| parameter.scales));
    findings.extend(capacity(d));
    findings.extend(fallen_back(d));
    findings.extend(advice(d));
    findings
}

fn values(d: &Diagnosis) -> String {
    let each = d.total.kl / d.examples as f64;
    let mut text = format!(
        "The divergence is {} nats, or {} for each of N = {} examples: {} times the NLL of {} nats per example.",
        number(d.total.kl),
        number(each),
        number(d.examples as f64),
        number(d.kl_to_nll()),
        number(d.nll)
    );
    if d.kl_to_nll() > ALARMING {
        text += &format!(
            " It is a sum over {} weights, of {} nats each, while the NLL is a sum over examples; compare the two \
             terms by their gradients, not by their values.",
            number(d.total.weights as f64),
            number(d.total.kl_per_weight())
        );
    }
    text
}

/// Which term dominates the gradient of these parameters.
fn dominance(what: &str, gradients: Option<TermGradients>) -> Option<String> {
    let gradients = gradients.filter(|gradients| gradients.ratio().is_finite())?;
    let ratio = gradients.ratio();
    let pull = match gradients.cosine() {
        cosine if cosine < -0.5 => "; the two gradients are opposed",
        cosine if cosine > 0.5 => "; the two gradients are aligned",
        _ => "",
    };
    let text = if ratio > CLEAR {
        format!(
            "For the {what} the prior dominates: the divergence's gradient is {} times the likelihood's{pull}.",
            number(ratio)
        )
    } else if ratio < 1.0 / CLEAR {
        format!(
            "For the {what} the likelihood dominates: its gradient is {} times the divergence's{pull}.",
            number(1.0 / ratio)
        )
    } else {
        format!(
            "For the {what} neither term dominates: the divergence's gradient is {} times the likelihood's{pull}.",
            number(ratio)
        )
    };
    Some(text)
}

/// The parameters where the other term dominates.
fn exceptions(d: &Diagnosis, what: &str, of: fn(&Parameter) -> Option<TermGradients>) -> Option<String> {
    let whole = of(&d.total)?.dominant();
    let is_exception = |gradients: &TermGradients| match whole {
        DominantTerm::Data => gradients.ratio() > CLEAR,
        DominantTerm::Prior => gradients.ratio() < 1.0 / CLEAR,
    };
    let others: Vec<String> = (d.parameters.iter())
        .filter(|parameter| of(parameter).as_ref().is_some_and(is_exception))
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    if others.is_empty() {
        return None;
    }
    let dominant = match whole {
        DominantTerm::Data => "the prior dominates",
        DominantTerm::Prior => "the likelihood dominates",
    };
    let more = if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
    let named = others[..others.len().min(NAMED)].join(", ");
    Some(format!("Except in {named}{more}: for the {what} there {dominant}."))
}

/// The effective number of weights, compared with the number of examples.
fn capacity(d: &Diagnosis) -> Option<String> {
    let effective = d.total.effective?;
    let n = d.examples as f64;
    let mut text = format!(
        "By the widths of posterior and prior, {} of {} weights are determined by the data (the effective number of \
         weights, γ).",
        number(effective),
        number(d.total.weights as f64)
    );
    if effective > 2.0 * n && prior_leads_scales(d) {
        text += &format!(
            " N = {} examples can determine about as many weights, so the divergence widens the scales until most \
             weights have fallen back to the prior.",
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
    text += &format!(" (KL below {FALLEN_BACK} nats)");
    if let Some(median) = d.total.signal_to_noise {
        text += &format!(", and the median of |μ|/σ is {}", number(median));
    }
    Some(text + ".")
}

fn advice(d: &Diagnosis) -> Option<String> {
    let many = d.total.fallen_back.is_some_and(|share| share > MANY);
    if many {
        return Some(
            "Try fewer weights, since weights at the prior only add noise; or a prior with a smaller standard \
             deviation, so that they add less; or a longer warm-up of the divergence (`WarmUp`)."
                .to_owned(),
        );
    }
    let leads = prior_leads_scales(d) || d.total.means.is_some_and(|gradients| gradients.ratio() > CLEAR);
    if leads {
        return Some(
            "Try a prior with a smaller standard deviation, so that its scale is closer (`LearnedNormal` learns it); \
             fewer weights or more examples; or a warm-up of the divergence (`WarmUp`). `Tempering` weakens the \
             divergence too, but changes the posterior."
                .to_owned(),
        );
    }
    Some("These gradients give no reason for warm-up or tempering.".to_owned())
}

fn prior_leads_scales(d: &Diagnosis) -> bool {
    d.total.scales.is_some_and(|gradients| gradients.ratio() > CLEAR)
}

/// A number with about four digits, with commas between thousands.
pub(super) fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() || size == 0.0 {
        return if x.is_nan() { "NaN".to_owned() } else { format!("{x}") };
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
