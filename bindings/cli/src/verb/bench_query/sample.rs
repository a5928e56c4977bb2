//! A sample of times.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Times of calls of one kind.
#[derive(Default)]
pub(super) struct Sample(Vec<Duration>);

impl Sample {
    /// Times one call.
    pub(super) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let answer = call();
        self.0.push(started.elapsed());
        answer
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least time that is not exceeded in so many of a hundred calls; none without any calls.
    pub(super) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// Calls in a second, one after the other; 0 without any.
    pub(super) fn per_second(&self) -> f64 {
        let seconds = self.0.iter().sum::<Duration>().as_secs_f64();
        self.0.len() as f64 / seconds.max(1e-9)
    }

    /// The contract's numbers, of calls that answer so many queries each; `null` without any calls.
    pub(super) fn object(&self, queries: usize) -> Value {
        let (Some(p50), Some(p99)) = (self.percentile(50), self.percentile(99)) else {
            return Value::Null;
        };
        json!({
            "p50_us": microseconds(p50),
            "p99_us": microseconds(p99),
            "lookups_per_second": (self.per_second() * queries as f64).round(),
            "samples": self.len(),
        })
    }
}

/// With two decimals: the clock has no more.
pub(super) fn microseconds(time: Duration) -> f64 {
    (time.as_nanos() as f64 / 10.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_members_of_the_sample() {
        let sample = |n: u64| Sample((1..=n).rev().map(Duration::from_micros).collect());
        let us = |n| Some(Duration::from_micros(n));
        let both = |n| (sample(n).percentile(50), sample(n).percentile(99));
        assert_eq!(both(0), (None, None));
        assert_eq!(both(1), (us(1), us(1)));
        assert_eq!(both(2), (us(1), us(2)));
        assert_eq!(both(100), (us(50), us(99)));
        assert_eq!(both(1000), (us(500), us(990)));
        assert_eq!(both(101), (us(51), us(100)));
        assert_eq!(sample(0).object(1), Value::Null);
        let object = Sample(vec![Duration::from_nanos(21_257); 4]).object(8);
        assert_eq!((&object["p50_us"], &object["samples"]), (&21.26.into(), &4.into()));
        assert_eq!(object["lookups_per_second"], (8e9f64 / 21_257.0).round());
    }
}
