//! Once it is warm, an evaluator needs no memory for further events.

use std::sync::Arc;

use condition::{Evaluator, PoolBuilder, Shape, Value, ValueType, parse};

use crate::support::mock::{MockCatalog, MockEvent, Owned};

const CONDITIONS: &[&str] = &[
    "p.name in (a, b, c) and p.fd >= 3 and not p.any in (sshd, cron)",
    "p.name != b or p.any = bash or p.list intersects (file, pipe) or p.list in (file)",
    "p.path pmatch (/etc, /usr/*/bin) and p.path glob '/etc/*/[a-z]*' and p.path iglob '*SSH*'",
    "p.path regex '/etc/[[:alpha:]]+/.*' and p.bad regex '.*é.*'",
    "p.path contains anyof (ssh, sudo) and p.path icontains oneof (SSH, SUDO)",
    "p.path endswith val(p.name) or p.path startswith val(p.path) or p.path glob concat(p.name, '*')",
    "tolower(basename(p.path)) = sshd_config and toupper(p.list) in (FILE, IPV4)",
    "join(',', (p.name, p.fd, p.ip)) contains ',' and concat(p.name, p.path) exists",
    "b64(p.b64) contains hello and len(p.list) = 2 and getopt(p.argv, 'a:b')[a] = x",
    "p.ip = 10.0.0.1 or p.ip in (::1, fe80::1) or p.net = 10.0.0.0/8 or p.net in (::/0, 10.0.0.0/9)",
];

#[test]
fn a_warm_evaluator_does_not_allocate() {
    let mut catalog = MockCatalog::with(&[
        ("p.name", ValueType::String, Shape::Scalar),
        ("p.path", ValueType::Path, Shape::Scalar),
        ("p.bad", ValueType::String, Shape::Scalar),
        ("p.b64", ValueType::String, Shape::Scalar),
        ("p.fd", ValueType::Int(64), Shape::Scalar),
        ("p.any", ValueType::String, Shape::Any),
        ("p.list", ValueType::String, Shape::List),
        ("p.argv", ValueType::String, Shape::List),
        ("p.ip", ValueType::IpAddr, Shape::Any),
        ("p.net", ValueType::IpNet, Shape::Any),
    ]);
    let mut builder = PoolBuilder::new();
    let mut conditions = Vec::new();
    for text in CONDITIONS {
        let tree = parse(text).unwrap();
        conditions.push(builder.add(&tree, &mut catalog).unwrap().condition);
        // Each check by itself as well, so that none is skipped because of another.
        tree.for_each_check(&mut |check| {
            let tree = parse(&check.to_string()).unwrap();
            conditions.push(builder.add(&tree, &mut catalog).unwrap().condition);
        });
    }
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    let mut events: Vec<_> = (0..8).map(|n| event(n, &mut catalog)).collect();
    let mut run = |rounds: usize| {
        let mut matched = 0;
        for _ in 0..rounds {
            for event in &mut events {
                evaluator.begin_event();
                matched += conditions
                    .iter()
                    .filter(|&&id| evaluator.matches(id, event))
                    .count();
            }
        }
        matched
    };
    let warm = run(2);
    assert!(warm > 0);
    let mut matched = 0;
    let allocations = allocation_counter::measure(|| matched = run(100));
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![0_u8; 100])));
    assert_eq!(counted.count_total, 1, "the counter counts");
    assert_eq!(matched, warm * 50);
    assert_eq!(allocations.count_total, 0);
}

fn event(n: u64, catalog: &mut MockCatalog) -> MockEvent {
    let mut event = MockEvent::default();
    let name = ["a", "b", "sshd", "config"][(n % 4) as usize];
    let address = if n.is_multiple_of(2) {
        "10.0.0.1"
    } else {
        "fe80::1"
    };
    let address = Owned::Other(Value::Ip(address.parse().unwrap()));
    let mut set = |field: &str, values: &[Owned]| event.set(catalog, field, values);
    set("p.name", &[Owned::text(name)]);
    set("p.path", &[Owned::text("/etc/ssh/sshd_config")]);
    set("p.bad", &[Owned::Bytes(b"\xff\xe9 \xc3\xa9".to_vec())]);
    set("p.b64", &[Owned::text("aGVsbG8gd29ybGQ=")]);
    set("p.fd", &[Owned::Other(Value::I64(n as i64))]);
    set("p.any", &["bash", "systemd"].map(Owned::text));
    set("p.list", &["file", "ipv4"].map(Owned::text));
    set("p.argv", &["-b", "-a", "x"].map(Owned::text));
    set("p.ip", std::slice::from_ref(&address));
    set("p.net", &[address]);
    event
}
