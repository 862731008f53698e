//! Captures of several ages, replayed: the fields that the rule of the captures names of every event must be what Falco
//! 0.44.1 prints for them.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod seed;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use capture::{Block, Reader};
use condition::{Catalog, Context, FieldId};
use event::EventView;
use field::{EventContext, Fields, Occurrence, OutputValue, Scratch, Surroundings};
use serde_json::Value;
use state::{Limits, State};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/captures")
}

/// The fields that the rule behind the expected values names.
fn named_fields(rule: &str) -> Vec<String> {
    let tokens = rule
        .split_whitespace()
        .filter_map(|word| word.split_once("=%"));
    tokens.map(|(_, field)| field.to_owned()).collect()
}

fn json(value: OutputValue) -> Value {
    match value {
        OutputValue::Null => Value::Null,
        OutputValue::String(text) => text.into(),
        OutputValue::U64(number) => number.into(),
        OutputValue::I64(number) => number.into(),
        OutputValue::F64(number) => number.into(),
        OutputValue::Bool(holds) => holds.into(),
        OutputValue::List(values) => values.into_iter().map(json).collect(),
    }
}

/// How often a field was wrong, with the first examples.
#[derive(Default)]
struct Mismatches {
    count: usize,
    examples: Vec<String>,
}

/// For each thread the values of fields that last, and the version of the state.
type Kept = HashMap<u64, (u64, Vec<(String, OutputValue)>)>;

struct Replay<'a> {
    fields: &'a Fields,
    ids: &'a [(String, FieldId)],
    expected: BTreeMap<u64, Value>,
    mismatches: &'a mut BTreeMap<String, Mismatches>,
    compared: usize,
    /// How often something was known of the thread already.
    kept: usize,
}

impl Replay<'_> {
    fn run(&mut self, capture: &Path) {
        let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
        let mut reader = Reader::open(capture).unwrap();
        let mut state = State::new(Limits::default());
        let surroundings = Surroundings::new("host");
        let mut scratch = Scratch::new();
        let mut kept = Kept::new();
        let (mut number, mut first_ts, mut previous_ts) = (0, 0, 0);
        while let Some(block) = reader.next_block().unwrap() {
            let event = match block {
                Block::Event(event) => event,
                Block::Processes(list) => {
                    seed::processes(&mut state, &list);
                    continue;
                }
                Block::Descriptors { tid, descriptors } => {
                    seed::descriptors(&mut state, tid, &descriptors);
                    continue;
                }
                Block::Accounts(list) => {
                    seed::accounts(&mut state, &list);
                    continue;
                }
                Block::Interfaces(list) => {
                    seed::interfaces(&mut state, &list);
                    continue;
                }
                _ => continue,
            };
            let view = EventView::parse(event.record).unwrap();
            number += 1;
            if number == 1 {
                (first_ts, previous_ts) = (view.ts(), view.ts());
            }
            let subject = state.apply(&view);
            if subject.known {
                let now = Occurrence {
                    event: &view,
                    number,
                    cpu: Some(event.cpu),
                    first_ts,
                    previous_ts,
                    state: &state,
                    subject,
                    surroundings: &surroundings,
                };
                let mut context = EventContext::new(self.fields, now, &mut scratch);
                self.check_lasting(&name, number, &mut kept, &mut context);
            }
            if let Some(expected) = self.expected.remove(&number) {
                let now = Occurrence {
                    event: &view,
                    number,
                    cpu: Some(event.cpu),
                    first_ts,
                    previous_ts,
                    state: &state,
                    subject,
                    surroundings: &surroundings,
                };
                let mut context = EventContext::new(self.fields, now, &mut scratch);
                self.compare(&name, number, &expected, &mut context);
            }
            previous_ts = view.ts();
        }
        let left = self.expected.keys().next();
        assert!(
            left.is_none(),
            "{name}: event {left:?} did not occur, there are {number}"
        );
    }

    /// What conditions may keep of a thread must be what they would find again.
    fn check_lasting(
        &mut self,
        capture: &str,
        number: u64,
        kept: &mut Kept,
        context: &mut EventContext<'_>,
    ) {
        let (tid, version) = context.subject().unwrap();
        let lasting = self.ids.iter().filter(|(_, id)| self.fields.lasts(*id));
        let values: Vec<_> = lasting
            .map(|(name, id)| (name.clone(), context.output_value(*id)))
            .collect();
        if let Some((_, before)) = kept.get(&tid).filter(|(known, _)| *known == version) {
            assert_eq!(&values, before, "{capture} event {number}");
            self.kept += 1;
        }
        kept.insert(tid, (version, values));
    }

    fn compare(
        &mut self,
        capture: &str,
        number: u64,
        expected: &Value,
        context: &mut EventContext<'_>,
    ) {
        for (name, id) in self.ids {
            self.compared += 1;
            let expected = expected.get(name).cloned().unwrap_or(Value::Null);
            let found = json(context.output_value(*id));
            if found == expected {
                continue;
            }
            let mismatches = self.mismatches.entry(name.clone()).or_default();
            mismatches.count += 1;
            if mismatches.examples.len() < 4 {
                let event = context.occurrence().event;
                mismatches.examples.push(format!(
                    "{capture} event {number} ({}, thread {}): {found} instead of {expected}",
                    event.info().ident,
                    event.tid()
                ));
            }
        }
    }
}

#[test]
fn fields_of_replayed_captures() {
    let folder = captures();
    let rule = match std::fs::read_to_string(folder.join("every-event.yaml")) {
        Ok(rule) => rule,
        Err(err) => {
            eprintln!("skipped: {}: {err}", folder.display());
            return;
        }
    };
    let mut fields = Fields::new();
    let ids: Vec<_> = named_fields(&rule)
        .into_iter()
        .map(|name| {
            let (plain, argument) = match name.split_once('[') {
                Some((plain, rest)) => (plain, rest.strip_suffix(']')),
                None => (name.as_str(), None),
            };
            let id = fields.resolve(plain, argument).unwrap().id;
            (name, id)
        })
        .collect();
    assert!(ids.len() > 80, "{} fields", ids.len());

    let mut mismatches = BTreeMap::new();
    let (mut compared, mut kept, mut files) = (0, 0, 0);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "scap") {
            continue;
        }
        let lines = std::fs::read_to_string(path.with_extension("fields.jsonl")).unwrap();
        let expected = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|event| (event["evt.num"].as_u64().unwrap(), event))
            .collect();
        let mut replay = Replay {
            fields: &fields,
            ids: &ids,
            expected,
            mismatches: &mut mismatches,
            compared: 0,
            kept: 0,
        };
        replay.run(&path);
        compared += replay.compared;
        kept += replay.kept;
        files += 1;
    }
    assert!(
        kept > 100,
        "{kept} events of threads of which something was kept"
    );
    assert!(files > 0, "no captures in {}", folder.display());
    eprintln!(
        "{compared} values of {} fields in {files} captures compared",
        ids.len()
    );
    for (field, wrong) in &mismatches {
        eprintln!("{field}: {} wrong", wrong.count);
        for example in &wrong.examples {
            eprintln!("    {example}");
        }
    }
    assert!(mismatches.is_empty(), "{} fields differ", mismatches.len());
}
