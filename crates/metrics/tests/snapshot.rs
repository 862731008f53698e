//! Snapshots as fields and for Prometheus.

use std::collections::HashSet;

use metrics::{Snapshot, Value, names};

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
