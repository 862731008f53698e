//! What holds for all conditions.

use std::sync::Arc;

use condition::{
    CondId, Evaluator, ParseOptions, PoolBuilder, Position, parse, parse_operand, parse_recovering,
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
