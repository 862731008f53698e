//! What a test says beyond the form of its parts: names, bindings, processes.

use crate::diagnostic::{Problem, Span};
use crate::schema::{self, ROOT, Shape, Variant, Variants};
use crate::yaml::{Kind, Node};
use suggest::nearest;

/// Variables that tests may not set.
const RESERVED: &str = "FALCO_EVENT_GENERATOR_";

/// `name.path` of `${ name.path }`.
pub(crate) fn path(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${")?.strip_suffix('}')?.trim();
    (!inner.is_empty()).then_some(inner)
}

/// Checks one test whose form is right.
pub(crate) fn test(node: &Node, problems: &mut Vec<Problem>) {
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    for resource in items(node, "resources") {
        declare(
            resource,
            exposed(resource, "resources"),
            &mut known,
            problems,
        );
        client_server(resource, problems);
        environment(resource.get("env").map(|node| &**node), problems);
    }
    for step in items(node, "steps") {
        let mut names = exposed(step, "steps");
        if let Some(arguments) = step.get("args") {
            bindings(arguments, &known, problems);
            names.extend(
                arguments
                    .entries()
                    .iter()
                    .filter_map(|(key, _)| key.text().map(str::to_owned)),
            );
        }
        if step
            .get("expectedErrno")
            .is_some_and(|node| !node.is_null())
        {
            names.retain(|name| name != "ret");
        }
        special(step, problems);
        declare(step, names, &mut known, problems);
    }
    if let Some(context) = node.get("context") {
        let processes: Vec<&Node> = items(context, "processes").collect();
        for process in processes.iter().rev().skip(1) {
            if let Some(capabilities) = process.get("capabilities").filter(|node| !node.is_null()) {
                let message = "only the last process can have capabilities";
                problems.push(Problem::error(capabilities.span, message));
            }
        }
        for process in processes {
            environment(process.get("env").map(|node| &**node), problems);
        }
        environment(
            context
                .get("container")
                .and_then(|node| node.get("env"))
                .map(|node| &**node),
            problems,
        );
    }
}

fn items<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = &'a Node> {
    let list = node.get(key).map(|list| list.list()).unwrap_or_default();
    list.iter().map(|item| &**item)
}

/// What the kind of a resource or step exposes.
fn exposed(node: &Node, list: &str) -> Vec<String> {
    fn collect(node: &Node, variants: &Variants, names: &mut Vec<String>) {
        let chosen = node.get(variants.tag).and_then(|tag| tag.text());
        let Some(variant) = chosen.and_then(|name| variants.find(name)) else {
            return;
        };
        names.extend(variant.exposes.iter().map(|&name| name.to_owned()));
        if let Some(inner) = &variant.object.variants {
            collect(node, inner, names);
        }
    }
    let mut names = Vec::new();
    let tests = match ROOT.keys.first().map(|key| &key.shape) {
        Some(Shape::List(Shape::Object(test))) => test,
        _ => return names,
    };
    let key = tests.keys.iter().find(|key| key.name == list);
    if let Some(Shape::List(Shape::Object(object))) = key.map(|key| &key.shape)
        && let Some(variants) = &object.variants
    {
        collect(node, variants, &mut names);
    }
    names
}

fn declare(
    node: &Node,
    exposed: Vec<String>,
    known: &mut Vec<(String, Vec<String>)>,
    problems: &mut Vec<Problem>,
) {
    let Some((name, span)) = node
        .get("name")
        .and_then(|node| Some((node.text()?, node.span)))
    else {
        return;
    };
    if known.iter().any(|(other, _)| other == name) {
        let message = format!("`{name}` is the name of another resource or step of the test");
        problems.push(Problem::error(span, message));
    }
    known.push((name.to_owned(), exposed));
}

fn bindings(node: &Node, known: &[(String, Vec<String>)], problems: &mut Vec<Problem>) {
    match &node.kind {
        Kind::Scalar { text, .. } if text.trim_start().starts_with("${") => {
            if let Err(problem) = binding(text, node.span, known) {
                problems.push(problem);
            }
        }
        Kind::List(items) => items
            .iter()
            .for_each(|item| bindings(item, known, problems)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|(_, value)| bindings(value, known, problems)),
        _ => {}
    }
}

fn binding(text: &str, span: Span, known: &[(String, Vec<String>)]) -> Result<(), Problem> {
    let split = path(text).and_then(|path| path.split_once('.'));
    let Some((name, member)) = split else {
        return Err(Problem::error(span, format!("`{text}` is no binding"))
            .with_help("a binding is a whole value: `${name.path}`, such as `${file.fd}`"));
    };
    let Some((_, members)) = known.iter().find(|(known, _)| known == name) else {
        let problem = Problem::error(span, format!("nothing before this step is called `{name}`"));
        return Err(
            match nearest(name, known.iter().map(|(name, _)| name.as_str())) {
                Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                None => problem.with_help("bindings refer to resources and to earlier steps"),
            },
        );
    };
    if members.iter().any(|known| known == member) {
        return Ok(());
    }
    let problem = Problem::error(span, format!("`{name}` exposes no `{member}`"));
    let members: Vec<String> = members.iter().map(|member| format!("`{member}`")).collect();
    Err(problem.with_help(if members.is_empty() {
        "it exposes nothing".to_owned()
    } else {
        format!("it exposes {}", members.join(", "))
    }))
}

/// What single system calls ask for beyond the form of their arguments.
fn special(step: &Node, problems: &mut Vec<Problem>) {
    let (Some(call), Some(arguments)) = (
        step.get("syscall")
            .and_then(|node| node.text())
            .and_then(schema::call),
        step.get("args"),
    ) else {
        return;
    };
    let given = |name: &str| arguments.get(name).filter(|node| !node.is_null());
    let is = |variant: &Variant, name: &str| variant.name == name;
    if is(call, "read") && given("buffer").is_none() && given("len").is_none() {
        problems.push(
            Problem::error(arguments.span, "`buffer` or `len` is missing")
                .with_help("one of them says how much to read"),
        );
    }
    if is(call, "kill")
        && let (Some(pid), Some(signal)) = (given("pid"), given("sig"))
        && path(pid.text().unwrap_or_default()).is_none()
        && signal.text() != Some("0")
    {
        problems.push(
            Problem::error(pid.span, "signals go only to processes of the test")
                .with_help("add a resource of type `process`, and bind its `pid`: `${name.pid}`"),
        );
    }
}

/// Whether an address fits the protocol.
fn client_server(resource: &Node, problems: &mut Vec<Problem>) {
    let text = |key| resource.get(key).and_then(|node| node.text());
    let (Some(protocol), Some(address)) = (text("l4Proto"), text("address")) else {
        return;
    };
    let span = resource
        .get("address")
        .map_or(resource.span, |node| node.span);
    let fits = match protocol {
        "unix" => address.is_empty() || address.starts_with("unix://"),
        "udp4" | "tcp4" => address.parse::<std::net::SocketAddrV4>().is_ok(),
        _ => address.parse::<std::net::SocketAddrV6>().is_ok(),
    };
    if !fits {
        let expected = match protocol {
            "unix" => "nothing (\"\") or `unix://path`",
            "udp4" | "tcp4" => "`IP:port`, such as 127.0.0.1:9999",
            _ => "`[IPv6]:port`, such as [::1]:9999",
        };
        problems.push(
            Problem::error(span, format!("`{address}` is no address of {protocol}"))
                .with_help(format!("expected {expected}")),
        );
    }
}

fn environment(node: Option<&Node>, problems: &mut Vec<Problem>) {
    for (key, _) in node.map(Node::entries).unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        if name.starts_with(RESERVED) || name.contains('=') {
            let message = format!("`{name}` cannot be set");
            let help =
                format!("names with `=`, and those that begin with {RESERVED}, are not for tests");
            problems.push(Problem::error(key.span, message).with_help(help));
        }
    }
}
