//! How long to wait before a request is tried again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use ptb_core::seed;

use super::HeaderMap;

/// Pauses that double from attempt to attempt, spread at random so that many requests do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest pause after the first attempt.
    pub first: Duration,
    /// Longest pause after any attempt.
    pub most: Duration,
    /// Longest pause that a server may ask for.
    pub most_asked: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(30), most_asked: Duration::from_mins(10) }
    }
}

impl Backoff {
    /// The pause after attempt `attempt`, counted from 0: never less than the server `asked` for. `salt` tells requests
    /// apart. None where the server asks for more than is worth waiting for.
    pub fn pause(&self, attempt: u32, asked: Option<Duration>, salt: u64) -> Option<Duration> {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
        let longest = doubled.min(self.most);
        // Between half and all of it.
        let spread = longest / 2 + (longest / 2).mul_f64(fraction(salt, attempt));
        match asked {
            Some(asked) if asked > self.most_asked => None,
            Some(asked) => Some(asked + spread.min(Duration::from_secs(1))),
            None => Some(spread),
        }
    }
}

/// A number from 0 to 1 that looks random and needs no generator.
fn fraction(salt: u64, attempt: u32) -> f64 {
    let bits = seed::derive(salt, "backoff", attempt, 0);
    (bits % (1 << 20)) as f64 / f64::from(1 << 20)
}

/// The pause that a reply asks for, by `retry-after-ms` or by `Retry-After` in seconds or as a date.
pub(super) fn asked_pause(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = header("retry-after-ms").and_then(|text| seconds(text, 1e-3));
    milliseconds.or_else(|| header("retry-after").and_then(|text| retry_after(text, now)))
}

fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    seconds(text, 1.0).or_else(|| {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        // A date in the past asks for no pause.
        Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
    })
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &'static str, value: &'static str) -> Option<Duration> {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        asked_pause(&headers, now)
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_milliseconds_or_as_a_date() {
        assert_eq!(asked("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("retry-after", " 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(asked("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(asked("retry-after", "Tue, 24 Nov 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("retry-after", "Tue, 24 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(asked("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_from_request_to_request() {
        let backoff = Backoff::default();
        for (attempt, longest) in [(0, 500), (1, 1000), (2, 2000), (10, 30_000), (400, 30_000)] {
            let pauses: Vec<_> = (0..50).filter_map(|salt| backoff.pause(attempt, None, salt)).collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*least >= Duration::from_millis(longest / 2) && *most <= Duration::from_millis(longest));
            assert!(least < most, "all requests come back at once");
        }
    }

    #[test]
    fn a_server_is_never_asked_before_it_wants_to() {
        let backoff = Backoff::default();
        let pause = backoff.pause(0, Some(Duration::from_secs(20)), 1).unwrap();
        assert!(pause >= Duration::from_secs(20) && pause <= Duration::from_secs(21));
        assert_eq!(backoff.pause(0, Some(Duration::from_hours(1)), 1), None);
    }
}
