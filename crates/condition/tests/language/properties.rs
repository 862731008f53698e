//! What holds for all conditions.

use std::sync::Arc;

use condition::{
    CondId, Dispatch, Evaluator, ParseOptions, PoolBuilder, Position, parse, parse_operand,
    parse_recovering,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::naive;
use crate::support::generate;

/// A tree without the places of its parts.
fn without_spans(tree: &impl std::fmt::Debug) -> String {
    let debug = format!("{tree:?}");
    let mut rest = debug.as_str();
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("Span {") {
        text.push_str(before);
        rest = after.split_once('}').unwrap().1;
    }
    text + rest
}

/// Pieces of which texts are put together that look like conditions.
fn soup() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        " ",
        "\n",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "!=",
        "<=",
        "'",
        "\"",
        "\\",
        "\\x4",
        "and",
        " and ",
        "or",
        " or ",
        "not ",
        "in ",
        "exists",
        "a",
        "a.b",
        "a.b.c ",
        "evt.type",
        "tolower(",
        "val(",
        "join(",
        "getopt(",
        " oneof ",
        "anyof",
        " contains ",
        "regex ",
        "pmatch (",
        "1",
        "-1.5e+3",
        "0x1f",
        "é",
        "\u{0}",
        "🦀",
        "#",
        ".",
    ]);
    vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn check_parser(text: &str) -> Result<(), TestCaseError> {
    let (tree, errors) = parse_recovering(text, ParseOptions::default());
    for error in &errors {
        prop_assert!(text.get(error.span.range()).is_some(), "{error:?}");
        prop_assert!(!error.to_string().is_empty());
        error.kind.help();
        Position::of(text, error.span.range().end);
    }
    prop_assert_eq!(parse(text).is_ok(), errors.is_empty());
    if errors.is_empty() {
        let printed = tree.to_string();
        let again = parse(&printed);
        prop_assert_eq!(
            again.as_ref().map(without_spans),
            Ok(without_spans(&tree)),
            "{}",
            printed
        );
    }
    if let Ok((operand, length)) = parse_operand(text, ParseOptions::default()) {
        prop_assert!(text.is_char_boundary(length));
        let printed = operand.to_string();
        let (again, _) = parse_operand(&printed, ParseOptions::default()).unwrap();
        prop_assert_eq!(without_spans(&again), without_spans(&operand));
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_parser_takes_any_text(text in any::<String>()) {
        check_parser(&text)?;
    }

    #[test]
    fn the_parser_takes_anything_that_looks_like_a_condition(text in soup()) {
        check_parser(&text)?;
    }

    #[test]
    fn what_is_printed_parses_as_the_same_tree(tree in generate::any_tree()) {
        let printed = tree.to_string();
        let parsed = parse(&printed);
        prop_assert_eq!(parsed.as_ref().map(without_spans), Ok(without_spans(&tree)), "{}", printed);
        prop_assert_eq!(parsed.unwrap().to_string(), printed);
    }

    #[test]
    fn the_program_agrees_with_the_definition(
        trees in vec(generate::typed_tree(), 1..6),
        events in vec(generate::event(), 1..4),
    ) {
        let mut catalog = generate::catalog();
        let mut builder = PoolBuilder::new();
        let mut conditions: Vec<CondId> = Vec::new();
        for tree in &trees {
            match builder.add(tree, &mut catalog) {
                Ok(compiled) => conditions.push(compiled.condition),
                Err(errors) => prop_assert!(false, "{}: {:?}", tree, errors),
            }
        }
        let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
        for values in &events {
            let mut event = generate::context(values, &mut catalog);
            evaluator.begin_event();
            for (tree, &condition) in trees.iter().zip(&conditions) {
                let expected = naive::holds(tree, values);
                prop_assert_eq!(evaluator.matches(condition, &mut event), expected, "{}", tree);
            }
        }
    }
}

proptest! {
    // Each case is many conditions.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_dispatch_rules_out_does_not_hold(
        trees in vec(generate::typed_tree(), 1..70),
        events in vec(generate::event(), 1..4),
    ) {
        let mut catalog = generate::catalog();
        let mut builder = PoolBuilder::new();
        let mut conditions: Vec<CondId> = Vec::new();
        for tree in &trees {
            conditions.push(builder.add(tree, &mut catalog).unwrap().condition);
        }
        let pool = Arc::new(builder.finish());
        let dispatch = Dispatch::new(&pool, &conditions);
        let mut evaluator = Evaluator::new(pool);
        let mut live = vec![0; dispatch.words()];
        for values in &events {
            let mut event = generate::context(values, &mut catalog);
            evaluator.begin_event();
            evaluator.live(&dispatch, &mut event, &mut live);
            for (number, (tree, &condition)) in trees.iter().zip(&conditions).enumerate() {
                let expected = naive::holds(tree, values);
                let is_live = live[number / 64] >> (number % 64) & 1 == 1;
                prop_assert!(is_live || !expected, "{}", tree);
                prop_assert_eq!(evaluator.matches(condition, &mut event), expected, "{}", tree);
            }
        }
    }

    /// Events of a few subjects, about which something new is known now and then. Half of the fields
    /// last.
    #[test]
    fn what_is_kept_of_a_subject_is_still_so(
        trees in vec(generate::typed_tree(), 1..20),
        subjects in vec(generate::event(), 3),
        news in vec(generate::event(), 3),
        events in vec((generate::event(), 0usize..4, 0u8..20), 1..90),
    ) {
        const LASTING: &[&str] = &["t.text", "t.any", "n.one", "i.any"];
        let mut catalog = generate::catalog();
        catalog.lasting = LASTING.to_vec();
        let mut builder = PoolBuilder::new();
        let mut conditions: Vec<CondId> = Vec::new();
        for tree in &trees {
            conditions.push(builder.add(tree, &mut catalog).unwrap().condition);
        }
        let pool = Arc::new(builder.finish());
        let dispatch = Dispatch::new(&pool, &conditions);
        let mut evaluator = Evaluator::new(pool);
        let mut live = vec![0; dispatch.words()];
        let (mut subjects, mut news, mut version) = (subjects, news, 0);
        for (mut values, subject, change) in events {
            if change == 0 && let Some(new) = news.pop() {
                version += 1;
                subjects[version as usize % 3] = new;
            }
            // Two of the subjects fall together. Of the one that is not known, nothing lasts.
            let known = subjects.get(subject);
            let numbered = known.map(|_| ([3, 19, 4][subject], version));
            for (name, lasting) in known.into_iter().flatten().filter(|(name, _)| LASTING.contains(name)) {
                values.insert(name, lasting.clone());
            }
            let mut event = generate::context(&values, &mut catalog);
            event.subject = numbered;
            evaluator.begin_event_of(&event);
            evaluator.live(&dispatch, &mut event, &mut live);
            for (number, (tree, &condition)) in trees.iter().zip(&conditions).enumerate() {
                let expected = naive::holds(tree, &values);
                let is_live = live[number / 64] >> (number % 64) & 1 == 1;
                prop_assert!(is_live || !expected, "{}", tree);
                prop_assert_eq!(evaluator.matches(condition, &mut event), expected, "{}", tree);
            }
        }
    }
}
