//! A suite file, its tests, and what surrounds their steps.

use super::calls::CALLS;
use super::resources::RESOURCE;
use super::{Key, Object, Presence, Shape, Variant, Variants};

use Presence::{Default, Optional, Required};

const fn key(name: &'static str, shape: Shape, presence: Presence, does: &'static str) -> Key {
    Key {
        name,
        shape,
        presence,
        does,
        ours: false,
    }
}

const fn ours(name: &'static str, shape: Shape, presence: Presence, does: &'static str) -> Key {
    Key {
        ours: true,
        ..key(name, shape, presence, does)
    }
}

const NONE: Presence = Optional("none");

static PROCESS: Object = Object {
    keys: &[
        key(
            "exePath",
            Shape::Text,
            Optional("/tmp/event-generator-<random>"),
            "Where its program is put; nothing may be there yet.",
        ),
        key("args", Shape::CommandLine, NONE, "Its arguments."),
        key(
            "exe",
            Shape::Text,
            Optional("`name`, else the last part of `exePath`"),
            "Its argument 0.",
        ),
        key(
            "name",
            Shape::Name,
            Optional("the last part of `exePath`"),
            "Its name, which the kernel cuts after 15 bytes.",
        ),
        key(
            "env",
            Shape::Texts,
            NONE,
            "Variables, besides those that mark the test.",
        ),
        key(
            "user",
            Shape::Name,
            Optional("the user of the event generator"),
            "The user it runs as. One that this machine does not have gets a free number inside the private mount namespace; no user is ever added to the machine.",
        ),
        key(
            "capabilities",
            Shape::Capabilities,
            Optional("all that the event generator has"),
            "Its capabilities, of the last process only. They are given as ambient capabilities and by the bounding set; no file gets any.",
        ),
    ],
    variants: None,
};

static CONTAINER: Object = Object {
    keys: &[
        key(
            "image",
            Shape::Text,
            Optional("none"),
            "Ignored: the container shows the files of this machine, with all changes kept in memory.",
        ),
        key(
            "name",
            Shape::Name,
            Default("event-generator"),
            "Its host name.",
        ),
        key(
            "env",
            Shape::Texts,
            NONE,
            "Variables of all processes in it.",
        ),
    ],
    variants: None,
};

static CONTEXT: Object = Object {
    keys: &[
        key(
            "container",
            Shape::Object(&CONTAINER),
            Optional("not in a container"),
            "Run in a container: namespaces and a cgroup that is named as container runtimes name theirs.",
        ),
        key(
            "processes",
            Shape::List(&Shape::Object(&PROCESS)),
            Optional("one process"),
            "Processes, each started by the one before; the last one does the steps.",
        ),
    ],
    variants: None,
};

const OPERATORS: &[(&str, &str)] = &[("eq", "is"), ("ne", "is not")];

static ARCHITECTURE: Object = Object {
    keys: &[
        ours("op", Shape::OneOf(OPERATORS), Required, "How to compare."),
        ours(
            "val",
            Shape::Text,
            Required,
            "An architecture: amd64 or x86_64, arm64 or aarch64.",
        ),
    ],
    variants: None,
};

static RUN_IF: Object = Object {
    keys: &[ours(
        "arch",
        Shape::Object(&ARCHITECTURE),
        Optional("any"),
        "The architecture of this machine.",
    )],
    variants: None,
};

static OUTCOME: Object = Object {
    keys: &[
        key(
            "source",
            Shape::Text,
            Optional("any"),
            "The source of the alert.",
        ),
        key(
            "hostname",
            Shape::Text,
            Optional("any"),
            "The host name in the alert.",
        ),
        key(
            "priority",
            Shape::Priority,
            Optional("any"),
            "The priority of the alert, whatever the case.",
        ),
        key(
            "outputFields",
            Shape::Texts,
            Optional("any"),
            "Fields of the alert and their values. Numbers are compared as numbers, without loss.",
        ),
        ours(
            "count",
            Shape::Count,
            Optional("at least one"),
            "How many alerts are to match: a number, or `min` and `max`; 0 says that none may.",
        ),
        ours(
            "within",
            Shape::Duration,
            Optional("--alert-timeout"),
            "How long after the last step alerts are waited for. If too many are possible, the whole time is waited.",
        ),
    ],
    variants: None,
};

const STRATEGIES: &[(&str, &str)] = &[
    ("vector", "one set of values"),
    ("matrix", "every combination of the values of lists"),
];

static CASE: Object = Object {
    keys: &[
        key(
            "strategy",
            Shape::OneOf(STRATEGIES),
            Required,
            "How `values` is meant.",
        ),
        key(
            "values",
            Shape::Values,
            Required,
            "Names with values, or with lists of values for a matrix; `%{ item.name }` stands for the value. All cases have the same names.",
        ),
    ],
    variants: None,
};

static REQUEST: Object = Object {
    keys: &[
        ours("address", Shape::Address, Required, "Where to, `IP:port`."),
        ours("method", Shape::Name, Default("GET"), "The method."),
        ours(
            "path",
            Shape::Text,
            Default("/"),
            "The path and what follows.",
        ),
        ours(
            "host",
            Shape::Text,
            Optional("the address"),
            "The header `Host`.",
        ),
        ours("headers", Shape::Texts, NONE, "Further headers."),
        ours("body", Shape::AnyText, Optional("nothing"), "What is sent."),
        ours(
            "status",
            Shape::Number,
            Default("200"),
            "The status that the server answers with.",
        ),
    ],
    variants: None,
};

static STEP_KINDS: &[Variant] = &[
    Variant {
        name: "syscall",
        does: "Makes one system call.",
        ours: false,
        object: Object {
            keys: &[ours(
                "expectedErrno",
                Shape::Errno,
                Optional("the call succeeds"),
                "The error that the call has to fail with, or several with | between them; success is then a failure of the test.",
            )],
            variants: Some(Variants {
                tag: "syscall",
                does: "Which one.",
                list: CALLS,
            }),
        },
        exposes: &[],
        call: None,
    },
    Variant {
        name: "http",
        does: "Sends one HTTP request to a server of the test itself, which answers it.",
        ours: true,
        object: Object {
            keys: &[ours(
                "args",
                Shape::Object(&REQUEST),
                Required,
                "The request.",
            )],
            variants: None,
        },
        exposes: &["status"],
        call: None,
    },
];

static STEP: Object = Object {
    keys: &[key(
        "name",
        Shape::Name,
        Required,
        "How later steps refer to it; no other step or resource has the same name.",
    )],
    variants: Some(Variants {
        tag: "type",
        does: "What kind of step.",
        list: STEP_KINDS,
    }),
};

const RUNNERS: &[(&str, &str)] = &[("HostRunner", "on this machine")];

/// A test.
pub static TEST: Object = Object {
    keys: &[
        key(
            "name",
            Shape::Text,
            Required,
            "Its name; no other test of the same rule has it.",
        ),
        key(
            "description",
            Shape::AnyText,
            NONE,
            "What it shows, for people.",
        ),
        key(
            "rule",
            Shape::AnyText,
            Optional("none, which `suite test` refuses"),
            "The rule that is to raise alerts; tests of one rule are a suite.",
        ),
        key("runner", Shape::OneOf(RUNNERS), Required, "Where it runs."),
        ours(
            "runIf",
            Shape::Object(&RUN_IF),
            Optional("always"),
            "When it runs; else it is skipped.",
        ),
        key(
            "before",
            Shape::AnyText,
            NONE,
            "A bash script to run before the resources are made. Its last command must succeed.",
        ),
        key(
            "after",
            Shape::AnyText,
            NONE,
            "A bash script to run at the end, in the same bash as `before`: variables are kept.",
        ),
        key(
            "context",
            Shape::Object(&CONTEXT),
            Optional("one process on the host"),
            "Which processes, in which surroundings.",
        ),
        key(
            "resources",
            Shape::List(&Shape::Object(&RESOURCE)),
            NONE,
            "What has to be there before the first step; made in this order, removed in reverse.",
        ),
        key(
            "steps",
            Shape::List(&Shape::Object(&STEP)),
            NONE,
            "What is done, in this order. The first step that fails ends the test.",
        ),
        key(
            "expectedOutcome",
            Shape::Object(&OUTCOME),
            Optional("any alert of the rule"),
            "Which alerts have to come.",
        ),
        ours(
            "mustNotFire",
            Shape::Strings,
            NONE,
            "Rules that must not raise an alert about the processes of this test.",
        ),
        ours(
            "timeout",
            Shape::Duration,
            Default("30s"),
            "How long the test may take, without the wait for alerts; then its processes are killed.",
        ),
        key(
            "cases",
            Shape::List(&Shape::Object(&CASE)),
            NONE,
            "Values to put in place of `%{ item.name }`, which must be a whole value: one test for each case.",
        ),
    ],
    variants: None,
};

/// A suite file.
pub static ROOT: Object = Object {
    keys: &[key(
        "tests",
        Shape::List(&Shape::Object(&TEST)),
        Required,
        "The tests; at least one.",
    )],
    variants: None,
};
