//! A benchmark while it happens, on a terminal.
//!
//! Log lines are kept while the screen is there, shown at its bottom, and written to standard error
//! when it goes, so that nothing of them is lost.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use super::print::rounded;
use super::rounds::Pace;
use crate::Interrupt;
use crate::go::{format_bytes, format_duration};
use crate::load::Sample;
use crate::log::Log;
use crate::watch::{EngineCounters, EngineSample};

/// In which part of a round we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Load,
    Rest,
}

/// A moment of a benchmark.
pub(super) struct Live {
    pub(super) round: u64,
    pub(super) pace: Pace,
    pub(super) phase: Phase,
    /// Of the phase.
    pub(super) left: Duration,
    /// What the load has done since the round began; `None` at rest.
    pub(super) sample: Option<Sample>,
    /// Alerts heard since the round began; `None` when none are expected.
    pub(super) heard: Option<u64>,
    pub(super) latency: Histogram<u64>,
    pub(super) engine: Option<EngineSample>,
    /// What the engine counted since the round began.
    pub(super) counters: EngineCounters,
}

/// The live screen.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    interrupt: Interrupt,
    log: Log,
    view: View,
}

impl Screen {
    /// Takes over the terminal, if there is one and lines are for people.
    pub(super) fn open_on_terminal(interrupt: &Interrupt, log: &Log) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if dumb || !log.is_text() || !io::stdout().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // Without a screen there are still the lines.
        let terminal = ratatui::try_init().ok()?;
        let view = View::default();
        Some(Self {
            terminal,
            interrupt: interrupt.clone(),
            log: log.through(Arc::clone(&view.lines) as _).without_colours(),
            view,
        })
    }

    /// Where lines go while the screen is there.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Shows a moment, and looks at the keyboard.
    pub(super) fn show(&mut self, live: &Live) {
        self.view.add(live);
        let view = &self.view;
        // A terminal that is gone shows nothing; the measurement goes on.
        let _ = self.terminal.draw(|frame| view.draw(frame, live));
        while event::poll(Duration::ZERO).unwrap_or(false) {
            if let Ok(Event::Key(key)) = event::read() {
                let control_c =
                    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if control_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                    self.interrupt.cancel().cancel();
                }
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
        let lines = self
            .view
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _ = io::stderr().write_all(&lines);
    }
}

/// What the screen remembers from one moment to the next.
#[derive(Default)]
struct View {
    lines: Arc<Mutex<Vec<u8>>>,
    /// Actions per second, the latest last.
    rates: Vec<u64>,
    /// CPU of the engine in percent of one, the latest last.
    cpu: Vec<u64>,
    last: Option<Sample>,
    /// Of the round.
    done: u64,
    lost_before: Option<u64>,
}

/// So much of the past is shown.
const WIDTH: usize = 400;

impl View {
    fn add(&mut self, live: &Live) {
        let rate = match (&self.last, &live.sample) {
            (Some(last), Some(now)) if now.at > last.at => {
                let acts = now.acts().saturating_sub(last.acts());
                acts as f64 / (now.at - last.at).as_secs_f64()
            }
            (_, Some(now)) if !now.at.is_zero() => now.acts() as f64 / now.at.as_secs_f64(),
            _ => 0.0,
        };
        if let Some(sample) = &live.sample {
            self.done = sample.acts();
        }
        self.last.clone_from(&live.sample);
        push(&mut self.rates, rate as u64);
        let cpu = live.engine.as_ref().and_then(|engine| engine.usage);
        push(&mut self.cpu, cpu.map_or(0, |cpu| cpu.cpu_percent as u64));
        // What is on its way is not lost: that shows at rest.
        if live.phase == Phase::Rest {
            self.lost_before = live.heard.map(|heard| self.done.saturating_sub(heard));
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, live: &Live) {
        let [title, numbers, rates, cpu, log] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(4),
            Constraint::Length(6),
            Constraint::Length(5),
            Constraint::Min(1),
        ])
        .areas(frame.area());
        let phase = match live.phase {
            Phase::Load => "loading",
            Phase::Rest => "resting",
        };
        let title_line = format!(
            " round #{}  {}  {phase}, {:.0} s left    (q: stop)",
            live.round,
            pace(live.pace),
            live.left.as_secs_f64().ceil()
        );
        let bold = Style::new().add_modifier(Modifier::BOLD);
        frame.render_widget(Paragraph::new(title_line).style(bold), title);
        let boxes: [Rect; 4] = Layout::horizontal([Constraint::Ratio(1, 4); 4]).areas(numbers);
        let texts = [
            self.load(live),
            self.alerts(live),
            latency(live),
            engine(live),
        ];
        for (area, (name, [first, second])) in boxes.into_iter().zip(texts) {
            let lines = vec![Line::from(first).style(bold), Line::from(second)];
            frame.render_widget(
                Paragraph::new(lines).block(Block::bordered().title(name)),
                area,
            );
        }
        sparkline(frame, rates, "actions per second", &self.rates);
        sparkline(frame, cpu, "engine CPU, percent of one", &self.cpu);
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&lines);
        let shown = usize::from(log.height);
        let all: Vec<&str> = text.lines().collect();
        let last = all[all.len().saturating_sub(shown)..].join("\n");
        frame.render_widget(Paragraph::new(last), log);
    }

    fn load(&self, live: &Live) -> (&'static str, [String; 2]) {
        let rate = self.rates.last().copied().unwrap_or(0);
        let second = match (&live.sample, live.pace) {
            (Some(sample), Pace::Rate(rate)) => {
                let due = (rate * sample.at.as_secs_f64()) as u64;
                format!(
                    "{} behind",
                    due.saturating_sub(sample.acts() + sample.failed())
                )
            }
            _ => format!("{} done", self.done),
        };
        ("load", [format!("{rate} EPS"), second])
    }

    fn alerts(&self, live: &Live) -> (&'static str, [String; 2]) {
        let Some(heard) = live.heard else {
            return ("alerts", ["none expected".into(), String::new()]);
        };
        let lost = match (live.phase, self.lost_before) {
            (Phase::Rest, Some(lost)) => format!("{lost} lost"),
            _ => format!("{} under way", self.done.saturating_sub(heard)),
        };
        ("alerts", [format!("{heard} heard"), lost])
    }
}

fn latency(live: &Live) -> (&'static str, [String; 2]) {
    if live.latency.is_empty() {
        return ("latency", ["-".into(), String::new()]);
    }
    let at = |quantile| format_duration(rounded(live.latency.value_at_quantile(quantile)));
    let texts = [format!("p50 {}", at(0.5)), format!("p99 {}", at(0.99))];
    ("latency", texts)
}

fn engine(live: &Live) -> (&'static str, [String; 2]) {
    let usage = live.engine.as_ref().and_then(|engine| engine.usage);
    let first = usage.map_or("-".to_owned(), |usage| {
        format!(
            "{:.0}%  {}",
            usage.cpu_percent,
            format_bytes(usage.resident)
        )
    });
    let second = live
        .counters
        .kernel_drops
        .map(|drops| format!("{drops} dropped"));
    ("engine", [first, second.unwrap_or_default()])
}

fn pace(pace: Pace) -> String {
    match pace {
        Pace::Sleep(Duration::ZERO) => "unthrottled".to_owned(),
        Pace::Sleep(sleep) => format!("sleep {}", format_duration(sleep)),
        Pace::Rate(rate) => format!("rate {rate} EPS"),
    }
}

fn sparkline(frame: &mut Frame<'_>, area: Rect, title: &str, values: &[u64]) {
    let most = values.iter().max().copied().unwrap_or(0);
    let block = Block::bordered().title(format!("{title} (up to {most})"));
    let width = usize::from(block.inner(area).width);
    let last = &values[values.len().saturating_sub(width)..];
    frame.render_widget(Sparkline::default().data(last).block(block), area);
}

fn push(values: &mut Vec<u64>, value: u64) {
    if values.len() >= WIDTH {
        values.remove(0);
    }
    values.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::TaskSample;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn live(phase: Phase, seconds: u64, done: u64) -> Live {
        let mut latency = Histogram::new_with_bounds(1_000, 600_000_000_000, 2).unwrap();
        latency.record(2_000_000).unwrap();
        Live {
            round: 14,
            pace: Pace::Rate(100.0),
            phase,
            left: Duration::from_millis(2_500),
            sample: (phase == Phase::Load).then(|| Sample {
                at: Duration::from_secs(seconds),
                tasks: vec![TaskSample {
                    done,
                    ..TaskSample::default()
                }],
                late: 0,
                latest: Duration::ZERO,
            }),
            heard: Some(90),
            latency,
            engine: None,
            counters: EngineCounters {
                kernel_drops: Some(17),
                ..EngineCounters::default()
            },
        }
    }

    fn drawn(view: &mut View, live: &Live, width: u16, height: u16) -> String {
        view.add(live);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(frame, live)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_round_is_shown() {
        let mut view = View::default();
        view.lines
            .lock()
            .unwrap()
            .extend_from_slice(b"INFO a line\n");
        drawn(&mut view, &live(Phase::Load, 1, 40), 100, 30);
        let shown = drawn(&mut view, &live(Phase::Load, 2, 100), 100, 30);
        for text in [
            "round #14",
            "rate 100 EPS",
            "loading, 3 s left",
            "60 EPS",
            "100 behind",
            "90 heard",
            "10 under way",
            "p50 2ms",
            "17 dropped",
            "up to 60",
            "INFO a line",
        ] {
            assert!(shown.contains(text), "{text} is not in\n{shown}");
        }
        let shown = drawn(&mut view, &live(Phase::Rest, 0, 0), 100, 30);
        assert!(
            shown.contains("10 lost") && shown.contains("resting"),
            "{shown}"
        );
    }

    #[test]
    fn any_size_is_drawn() {
        let mut view = View::default();
        for (width, height) in [(1, 1), (20, 5), (300, 100)] {
            drawn(&mut view, &live(Phase::Load, 1, 1), width, height);
        }
    }
}
