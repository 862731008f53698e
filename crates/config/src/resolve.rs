//! From the tree to [`Config`]: every key once, with its type and default.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Problem;
use crate::model::{
    AppendOutput, CaptureConfig, CaptureMode, Config, DeduplicateConfig, DropAction,
    DynamicSnaplenConfig, EngineConfig, EngineKind, ExtraField, FileOutput, GrpcConfig, HttpOutput,
    MetricsConfig, OutputsConfig, PluginEntry, ProgramOutput, RuleMatching, RuleSelection,
    RuleSelector, SyscallDrops, WebserverConfig,
};
use crate::node::{Node, Value};
use crate::read::{Reader, Section};

const PRIORITIES: &[&str] = &[
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "info",
    "debug",
];

/// The groups of metrics and whether they are on by default.
const METRIC_GROUPS: &[(&str, bool)] = &[
    ("rules_counters_enabled", true),
    ("resource_utilization_enabled", true),
    ("state_counters_enabled", true),
    ("kernel_event_counters_enabled", true),
    ("kernel_event_counters_per_cpu_enabled", false),
    ("kernel_iter_event_counters_enabled", true),
    ("libbpf_stats_enabled", true),
    ("plugins_metrics_enabled", true),
    ("jemalloc_stats_enabled", false),
];

/// Reads the whole tree. Returns the keys that are unknown beside the result.
pub(crate) fn resolve(root: &Node) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let mut r = Reader::default();
    let mut top = Section::root(root);
    let top = &mut top;
    top.node("config_files");

    let rules_files = rules_files(&mut r, top);
    let rules = rule_selections(&mut r, top);
    let engine = engine(&mut r, top);
    let capture = capture(&mut r, top);
    let plugins = plugins(&mut r, top);
    let outputs = outputs(&mut r, top);
    let webserver = webserver(&mut r, top);
    let syscall_event_drops = drops(&mut r, top);
    let metrics = metrics(&mut r, top, webserver.prometheus_metrics_enabled);

    let mut timeouts = r.section(top, "syscall_event_timeouts");
    let max_consecutives = r.int(&mut timeouts, "max_consecutives", 1000, 1, u64::MAX);
    r.finish(&timeouts);

    let mut base = r.section(top, "base_syscalls");
    let base_syscalls_custom_set = r.strings(&mut base, "custom_set");
    let base_syscalls_repair = r.bool(&mut base, "repair", false);
    let base_syscalls_all = r.bool(&mut base, "all", false);
    r.finish(&base);

    let mut libs = r.section(top, "falco_libs");
    let thread_table_size = r.int(&mut libs, "thread_table_size", 262_144, 1, 1 << 24);
    let interval = r.int(
        &mut libs,
        "thread_table_auto_purging_interval_s",
        300,
        1,
        86_400,
    );
    let timeout = r.int(
        &mut libs,
        "thread_table_auto_purging_thread_timeout_s",
        300,
        1,
        86_400,
    );
    let snaplen = r.int(&mut libs, "snaplen", 0, 0, 65_000);
    r.finish(&libs);

    // Falco's own logging of its libraries; this engine has one log for everything.
    let mut libs_logger = r.section(top, "libs_logger");
    r.bool(&mut libs_logger, "enabled", true);
    r.string(&mut libs_logger, "severity", "info");
    r.finish(&libs_logger);
    r.bool(top, "plugins_hostinfo", true);

    let config = Config {
        rules_files,
        rules,
        watch_config_files: r.bool(top, "watch_config_files", true),
        engine,
        capture,
        plugins,
        time_format_iso_8601: r.bool(top, "time_format_iso_8601", false),
        buffer_format_base64: r.bool(top, "buffer_format_base64", false),
        priority: r.word(top, "priority", "debug", PRIORITIES),
        json_output: r.bool(top, "json_output", false),
        json_include_output_property: r.bool(top, "json_include_output_property", true),
        json_include_output_fields_property: r.bool(
            top,
            "json_include_output_fields_property",
            true,
        ),
        json_include_tags_property: r.bool(top, "json_include_tags_property", true),
        json_include_message_property: r.bool(top, "json_include_message_property", false),
        buffered_outputs: r.bool(top, "buffered_outputs", false),
        rule_matching: match r
            .word(top, "rule_matching", "first", &["first", "all"])
            .as_str()
        {
            "all" => RuleMatching::All,
            _ => RuleMatching::First,
        },
        deduplicate: deduplicate(&mut r, top),
        append_output: append_output(&mut r, top),
        static_fields: static_fields(&mut r, top),
        outputs,
        webserver,
        top_socket: top_socket(&mut r, top),
        log_stderr: r.bool(top, "log_stderr", true),
        log_syslog: r.bool(top, "log_syslog", false),
        log_level: r.word(top, "log_level", "info", PRIORITIES),
        syscall_event_timeouts_max_consecutives: max_consecutives,
        syscall_event_drops,
        metrics,
        base_syscalls_custom_set,
        base_syscalls_repair,
        base_syscalls_all,
        thread_table_size,
        thread_purging_interval: Duration::from_secs(interval),
        thread_timeout: Duration::from_secs(timeout),
        snaplen: if snaplen == 0 { 80 } else { snaplen as u32 },
    };
    r.finish(top);
    if r.problems.is_empty() {
        Ok((config, r.unknown))
    } else {
        Err(r.problems)
    }
}

fn rules_files(r: &mut Reader, top: &mut Section<'_>) -> Vec<PathBuf> {
    if top.has("rules_files") && top.has("rules_file") {
        let place = top.place();
        r.problem(
            &place,
            "rules_file",
            "both `rules_files` and its older name `rules_file` are given; keep `rules_files`",
        );
    }
    let mut files = r.strings(top, "rules_files");
    files.extend(r.strings(top, "rules_file"));
    if files.is_empty() && !top.has("rules_files") && !top.has("rules_file") {
        files = ["falco_rules.yaml", "falco_rules.local.yaml", "rules.d"]
            .map(|name| format!("/etc/falco/{name}"))
            .to_vec();
    }
    files.into_iter().map(PathBuf::from).collect()
}

fn rule_selections(r: &mut Reader, top: &mut Section<'_>) -> Vec<RuleSelection> {
    let mut out = Vec::new();
    for (index, node) in r.list(top, "rules").into_iter().enumerate() {
        let key = format!("rules[{index}]");
        let entry = match node.entries() {
            [(verb, target)] if verb == "enable" || verb == "disable" => {
                target.entries().first().and_then(|(kind, name)| {
                    let name = r.text(name, key.clone())?;
                    let selector = match kind.as_str() {
                        "rule" => RuleSelector::Rule(name),
                        "tag" => RuleSelector::Tag(name),
                        _ => return None,
                    };
                    Some(RuleSelection {
                        enable: verb == "enable",
                        selector,
                    })
                })
            }
            _ => None,
        };
        match entry {
            Some(entry) => out.push(entry),
            None => r.problem(
                &node.place,
                key,
                "expected `enable:` or `disable:` with `rule: <name>` or `tag: <tag>` below it",
            ),
        }
    }
    out
}

fn engine(r: &mut Reader, top: &mut Section<'_>) -> EngineConfig {
    let mut section = r.section(top, "engine");
    let kind = r.word(
        &mut section,
        "kind",
        "modern_ebpf",
        &["modern_ebpf", "kmod", "ptrace", "replay", "nodriver"],
    );
    let mut modern = r.section(&mut section, "modern_ebpf");
    // Rings are always one per CPU here: sharing one between CPUs only loses speed.
    r.int(&mut modern, "cpus_for_each_buffer", 1, 0, 1 << 16);
    let preset = r.int(&mut modern, "buf_size_preset", 4, 1, 10);
    let drop_failed = r.bool(&mut modern, "drop_failed_exit", false);
    let disable_iterators = r.bool(&mut modern, "disable_iterators", false);
    let toctou_protection = r.bool(&mut modern, "toctou_protection", true);
    let io_uring = r.bool(&mut modern, "io_uring", true);
    let mut snaplen = r.section(&mut modern, "dynamic_snaplen");
    let dynamic_snaplen = DynamicSnaplenConfig {
        enabled: r.bool(&mut snaplen, "enabled", false),
        fullcapture_port_start: r.int(&mut snaplen, "fullcapture_port_start", 0, 0, 65_535) as u16,
        fullcapture_port_end: r.int(&mut snaplen, "fullcapture_port_end", 0, 0, 65_535) as u16,
        statsd_port: r.int(&mut snaplen, "statsd_port", 8125, 0, 65_535) as u16,
    };
    r.finish(&snaplen);
    let kernel_filter = r.bool(&mut modern, "kernel_filter", true);
    r.finish(&modern);
    let mut kmod = r.section(&mut section, "kmod");
    let kmod_preset = r.int(&mut kmod, "buf_size_preset", 4, 1, 10);
    let kmod_drop_failed = r.bool(&mut kmod, "drop_failed_exit", false);
    r.finish(&kmod);
    let mut replay = r.section(&mut section, "replay");
    let capture_file = r.optional_path(&mut replay, "capture_file", "");
    r.finish(&replay);
    r.finish(&section);
    let kind = match kind.as_str() {
        "kmod" => EngineKind::Kmod,
        "ptrace" => EngineKind::Ptrace,
        "replay" => EngineKind::Replay,
        "nodriver" => EngineKind::Nodriver,
        _ => EngineKind::ModernEbpf,
    };
    if kind == EngineKind::Replay && capture_file.is_none() {
        let place = section.place();
        r.problem(
            &place,
            "engine.replay.capture_file",
            "`kind: replay` needs the path of a capture",
        );
    }
    let of_kmod = kind == EngineKind::Kmod;
    EngineConfig {
        kind,
        buf_size_preset: if of_kmod { kmod_preset } else { preset } as u8,
        drop_failed_exit: if of_kmod {
            kmod_drop_failed
        } else {
            drop_failed
        },
        disable_iterators,
        toctou_protection,
        io_uring,
        dynamic_snaplen,
        kernel_filter,
        capture_file,
    }
}

fn capture(r: &mut Reader, top: &mut Section<'_>) -> CaptureConfig {
    let mut section = r.section(top, "capture");
    let capture = CaptureConfig {
        enabled: r.bool(&mut section, "enabled", false),
        path_prefix: r.string(&mut section, "path_prefix", "/tmp/falco"),
        mode: match r
            .word(&mut section, "mode", "rules", &["rules", "all_rules"])
            .as_str()
        {
            "all_rules" => CaptureMode::AllRules,
            _ => CaptureMode::Rules,
        },
        default_duration: Duration::from_millis(r.int(
            &mut section,
            "default_duration",
            5000,
            1,
            u64::from(u32::MAX),
        )),
        max_file_size_mb: r.int(&mut section, "max_file_size_mb", 0, 0, 1 << 30),
        max_file_events: r.int(&mut section, "max_file_events", 0, 0, u64::MAX),
        max_files: r.int(&mut section, "max_files", 0, 0, u64::MAX),
    };
    r.finish(&section);
    capture
}

fn plugins(r: &mut Reader, top: &mut Section<'_>) -> Vec<PluginEntry> {
    let mut known = Vec::new();
    for (index, node) in r.list(top, "plugins").into_iter().enumerate() {
        let mut section = Section::of(node, format!("plugins[{index}]"));
        let name = r.string(&mut section, "name", "");
        if name.is_empty() {
            r.problem(
                &node.place,
                format!("plugins[{index}].name"),
                "a plugin needs a name",
            );
        }
        known.push(PluginEntry {
            name,
            library_path: r.string(&mut section, "library_path", ""),
            init_config: section.node("init_config").map(json).unwrap_or_default(),
            open_params: r.string(&mut section, "open_params", "").trim().to_owned(),
        });
        r.finish(&section);
    }
    if !top.has("load_plugins") {
        top.node("load_plugins");
        return known;
    }
    let place = top.place();
    let wanted = r.strings(top, "load_plugins");
    wanted
        .into_iter()
        .filter_map(|name| {
            let found = known.iter().find(|plugin| plugin.name == name).cloned();
            if found.is_none() {
                r.problem(
                    &place,
                    "load_plugins",
                    format!(
                        "cannot load plugin '{name}': there is no entry of that name in `plugins`"
                    ),
                );
            }
            found
        })
        .collect()
}

/// A node as JSON, except that a single text stands for itself.
fn json(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.clone(),
        _ => {
            let mut out = String::new();
            write_json(node, &mut out);
            out
        }
    }
}

fn write_json(node: &Node, out: &mut String) {
    let quoted = |text: &str, out: &mut String| {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => {
                    out.push('\\');
                    out.push(c);
                }
                c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => out.push(c),
            }
        }
        out.push('"');
    };
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&value.to_string()),
        Value::String(text) => quoted(text, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quoted(key, out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
    }
}

fn append_output(r: &mut Reader, top: &mut Section<'_>) -> Vec<AppendOutput> {
    if !top.has("append_output") {
        top.node("append_output");
        return vec![AppendOutput {
            suggested_output: true,
            ..AppendOutput::default()
        }];
    }
    let mut out = Vec::new();
    for (index, node) in r.list(top, "append_output").into_iter().enumerate() {
        let mut section = Section::of(node, format!("append_output[{index}]"));
        let mut matched = r.section(&mut section, "match");
        let optional = |text: String| (!text.is_empty()).then_some(text);
        let mut entry = AppendOutput {
            source: optional(r.string(&mut matched, "source", "")),
            tags: r.strings(&mut matched, "tags"),
            rule: optional(r.string(&mut matched, "rule", "")),
            extra_output: optional(r.string(&mut section, "extra_output", "")),
            extra_fields: Vec::new(),
            suggested_output: r.bool(&mut section, "suggested_output", false),
        };
        r.finish(&matched);
        for (at, field) in r.list(&mut section, "extra_fields").into_iter().enumerate() {
            let key = format!("append_output[{index}].extra_fields[{at}]");
            match &field.value {
                Value::String(name) => entry.extra_fields.push(ExtraField::Field(name.clone())),
                Value::Map(entries) => {
                    for (name, template) in entries {
                        if let Some(template) = r.text(template, key.clone()) {
                            entry
                                .extra_fields
                                .push(ExtraField::Template(name.clone(), template));
                        }
                    }
                }
                _ => r.problem(&field.place, key, "expected a field, or `name: template`"),
            }
        }
        r.finish(&section);
        out.push(entry);
    }
    out
}

fn deduplicate(r: &mut Reader, top: &mut Section<'_>) -> Option<DeduplicateConfig> {
    let mut section = r.section(top, "deduplicate");
    let window = r.string(&mut section, "window", "");
    let config = DeduplicateConfig {
        window: window_of(r, &mut section, &window)?,
        by: r.strings(&mut section, "by"),
        rules: r.strings(&mut section, "rules"),
        max_groups: r.int(&mut section, "max_groups", 10_000, 1, 1_000_000),
    };
    r.finish(&section);
    if config.by.is_empty() {
        let message = "expected the fields that make alerts equal; `[rule]` for all of a rule";
        r.problem(&section.place(), "deduplicate.by", message);
    }
    Some(config)
}

/// `60s`; `None`, with a problem, when it is wrong, and without one when there is no section.
fn window_of(r: &mut Reader, section: &mut Section<'_>, text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let duration = number.parse::<u64>().ok().zip(unit);
    let duration = duration.and_then(|(number, unit)| number.checked_mul(unit));
    if let Some(duration) = duration.filter(|duration| (1..=86_400_000).contains(duration)) {
        return Some(Duration::from_millis(duration));
    }
    if section.is_given() {
        let message = "expected a duration up to a day, like 500ms, 60s, 5m or 1h";
        r.problem(&section.place(), "deduplicate.window", message);
    }
    None
}

fn static_fields(r: &mut Reader, top: &mut Section<'_>) -> Vec<(String, String)> {
    let Some(node) = top.node("static_fields") else {
        return Vec::new();
    };
    if !matches!(node.value, Value::Map(_)) {
        r.problem(
            &node.place,
            "static_fields",
            format!("expected a mapping, found {}", node.value.kind()),
        );
    }
    node.entries()
        .iter()
        .filter_map(|(key, value)| {
            r.text(value, format!("static_fields.{key}"))
                .map(|text| (key.clone(), text))
        })
        .collect()
}

fn outputs(r: &mut Reader, top: &mut Section<'_>) -> OutputsConfig {
    let mut queue = r.section(top, "outputs_queue");
    let queue_capacity = r.int(&mut queue, "capacity", 0, 0, 1 << 32);
    r.string(&mut queue, "recovery", "continue");
    r.finish(&queue);

    // The limiter of old versions: off unless the configuration names it.
    let limited = top.has("outputs");
    let mut limiter = r.section(top, "outputs");
    let rate = r.float(
        &mut limiter,
        "rate",
        if limited { 1.0 } else { 0.0 },
        f64::INFINITY,
    );
    let max_burst = r.float(&mut limiter, "max_burst", 1000.0, f64::INFINITY);
    r.finish(&limiter);

    let mut stdout = r.section(top, "stdout_output");
    let stdout_enabled = r.bool(&mut stdout, "enabled", false);
    r.finish(&stdout);
    let mut syslog = r.section(top, "syslog_output");
    let syslog_enabled = r.bool(&mut syslog, "enabled", false);
    r.finish(&syslog);

    let mut file = r.section(top, "file_output");
    let file_enabled = r.bool(&mut file, "enabled", false);
    let file_output = FileOutput {
        filename: r.path(&mut file, "filename", "./events.txt"),
        keep_alive: r.bool(&mut file, "keep_alive", false),
    };
    r.finish(&file);

    let mut program = r.section(top, "program_output");
    let program_enabled = r.bool(&mut program, "enabled", false);
    let program_output = ProgramOutput {
        program: r.string(&mut program, "program", ""),
        keep_alive: r.bool(&mut program, "keep_alive", false),
    };
    if program_enabled && program_output.program.is_empty() {
        let place = program.place();
        r.problem(
            &place,
            "program_output.program",
            "the output is enabled, but names no program",
        );
    }
    r.finish(&program);

    let mut http = r.section(top, "http_output");
    let http_enabled = r.bool(&mut http, "enabled", false);
    let http_output = HttpOutput {
        url: r
            .string(&mut http, "url", "")
            .trim_matches(['"', '\''])
            .to_owned(),
        user_agent: r.string(&mut http, "user_agent", "falcosecurity/falco"),
        insecure: r.bool(&mut http, "insecure", false),
        ca_cert: r.optional_path(&mut http, "ca_cert", ""),
        ca_bundle: r.optional_path(&mut http, "ca_bundle", ""),
        ca_path: r.optional_path(&mut http, "ca_path", "/etc/ssl/certs"),
        mtls: r.bool(&mut http, "mtls", false),
        client_cert: r.path(&mut http, "client_cert", "/etc/ssl/certs/client.crt"),
        client_key: r.path(&mut http, "client_key", "/etc/ssl/certs/client.key"),
        echo: r.bool(&mut http, "echo", false),
        compress_uploads: r.bool(&mut http, "compress_uploads", false),
        keep_alive: r.bool(&mut http, "keep_alive", false),
        max_consecutive_timeouts: r.int(&mut http, "max_consecutive_timeouts", 5, 1, 255) as u8,
    };
    if http_enabled && http_output.url.is_empty() {
        let place = http.place();
        r.problem(
            &place,
            "http_output.url",
            "the output is enabled, but has no URL",
        );
    }
    r.finish(&http);

    let mut grpc = r.section(top, "grpc");
    let grpc_enabled = r.bool(&mut grpc, "enabled", false);
    let grpc_config = GrpcConfig {
        bind_address: r.string(&mut grpc, "bind_address", "unix:///run/falco/falco.sock"),
        threadiness: r.int(&mut grpc, "threadiness", 0, 0, 1024) as u32,
        private_key: r.path(&mut grpc, "private_key", "/etc/falco/certs/server.key"),
        cert_chain: r.path(&mut grpc, "cert_chain", "/etc/falco/certs/server.crt"),
        root_certs: r.path(&mut grpc, "root_certs", "/etc/falco/certs/ca.crt"),
    };
    r.finish(&grpc);
    let mut grpc_output = r.section(top, "grpc_output");
    let grpc_output_enabled = r.bool(&mut grpc_output, "enabled", false);
    r.finish(&grpc_output);

    OutputsConfig {
        queue_capacity,
        rate,
        max_burst,
        timeout: Duration::from_millis(r.int(top, "output_timeout", 2000, 1, 3_600_000)),
        stdout: stdout_enabled,
        syslog: syslog_enabled,
        file: file_enabled.then_some(file_output),
        program: program_enabled.then_some(program_output),
        http: http_enabled.then_some(http_output),
        grpc: (grpc_enabled && grpc_output_enabled).then_some(grpc_config),
    }
}

fn top_socket(r: &mut Reader, top: &mut Section<'_>) -> Option<PathBuf> {
    let mut section = r.section(top, "top");
    let enabled = r.bool(&mut section, "enabled", true);
    let socket = r.path(&mut section, "socket", crate::model::TOP_SOCKET);
    r.finish(&section);
    enabled.then_some(socket)
}

fn webserver(r: &mut Reader, top: &mut Section<'_>) -> WebserverConfig {
    let requested = top.has("webserver");
    let mut section = r.section(top, "webserver");
    let address = r.string(&mut section, "listen_address", "0.0.0.0");
    let listen_address = address.parse().unwrap_or_else(|_| {
        let place = section.place();
        r.problem(
            &place,
            "webserver.listen_address",
            format!("expected an IP address, found {address:?}"),
        );
        std::net::Ipv4Addr::UNSPECIFIED.into()
    });
    let webserver = WebserverConfig {
        enabled: r.bool(&mut section, "enabled", false),
        requested,
        threadiness: r.int(&mut section, "threadiness", 0, 0, 1024) as u32,
        listen_port: r.int(&mut section, "listen_port", 8765, 1, 65535) as u16,
        listen_address,
        k8s_healthz_endpoint: r.string(&mut section, "k8s_healthz_endpoint", "/healthz"),
        prometheus_metrics_enabled: r.bool(&mut section, "prometheus_metrics_enabled", false),
        ssl_enabled: r.bool(&mut section, "ssl_enabled", false),
        ssl_certificate: r.path(&mut section, "ssl_certificate", "/etc/falco/falco.pem"),
    };
    r.string(&mut section, "k8s_audit_endpoint", "");
    r.finish(&section);
    webserver
}

fn drops(r: &mut Reader, top: &mut Section<'_>) -> SyscallDrops {
    let mut section = r.section(top, "syscall_event_drops");
    let mut actions = Vec::new();
    if section.has("actions") {
        for (index, node) in r.list(&mut section, "actions").into_iter().enumerate() {
            let key = format!("syscall_event_drops.actions[{index}]");
            let Some(word) = r.text(node, key.clone()) else {
                continue;
            };
            match word.as_str() {
                "ignore" => actions.push(DropAction::Ignore),
                "log" => actions.push(DropAction::Log),
                "alert" => actions.push(DropAction::Alert),
                "exit" => actions.push(DropAction::Exit),
                other => r.problem(
                    &node.place,
                    key,
                    format!("expected ignore, log, alert or exit, found {other:?}"),
                ),
            }
        }
        let says = |action| actions.contains(&action);
        if says(DropAction::Ignore) && (says(DropAction::Log) || says(DropAction::Alert)) {
            let place = section.place();
            r.problem(
                &place,
                "syscall_event_drops.actions",
                "`ignore` cannot stand beside `log` or `alert`",
            );
        }
    } else {
        section.node("actions");
        actions = vec![DropAction::Log, DropAction::Alert];
    }
    let drops = SyscallDrops {
        threshold: r.float(&mut section, "threshold", 0.1, 1.0),
        actions,
        rate: r.float(&mut section, "rate", 0.03333, f64::INFINITY),
        max_burst: r.float(&mut section, "max_burst", 1.0, f64::INFINITY),
        simulate_drops: r.bool(&mut section, "simulate_drops", false),
    };
    r.finish(&section);
    drops
}

fn metrics(r: &mut Reader, top: &mut Section<'_>, prometheus: bool) -> MetricsConfig {
    let mut section = r.section(top, "metrics");
    let enabled = r.bool(&mut section, "enabled", false);
    let written = r.string(&mut section, "interval", "5s");
    let interval = match duration(&written) {
        Some(interval) if interval >= Duration::from_millis(100) => interval,
        Some(_) => {
            let place = section.place();
            r.problem(
                &place,
                "metrics.interval",
                "snapshots can be taken at most every 100ms",
            );
            Duration::from_secs(5)
        }
        None => {
            let place = section.place();
            r.problem(
                &place,
                "metrics.interval",
                format!("expected a duration with units, such as 30s or 1h30m, found {written:?}"),
            );
            Duration::from_secs(5)
        }
    };
    let metrics = MetricsConfig {
        enabled,
        interval,
        output_rule: r.bool(&mut section, "output_rule", false),
        output_file: r.optional_path(&mut section, "output_file", ""),
        convert_memory_to_mb: r.bool(&mut section, "convert_memory_to_mb", true),
        include_empty_values: r.bool(&mut section, "include_empty_values", false),
        groups: METRIC_GROUPS
            .iter()
            .filter(|(name, default)| r.bool(&mut section, name, *default))
            .map(|(name, _)| *name)
            .collect(),
    };
    if enabled && !metrics.output_rule && metrics.output_file.is_none() && !prometheus {
        let place = section.place();
        r.problem(
            &place,
            "metrics",
            "metrics are enabled, but go nowhere: set output_rule, output_file or \
             webserver.prometheus_metrics_enabled",
        );
    }
    r.finish(&section);
    metrics
}

/// A duration such as `1h30m`, `500ms`; a number without a unit is not one.
fn duration(text: &str) -> Option<Duration> {
    let mut total = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..unit] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(millis)?)?;
        rest = &rest[unit..];
    }
    Some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for wrong in ["5000", "", "h", "1x", "1.5s", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
