//! Snapshots as fields and for Prometheus.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use metrics::{Snapshot, SnapshotWriter, Value, names};

fn sample() -> Snapshot {
    let label = |name: &'static str, value: &str| (name.into(), value.to_owned());
    let mut snapshot = Snapshot::new();
    snapshot.add(&names::VERSION, "0.1.0");
    snapshot.add(&names::KERNEL_EVENTS, 1_000);
    snapshot.add_labelled(&names::KERNEL_CPU_EVENTS, vec![label("cpu", "0")], 400);
    snapshot.add_labelled(
        &names::RULE_MATCHES,
        vec![
            label("rule_name", "Read \"x\" file"),
            label("priority", "4"),
            label("source", "syscall"),
            ("tag_mitre-x".into(), "true".to_owned()),
        ],
        3,
    );
    snapshot.add_labelled(&names::KERNEL_CPU_EVENTS, vec![label("cpu", "1")], 600);
    snapshot.add(&names::KERNEL_DROPS, 0);
    snapshot.add(&names::CPU_USAGE, 0.12345);
    snapshot.add(&names::MEMORY_RSS, 3 << 20);
    snapshot
}

#[test]
fn fields() {
    let fields = sample().fields(false, false);
    let expected: Vec<(_, Value)> = vec![
        ("falco.cpu_usage_perc", 12.3.into()),
        ("falco.memory_rss_kb", 3_072.into()),
        ("falco.rules.Read__x__file", 3.into()),
        ("falco.version", "0.1.0".into()),
        ("scap.n_evts", 1_000.into()),
        ("scap.n_evts_cpu_0", 400.into()),
        ("scap.n_evts_cpu_1", 600.into()),
    ];
    let got: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_ref(), value.clone()))
        .collect();
    assert_eq!(got, expected);

    let fields = sample().fields(true, true);
    let find = |name: &str| {
        fields
            .iter()
            .find(|field| field.0 == name)
            .map(|field| &field.1)
    };
    assert_eq!(find("falco.memory_rss_mb"), Some(&Value::F64(3.0)));
    assert_eq!(find("scap.n_drops"), Some(&Value::U64(0)));
}

#[test]
fn prometheus() {
    let mut text = String::new();
    sample().prometheus(&mut text);
    assert_eq!(
        text,
        r#"# HELP falcosecurity_falco_version_info Version of the engine
# TYPE falcosecurity_falco_version_info gauge
falcosecurity_falco_version_info{version="0.1.0"} 1
# HELP falcosecurity_scap_n_evts_total Events of the kernel side, also those dropped
# TYPE falcosecurity_scap_n_evts_total counter
falcosecurity_scap_n_evts_total 1000
# HELP falcosecurity_scap_n_evts_cpu_total Events of one CPU
# TYPE falcosecurity_scap_n_evts_cpu_total counter
falcosecurity_scap_n_evts_cpu_total{cpu="0"} 400
falcosecurity_scap_n_evts_cpu_total{cpu="1"} 600
# HELP falcosecurity_falco_rules_matches_total Matches of a rule
# TYPE falcosecurity_falco_rules_matches_total counter
falcosecurity_falco_rules_matches_total{rule_name="Read \"x\" file",priority="4",source="syscall",tag_mitre_x="true"} 3
# HELP falcosecurity_scap_n_drops_total Events that the kernel side dropped
# TYPE falcosecurity_scap_n_drops_total counter
falcosecurity_scap_n_drops_total 0
# HELP falcosecurity_falco_cpu_usage_ratio CPU use of the program, as a share of one CPU
# TYPE falcosecurity_falco_cpu_usage_ratio gauge
falcosecurity_falco_cpu_usage_ratio 0.12345
# HELP falcosecurity_falco_memory_rss_bytes Resident memory of the program
# TYPE falcosecurity_falco_memory_rss_bytes gauge
falcosecurity_falco_memory_rss_bytes 3145728
"#
    );
}

#[test]
fn the_table_names_nothing_twice() {
    let mut fields = HashSet::new();
    let mut prometheus = HashSet::new();
    for description in names::ALL {
        assert!(description.field.is_some() || description.prometheus.is_some());
        assert!(!description.help.is_empty() && !description.help.contains('\n'));
        if let Some(field) = description.field {
            assert!(fields.insert(field), "{field}");
        }
        if let Some(name) = description.prometheus {
            assert!(prometheus.insert(name), "{name}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()),
                "{name}"
            );
        }
    }
}

/// One of each kind of label and value.
fn everything() -> Snapshot {
    let mut snapshot = sample();
    for description in names::ALL {
        let labels = vec![("a".into(), "b \\ \"c\"\n{d}=,".to_owned())];
        match description.kind {
            metrics::Kind::Info(_) => snapshot.add_labelled(description, labels, "te\"xt"),
            _ => snapshot.add_labelled(description, labels, 0.5),
        }
    }
    snapshot
}

/// What `promtool check metrics` looks at: the grammar, one description for each family before its
/// samples, families in one piece, no sample twice.
#[test]
fn prometheus_takes_all_of_it() {
    let mut text = String::new();
    everything().prometheus(&mut text);
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut helped = HashSet::new();
    let mut current = "";
    let mut seen = HashSet::new();
    let mut samples = 0;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(helped.insert(name), "described twice: {line}");
            assert!(!help.is_empty(), "{line}");
            current = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert_eq!(name, current, "type without description");
            assert!(matches!(kind, "counter" | "gauge"), "{line}");
            assert!(types.insert(name, kind).is_none(), "{line}");
        } else {
            let name = &line[..line.find(['{', ' ']).expect(line)];
            assert_eq!(name, current, "not with its family");
            assert!(types.contains_key(name), "{line}");
            assert!(
                name.starts_with("falcosecurity_") || name.starts_with("peregrine_"),
                "{line}"
            );
            let (labels, value) = labels_and_value(&line[name.len()..]);
            let names: HashSet<_> = labels.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), labels.len(), "a label twice: {line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(
                seen.insert((name.to_owned(), labels)),
                "a sample twice: {line}"
            );
            samples += 1;
        }
    }
    assert!(samples > names::ALL.len() / 2, "{samples}");
}

/// Reads what follows the name of a sample, as the text format has it.
fn labels_and_value(rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    let Some(mut rest) = rest.strip_prefix('{') else {
        return (labels, rest.trim_start());
    };
    loop {
        let (name, tail) = rest.split_once("=\"").expect(rest);
        let first = name.chars().next().expect("a name");
        assert!(first.is_ascii_alphabetic() || first == '_', "{name}");
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            "{name}"
        );
        let (mut value, mut end, mut chars) = (String::new(), None, tail.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = Some(at);
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('\\' | '"'))) => value.push(c),
                    other => panic!("bad escape {other:?} in {tail}"),
                },
                c => value.push(c),
            }
        }
        labels.push((name.to_owned(), value));
        let after = &tail[end.expect("the value ends") + 1..];
        if let Some(value) = after.strip_prefix("} ") {
            return (labels, value);
        }
        rest = after.strip_prefix(',').expect("another label");
    }
}

#[test]
fn values_of_labels_come_through() {
    let mut text = String::new();
    everything().prometheus(&mut text);
    let line = text
        .lines()
        .find(|line| line.starts_with("peregrine_rule_evaluations_total{"))
        .expect("a sample");
    let (labels, _) = labels_and_value(&line["peregrine_rule_evaluations_total".len()..]);
    assert_eq!(labels, [("a".to_owned(), "b \\ \"c\"\n{d}=,".to_owned())]);
}

#[test]
fn names_with_stems_and_whole_bytes() {
    let mut snapshot = Snapshot::new();
    let file = || vec![("file_name".into(), "falco_rules.yaml".to_owned())];
    snapshot.add_labelled(&names::RULES_FILE_SHA256, file(), "abc");
    snapshot.add(&names::CONTAINER_MEMORY, 3 << 20);
    let names = |megabytes| -> Vec<String> {
        let fields = snapshot.fields(megabytes, false);
        fields
            .into_iter()
            .map(|(name, _)| name.into_owned())
            .collect()
    };
    assert_eq!(
        names(false),
        [
            "falco.container_memory_used_bytes",
            "falco.sha256_rules_file.falco_rules"
        ]
    );
    assert_eq!(names(true)[0], "falco.container_memory_used_mb");
}

#[test]
fn the_file_is_a_line_for_each_snapshot() {
    let mut out = Vec::new();
    let mut writer = SnapshotWriter::new(&mut out);
    for _ in 0..2 {
        writer
            .write(&sample().fields(false, false))
            .expect("a vector takes all");
    }
    let text = String::from_utf8(out).expect("text");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["sample"], 2);
    assert_eq!(lines[0]["output_fields"]["scap.n_evts"], 1_000);
    assert_eq!(lines[0]["output_fields"]["falco.cpu_usage_perc"], 12.3);
}

/// The names are those of the reference, as far as they are ours to choose.
#[test]
fn names_are_those_of_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/engine.md");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let start = text.find("### 5.6 Metrics").expect("the section");
    let section = &text[start..start + text[start..].find("### 5.7").expect("its end")];
    for description in names::ALL {
        if let Some(field) = description
            .field
            .filter(|name| !name.starts_with("peregrine."))
        {
            let (_, field) = field.split_once('.').expect(field);
            // Families are written out in several ways there.
            let field = field.split('{').next().unwrap_or(field);
            let of_lookups = field.contains("_lookups");
            assert!(
                field.is_empty() || of_lookups || section.contains(field),
                "{field} is not in the reference"
            );
        }
        let falcos = |name: &&str| {
            let other = ["peregrine_", "scap_", "falco_n_"];
            !other.iter().any(|prefix| name.starts_with(prefix))
        };
        if let Some(name) = description.prometheus.filter(falcos) {
            let stem = ["rss", "vsz", "pss"]
                .iter()
                .find(|kind| name.contains(*kind));
            let stem = stem.copied().unwrap_or(name);
            let timestamps = name.contains("_timestamp_");
            let used = section.contains(stem) || timestamps;
            let shared = name.rsplit_once("_cpu_usage").is_some();
            assert!(used || shared, "{name} is not in the reference");
        }
    }
}
