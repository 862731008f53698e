//! What a test can ask to be there before its steps.

use super::{Key, Object, Presence, Shape, Variant, Variants};

use Presence::{Optional, Required};

const fn key(name: &'static str, shape: Shape, presence: Presence, does: &'static str) -> Key {
    Key {
        name,
        shape,
        presence,
        does,
        ours: false,
    }
}

const fn variant(
    name: &'static str,
    does: &'static str,
    keys: &'static [Key],
    exposes: &'static [&'static str],
) -> Variant {
    Variant {
        name,
        does,
        ours: false,
        object: Object {
            keys,
            variants: None,
        },
        exposes,
        call: None,
    }
}

const PROTOCOLS: &[(&str, &str)] = &[
    ("udp4", "datagrams over IPv4"),
    ("udp6", "datagrams over IPv6"),
    ("tcp4", "a stream over IPv4"),
    ("tcp6", "a stream over IPv6"),
    ("unix", "a stream over a Unix socket"),
];

/// What is exposed by a resource that is one descriptor.
const FD: &[&str] = &["fd"];

static DESCRIPTORS: &[Variant] = &[
    variant(
        "file",
        "A file, opened for reading and writing. It is made if it is missing, with its directories, and removed at the end if it was made.",
        &[key("filePath", Shape::CString, Required, "Its path.")],
        FD,
    ),
    variant(
        "directory",
        "A directory, opened. It is made if it is missing, and removed at the end if it was made.",
        &[key("dirPath", Shape::CString, Required, "Its path.")],
        FD,
    ),
    variant("pipe", "A pipe.", &[], &["readFd", "writeFd"]),
    variant("event", "An eventfd.", &[], FD),
    variant("signalfd", "A signalfd that waits for SIGUSR1.", &[], FD),
    variant("eventpoll", "An epoll instance.", &[], FD),
    variant("inotify", "An inotify instance.", &[], FD),
    variant(
        "memfd",
        "A file without a path.",
        &[key(
            "fileName",
            Shape::CString,
            Required,
            "What it is called.",
        )],
        FD,
    ),
];

static KINDS: &[Variant] = &[
    variant(
        "clientServer",
        "A server and a client that talks to it. With a stream the client is connected before the first step. An address that this machine does not have is given to the loopback device of a private network namespace, from which nothing can leave.",
        &[
            key(
                "l4Proto",
                Shape::OneOf(PROTOCOLS),
                Required,
                "What is between them.",
            ),
            key(
                "address",
                Shape::AddressOrNothing,
                Required,
                "Where the server is. Nothing (\"\") for a Unix socket in a place of its own.",
            ),
        ],
        &["client.fd", "server.fd"],
    ),
    Variant {
        name: "fd",
        does: "A descriptor.",
        ours: false,
        object: Object {
            keys: &[],
            variants: Some(Variants {
                tag: "subtype",
                does: "What kind of descriptor.",
                list: DESCRIPTORS,
            }),
        },
        exposes: &[],
        call: None,
    },
    variant(
        "process",
        "A process that does nothing until it is killed at the end of the test.",
        &[
            key(
                "exePath",
                Shape::Text,
                Optional("/tmp/event-generator-<random>"),
                "Where its program is put.",
            ),
            key(
                "args",
                Shape::CommandLine,
                Optional("none"),
                "Its arguments.",
            ),
            key(
                "exe",
                Shape::Text,
                Optional("`procName`, else the last part of `exePath`"),
                "Its argument 0.",
            ),
            key(
                "procName",
                Shape::Name,
                Optional("the last part of `exePath`"),
                "Its name, which the kernel cuts after 15 bytes.",
            ),
            key(
                "env",
                Shape::Texts,
                Optional("none"),
                "Variables besides those of the test.",
            ),
            key(
                "fileLess",
                Shape::Bool,
                Presence::Default("false"),
                "Its program is in a memfd called `event-generator` instead of a file.",
            ),
        ],
        &["pid"],
    ),
];

/// A resource.
pub(super) static RESOURCE: Object = Object {
    keys: &[key(
        "name",
        Shape::Name,
        Required,
        "How bindings refer to it; no step or other resource has the same name.",
    )],
    variants: Some(Variants {
        tag: "type",
        does: "What kind of resource.",
        list: KINDS,
    }),
};
