//! What was found out, and for how long it holds.
//!
//! Most of what conditions ask is about the process of an event, and stays as it is from one event
//! of that process to the next. So there are several memos: one for the current event, and one for
//! each of the subjects that had events lately. Each is stamped with an epoch, so that to forget
//! means to count on.

use crate::pool::Pool;

/// So many subjects are remembered. More would be of use on machines with more CPUs, but what is
/// remembered must also fit into a cache.
const SUBJECTS: usize = 16;

/// The memo of the current event.
const EVENT: usize = 0;
/// The memo of a subject that is not known: it forgets with every event.
const STRANGER: usize = 1;

/// Where the result of a node or a look-up is kept: its number in its memo, and whether that is the
/// memo of the subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u32);

const LASTING: u32 = 1 << 31;

impl Place {
    /// Numbers things in their memos; `lasting` says of each which memo it belongs to.
    pub(crate) fn number(lasting: impl Iterator<Item = bool>) -> Vec<Self> {
        let (mut of_events, mut of_subjects) = (0, 0);
        let places = lasting.map(|lasting| {
            let (next, mark) = if lasting {
                (&mut of_subjects, LASTING)
            } else {
                (&mut of_events, 0)
            };
            *next += 1;
            Self((*next - 1) | mark)
        });
        places.collect()
    }

    pub(crate) fn is_lasting(self) -> bool {
        self.0 & LASTING != 0
    }

    pub(super) fn index(self) -> usize {
        (self.0 & !LASTING) as usize
    }
}

/// All memos.
#[derive(Debug)]
pub(super) struct Memos {
    memos: Vec<Memo>,
    /// Whose memos the ones from [`STRANGER`] + 1 on are: subject and version.
    subjects: [Option<(u64, u64)>; SUBJECTS],
    /// The memo of the current subject.
    current: usize,
}

#[derive(Debug)]
pub(super) struct Memo {
    /// Never 0, and less than 2³¹.
    pub(super) epoch: u32,
    /// For each node the epoch of its result, shifted left by one, and the result.
    pub(super) nodes: Vec<u32>,
    pub(super) look_ups: Vec<LookUp>,
    /// By the number of the dispatch.
    pub(super) masks: Vec<Mask>,
}

/// The answers of a [`TextIndex`](crate::index::TextIndex).
#[derive(Debug)]
pub(super) struct LookUp {
    pub(super) epoch: u32,
    /// Whether there is a value.
    pub(super) present: bool,
    /// For each slot, whether one value is in its set.
    pub(super) some: Box<[u64]>,
    /// For each slot, whether all values are.
    pub(super) all: Box<[u64]>,
    /// Space for the answer for one of several values.
    pub(super) one: Box<[u64]>,
}

/// Which conditions of a dispatch can hold for a subject.
#[derive(Clone, Default, Debug)]
pub(super) struct Mask {
    pub(super) epoch: u32,
    /// How many events have wanted it.
    pub(super) wanted: u32,
    /// Whether it has been made.
    pub(super) ready: bool,
    pub(super) bits: Vec<u64>,
}

impl Memos {
    pub(super) fn new(pool: &Pool) -> Self {
        let memo = |lasting| Memo {
            epoch: 1,
            nodes: vec![0; count(&pool.node_places, lasting)],
            look_ups: pool
                .indexes
                .iter()
                .zip(&pool.index_places)
                .filter(|(_, place)| place.is_lasting() == lasting)
                .map(|(index, _)| LookUp::new(index.words))
                .collect(),
            masks: Vec::new(),
        };
        let mut memos = vec![memo(false)];
        memos.extend((0..=SUBJECTS).map(|_| memo(true)));
        Self {
            memos,
            subjects: [None; SUBJECTS],
            current: STRANGER,
        }
    }

    /// Forgets the event before. `subject` is whom the next one is about, and the version of what
    /// is known of it, if that is known.
    pub(super) fn begin(&mut self, subject: Option<(u64, u64)>) {
        self.memos[EVENT].forget();
        let Some(subject) = subject else {
            self.memos[STRANGER].forget();
            self.current = STRANGER;
            return;
        };
        // Ids of processes are counted up, so the last bits tell neighbours apart.
        let slot = subject.0 as usize % SUBJECTS;
        self.current = STRANGER + 1 + slot;
        if self.subjects[slot] != Some(subject) {
            self.subjects[slot] = Some(subject);
            self.memos[self.current].forget();
        }
    }

    #[inline]
    pub(super) fn of(&mut self, place: Place) -> &mut Memo {
        let memo = if place.is_lasting() {
            self.current
        } else {
            EVENT
        };
        &mut self.memos[memo]
    }

    /// The memo of the subject of the event.
    pub(super) fn of_subject(&mut self) -> &mut Memo {
        &mut self.memos[self.current]
    }
}

impl Memo {
    fn forget(&mut self) {
        self.epoch += 1;
        if self.epoch == 1 << 31 {
            self.nodes.fill(0);
            for look_up in &mut self.look_ups {
                look_up.epoch = 0;
            }
            for mask in &mut self.masks {
                mask.epoch = 0;
            }
            self.epoch = 1;
        }
    }

    /// The mask of a dispatch, as far as it holds.
    pub(super) fn mask(&mut self, dispatch: usize) -> &mut Mask {
        if self.masks.len() <= dispatch {
            self.masks.resize(dispatch + 1, Mask::default());
        }
        let mask = &mut self.masks[dispatch];
        if mask.epoch != self.epoch {
            mask.epoch = self.epoch;
            mask.wanted = 0;
            mask.ready = false;
        }
        mask
    }
}

impl LookUp {
    fn new(words: usize) -> Self {
        Self {
            epoch: 0,
            present: false,
            some: vec![0; words].into(),
            all: vec![0; words].into(),
            one: vec![0; words].into(),
        }
    }
}

fn count(places: &[Place], lasting: bool) -> usize {
    let places = places.iter();
    places.filter(|place| place.is_lasting() == lasting).count()
}
