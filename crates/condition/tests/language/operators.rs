//! What each operator means on each kind of field.

use std::sync::Arc;

use condition::{
    CondId, Evaluator, NodeKind, Operator, PoolBuilder, Shape, Value, ValueType, parse,
};

use crate::support::mock::{MockCatalog, MockEvent, Owned};

const FIELDS: &[(&str, ValueType, Shape)] = &[
    ("t.text", ValueType::String, Shape::Scalar),
    ("t.path", ValueType::Path, Shape::Scalar),
    ("t.other", ValueType::String, Shape::Scalar),
    ("t.any", ValueType::String, Shape::Any),
    ("t.list", ValueType::String, Shape::List),
    ("t.numbers", ValueType::Uint(64), Shape::List),
    ("t.buffer", ValueType::Buffer, Shape::Scalar),
    ("t.int", ValueType::Int(64), Shape::Scalar),
    ("t.uint", ValueType::Uint(32), Shape::Scalar),
    ("t.double", ValueType::Double, Shape::Scalar),
    ("t.bool", ValueType::Bool, Shape::Scalar),
    ("t.port", ValueType::Port, Shape::Any),
    ("t.ip", ValueType::IpAddr, Shape::Any),
    ("t.net", ValueType::IpNet, Shape::Any),
    ("t.absent", ValueType::String, Shape::Scalar),
    ("t.nolist", ValueType::String, Shape::List),
    ("t.nonumber", ValueType::Int(64), Shape::Scalar),
];

fn number(number: u64) -> Owned {
    Owned::Other(Value::U64(number))
}

fn address(text: &str) -> Owned {
    Owned::Other(Value::Ip(text.parse().unwrap()))
}

fn event(catalog: &mut MockCatalog) -> MockEvent {
    let mut event = MockEvent::default();
    let mut set = |field: &str, values: &[Owned]| event.set(catalog, field, values);
    set("t.text", &[Owned::text("Hello World")]);
    set("t.path", &[Owned::text("/etc/ssh/sshd_config")]);
    set("t.other", &[Owned::text("World")]);
    set("t.any", &["bash", "sshd", "systemd"].map(Owned::text));
    set("t.list", &["file", "ipv4"].map(Owned::text));
    set("t.numbers", &[number(3), number(5)]);
    set("t.buffer", &[Owned::Bytes(b"\x00\x01hex\xff".to_vec())]);
    set("t.int", &[Owned::Other(Value::I64(-5))]);
    set("t.uint", &[number(7)]);
    set("t.double", &[Owned::Other(Value::F64(1.5))]);
    set("t.bool", &[Owned::Other(Value::Bool(true))]);
    set("t.port", &[number(40000), number(443)]);
    set("t.ip", &[address("10.0.0.1"), address("fe80::1")]);
    set("t.net", &[address("10.0.0.1"), address("192.168.1.1")]);
    event
}

/// All conditions share one pool, so that they also test each other.
fn check_all(cases: &[(&str, bool)]) {
    let mut catalog = MockCatalog::with(FIELDS);
    let mut event = event(&mut catalog);
    let mut builder = PoolBuilder::new();
    let conditions: Vec<CondId> = cases
        .iter()
        .map(|(text, _)| {
            let expr = parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
            let compiled = builder.add(&expr, &mut catalog);
            compiled
                .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
                .condition
        })
        .collect();
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    for _ in 0..2 {
        evaluator.begin_event();
        for (&condition, (text, expected)) in conditions.iter().zip(cases) {
            assert_eq!(
                evaluator.matches(condition, &mut event),
                *expected,
                "{text}"
            );
        }
    }
    // Alone, none of them shares a look-up.
    for (text, expected) in cases {
        let mut builder = PoolBuilder::new();
        let condition = builder
            .add(&parse(text).unwrap(), &mut catalog)
            .unwrap()
            .condition;
        let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
        assert_eq!(
            evaluator.matches(condition, &mut event),
            *expected,
            "{text} alone"
        );
    }
}

#[test]
fn texts() {
    check_all(&[
        ("t.text = 'Hello World'", true),
        ("t.text == Hello", false),
        ("t.text != Hello", true),
        ("t.text contains lo", true),
        ("t.text contains LO", false),
        ("t.text icontains LO", true),
        ("t.text startswith Hello", true),
        ("t.text endswith World", true),
        ("t.text endswith Hello", false),
        ("t.text glob 'H*[A-Z]*d'", true),
        ("t.text glob 'h*'", false),
        ("t.text iglob 'h*'", true),
        ("t.text regex 'Hel+o .*'", true),
        ("t.text regex 'Hello'", false),
        ("t.text in ('Hello World', b)", true),
        ("t.text in (a, b)", false),
        ("t.text in ()", false),
        ("not t.text in ()", true),
        ("t.text intersects ('Hello World', b)", true),
        ("t.text < 10", false),
        ("t.text > 10", true),
        ("t.path pmatch (/etc/ssh, /var)", true),
        ("t.path pmatch (/etc/s, /var)", false),
        ("t.path pmatch (/etc/*/sshd*)", true),
        ("t.path pmatch ()", false),
    ]);
}

#[test]
fn other_types() {
    check_all(&[
        ("t.buffer contains hex", true),
        ("t.buffer bcontains 01686578", true),
        ("t.buffer bstartswith 0001", true),
        ("t.buffer bstartswith 01", false),
        ("t.buffer = \"\\x00\\x01hex\\xff\"", true),
        ("t.buffer endswith \"\\xff\"", true),
        ("t.int = -5", true),
        ("t.int < -4", true),
        ("t.int >= -4", false),
        ("t.int in (1, -5)", true),
        ("t.int in (1, 2)", false),
        ("t.uint = 0x7", true),
        ("t.uint != 7", false),
        ("t.uint = -1", false),
        ("t.double > 1", true),
        ("t.double = 1.5", true),
        ("t.double in (1, 1.5)", true),
        ("t.bool = true", true),
        ("t.bool != 1", false),
        ("t.bool in (false)", false),
        ("t.bool intersects (true, false)", true),
    ]);
}

#[test]
fn an_absent_field_fails_every_check() {
    check_all(&[
        ("t.absent exists", false),
        ("t.absent = a", false),
        ("t.absent != a", false),
        ("not t.absent = a", true),
        ("not t.absent != a", true),
        ("t.absent in (a)", false),
        ("t.absent != allof (a, b)", false),
        ("t.absent != anyof (a, b)", false),
        ("t.absent glob *", false),
        ("t.absent pmatch (/)", false),
        ("t.nonumber < 1", false),
        ("t.nonumber != 1", false),
        ("t.nolist exists", false),
        ("t.nolist in (a)", false),
        ("t.nolist intersects (a)", false),
        ("t.text = val(t.absent)", false),
        ("t.text != val(t.absent)", false),
        ("t.absent != val(t.text)", false),
        ("tolower(t.absent) exists", false),
        ("tolower(t.absent) != a", false),
        ("concat(t.text, t.absent) exists", false),
        ("join('', (t.text, t.absent)) exists", false),
        ("len(t.absent) >= 0", false),
        ("len(t.nolist) >= 0", false),
        ("t.text exists", true),
        ("t.any exists", true),
        ("t.list exists", true),
    ]);
}

#[test]
fn one_candidate_is_enough() {
    check_all(&[
        ("t.any = sshd", true),
        ("t.any != sshd", false),
        ("t.any != cron", true),
        ("t.any in (cron, systemd)", true),
        ("t.any in (cron, at)", false),
        ("t.any intersects (cron, bash)", true),
        ("t.any contains ss", true),
        ("t.any startswith sys", true),
        ("t.any glob 'b?sh'", true),
        ("t.port = https", true),
        ("t.port = 443", true),
        ("t.port != 443", false),
        ("t.port != 22", true),
        ("t.port < 1024", true),
        ("t.port in (22, 443)", true),
        ("t.ip = 10.0.0.1", true),
        ("t.ip = ::ffff:10.0.0.1", true),
        ("t.ip = fe80::1", true),
        ("t.ip != 10.0.0.1", false),
        ("t.ip != 10.0.0.2", true),
        ("t.ip in (10.0.0.2, fe80::1)", true),
        ("t.net = 192.168.0.0/16", true),
        ("t.net != 192.168.0.0/16", false),
        ("t.net in (172.16.0.0/12, 10.0.0.0/24)", true),
        ("t.net != fe80::/10", true),
    ]);
}

#[test]
fn lists() {
    check_all(&[
        ("t.list in (file, ipv4, pipe)", true),
        ("t.list in (file, pipe)", false),
        ("t.list in (file)", false),
        ("t.list intersects (file, pipe)", true),
        ("t.list intersects (file)", true),
        ("t.list intersects (pipe)", false),
        ("t.list in ()", false),
        ("t.list intersects ()", false),
        ("t.numbers in (3, 4, 5)", true),
        ("t.numbers in (3, 4)", false),
        ("t.numbers intersects (4, 5)", true),
        ("t.list in val(t.list)", true),
        ("t.list intersects val(t.list)", true),
        ("tolower(t.list) in (file, ipv4)", true),
        ("toupper(t.list) intersects (FILE)", true),
    ]);
}

#[test]
fn quantifiers() {
    check_all(&[
        ("t.text contains oneof (Hello, World)", false),
        ("t.text contains oneof (Hello, Moon)", true),
        ("t.text contains oneof (Sun, Moon)", false),
        ("t.text contains anyof (Hello, World)", true),
        ("t.text contains allof (Hello, World)", true),
        ("t.text contains allof (Hello, Moon)", false),
        ("t.text = anyof ('Hello World', b)", true),
        ("t.text = allof ('Hello World', b)", false),
        ("t.text = allof ('Hello World', \"Hello World\")", true),
        ("t.text = oneof ('Hello World', 'Hello World')", false),
        ("t.text != allof (a, b)", true),
        ("t.text != allof (a, 'Hello World')", false),
        ("t.text != anyof (a, 'Hello World')", true),
        ("t.text != oneof (a, 'Hello World')", true),
        ("t.text = oneof ()", false),
        ("t.text = anyof ()", false),
        ("t.text = allof ()", false),
        ("t.text != oneof ()", false),
        ("t.text != anyof ()", false),
        ("t.text != allof ()", false),
        ("t.any = allof (bash, sshd)", true),
        ("t.any != anyof (bash, sshd)", false),
        ("t.any != anyof (bash, cron)", true),
        ("t.any != allof (cron, at)", true),
        ("t.ip = allof (10.0.0.1, fe80::1)", true),
        ("t.net != allof (10.0.0.0/8, 172.16.0.0/12)", false),
    ]);
}

#[test]
fn fields_on_both_sides() {
    check_all(&[
        ("t.text = val(t.other)", false),
        ("t.text != val(t.other)", true),
        ("t.text contains val(t.other)", true),
        ("t.text icontains toupper(t.other)", true),
        ("t.text endswith val(t.other)", true),
        ("t.text startswith val(t.other)", false),
        ("t.text glob concat('*', t.other)", true),
        ("t.text iglob concat('*', tolower(t.other))", true),
        ("t.text < val(t.other)", true),
        ("tolower(t.text) = tolower(t.text)", true),
        ("t.path contains val(t.other)", false),
        ("t.uint = val(t.uint)", true),
        ("t.int in val(t.int)", true),
        ("t.other in val(t.text)", false),
    ]);
}

#[test]
fn what_has_no_meaning_is_refused() {
    let mut catalog = MockCatalog::with(FIELDS);
    catalog.refused.push("opennat");
    for (text, message) in [
        (
            "t.list = file",
            "operator '=' does not work on lists; 'exists', 'in' and 'intersects' do",
        ),
        ("t.bool < 1", "operator '<' does not work on true or false"),
        (
            "t.text bcontains aa",
            "operator 'bcontains' does not work on a text",
        ),
        ("t.nope = 1", "unknown field 't.nope'"),
        (
            "t.text in (a, \"b\\x00\")",
            "invalid value 'b\0': a text cannot contain a NUL byte",
        ),
        ("t.text = opennat", "invalid value 'opennat': no such thing"),
        (
            "t.uint = 4294967296",
            "expected an unsigned 32-bit number (0 to 4294967295)",
        ),
        ("t.net = 10.0.0.1", "expected a network, like '10.0.0.1/24'"),
        (
            "t.text = val(t.int)",
            "the left-hand side is a text but the right-hand side is a signed",
        ),
        (
            "t.text in val(t.list)",
            "a list can only be compared with a list",
        ),
        (
            "t.text pmatch val(t.path)",
            "operator 'pmatch' only compares with constants",
        ),
        (
            "t.text regex val(t.other)",
            "operator 'regex' only compares with constants",
        ),
        (
            "t.net = val(t.net)",
            "field 't.net' can only be compared with constants",
        ),
        ("t.text regex '('", "invalid value '(': '(' without ')'"),
        ("toupper(t.int) = 1", "transformer 'toupper' takes one text"),
        (
            "concat(t.text) = 1",
            "transformer 'concat' takes at least two texts",
        ),
        (
            "join(t.text, t.text) = 1",
            "transformer 'join' takes a text to put between, and a list",
        ),
        (
            "getopt(t.list, 'n')[nn] = 1",
            "transformer 'getopt' takes one letter in brackets",
        ),
        (
            "getopt((t.int), 'n')[n] = 1",
            "transformer 'getopt' takes a list of texts",
        ),
        ("some_macro", "Undefined macro 'some_macro' used in filter."),
    ] {
        let errors = PoolBuilder::new()
            .add(&parse(text).unwrap(), &mut catalog)
            .unwrap_err();
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        let error = errors[0].to_string();
        assert!(error.contains(message), "{text}: {error}");
        assert!(errors[0].span.range().end <= text.len());
    }
}

#[test]
fn all_mistakes_are_reported() {
    let mut catalog = MockCatalog::with(FIELDS);
    let text = "t.nope = 1 and (t.int = x or t.list = val(t.no)) and t.uint in (1, a, b)";
    let errors = PoolBuilder::new()
        .add(&parse(text).unwrap(), &mut catalog)
        .unwrap_err();
    let places: Vec<_> = errors
        .iter()
        .map(|error| &text[error.span.range()])
        .collect();
    assert_eq!(places, ["t.nope", "x", "=", "a", "b"]);
    assert!(errors[0].kind.is_unknown());
    assert!(!errors[1].kind.is_unknown());
}

#[test]
fn the_deepest_condition_needs_little_stack() {
    let mut catalog = MockCatalog::with(FIELDS);
    let mut event = event(&mut catalog);
    let text = format!(
        "{}t.bool = true{}",
        "(t.int = 1 or (t.int = -5 and ".repeat(500),
        "))".repeat(500)
    );
    let tree = parse(&text).unwrap();
    let mut builder = PoolBuilder::new();
    let condition = builder.add(&tree, &mut catalog).unwrap().condition;
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    assert!(evaluator.matches(condition, &mut event));
    assert_eq!(evaluator.pool().fields(condition).len(), 2);
}

#[test]
fn equal_checks_are_one() {
    let mut catalog = MockCatalog::with(FIELDS);
    let mut builder = PoolBuilder::new();
    let mut add = |text: &str| {
        builder
            .add(&parse(text).unwrap(), &mut catalog)
            .unwrap()
            .condition
    };
    let condition = add("t.text in (a, b) and t.int = 1");
    assert_eq!(add("t.int=0x1 and t.text = anyof ('b', a, b)"), condition);
    assert_eq!(
        add("not not (t.text intersects (b,a) and (t.int == +1))"),
        condition
    );
    let negation = add("not (t.int = 1 and t.text in (b, a))");
    assert_ne!(negation, condition);
    assert_eq!(add("t.text in ()"), add("t.int = 1 and not t.int = 1"));
    let pool = builder.finish();
    assert_eq!(pool.check_count(), 2);
    let node = pool.node(negation);
    assert!(node.negated);
    let NodeKind::And(operands) = node.kind else {
        panic!("{node:?}")
    };
    // The number is the cheaper check and goes first.
    let NodeKind::Check(check) = pool.node(operands[0]).kind else {
        panic!()
    };
    assert_eq!(pool.check(check).operator, Operator::Eq);
    assert_eq!(pool.fields(condition).len(), 2);
    assert_eq!(
        pool.operand_field(pool.check(check).left),
        Some(pool.fields(condition)[1])
    );
}

#[test]
fn each_check_is_evaluated_once_per_event() {
    let mut catalog = MockCatalog::with(FIELDS);
    let mut event = event(&mut catalog);
    let mut builder = PoolBuilder::new();
    let mut add = |text: &str| {
        builder
            .add(&parse(text).unwrap(), &mut catalog)
            .unwrap()
            .condition
    };
    // Ten sets of texts on one field, one of them in a shared part; two checks of another field.
    let conditions: Vec<_> = (0..10)
        .map(|n| {
            add(&format!(
                "(t.path contains x or t.int = 1) or t.text in (a{n}, b)"
            ))
        })
        .collect();
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    evaluator.begin_event();
    for &condition in &conditions {
        assert!(!evaluator.matches(condition, &mut event));
    }
    assert_eq!(event.reads, 3);
    evaluator.begin_event();
    assert!(!evaluator.matches(conditions[0], &mut event));
    assert_eq!(event.reads, 6);
}
