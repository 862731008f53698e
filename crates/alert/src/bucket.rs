//! The limit on how many alerts leave in a while.

/// A token bucket: each alert takes a token, tokens come back at a steady rate, and as many as
/// `max_burst` can be saved up. It starts full. What finds no token is counted.
///
/// The caller brings the time, so the bucket is the same in tests, in replay and live.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate: f64,
    max_burst: f64,
    tokens: f64,
    last: u64,
    skipped: u64,
}

impl TokenBucket {
    /// `rate` tokens a second and at most `max_burst` saved, from the moment `now` on, in nanoseconds.
    /// A rate or burst that is negative or not a number counts as zero.
    pub fn new(rate: f64, max_burst: f64, now: u64) -> Self {
        let max_burst = max_burst.max(0.0);
        Self {
            rate: rate.max(0.0),
            max_burst,
            tokens: max_burst,
            last: now,
            skipped: 0,
        }
    }

    /// Takes a token at the moment `now`; `false`, and counted, if there is none.
    ///
    /// A clock that was set back costs the tokens of the time in between, no more.
    pub fn take(&mut self, now: u64) -> bool {
        let elapsed = now.saturating_sub(self.last);
        self.last = now;
        self.tokens = (self.tokens + self.rate * elapsed as f64 / 1e9).min(self.max_burst);
        if self.tokens < 1.0 {
            self.skipped += 1;
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// How many found no token so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn starts_full_then_keeps_the_rate() {
        let mut bucket = TokenBucket::new(2.0, 3.0, 0);
        assert_eq!((0..5).filter(|_| bucket.take(0)).count(), 3);
        assert_eq!(bucket.skipped(), 2);
        assert!(!bucket.take(SECOND / 4));
        assert!(bucket.take(SECOND / 2));
        // A long rest saves no more than the burst.
        assert_eq!((0..9).filter(|_| bucket.take(100 * SECOND)).count(), 3);
    }

    #[test]
    fn survives_a_clock_set_back_and_senseless_settings() {
        let mut bucket = TokenBucket::new(1.0, 1.0, 100 * SECOND);
        assert!(bucket.take(100 * SECOND));
        assert!(!bucket.take(50 * SECOND));
        assert!(bucket.take(51 * SECOND));
        for settings in [(f64::NAN, f64::NAN), (-1.0, -1.0), (1e9, 0.0)] {
            assert!(!TokenBucket::new(settings.0, settings.1, 0).take(SECOND));
        }
        let mut off = TokenBucket::new(1e9, 1e9, 0);
        assert!((0..100_000).all(|_| off.take(0)));
    }

    proptest! {
        /// However the takes are spread, no more pass than burst and rate allow, and what does not
        /// pass is counted.
        #[test]
        fn never_more_than_allowed(
            rate in 0u32..1000,
            burst in 0u32..1000,
            gaps in proptest::collection::vec(0u64..50_000_000, 0..500),
        ) {
            let mut bucket = TokenBucket::new(f64::from(rate), f64::from(burst), 0);
            let mut now = 0;
            let mut passed = 0u64;
            for gap in &gaps {
                now += gap;
                passed += u64::from(bucket.take(now));
            }
            let allowed = f64::from(burst) + f64::from(rate) * now as f64 / 1e9;
            prop_assert!(passed as f64 <= allowed + 1e-6);
            prop_assert_eq!(passed + bucket.skipped(), gaps.len() as u64);
        }
    }
}
