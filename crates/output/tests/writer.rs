//! Alerts that are rendered where they are made.

mod common;

use std::fs;
use std::time::Duration;

use alert::{Draft, DraftValue, Stencil, StencilSubject};
use output::{AlertWriter, FileConfig, OutputsConfig};
use tempfile::tempdir;

use common::{assert_complete, eventually, number_of, numbered, sink, start};

const PATIENCE: Duration = Duration::from_secs(20);

fn stencil(writer: &AlertWriter) -> Stencil {
    let like = numbered(0);
    writer.stencil(StencilSubject {
        rule: like.rule,
        priority: like.priority,
        source: like.source,
        tags: like.tags.expect("an alert of a rule"),
        hostname: like.hostname,
        names: ["number".into(), "proc.name".into()].into(),
    })
}

/// Drafts what [`numbered`] makes.
fn draft(draft: &mut Draft, number: usize) {
    draft.begin(1_700_000_000_000_000_000 + number as u64);
    draft.add_field(|text| {
        text.push_str(&number.to_string());
        DraftValue::Plain
    });
    draft.add_field(|text| {
        text.push_str("cat");
        DraftValue::Text
    });
    draft.set_output(|text, fields| assert!(fields.copy(0, text, "<NA>")));
}

fn config(path: &std::path::Path) -> OutputsConfig {
    OutputsConfig {
        file: Some(FileConfig {
            path: path.to_owned(),
            keep_alive: true,
        }),
        ..OutputsConfig::default()
    }
}

#[test]
fn every_line_arrives_in_order_and_is_counted() {
    let directory = tempdir().unwrap();
    let (drafted, sent) = (directory.path().join("d"), directory.path().join("s"));
    for json in [false, true] {
        let lines = [&drafted, &sent].map(|path| {
            let mut config = config(path);
            config.format.json = json;
            let outputs = start(&config);
            let mut writer = outputs.writer();
            let (stencil, mut one) = (stencil(&writer), Draft::new());
            for number in 0..20_000 {
                if path == &sent {
                    writer.add_alert(&numbered(number));
                } else {
                    draft(&mut one, number);
                    writer.add(&stencil, &one);
                }
                // Small batches and large ones.
                if number % 1_000 < 9 {
                    writer.flush();
                }
            }
            writer.finish();
            let counters = outputs.stop(PATIENCE);
            assert_complete(&counters);
            assert_eq!(counters.queue.routed, 20_000);
            assert_eq!(sink(&counters, "file").sent, 20_000);
            let lines = fs::read_to_string(path).unwrap();
            fs::remove_file(path).unwrap();
            lines
        });
        assert_eq!(lines[0].lines().count(), 20_000);
        assert!(lines[0] == lines[1], "drafts and alerts differ");
        if !json {
            assert!(lines[0].lines().map(number_of).eq(0..20_000));
        }
    }
}

#[test]
fn flushed_is_on_its_way() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("out");
    let outputs = start(&config(&path));
    let mut writer = outputs.writer();
    let (stencil, mut one) = (stencil(&writer), Draft::new());
    draft(&mut one, 7);
    writer.add(&stencil, &one);
    writer.flush();
    eventually("the line", || {
        fs::read_to_string(&path).is_ok_and(|text| text.ends_with(" 7\n"))
    });
    drop(writer);
    assert_complete(&outputs.stop(PATIENCE));
}

#[test]
fn what_does_not_fit_is_counted() {
    let directory = tempdir().unwrap();
    let mut config = config(&directory.path().join("out"));
    config.queue_capacity = 10;
    let outputs = start(&config);
    let mut writer = outputs.writer();
    let (stencil, mut one) = (stencil(&writer), Draft::new());
    for number in 0..1_000 {
        draft(&mut one, number);
        writer.add(&stencil, &one);
    }
    writer.finish();
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    let file = sink(&counters, "file");
    assert_eq!((file.sent, file.dropped), (10, 990));
}
