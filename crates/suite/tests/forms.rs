//! Forms that suites in the field have, and mistakes with what is said about them.

fn load(text: &str) -> suite::Loaded {
    suite::load(
        &[suite::Source {
            name: "t".to_owned(),
            text: text.to_owned(),
        }],
        false,
    )
}

fn test(lines: &str) -> String {
    format!("tests:\n  - name: t\n    runner: HostRunner\n{lines}")
}

#[test]
fn forms_of_newer_suites_are_accepted() {
    for lines in [
        "    context: {container: null}\n",
        "    context: {container: {}}\n",
        "    context: {container: ~, processes: [{name: a}]}\n",
        "    steps: [{type: syscall, name: a, syscall: openat, args: {pathname: /x, flags: O_RDONLY}}]\n",
        "    steps: [{type: syscall, name: a, syscall: openat2, args: {pathname: /x, how: {flags: O_WRONLY|O_CREAT, mode: 0644}}}]\n",
        "    steps: [{type: syscall, name: a, syscall: linkat, args: {oldPath: /x, newPath: /y}}]\n",
        "    steps: [{type: syscall, name: a, syscall: symlinkat, args: {target: /x, linkPath: /y}}]\n",
        "    runIf: { arch: { op: ne, val: arm64 } }\n",
        "    runIf: null\n",
        "    resources: [{type: process, name: p, fileLess: true}]\n",
        "    resources: [{type: fd, name: f, subtype: \"%{ item.s }\", filePath: /x, dirPath: /x}]\n    cases: [{strategy: matrix, values: {s: [file, directory]}}]\n",
        "    runIf: %{ item.r }\n    cases: [{strategy: matrix, values: {r: [null, {arch: {op: eq, val: amd64}}]}}]\n",
        "    resources: [{type: clientServer, name: c, l4Proto: unix, address: \"\"}]\n    steps: [{type: syscall, name: d, syscall: dup3, args: {oldFd: \"${ c.client.fd }\", newFd: 0, flags: 0}}]\n",
        "    expectedOutcome: {}\n",
    ] {
        let loaded = load(&test(lines));
        assert!(loaded.problems.is_empty(), "{lines}{:#?}", loaded.problems);
        assert!(!loaded.tests.is_empty());
    }
}

#[test]
fn mistakes_are_named() {
    for (lines, expected) in [
        ("    step: []\n", "unknown key `step`"),
        (
            "    steps: [{type: syscall, name: a, syscall: openta, args: {}}]\n",
            "`openta` is no syscall",
        ),
        (
            "    steps: [{type: syscall, name: a, syscall: dup, args: {oldFd: x}}]\n",
            "found `x`",
        ),
        (
            "    steps: [{type: syscall, name: a, syscall: dup, args: {oldFd: \"${b.fd}\"}}]\n",
            "nothing before this step is called `b`",
        ),
        (
            "    resources: [{type: fd, name: b, subtype: pipe}]\n    steps: [{type: syscall, name: a, syscall: dup, args: {oldFd: \"${b.fd}\"}}]\n",
            "`b` exposes no `fd`",
        ),
        (
            "    resources: [{type: fd, name: b, subtype: pipe}, {type: fd, name: b, subtype: pipe}]\n",
            "is the name of another",
        ),
        (
            "    steps: [{type: syscall, name: a, syscall: kill, args: {pid: 1, sig: SIGKILL}}]\n",
            "signals go only to processes of the test",
        ),
        (
            "    steps: [{type: syscall, name: a, syscall: read, args: {fd: 0}}]\n",
            "`buffer` or `len` is missing",
        ),
        (
            "    context: {processes: [{capabilities: all=ep}, {name: b}]}\n",
            "only the last process can have capabilities",
        ),
        (
            "    context: {processes: [{env: {FALCO_EVENT_GENERATOR_TEST_ID: x}}]}\n",
            "cannot be set",
        ),
        (
            "    resources: [{type: clientServer, name: b, l4Proto: tcp4, address: \"[::1]:1\"}]\n",
            "is no address of tcp4",
        ),
        (
            "    resources: [{type: clientServer, name: b, l4Proto: udp5, address: \"1.1.1.1:1\"}]\n",
            "found `udp5`",
        ),
        (
            "    expectedOutcome: {priority: wraning}\n",
            "found `wraning`",
        ),
        (
            "    expectedOutcome: {count: {min: 2, max: 1}}\n",
            "`min` is more than `max`",
        ),
        ("    name: u\n", "`name` stands twice"),
        ("    timeout: 5\n", "found `5`"),
        ("    steps: {}\n", "expected a list, found a mapping"),
    ] {
        let loaded = load(&test(lines));
        let messages: Vec<&str> = loaded
            .problems
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(
            loaded.has_errors() && messages.iter().any(|message| message.contains(expected)),
            "{lines}expected {expected:?} in {messages:#?}"
        );
    }
}

#[test]
fn bad_input_does_not_panic() {
    for text in [
        "",
        "x",
        "[]",
        "tests",
        "tests:",
        "tests: []",
        "tests: [1, null, []]",
        "tests: [{}]",
        "a: *b",
        "tests: [{cases: 1}]",
        "tests: [{cases: [{}]}]",
        "tests: [{cases: [{strategy: matrix, values: 1}]}]",
    ] {
        assert!(load(text).has_errors(), "{text}");
    }
    let every = test(
        "    steps: [{type: syscall, name: a, syscall: openat2, args: {pathname: /x, how: {flags: O_WRONLY}}}]\n",
    );
    for end in 0..every.len() {
        load(&every[..end]);
    }
}

#[test]
fn a_test_can_be_sent() {
    let loaded = load(&test(
        "    steps: [{type: syscall, name: a, syscall: mount, args: {target: /x}}]\n    expectedOutcome: {count: 2}\n",
    ));
    let json = serde_json::to_string(&loaded.tests[0]).unwrap();
    assert_eq!(
        serde_json::from_str::<suite::Test>(&json).unwrap(),
        loaded.tests[0]
    );
}
