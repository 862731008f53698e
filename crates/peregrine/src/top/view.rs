//! Reports on a terminal.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Paragraph, Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::client::ask;
use super::{Report, lines};

/// Shows reports until `q`, Escape or Ctrl-C; the terminal is then as it was.
pub(super) fn run(socket: &Path, interval: Duration) -> Result<ExitCode> {
    // Before the screen changes: an engine that is not there is said on the ordinary one.
    let first = ask(socket)?;
    let mut terminal = ratatui::try_init()?;
    let result = show(&mut terminal, socket, interval, first);
    ratatui::restore();
    result.map(|()| ExitCode::SUCCESS)
}

fn show(
    terminal: &mut DefaultTerminal,
    socket: &Path,
    interval: Duration,
    first: Report,
) -> Result<()> {
    let mut change = first.clone();
    let mut report = first;
    loop {
        terminal.draw(|frame| draw(frame, &report, &change))?;
        let next = Instant::now() + interval;
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            if !event::poll(left)? {
                break;
            }
            match event::read()? {
                Event::Key(key) => match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                        return Ok(());
                    }
                    _ => {}
                },
                Event::Resize(..) => {
                    terminal.draw(|frame| draw(frame, &report, &change))?;
                }
                _ => {}
            }
        }
        let now = ask(socket)?;
        change = now.since(&report);
        report = now;
    }
}

fn draw(frame: &mut Frame<'_>, report: &Report, change: &Report) {
    let summary = lines::summary(report, change);
    let height = u16::try_from(summary.lines().count()).unwrap_or(u16::MAX);
    let [top, rules, below] = Layout::vertical([
        Constraint::Length(height),
        Constraint::Fill(3),
        Constraint::Fill(2),
    ])
    .areas(frame.area());
    let [syscalls, processes] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(below);
    frame.render_widget(Paragraph::new(summary), top);

    let percent = |ns| format!("{:7.3}", change.percent(ns));
    let rate = |count| format!("{:10.0}", change.rate(count));
    let rows = change.rules.iter().map(|row| {
        [
            percent(row.ns),
            rate(row.evaluations),
            format!("{:9}", row.matches),
            row.rule.clone(),
        ]
    });
    let widths = [7, 10, 9];
    let head = ["  CPU %", "   evals/s", "  matches", "rule"];
    frame.render_widget(table("Rules", head, widths, rows), rules);
    let rows = change.syscalls.iter().map(|row| {
        [
            percent(row.ns),
            rate(row.events),
            format!("{:9}", row.ns / row.events.max(1)),
            row.syscall.clone(),
        ]
    });
    let head = ["  CPU %", "  events/s", " ns/event", "system call"];
    frame.render_widget(table("System calls", head, widths, rows), syscalls);
    let rows = change.processes.iter().map(|row| {
        [
            percent(row.ns),
            rate(row.events),
            format!("{:9}", row.pid),
            row.process.clone(),
        ]
    });
    let head = ["  CPU %", "  events/s", "      pid", "process"];
    frame.render_widget(table("Processes", head, widths, rows), processes);
}

fn table<'a>(
    title: &'a str,
    head: [&'a str; 4],
    widths: [u16; 3],
    rows: impl Iterator<Item = [String; 4]>,
) -> Table<'a> {
    let widths = widths.map(Constraint::Length).into_iter();
    Table::new(rows.map(Row::new), widths.chain([Constraint::Fill(1)]))
        .header(Row::new(head).style(Style::new().add_modifier(Modifier::BOLD)))
        .block(Block::bordered().title(title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::RuleRow;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn rules_and_losses_are_on_the_screen() {
        let report = Report {
            version: "1.2.3".to_owned(),
            uptime_ns: 1_000_000_000,
            drops: 17,
            rules: vec![RuleRow {
                rule: "Read a secret".to_owned(),
                evaluations: 1234,
                matches: 5,
                ns: 10_000_000,
            }],
            ..Report::default()
        };
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal
            .draw(|frame| draw(frame, &report, &report))
            .unwrap();
        let screen = format!("{}", terminal.backend());
        for text in [
            "Rules",
            "System calls",
            "Processes",
            "Read a secret",
            "1234",
            "events 17",
        ] {
            assert!(screen.contains(text), "{text}: {screen}");
        }
    }
}
