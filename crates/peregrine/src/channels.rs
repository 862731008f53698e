//! The outputs as the configuration wants them.

use alert::{Format, TimeFormat};
use config::Config;
use jiff::tz::TimeZone;
use output::{
    FileConfig, GrpcBind, GrpcConfig, HttpConfig, OutputsConfig, ProgramConfig, RateLimit,
    SyslogConfig, VersionInfo,
};

use crate::info::ENGINE_VERSION;

/// Fills in what the outputs need to know. `unbuffered` is the option `-U`.
pub(crate) fn outputs_config(config: &Config, unbuffered: bool) -> OutputsConfig {
    let outputs = &config.outputs;
    OutputsConfig {
        format: format(config),
        queue_capacity: usize::try_from(outputs.queue_capacity).unwrap_or(usize::MAX),
        buffered: config.buffered_outputs && !unbuffered,
        timeout: outputs.timeout,
        rate_limit: (outputs.rate > 0.0).then_some(RateLimit {
            rate: outputs.rate,
            max_burst: outputs.max_burst,
        }),
        stdout: outputs.stdout,
        file: outputs.file.as_ref().map(|file| FileConfig {
            path: file.filename.clone(),
            keep_alive: file.keep_alive,
        }),
        syslog: outputs.syslog.then(SyslogConfig::default),
        program: outputs.program.as_ref().map(|program| ProgramConfig {
            command: program.program.clone(),
            keep_alive: program.keep_alive,
        }),
        http: outputs.http.as_ref().map(|http| HttpConfig {
            url: http.url.clone(),
            user_agent: http.user_agent.clone(),
            insecure: http.insecure,
            ca_file: http.ca_cert.clone().or_else(|| http.ca_bundle.clone()),
            ca_path: http.ca_path.clone().unwrap_or_default(),
            identity: http
                .mtls
                .then(|| (http.client_cert.clone(), http.client_key.clone())),
            echo: http.echo,
            keep_alive: http.keep_alive,
            attempts: u32::from(http.max_consecutive_timeouts),
            ..HttpConfig::default()
        }),
        grpc: outputs.grpc.as_ref().map(|grpc| GrpcConfig {
            bind: GrpcBind::parse(
                &grpc.bind_address,
                &grpc.cert_chain,
                &grpc.private_key,
                &grpc.root_certs,
            ),
            threads: grpc.threadiness as usize,
            version: version(),
            ..GrpcConfig::default()
        }),
        ..OutputsConfig::default()
    }
}

fn format(config: &Config) -> Format {
    Format {
        json: config.json_output,
        include_output: config.json_include_output_property,
        include_output_fields: config.json_include_output_fields_property,
        include_tags: config.json_include_tags_property,
        include_message: config.json_include_message_property,
        escape_text: false,
        time: if config.time_format_iso_8601 {
            TimeFormat::Iso8601
        } else {
            TimeFormat::Local(TimeZone::system())
        },
    }
}

/// What the gRPC version service answers.
fn version() -> VersionInfo {
    let number = |text: &str| text.parse().unwrap_or(0);
    VersionInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        patch: number(env!("CARGO_PKG_VERSION_PATCH")),
        prerelease: env!("CARGO_PKG_VERSION_PRE").into(),
        build: String::new(),
        engine_version: ENGINE_VERSION.split('.').nth(1).map_or(0, number),
        engine_fields_checksum: String::new(),
    }
}
