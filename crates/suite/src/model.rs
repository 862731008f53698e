//! What a test says, once it was checked. It can be sent to another process as it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::capability::Capabilities;

/// Names with texts, in the order in which they were written.
pub(crate) type Texts = Vec<(String, String)>;

/// One test.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Test {
    /// Its name; of a case, with its number behind.
    pub name: String,
    /// The rule that is to raise alerts; empty when none is named.
    pub rule: String,
    /// What it shows.
    pub description: String,
    /// The values of its case.
    pub case: Texts,
    /// Why it does not run on this machine.
    pub skip: Option<String>,
    /// Script to run first; may be empty.
    pub before: String,
    /// Script to run last; may be empty.
    pub after: String,
    /// The container to run in.
    pub container: Option<Container>,
    /// Processes, each started by the one before; at least one.
    pub processes: Vec<Process>,
    /// What is made before the steps.
    pub resources: Vec<Resource>,
    /// What is done.
    pub steps: Vec<Step>,
    /// Which alerts have to come.
    pub outcome: Outcome,
    /// Rules that must not raise one.
    pub must_not_fire: Vec<String>,
    /// How long it may take, without the wait for alerts.
    pub timeout: Duration,
}

/// A container.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Container {
    /// Its host name.
    pub name: String,
    /// Variables of all processes in it.
    pub env: Texts,
}

/// A process of the chain.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Process {
    /// Where its program is put; a place is chosen when there is none.
    pub exe_path: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its argument 0.
    pub exe: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its variables.
    pub env: Texts,
    /// The user it runs as.
    pub user: Option<String>,
    /// Its capabilities; all that there are when none are named.
    pub capabilities: Option<Capabilities>,
}

/// Something that is there before the steps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resource {
    /// How bindings refer to it.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
}

/// Kinds of resources.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ResourceKind {
    /// A server and a client.
    ClientServer {
        /// What is between them.
        protocol: Protocol,
        /// Where the server is; none: a Unix socket in a place of its own.
        address: Option<String>,
    },
    /// A file, opened.
    File(String),
    /// A directory, opened.
    Directory(String),
    /// A pipe.
    Pipe,
    /// An eventfd.
    Event,
    /// A signalfd.
    SignalFd,
    /// An epoll instance.
    EventPoll,
    /// An inotify instance.
    Inotify,
    /// A file without a path.
    Memfd(String),
    /// A process that waits.
    Process {
        /// How it is started.
        process: Process,
        /// Whether its program is in a memfd.
        file_less: bool,
    },
}

/// What is between client and server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Protocol {
    Udp4,
    Udp6,
    Tcp4,
    Tcp6,
    Unix,
}

/// Something that is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// How later steps refer to it.
    pub name: String,
    /// What it is.
    pub kind: StepKind,
}

/// Kinds of steps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StepKind {
    /// A system call.
    Call {
        /// Its name, of [`crate::schema::CALLS`].
        call: String,
        /// Its arguments by name; those that were left out have their defaults, or are missing.
        arguments: Vec<(String, Argument)>,
        /// The errors it has to fail with one of; none when it has to succeed.
        errnos: Vec<Errno>,
    },
    /// An HTTP request.
    Http(Http),
}

/// An HTTP request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub struct Http {
    pub address: String,
    pub method: String,
    pub path: String,
    pub host: Option<String>,
    pub headers: Texts,
    pub body: String,
    pub status: u16,
}

/// An argument of a system call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// Bytes that are handed over as they are.
    Bytes(Vec<u8>),
    /// Text that ends with a zero byte in memory.
    CString(String),
    /// `IP:port`, `[IPv6]:port` or `unix://path`.
    Address(String),
    /// What an earlier step or a resource exposes: `name.path`.
    Binding(String),
    /// A list of texts.
    Strings(Vec<String>),
    /// Names with texts.
    Texts(Texts),
    /// Arguments in a structure, 8 bytes each, in this order.
    Group(Vec<(String, Argument)>),
}

/// An error number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Errno {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: i32,
}

/// Which alerts have to come.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Source of the alert.
    pub source: Option<String>,
    /// Host name in the alert.
    pub hostname: Option<String>,
    /// Priority of the alert.
    pub priority: Option<String>,
    /// Fields of the alert.
    pub fields: Texts,
    /// How many.
    pub count: Count,
    /// How long they are waited for.
    pub within: Option<Duration>,
}

/// How many alerts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Count {
    /// At least so many.
    pub min: u64,
    /// At most so many.
    pub max: Option<u64>,
}

impl Default for Count {
    /// At least one.
    fn default() -> Self {
        Self { min: 1, max: None }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (min, None) => write!(f, "at least {min}"),
            (min, Some(max)) if min == max => write!(f, "exactly {min}"),
            (0, Some(max)) => write!(f, "at most {max}"),
            (min, Some(max)) => write!(f, "{min} to {max}"),
        }
    }
}
