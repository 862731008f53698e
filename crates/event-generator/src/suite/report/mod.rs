//! Reports on tests whose outcome was verified.
//!
//! Text, JSON and YAML have the lines and keys of the original, with more behind them; suites and their
//! tests are in the order in which they were described.

mod data;
mod junit;
mod tap;
mod text;

use super::verify::Judged;
use crate::cli::ReportFormat;

/// The report in a format.
pub(super) fn render(judged: &[Judged], format: ReportFormat) -> String {
    let suites = suites(judged);
    match format {
        ReportFormat::Text => text::render(&suites),
        ReportFormat::Json => data::json(&suites),
        ReportFormat::Yaml => data::yaml(&suites),
        ReportFormat::Junit => junit::render(&suites),
        ReportFormat::Tap => tap::render(judged),
    }
}

/// The tests of one rule.
pub(super) struct Suite<'a> {
    rule: &'a str,
    tests: Vec<&'a Judged>,
}

fn suites(judged: &[Judged]) -> Vec<Suite<'_>> {
    let mut suites: Vec<Suite<'_>> = Vec::new();
    for judged in judged {
        let rule = judged.test.rule.as_str();
        match suites.iter_mut().find(|suite| suite.rule == rule) {
            Some(suite) => suite.tests.push(judged),
            None => suites.push(Suite {
                rule,
                tests: vec![judged],
            }),
        }
    }
    suites
}
