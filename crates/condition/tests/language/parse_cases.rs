//! The texts of `language/parse.json`: which parse, which do not, and where things stand.

use condition::{
    Check, Expr, ExprKind, ParseOptions, Position, Right, parse, parse_operand, parse_recovering,
};
use serde_json::Value;

fn cases(name: &str) -> Vec<Value> {
    let Some(document) = crate::support::language("parse.json") else {
        return Vec::new();
    };
    document[name].as_array().unwrap().clone()
}

fn expr(case: &Value) -> &str {
    case["expr"].as_str().unwrap()
}

#[test]
fn what_is_right_is_accepted() {
    for case in &cases("accept") {
        let text = expr(case);
        let mut forms = vec![text.to_owned(), format!(" {text} ")];
        forms.push(text.replace(' ', "\n"));
        forms.push(text.replace(' ', "\t"));
        for form in forms {
            if let Err(errors) = parse(&form) {
                panic!("{form:?} does not parse: {errors:?}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_rejected() {
    for case in &cases("reject") {
        let text = expr(case);
        if let Ok(tree) = parse(text) {
            panic!("{text:?} parses as {tree}");
        }
    }
}

#[test]
fn pinned_messages() {
    for case in &cases("reject_msg") {
        let errors = parse(expr(case)).unwrap_err();
        assert_eq!(errors[0].to_string(), case["msg"].as_str().unwrap());
    }
}

#[test]
fn positions() {
    for case in &cases("positions") {
        let text = expr(case);
        let mut dump = String::new();
        dump_expr(&parse(text).unwrap(), text, &mut dump);
        assert_eq!(dump, case["dump"].as_str().unwrap(), "{text:?}");
    }
}

#[test]
fn the_end_is_after_trailing_blanks() {
    for case in &cases("end_position") {
        let text = expr(case);
        parse(text).unwrap();
        let end = Position::of(text, text.len());
        let number = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
        assert_eq!(
            (end.offset, end.line, end.column),
            (number("idx"), number("line"), number("col"))
        );
    }
}

#[test]
fn all_mistakes_are_reported_with_their_place() {
    let text = "a.b = and(c) or (c.d foo x or proc.name in (a,, b)) and evt.x[] = 1 \
                or not tolow(x.y) exists or d and";
    let (tree, errors) = parse_recovering(text, ParseOptions::default());
    let reported: Vec<_> = errors
        .iter()
        .map(|error| format!("{}: {error}", &text[error.span.range()]))
        .collect();
    assert_eq!(
        reported,
        [
            "and: expected a value, 'val(field)' or a transformer, found 'and'",
            "foo: unknown operator 'foo'",
            ",: expected a value, found ','",
            "[: expected a valid field argument: a quoted string or a bare string",
            "tolow: unknown transformer 'tolow'",
            ": expected a field, a transformer, a macro, 'not' or a condition in parentheses, \
             found the end of the condition",
        ]
    );
    assert_eq!(
        tree.to_string(),
        "… and c or (… or …) and … or not … or d and …"
    );
    let help: Vec<_> = errors
        .iter()
        .filter_map(|error| error.kind.help())
        .collect();
    assert_eq!(help[2], "did you mean 'tolower'?");
}

#[test]
fn nesting_is_limited_without_exhausting_the_stack() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(1000)).is_ok());
    let errors = parse(&nested(1001)).unwrap_err();
    assert_eq!(errors[0].to_string(), "exceeded max depth limit of 1000");
    assert!(parse(&nested(1_000_000)).is_err());
    let deep = format!("{}a or b{}", "not (c and (".repeat(500), "))".repeat(500));
    let tree = parse(&deep).unwrap();
    assert_eq!(
        parse(&tree.to_string()).map(|tree| tree.to_string()),
        Ok(tree.to_string())
    );
    let nots = format!("{}a", "not ".repeat(1_000_001));
    assert_eq!(parse(&nots).unwrap().to_string(), "not a");
    let calls = format!(
        "{}a.b{} exists",
        "tolower(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(parse(&calls).is_err());
}

#[test]
fn keywords_are_no_macros() {
    for text in ["and", "(or)", "not(not)", "not and", "a and or", "or and a"] {
        assert!(parse(text).is_err(), "{text}");
    }
    assert!(parse("nothing and order or android").is_ok());
}

#[test]
fn an_operand_at_the_start_of_a_text() {
    for (text, length) in [
        ("proc.name, and more", 9),
        ("proc.name.", 9),
        ("proc.aname[2]]", 13),
        ("toupper(proc.name))", 18),
        ("join(\",\", (proc.name, proc.pid)) x", 32),
    ] {
        let (operand, consumed) = parse_operand(text, ParseOptions::default()).unwrap();
        assert_eq!(consumed, length, "{text:?}");
        assert_eq!(operand.to_string(), text[..length]);
    }
    for text in [
        "",
        "proc",
        "proc.aname[",
        "val(proc.name)",
        "nope(proc.name)",
        " proc.name",
    ] {
        assert!(
            parse_operand(text, ParseOptions::default()).is_err(),
            "{text:?}"
        );
    }
}

fn dump_expr(expr: &Expr, text: &str, dump: &mut String) {
    let mut node = |kind: &str, start: u32| {
        let Position {
            offset,
            line,
            column,
        } = Position::of(text, start as usize);
        dump.push_str(&format!("{kind}{offset} {line} {column}"));
    };
    let start = expr.span.start;
    match &expr.kind {
        ExprKind::And(operands) => {
            node("and", start);
            operands
                .iter()
                .for_each(|operand| dump_expr(operand, text, dump));
        }
        ExprKind::Or(operands) => {
            node("or", start);
            operands
                .iter()
                .for_each(|operand| dump_expr(operand, text, dump));
        }
        ExprKind::Not(operand) => {
            node("not", start);
            dump_expr(operand, text, dump);
        }
        ExprKind::Macro(_) => node("identifier", start),
        ExprKind::Check(check) => {
            let Check { left, right, .. } = &**check;
            node(
                if *right == Right::Nothing {
                    "unary"
                } else {
                    "binary"
                },
                start,
            );
            node("field", left.span.start);
            match right {
                Right::Nothing => {}
                Right::Value(literal) => node("value", literal.span.start),
                Right::Values(values) | Right::Quantified(_, values) => {
                    node("list", values.span.start);
                }
                Right::Operand(operand) => node("field", operand.span.start),
            }
        }
        ExprKind::Hole => panic!("a hole in {text:?}"),
    }
}
