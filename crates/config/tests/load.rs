//! Loading from files: merging, expansion, overrides, and every problem at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::fs;
use std::path::PathBuf;

use config::{Config, ConfigError, DropAction, EngineKind, Override, RuleSelector, load};

/// A folder that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("config-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn loaded(text: &str, options: &[&str]) -> Result<Config, ConfigError> {
    let name = format!("{:x}", text.len() * 31 + options.len());
    let folder = Folder::new(&format!("{name}-{:?}", std::thread::current().id()));
    let path = folder.write("falco.yaml", text);
    let options: Vec<Override> = options
        .iter()
        .map(|text| Override::parse(text).unwrap())
        .collect();
    let environment = |name: &str| (name == "PORT").then(|| "9999".to_owned());
    load(Some(&path), &options, &environment).map(|(config, _)| config)
}

#[test]
fn defaults_hold_where_nothing_is_written() {
    let config = loaded("", &[]).unwrap();
    assert_eq!(config.rules_files.len(), 3);
    assert_eq!(config.engine.kind, EngineKind::ModernEbpf);
    assert_eq!(config.engine.buf_size_preset, 4);
    assert_eq!(
        config.syscall_event_drops.actions,
        [DropAction::Log, DropAction::Alert]
    );
    assert!((config.outputs.rate - 0.0).abs() < f64::EPSILON);
    assert_eq!(config.snaplen, 80);
    assert!(config.outputs.grpc.is_none());
}

#[test]
fn the_configuration_of_the_2021_article_loads() {
    let config = loaded(
        "rules_file: [/etc/falco/falco_rules.yaml]\njson_output: false\n\
         grpc:\n  enabled: true\n  bind_address: unix:///run/falco/falco.sock\n  threadiness: 0\n\
         grpc_output:\n  enabled: true\n\
         outputs:\n  rate: 1000000000\n  max_burst: 1000000000\n\
         syscall_event_drops:\n  actions: [log, alert]\n  rate: .03333\n  max_burst: 10\n",
        &["json_output=true"],
    )
    .unwrap();
    assert!(config.json_output);
    assert!((config.outputs.rate - 1e9).abs() < 1.0);
    assert_eq!(
        config.outputs.grpc.unwrap().bind_address,
        "unix:///run/falco/falco.sock"
    );
}

#[test]
fn variables_are_expanded_in_files_only() {
    let config = loaded("webserver: {listen_port: \"${PORT}\"}\n", &["hello.x=1"]);
    let error = config.unwrap_err();
    assert!(error.to_string().contains("unknown key"), "{error}");
    let config = loaded("webserver: {listen_port: \"${PORT}\"}\n", &[]).unwrap();
    assert_eq!(config.webserver.listen_port, 9999);
    let config = loaded(
        "",
        &[
            "file_output.filename=/tmp/${PORT}",
            "file_output.enabled=true",
        ],
    );
    assert_eq!(
        config.unwrap().outputs.file.unwrap().filename,
        PathBuf::from("/tmp/${PORT}")
    );
}

#[test]
fn further_files_are_merged_by_strategy() {
    let folder = Folder::new("merge");
    folder.write(
        "conf.d/10-a.yaml",
        "rules_files: [b.yaml]\njson_output: true\n",
    );
    folder.write("conf.d/20-b.yaml", "rules_files: [c.yaml]\nnew_key: 1\n");
    folder.write("last.yaml", "rules_files: [only.yaml]\npriority: error\n");
    let dir = folder.0.display();
    let main = folder.write(
        "falco.yaml",
        &format!(
            "config_files:\n  - {dir}/conf.d\n  - {dir}/absent\n  - path: {dir}/last.yaml\n    \
             strategy: add-only\nrules_files: [a.yaml]\n"
        ),
    );
    let (config, sources) = load(Some(&main), &[], &|_| None).unwrap();
    assert_eq!(
        config.rules_files,
        ["a.yaml", "b.yaml", "c.yaml"].map(PathBuf::from)
    );
    assert!(config.json_output);
    assert_eq!(config.priority, "error");
    assert_eq!(sources.len(), 4);
    // An unknown key of a file is only worth a warning.
    let unknown: Vec<_> = sources
        .iter()
        .flat_map(|source| &source.unknown_keys)
        .collect();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].key, "new_key");

    folder.write("last.yaml", "config_files: [x]\n");
    let error = load(Some(&main), &[], &|_| None).unwrap_err();
    assert!(error.to_string().contains("only the main file"), "{error}");
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let error = loaded(
        "priority: sever\nwebserver:\n  listen_port: 70000\n  listen_address: here\n\
         engine:\n  kind: replay\nrules:\n  - enable: {rule: x}\n  - {enable: x}\n\
         syscall_event_drops: {actions: [ignore, log]}\nmetrics: {interval: 5000}\n\
         load_plugins: [nothing]\n",
        &[],
    )
    .unwrap_err();
    let text = error.to_string();
    for part in [
        "falco.yaml:1:11: priority: expected one of emergency",
        "falco.yaml:3:16: webserver.listen_port: expected a whole number from 1 to 65535, found 70000",
        "webserver.listen_address: expected an IP address, found \"here\"",
        "engine.replay.capture_file",
        "rules[1]: expected `enable:` or `disable:`",
        "`ignore` cannot stand beside",
        "metrics.interval: expected a duration with units",
        "cannot load plugin 'nothing'",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert_eq!(error.problems.len(), 8, "{text}");
}

#[test]
fn rules_selection_keeps_its_order() {
    let config = loaded(
        "rules: [{disable: {rule: \"*\"}}]\n",
        &["rules[].enable.tag=network", "rules[].enable.rule=My Rule"],
    )
    .unwrap();
    assert_eq!(config.rules.len(), 3);
    assert!(!config.rules[0].enable);
    assert_eq!(
        config.rules[1].selector,
        RuleSelector::Tag("network".into())
    );
    assert_eq!(
        config.rules[2].selector,
        RuleSelector::Rule("My Rule".into())
    );
}

#[test]
fn a_missing_file_says_so() {
    let error = load(Some("/nowhere/falco.yaml".as_ref()), &[], &|_| None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/nowhere/falco.yaml: failed to read"),
        "{error}"
    );
}

#[test]
fn equal_alerts_are_counted_only_when_that_is_asked_for() {
    assert_eq!(
        loaded("json_output: true\n", &[]).unwrap().deduplicate,
        None
    );
    let config = loaded("deduplicate: {window: 2m, by: rule}\n", &[]).unwrap();
    let found = config.deduplicate.unwrap();
    assert_eq!(found.window, std::time::Duration::from_secs(120));
    assert_eq!(
        (found.by, found.max_groups),
        (vec!["rule".to_owned()], 10_000)
    );
    assert!(found.rules.is_empty());
    for (text, key) in [
        (
            "deduplicate: {window: 60, by: [rule]}\n",
            "deduplicate.window",
        ),
        ("deduplicate: {by: [rule]}\n", "deduplicate.window"),
        (
            "deduplicate: {window: 25h, by: [rule]}\n",
            "deduplicate.window",
        ),
        ("deduplicate: {window: 60s}\n", "deduplicate.by"),
        (
            "deduplicate: {window: 60s, by: [rule], max_groups: 0}\n",
            "deduplicate.max_groups",
        ),
        ("deduplicate: yes please\n", "deduplicate"),
    ] {
        let error = loaded(text, &[]).unwrap_err().to_string();
        assert!(
            error.contains(key) && error.contains(":1:"),
            "{text}: {error}"
        );
    }
}
