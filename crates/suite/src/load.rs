//! Files → tests and problems.

use std::collections::HashSet;

use crate::diagnostic::{Problem, Source, Span};
use crate::model::Test;
use crate::schema::ROOT;
use crate::template;
use crate::{bind, check, read, yaml};

/// What was in some files.
#[derive(Debug)]
pub struct Loaded {
    /// The tests, cases written out, in the order of the files. Not to be run if there are errors.
    pub tests: Vec<Test>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether something keeps the tests from being run.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.is_error)
    }
}

/// Reads and checks files. `needs_rules` says that each test has to name its rule, as when outcomes are
/// verified.
pub fn load(sources: &[Source], needs_rules: bool) -> Loaded {
    let mut tests = Vec::new();
    let mut problems = Vec::new();
    let mut names = HashSet::new();
    for (file, source) in sources.iter().enumerate() {
        let root = match yaml::parse(file, &source.text) {
            Ok(Some(root)) => root,
            Ok(None) => {
                let span = Span {
                    file,
                    ..Span::default()
                };
                problems.push(
                    Problem::error(span, "the file is empty")
                        .with_help("write `tests:` and a list"),
                );
                continue;
            }
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let list = root
            .get("tests")
            .map(|list| list.list())
            .unwrap_or_default();
        if list.is_empty() {
            check::object(&root, &ROOT, &mut problems);
            if root.get("tests").is_some() {
                problems.push(Problem::error(root.span, "`tests` has no test"));
            }
            continue;
        }
        let mut found = Vec::new();
        // What surrounds the tests, and what `cases` look like, is not changed by templates.
        check::around(&root, &mut found);
        for test in list {
            for instance in template::expand(test, &mut found) {
                let mut own = Vec::new();
                check::test(&instance.node, &mut own);
                if instance.number.is_some() {
                    // A test with cases may name keys that only some of them use.
                    own.retain(|problem| problem.is_error);
                }
                if !own.iter().any(|problem| problem.is_error) {
                    bind::test(&instance.node, &mut own);
                }
                let read = read::test(&instance, std::env::consts::ARCH);
                let span = instance
                    .node
                    .get("name")
                    .map_or(instance.node.span, |node| node.span);
                if needs_rules && read.rule.is_empty() {
                    own.push(
                        Problem::error(span, format!("test `{}` names no rule", read.name))
                            .with_help("add `rule`: the rule whose alerts are looked for"),
                    );
                }
                if !read.name.is_empty() && !names.insert((read.rule.clone(), read.name.clone())) {
                    own.push(Problem::error(
                        span,
                        format!("another test is called `{}`", read.name),
                    ));
                }
                found.extend(own);
                tests.push(read);
            }
        }
        problems.extend(found);
    }
    // The cases of one test have the same mistake many times.
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert((problem.span, problem.message.clone())));
    Loaded { tests, problems }
}
