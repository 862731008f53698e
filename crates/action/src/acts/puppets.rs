//! Actions that a process under another name does on request.

use std::time::{Duration, Instant};

use crate::context::Context;
use crate::failure::Failure;
use crate::prepared::Prepared;
use crate::stand_in::Puppet;

fn puppet(context: &Context, name: &str, role: &str) -> Result<Prepared, Failure> {
    let mut puppet = Puppet::start(context, name, role)?;
    Ok(Prepared::new(move || puppet.act()))
}

/// One function for each puppet: the table holds plain functions.
macro_rules! puppets {
    ($($(#[$doc:meta])* $function:ident = $name:literal $role:literal;)*) => {
        $($(#[$doc])*
        pub(crate) fn $function(context: &Context) -> Result<Prepared, Failure> {
            puppet(context, $name, $role)
        })*
    };
}

puppets! {
    run_shell = "httpd" "run-shell";
    database_child = "mysqld" "exec-ls";
    trace_me = "event-generator" "trace-me";
    set_user = "child" "set-user";
    page_faults = "child" "page-faults";
    ssh = "ssh" "connect-https";
    metadata = "nc" "connect-metadata";
    kubernetes = "event-generator" "connect-kubernetes";
    redirect = "event-generator" "redirect";
    terminal_shell = "runc" "terminal-shell";
    unexpected_udp = "nc" "connect-udp";
    system_process_network = "sha1sum" "connect-udp";
    interpreter_listens = "lua" "listen";
    interpreter_connects = "lua" "connect-dns";
    class_file = "java" "receive-class-file";
    helper_server_and_client = "event-generator" "receive-class-file";
    helper_listen = "event-generator" "listen";
    helper_network = "event-generator" "connect-udp";
    helper_connect = "event-generator" "connect-dns";
}

/// A web server that reads a password file after it has been running for a while: the rule lets a
/// server read what it wants in its first five seconds.
pub(crate) fn read_after_startup(context: &Context) -> Result<Prepared, Failure> {
    const NO_LONGER_NEW: Duration = Duration::from_millis(5500);
    let mut puppet = Puppet::start(context, "httpd", "read-sensitive-file")?;
    let started = Instant::now();
    while let Some(left) = NO_LONGER_NEW.checked_sub(started.elapsed()) {
        if context.cancel.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    Ok(Prepared::new(move || puppet.act()))
}
