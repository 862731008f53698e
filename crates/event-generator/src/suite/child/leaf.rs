//! The last process of the chain: what the test is about.

use suite::{Argument, StepKind};

use super::bindings::Bindings;
use super::script::Script;
use super::undo::Undone;
use super::{Failure, call, http, resource};
use crate::suite::channel::Speaker;
use crate::suite::plan::Plan;

/// Does the test: the first script, resources, steps; then takes steps back in reverse, removes
/// resources in reverse, and runs the last script. That is done after a failure too.
pub(super) fn perform(plan: &Plan, speaker: &Speaker) -> Result<(), Failure> {
    let script = Script::before(&plan.test.before, &plan.test.after)?;
    let done = resources_and_steps(plan, speaker);
    let ended = script.map_or(Ok(()), Script::after);
    done.and(ended)
}

fn resources_and_steps(plan: &Plan, speaker: &Speaker) -> Result<(), Failure> {
    let mut bindings = Bindings::default();
    // Vectors are dropped from the front; the last one made has to go first.
    let mut held = Vec::new();
    let mut made = Ok(());
    for resource in &plan.test.resources {
        match resource::make(resource, plan, &mut bindings, speaker) {
            Ok(resource) => held.push(resource),
            Err(failure) => {
                made = Err(failure);
                break;
            }
        }
    }
    let mut undone = Vec::new();
    let done = made.and_then(|()| steps(plan, &mut bindings, &mut undone));
    while let Some(undone) = undone.pop() {
        undone.undo();
    }
    while let Some(resource) = held.pop() {
        drop(resource);
    }
    done
}

fn steps(plan: &Plan, bindings: &mut Bindings, undone: &mut Vec<Undone>) -> Result<(), Failure> {
    for step in &plan.test.steps {
        match &step.kind {
            StepKind::Call {
                call,
                arguments,
                errnos,
            } => {
                let done = call::perform(&step.name, call, arguments, errnos, bindings)?;
                undone.extend(done.undone);
                for (name, argument) in done.arguments {
                    bindings.expose(&step.name, &name, argument);
                }
                if let Some(returned) = done.returned {
                    bindings.expose_number(&step.name, "ret", returned);
                }
            }
            StepKind::Http(request) => {
                let status = http::perform(&step.name, request)?;
                bindings.expose(&step.name, "status", Argument::Number(status));
            }
        }
    }
    Ok(())
}
