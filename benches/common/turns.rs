//! Two things measured in turns, so that a machine that slows down slows both.

use std::time::{Duration, Instant};

/// Times in order, the smallest first.
pub struct Times(Vec<Duration>);

impl Times {
    /// Takes times in any order; there must be one.
    pub fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self(times)
    }

    /// The time that so many percent of all do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// Median, and between which values the middle half lies.
    pub fn shown(&self) -> String {
        format!("{} ({} to {})", millis(self.median()), millis(self.percentile(25)), millis(self.percentile(75)))
    }
}

/// Times of one thing.
pub struct Measured {
    /// On the wall's clock.
    pub wall: Times,
    /// Of all processors together, in seconds: the same on a busy machine, but for its caches.
    pub processor: f64,
}

/// Times of both, taken in turns.
pub fn in_turns<T, U>(rounds: usize, mut one: impl FnMut() -> T, mut other: impl FnMut() -> U) -> (Measured, Measured) {
    let mut walls = (Vec::new(), Vec::new());
    let mut processor = (0.0, 0.0);
    for _ in 0..rounds {
        let begin = processor_time();
        walls.0.push(time(&mut one));
        let middle = processor_time();
        walls.1.push(time(&mut other));
        processor.0 += middle - begin;
        processor.1 += processor_time() - middle;
    }
    let measured = |walls, processor: f64| Measured { wall: Times::new(walls), processor: processor / rounds as f64 };
    (measured(walls.0, processor.0), measured(walls.1, processor.1))
}

/// What this process and its threads have used so far. Counted in hundredths of a second: sums over rounds are exact
/// enough.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // The 14th and 15th field (proc_pid_stat(5)); the name before may have blanks.
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

pub fn ratio(one: &Times, other: &Times) -> f64 {
    one.median().as_secs_f64() / other.median().as_secs_f64()
}

/// How long work takes; not how long it takes to throw away what it made.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let made = work();
    let taken = start.elapsed();
    drop(made);
    taken
}

pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.3} ms") } else { format!("{millis:.0} ms") }
}
