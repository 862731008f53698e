//! Why a check is left to user space, in words for whoever writes rules.

use condition::Operator;

/// Beginnings of names of fields, and why the kernel does not look at them. The first that fits
/// counts.
const BY_FIELD: &[(&str, &str)] = &[
    (
        "proc.name",
        "only equality with names is looked up in the kernel",
    ),
    ("proc.aname", "ancestors are known in user space"),
    ("proc.pname", "ancestors are known in user space"),
    ("proc.a", "ancestors are known in user space"),
    ("proc.p", "ancestors are known in user space"),
    ("proc.s", "sessions are known in user space"),
    ("proc.cmdline", "command lines are kept in user space"),
    ("proc.args", "command lines are kept in user space"),
    ("proc.env", "environments are kept in user space"),
    ("proc.", "this property of processes is kept in user space"),
    ("thread.", "this property of threads is kept in user space"),
    (
        "container.",
        "the kernel tells containers from the host only, and not from each other",
    ),
    (
        "k8s.",
        "the kernel tells containers from the host only, and not from each other",
    ),
    ("user.", "users are looked up in user space"),
    ("group.", "groups are looked up in user space"),
    (
        "fd.sport",
        "only equality with the port of a connect is looked up in the kernel",
    ),
    (
        "fd.sip",
        "only addresses that a connect leads to are looked up in the kernel",
    ),
    (
        "fd.snet",
        "only networks that a connect leads to are looked up in the kernel",
    ),
    ("fd.cip", "the client's end is known in user space"),
    ("fd.cnet", "the client's end is known in user space"),
    ("fd.cport", "the client's end is known in user space"),
    ("fd.r", "which end is this machine is known in user space"),
    (
        "fd.l4proto",
        "descriptors of this call are known in user space",
    ),
    ("fd.l", "which end is this machine is known in user space"),
    ("fd.", "descriptors of this call are known in user space"),
    ("evt.arg", "this parameter is taken apart in user space"),
    ("evt.rawarg", "this parameter is taken apart in user space"),
    (
        "fs.path",
        "this call has no path that the kernel side knows of",
    ),
];

/// Why a check of a field is left to user space.
pub(crate) fn reason(field: &str, operator: Operator, negated: bool) -> &'static str {
    match operator {
        Operator::Regex => return "regular expressions are matched in user space",
        Operator::IContains | Operator::IGlob => {
            return "comparisons without regard to case are made in user space";
        }
        Operator::Exists => return "whether a field has a value is decided in user space",
        Operator::Glob | Operator::PMatch if negated => {
            return "the opposite of a pattern is decided in user space";
        }
        _ => {}
    }
    BY_FIELD
        .iter()
        .find(|(start, _)| field.starts_with(start))
        .map_or("decided in user space", |(_, reason)| reason)
}
