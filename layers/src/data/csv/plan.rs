//! What each column of a file is for: finds the columns that options name, and refuses contradictions.

use std::collections::HashMap;

use super::{ColumnId, Csv};
use crate::data::table::{excerpt, list};

/// How the kind of a column is found.
#[derive(Clone, Copy)]
pub(super) enum Declared<'a> {
    /// By its first value.
    Inferred,
    Numbers,
    /// Any categories, or these.
    Categories(Option<&'a [String]>),
}

/// What a column is for.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) is_used: bool,
    pub(super) is_target: bool,
    pub(super) declared: Declared<'a>,
}

/// The plan of each column of this header, or what is wrong.
pub(super) fn plan<'a>(csv: &'a Csv, names: &[String]) -> Result<Vec<Plan<'a>>, String> {
    let all = Plan { is_used: csv.inputs.is_none(), is_target: false, declared: Declared::Inferred };
    let mut plans = vec![all; names.len()];
    // Of several columns with one name, none can be named.
    let mut places = HashMap::<&str, Vec<usize>>::new();
    for (place, name) in names.iter().enumerate() {
        places.entry(name).or_default().push(place);
    }
    let find = |option: &str, id: &ColumnId| match id {
        ColumnId::Number(number) => match number.checked_sub(1).filter(|&place| place < names.len()) {
            Some(place) => Ok(place),
            None => Err(format!("{option} names column {number}, but there are columns 1 to {}", names.len())),
        },
        ColumnId::Name(name) => match places.get(name.as_str()).map(Vec::as_slice) {
            Some(&[place]) => Ok(place),
            Some(several) => Err(format!(
                "{option} names {}, but {} columns have that name; use their numbers, from 1",
                excerpt(name),
                several.len()
            )),
            None => Err(format!(
                "{option} names {}, but the columns are {}{}",
                excerpt(name),
                list(names.iter().map(String::as_str)),
                hint(csv, names)
            )),
        },
    };
    for id in csv.inputs.iter().flatten() {
        plans[find("`.inputs`", id)?].is_used = true;
    }
    for id in &csv.targets {
        let plan = &mut plans[find("`.target`", id)?];
        if plan.is_target || (csv.inputs.is_some() && plan.is_used) {
            return Err(format!("column {} is a target twice, or a target and an input", shown(id)));
        }
        (plan.is_used, plan.is_target) = (true, true);
    }
    for id in &csv.ignored {
        let place = find("`.ignore`", id)?;
        if plans[place].is_target || csv.inputs.is_some() && plans[place].is_used {
            return Err(format!("column {} is ignored, but another option names it an input or a target", shown(id)));
        }
        plans[place].is_used = false;
    }
    let declared = csv.numeric.iter().map(|id| ("`.numeric`", id, Declared::Numbers));
    let categorical = csv.categorical.iter().map(|(id, fixed)| match fixed {
        Some(fixed) => ("`.categories`", id, Declared::Categories(Some(fixed))),
        None => ("`.categorical`", id, Declared::Categories(None)),
    });
    for (option, id, declared) in declared.chain(categorical) {
        let plan = &mut plans[find(option, id)?];
        if !matches!(plan.declared, Declared::Inferred) {
            return Err(format!(
                "column {} is declared twice: as numbers and as categories, or twice as one",
                shown(id)
            ));
        }
        if let Declared::Categories(Some(fixed)) = declared {
            let mut sorted: Vec<&String> = fixed.iter().collect();
            sorted.sort_unstable();
            if sorted.is_empty() || sorted.windows(2).any(|pair| pair[0] == pair[1]) || sorted.len() > 65_000 {
                return Err(format!("`.categories` of column {} must be 1 to 65000 different names", shown(id)));
            }
        }
        plan.declared = declared;
    }
    check_names(names, &plans, &places)?;
    Ok(plans)
}

/// Every column that is used must have a name of its own.
fn check_names(names: &[String], plans: &[Plan<'_>], places: &HashMap<&str, Vec<usize>>) -> Result<(), String> {
    for (place, name) in names.iter().enumerate().filter(|&(place, _)| plans[place].is_used) {
        if name.is_empty() {
            return Err(format!(
                "column {0} has no name; R and pandas write row numbers like this: leave them out by `.ignore([{0}])`, or \
                 name the column in the file",
                place + 1
            ));
        }
        let other = places[name.as_str()].iter().find(|&&other| other != place && plans[other].is_used);
        if let Some(other) = other {
            return Err(format!(
                "columns {} and {} are both called {}; rename one in the file, or leave it out by `.ignore([{}])`",
                place + 1,
                other + 1,
                excerpt(name),
                other + 1
            ));
        }
    }
    if plans.iter().any(|plan| plan.is_used) { Ok(()) } else { Err("all columns are ignored".to_owned()) }
}

/// What to do if the whole header is one column.
fn hint(csv: &Csv, names: &[String]) -> String {
    let other = [b';', b'\t', b'|', b',', b' ']
        .into_iter()
        .find(|&byte| names.len() == 1 && byte != csv.delimiter && names[0].bytes().any(|found| found == byte));
    match other {
        Some(byte) => format!("; if cells are separated by {0:?}, set `.delimiter(b{0:?})`", char::from(byte)),
        None => String::new(),
    }
}

fn shown(id: &ColumnId) -> String {
    match id {
        ColumnId::Name(name) => excerpt(name),
        ColumnId::Number(number) => number.to_string(),
    }
}
