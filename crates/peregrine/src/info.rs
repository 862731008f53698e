//! What is printed instead of watching: versions, lists, the page size.

use std::io::{self, Write};

use event::{EventInfo, Origin, events};

use crate::args::Format;
use crate::selection::IGNORED;

/// Version of the rules language and its fields that this engine speaks.
pub(crate) const ENGINE_VERSION: &str = "0.62.0";
/// Version of the event table.
pub(crate) const SCHEMA_VERSION: &str = "4.5.1";
/// Version of the interface between probe and engine that the event table belongs to.
const DRIVER_API_VERSION: &str = "10.1.0";
/// Version of the interface of plugins that rules files of this version are written for.
const PLUGIN_API_VERSION: &str = "3.12.0";
/// Version of Falco whose files and options are taken as they are.
const COMPATIBLE_WITH: &str = "0.44.1";

/// What `/versions` of the web server answers; `falcoctl` asks it what rules and plugins fit.
pub(crate) fn versions() -> serde_json::Value {
    let own = env!("CARGO_PKG_VERSION");
    serde_json::json!({
        "default_driver_version": own,
        "driver_api_version": DRIVER_API_VERSION,
        "driver_schema_version": SCHEMA_VERSION,
        "engine_version": ENGINE_VERSION.split('.').nth(1).unwrap_or_default(),
        "engine_version_semver": ENGINE_VERSION,
        "falco_version": COMPATIBLE_WITH,
        "libs_version": own,
        "peregrine_version": own,
        "plugin_api_version": PLUGIN_API_VERSION,
        "plugin_versions": {},
    })
}

/// `--version`.
pub(crate) fn version(out: &mut dyn Write, json: bool) -> io::Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    if json {
        let minor = ENGINE_VERSION.split('.').nth(1).unwrap_or_default();
        return writeln!(
            out,
            "{{\"default_driver_version\":\"{own}\",\"driver_api_version\":\"{DRIVER_API_VERSION}\",\
             \"driver_schema_version\":\"{SCHEMA_VERSION}\",\"engine_version\":\"{minor}\",\
             \"engine_version_semver\":\"{ENGINE_VERSION}\",\"falco_version\":\"{COMPATIBLE_WITH}\",\
             \"peregrine_version\":\"{own}\"}}"
        );
    }
    writeln!(out, "Peregrine version: {own}")?;
    writeln!(out, "Compatible with:   Falco {COMPATIBLE_WITH}")?;
    writeln!(out, "Engine:            {ENGINE_VERSION}")?;
    writeln!(out, "Driver:")?;
    writeln!(out, "  API version:     {DRIVER_API_VERSION}")?;
    writeln!(out, "  Schema version:  {SCHEMA_VERSION}")?;
    writeln!(out, "  Default driver:  {own} (eBPF, CO-RE)")
}

/// `-i`.
pub(crate) fn ignored(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Ignored syscall(s):")?;
    IGNORED
        .iter()
        .try_for_each(|name| writeln!(out, "- {name}"))
}

/// `--list-events`.
pub(crate) fn list_events(out: &mut dyn Write, format: Format) -> io::Result<()> {
    let live = |info: &&EventInfo| !info.is_unused() && !info.is_old_version();
    if format == Format::Json {
        writeln!(out, "[")?;
        let mut separator = "";
        for info in events().iter().filter(live) {
            let params: Vec<String> = info
                .params
                .iter()
                .map(|param| {
                    format!(
                        "{{\"name\":\"{}\",\"type\":\"{:?}\"}}",
                        param.name, param.ty
                    )
                })
                .collect();
            write!(
                out,
                "{separator}{{\"code\":{},\"name\":\"{}\",\"direction\":\"{}\",\"params\":[{}]}}",
                info.event_type.0,
                info.name,
                direction(info),
                params.join(",")
            )?;
            separator = ",\n";
        }
        return writeln!(out, "\n]");
    }
    writeln!(
        out,
        "The events below are valid for Falco *Schema Version*: {SCHEMA_VERSION}"
    )?;
    let sections = [
        ("Syscall events", Origin::Syscall),
        ("Tracepoint events", Origin::Tracepoint),
        ("Plugin events", Origin::Plugin),
        ("Metaevents", Origin::Metaevent),
    ];
    for (title, origin) in sections {
        writeln!(out, "\n## {title}\n")?;
        if format == Format::Markdown {
            writeln!(
                out,
                "Default | Dir | Name | Params\n:-------|:----|:-----|:------"
            )?;
        }
        for info in events()
            .iter()
            .filter(live)
            .filter(|info| info.origin == Some(origin))
        {
            let params: Vec<String> = info
                .params
                .iter()
                .map(|param| {
                    format!(
                        "{} **{}**",
                        format!("{:?}", param.ty).to_uppercase(),
                        param.name
                    )
                })
                .collect();
            let (dir, params) = (direction(info), params.join(", "));
            if format == Format::Markdown {
                writeln!(out, "Yes | `{dir}` | `{}` | {params}", info.name)?;
            } else {
                writeln!(out, "{dir} {}({params})", info.name)?;
            }
        }
    }
    Ok(())
}

fn direction(info: &EventInfo) -> char {
    if info.event_type.is_exit() { '<' } else { '>' }
}
