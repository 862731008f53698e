//! A tree that was checked → a [`Test`]. What is wrong was said by the check; here it is passed over.

pub(crate) mod value;

use std::time::Duration;

use crate::capability::Capabilities;
use crate::model::{
    Argument, Container, Count, Http, Outcome, Process, Protocol, Resource, ResourceKind, Step,
    StepKind, Test, Texts,
};
use crate::schema::{self, Key, Presence, Shape};
use crate::template::Instance;
use crate::yaml::{Kind, Node};

/// Reads one test; `arch` is this machine's, as Rust calls it.
pub(crate) fn test(instance: &Instance, arch: &str) -> Test {
    let node = &*instance.node;
    let name = text(node, "name").unwrap_or_default();
    let context = node.get("context");
    let processes: Vec<Process> = context
        .and_then(|context| context.get("processes"))
        .map(|list| {
            list.list()
                .iter()
                .map(|item| process(item, "name"))
                .collect()
        })
        .unwrap_or_default();
    Test {
        name: match instance.number {
            Some(number) => format!("{name}_testCase#{number}"),
            None => name,
        },
        rule: text(node, "rule").unwrap_or_default(),
        description: text(node, "description").unwrap_or_default(),
        case: instance.case.clone(),
        skip: node.get("runIf").and_then(|node| skip(node, arch)),
        before: text(node, "before").unwrap_or_default(),
        after: text(node, "after").unwrap_or_default(),
        container: context
            .and_then(|context| context.get("container"))
            .filter(|node| !node.is_null())
            .map(|node| Container {
                name: text(node, "name").unwrap_or_else(|| "event-generator".to_owned()),
                env: texts(node, "env"),
            }),
        processes: if processes.is_empty() {
            vec![Process::default()]
        } else {
            processes
        },
        resources: items(node, "resources").filter_map(resource).collect(),
        steps: items(node, "steps").filter_map(step).collect(),
        outcome: node
            .get("expectedOutcome")
            .map(|node| outcome(node))
            .unwrap_or_default(),
        must_not_fire: strings(node, "mustNotFire"),
        timeout: text(node, "timeout")
            .and_then(|text| value::duration(&text).ok())
            .unwrap_or(Duration::from_secs(30)),
    }
}

fn items<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    node.get(key)
        .map(|list| list.list())
        .unwrap_or_default()
        .iter()
        .map(|item| &**item)
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)
        .and_then(|value| value.text())
        .map(str::to_owned)
}

fn strings(node: &Node, key: &str) -> Vec<String> {
    items(node, key)
        .filter_map(|item| item.text().map(str::to_owned))
        .collect()
}

fn texts(node: &Node, key: &str) -> Texts {
    let entries = node
        .get(key)
        .map(|value| value.entries())
        .unwrap_or_default();
    let pair = |(key, value): &(std::rc::Rc<Node>, std::rc::Rc<Node>)| {
        Some((key.text()?.to_owned(), value.text()?.to_owned()))
    };
    entries.iter().filter_map(pair).collect()
}

/// Why a test does not run here.
fn skip(run_if: &Node, arch: &str) -> Option<String> {
    let condition = run_if.get("arch").filter(|node| !node.is_null())?;
    let wanted = text(condition, "val")?;
    let known = match wanted.as_str() {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    match text(condition, "op")?.as_str() {
        "ne" if known == arch => Some(format!("not on {wanted}")),
        "eq" if known != arch => Some(format!("only on {wanted}")),
        _ => None,
    }
}

/// A process; its name is called `procName` in a resource, whose `name` is something else.
fn process(node: &Node, name: &str) -> Process {
    Process {
        exe_path: text(node, "exePath"),
        args: text(node, "args")
            .and_then(|line| crate::arguments::split(&line).ok())
            .unwrap_or_default(),
        exe: text(node, "exe"),
        name: text(node, name),
        env: texts(node, "env"),
        user: text(node, "user"),
        capabilities: text(node, "capabilities").and_then(|text| Capabilities::parse(&text).ok()),
    }
}

fn resource(node: &Node) -> Option<Resource> {
    let kind = match text(node, "type")?.as_str() {
        "clientServer" => ResourceKind::ClientServer {
            protocol: match text(node, "l4Proto")?.as_str() {
                "udp4" => Protocol::Udp4,
                "udp6" => Protocol::Udp6,
                "tcp4" => Protocol::Tcp4,
                "tcp6" => Protocol::Tcp6,
                _ => Protocol::Unix,
            },
            address: text(node, "address").filter(|text| !text.is_empty()),
        },
        "process" => ResourceKind::Process {
            process: process(node, "procName"),
            file_less: text(node, "fileLess").is_some_and(|text| text == "true"),
        },
        _ => match text(node, "subtype")?.as_str() {
            "file" => ResourceKind::File(text(node, "filePath")?),
            "directory" => ResourceKind::Directory(text(node, "dirPath")?),
            "pipe" => ResourceKind::Pipe,
            "event" => ResourceKind::Event,
            "signalfd" => ResourceKind::SignalFd,
            "eventpoll" => ResourceKind::EventPoll,
            "inotify" => ResourceKind::Inotify,
            _ => ResourceKind::Memfd(text(node, "fileName")?),
        },
    };
    Some(Resource {
        name: text(node, "name")?,
        kind,
    })
}

fn step(node: &Node) -> Option<Step> {
    let arguments = node.get("args");
    let kind = match text(node, "type")?.as_str() {
        "http" => StepKind::Http(http(arguments?)?),
        _ => {
            let call = text(node, "syscall")?;
            let keys = match schema::call(&call)?.object.keys.first()?.shape {
                Shape::Object(object) => object.keys,
                _ => &[],
            };
            StepKind::Call {
                arguments: group(arguments?, keys),
                errnos: text(node, "expectedErrno")
                    .and_then(|names| value::errnos(&names).ok())
                    .unwrap_or_default(),
                call,
            }
        }
    };
    Some(Step {
        name: text(node, "name")?,
        kind,
    })
}

/// The arguments that are given or have a default, in the order of the table.
fn group(node: &Node, keys: &[Key]) -> Vec<(String, Argument)> {
    keys.iter()
        .filter_map(|key| {
            let given = node.get(key.name).filter(|value| !value.is_null());
            let argument = match (given, key.presence) {
                (Some(value), _) => argument(value, &key.shape)?,
                (None, Presence::Default(text)) => value::argument(text, &key.shape).ok()?,
                (None, _) => return None,
            };
            Some((key.name.to_owned(), argument))
        })
        .collect()
}

fn argument(node: &Node, shape: &Shape) -> Option<Argument> {
    match (&node.kind, shape) {
        (Kind::Map(_), Shape::Object(object)) => Some(Argument::Group(group(node, object.keys))),
        (Kind::Map(entries), _) => Some(Argument::Texts(
            entries
                .iter()
                .filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned())))
                .collect(),
        )),
        (Kind::List(items), _) => Some(Argument::Strings(
            items
                .iter()
                .filter_map(|item| item.text().map(str::to_owned))
                .collect(),
        )),
        (Kind::Scalar { text, .. }, _) => match crate::bind::path(text) {
            Some(path) if shape.takes_binding() => Some(Argument::Binding(path.to_owned())),
            _ => value::argument(text, shape).ok(),
        },
        (Kind::Null, _) => None,
    }
}

fn http(node: &Node) -> Option<Http> {
    Some(Http {
        address: text(node, "address")?,
        method: text(node, "method").unwrap_or_else(|| "GET".to_owned()),
        path: text(node, "path").unwrap_or_else(|| "/".to_owned()),
        host: text(node, "host"),
        headers: texts(node, "headers"),
        body: text(node, "body").unwrap_or_default(),
        status: text(node, "status")
            .and_then(|text| text.parse().ok())
            .unwrap_or(200),
    })
}

fn outcome(node: &Node) -> Outcome {
    Outcome {
        source: text(node, "source"),
        hostname: text(node, "hostname"),
        priority: text(node, "priority"),
        fields: texts(node, "outputFields"),
        count: node
            .get("count")
            .map(|node| count(node))
            .unwrap_or_default(),
        within: text(node, "within").and_then(|text| value::duration(&text).ok()),
    }
}

fn count(node: &Node) -> Count {
    let number = |node: &Node| node.text().and_then(|text| text.parse::<u64>().ok());
    match number(node) {
        Some(exact) => Count {
            min: exact,
            max: Some(exact),
        },
        None => Count {
            min: node.get("min").and_then(|node| number(node)).unwrap_or(0),
            max: node.get("max").and_then(|node| number(node)),
        },
    }
}
