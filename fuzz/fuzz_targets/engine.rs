//! Any bytes as a capture, through everything behind it: state, every field, rules.

#![no_main]

use std::sync::{Arc, LazyLock};

use capture::{Block, Options, Reader};
use event::EventView;
use field::{EventContext, Occurrence, Scratch, Surroundings};
use libfuzzer_sys::fuzz_target;
use rules::{EventSource, Matcher, Ruleset, Settings, Source, is_for_rules, load};
use state::{Limits, State};

/// The head of a capture, so that the fuzzer need not find the magic numbers first.
const HEADER: [u8; 28] = [
    0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 2, 0, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 28, 0, 0, 0,
];

const RULES: &str = "
- rule: everything
  desc: matches every event and names what is made in different ways
  condition: evt.num > 0 and not (fd.name pmatch (/proc, /sys)) and not fd.net = 203.0.113.0/24
  output: >
    %evt.time.iso8601 %evt.type %evt.args %evt.res %evt.rawres %evt.category %evt.buffer
    %evt.abspath %evt.arg.flags %evt.arg.path %evt.arg[3] %evt.is_open_exec %evt.is_open_create
    %proc.name %proc.cmdline %proc.exeline %proc.env %proc.env[PATH] %proc.aname[2] %proc.aname
    %proc.acmdline[1] %proc.apid[3] %proc.sname %proc.vpgid.name %proc.loginshellid %proc.duration
    %proc.fdopencount %proc.fdusage %proc.nchilds %proc.stdin.name %proc.stdout.type
    %thread.cap_effective %thread.cgroups %thread.cgroup.cpu %thread.nametid %fd.num %fd.name
    %fd.type %fd.directory %fd.filename %fd.ip %fd.cip %fd.lip %fd.rport %fd.l4proto %fd.is_server
    %fd.types %fd.dev.major %fd.containername %fs.path.name %fs.path.source %fs.path.targetraw
    %fdlist.names %fdlist.sips %user.name %user.loginname %group.name %container.id
  priority: NOTICE
";

static RULESET: LazyLock<Arc<Ruleset>> = LazyLock::new(|| {
    let files = vec![Source::from_bytes("fuzz", RULES.as_bytes())];
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let problems = rules::report::human(&loaded, false);
    Arc::new(loaded.ruleset.unwrap_or_else(|| panic!("{problems}")))
});

fn replay(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes, Options::default()) else {
        return;
    };
    // Limits that small inputs reach.
    let limits = Limits {
        threads: 8,
        descriptors: 8,
        all_descriptors: 16,
        string_bytes: 64,
        accounts: 4,
        enter_events: 4,
        ..Limits::default()
    };
    let mut state = State::new(limits.clone());
    let mut matcher = Matcher::new(Arc::clone(&RULESET), "syscall").unwrap();
    let source = &RULESET.sources()[0];
    let surroundings = Surroundings::new("host");
    let mut scratch = Scratch::new();
    let mut text = String::new();
    let mut number = 0;
    loop {
        let block = match reader.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(err) if err.is_about_one_event() => continue,
            Err(_) => break,
        };
        match block {
            Block::Start { .. } => state = State::new(limits.clone()),
            Block::Machine(_) => {}
            Block::Interfaces(list) => {
                for interface in &list {
                    snapshot::seed_interface(&mut state, interface);
                }
            }
            Block::Accounts(list) => {
                for account in &list {
                    snapshot::seed_account(&mut state, account);
                }
            }
            Block::Processes(list) => {
                for process in &list {
                    snapshot::seed_process(&mut state, process);
                }
            }
            Block::Descriptors { tid, descriptors } => {
                for descriptor in &descriptors {
                    snapshot::seed_descriptor(&mut state, tid, descriptor);
                }
            }
            Block::Event(recorded) => {
                let event = EventView::parse(recorded.record).unwrap();
                number += 1;
                let subject = state.apply(&event);
                if !is_for_rules(event.info()) {
                    continue;
                }
                let now = Occurrence {
                    event: &event,
                    number,
                    cpu: Some(recorded.cpu),
                    first_ts: 1,
                    previous_ts: 2,
                    state: &state,
                    subject,
                    surroundings: &surroundings,
                };
                let mut context = EventContext::new(source.fields(), now, &mut scratch);
                matcher.matches(
                    &mut context,
                    event.event_type(),
                    &mut |rule, context, evaluator| {
                        text.clear();
                        rule.output().render(context, evaluator, &mut text);
                    },
                );
            }
        }
        let counters = state.counters();
        assert!(counters.n_threads <= 8, "{counters:?}");
    }
    for thread in state.threads() {
        assert!(state.descriptors(thread).count() <= 8);
        snapshot::store_thread(thread);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(&HEADER[..4]) || bytes.starts_with(&[0x1F, 0x8B]) {
        replay(bytes);
    } else {
        replay(&[&HEADER[..], bytes].concat());
    }
});
