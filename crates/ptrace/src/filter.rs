//! The filter that makes only wanted calls stop.
//!
//! A seccomp program in the classic BPF of the kernel, put together here and not by a library: the
//! ones there are end a program that makes a call of another architecture, and a 32-bit program
//! must go on. The numbers are searched in a tree of comparisons. The kernel finds out once, for
//! each call, that such a program lets it pass whatever its arguments, and does not run it again:
//! a call that nobody wants costs next to nothing.

use libc::sock_filter;

/// Calls of either architecture that stop, a bit per number.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Stops {
    pub(crate) native: [u64; 8],
    pub(crate) ia32: [u64; 8],
}

pub(crate) fn has(words: &[u64; 8], number: u64) -> bool {
    words
        .get(number as usize / 64)
        .is_some_and(|word| word >> (number % 64) & 1 == 1)
}

pub(crate) const ARCH_X86_64: u32 = 0xc000_003e;
pub(crate) const ARCH_I386: u32 = 0x4000_0003;
pub(crate) const ARCH_AARCH64: u32 = 0xc000_00b7;

/// Numbers of the x32 ABI are the native ones with this bit.
pub(crate) const X32_BIT: u32 = 0x4000_0000;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_EQ: u16 = 0x15;
const JUMP_GE: u16 = 0x35;
const RETURN: u16 = 0x06;
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_TRACE: u32 = 0x7ff0_0000;
/// Where number and architecture are in what the kernel shows of a call.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;

fn step(code: u16, k: u32) -> sock_filter {
    sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The program.
pub(crate) fn program(stops: &Stops) -> Vec<sock_filter> {
    let native = if cfg!(target_arch = "x86_64") {
        ARCH_X86_64
    } else {
        ARCH_AARCH64
    };
    let mut program = vec![step(LOAD, ARCH_AT)];
    if cfg!(target_arch = "x86_64") {
        let mut part = vec![step(LOAD, NUMBER_AT)];
        part.extend(search(&stops.ia32));
        program.extend(when_equal(ARCH_I386, part));
    }
    let mut part = vec![step(LOAD, NUMBER_AT)];
    if cfg!(target_arch = "x86_64") {
        part.push(step(AND, !X32_BIT));
    }
    part.extend(search(&stops.native));
    program.extend(when_equal(native, part));
    program.push(step(RETURN, RET_ALLOW));
    program
}

/// Runs `part` if the loaded word is `word`, and goes on behind it otherwise.
fn when_equal(word: u32, part: Vec<sock_filter>) -> Vec<sock_filter> {
    let mut out = vec![jump(JUMP_EQ, word, 1, 0), step(JUMP, part.len() as u32)];
    out.extend(part);
    out
}

/// Returns by the loaded number.
fn search(words: &[u64; 8]) -> Vec<sock_filter> {
    // Where the answer changes: before the first edge it is no, behind it yes, and so on.
    let mut edges = Vec::new();
    let mut inside = false;
    for number in 0..512 {
        if has(words, number) != inside {
            inside = !inside;
            edges.push(number as u32);
        }
    }
    if inside {
        edges.push(512);
    }
    tree(&edges, 0)
}

/// `before` edges lie below all numbers that come here.
fn tree(edges: &[u32], before: usize) -> Vec<sock_filter> {
    let middle = edges.len() / 2;
    let Some(&edge) = edges.get(middle) else {
        let answer = if before % 2 == 1 {
            RET_TRACE
        } else {
            RET_ALLOW
        };
        return vec![step(RETURN, answer)];
    };
    let below = tree(&edges[..middle], before);
    let above = tree(&edges[middle + 1..], before + middle + 1);
    let mut out = match u8::try_from(below.len()) {
        Ok(len) => vec![jump(JUMP_GE, edge, len, 0)],
        // Conditional jumps reach 255 steps, others any number.
        Err(_) => vec![jump(JUMP_GE, edge, 0, 1), step(JUMP, below.len() as u32)],
    };
    out.extend(below);
    out.extend(above);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does.
    fn run(program: &[sock_filter], arch: u32, number: u32) -> u32 {
        let (mut at, mut word) = (0, 0u32);
        loop {
            let step = program[at];
            at += 1;
            match step.code {
                LOAD => word = if step.k == ARCH_AT { arch } else { number },
                AND => word &= step.k,
                JUMP => at += step.k as usize,
                JUMP_EQ => at += usize::from(if word == step.k { step.jt } else { step.jf }),
                JUMP_GE => at += usize::from(if word >= step.k { step.jt } else { step.jf }),
                RETURN => return step.k,
                other => panic!("unknown step {other:#x}"),
            }
        }
    }

    fn set(numbers: impl IntoIterator<Item = u32>) -> [u64; 8] {
        let mut words = [0; 8];
        for number in numbers {
            words[number as usize / 64] |= 1 << (number % 64);
        }
        words
    }

    const NATIVE: u32 = if cfg!(target_arch = "x86_64") {
        ARCH_X86_64
    } else {
        ARCH_AARCH64
    };

    #[test]
    fn stops_at_the_numbers_of_the_set_and_no_others() {
        let sets = [
            set([]),
            set([0]),
            set([511]),
            set(0..512),
            set([2, 59, 257]),
            set((0..512).filter(|number| number % 2 == 0)),
            set((0..512).filter(|number| number % 7 < 3)),
        ];
        for native in &sets {
            let stops = Stops {
                native: *native,
                ia32: sets[4],
            };
            let program = program(&stops);
            assert!(program.len() < 4096);
            for number in 0..600u32 {
                let expected = |words| {
                    if has(words, u64::from(number)) {
                        RET_TRACE
                    } else {
                        RET_ALLOW
                    }
                };
                assert_eq!(run(&program, NATIVE, number), expected(native), "{number}");
                if cfg!(target_arch = "x86_64") {
                    assert_eq!(
                        run(&program, ARCH_X86_64, number | X32_BIT),
                        expected(native)
                    );
                    assert_eq!(run(&program, ARCH_I386, number), expected(&stops.ia32));
                }
                assert_eq!(run(&program, 77, number), RET_ALLOW, "unknown machine");
            }
        }
    }
}
