//! Sequences of characters that stand in a row.
//!
//! A sequence of `p` characters stands `n` times in a row where `(n - 1) * p` characters in a row equal the one `p` places
//! on. So each length needs one pass over the text, whatever the text is.

use super::MOST;

/// Lengths that are cut together, one group after the other.
const GROUPS: [(usize, usize); 5] = [(3, 30), (30, 60), (60, 120), (120, 250), (250, 500)];

/// The text without longer runs than five of any sequence; none where there is nothing to cut.
pub(super) fn limit_periods(text: &str) -> Option<String> {
    let mut chars: Vec<_> = text.chars().collect();
    let whole = chars.len();
    loop {
        let before = chars.len();
        for (shortest, longest) in GROUPS {
            if let Some(shorter) = limit_group(&chars, shortest, longest) {
                chars = shorter;
            }
        }
        if chars.len() == before {
            return (before < whole).then(|| chars.into_iter().collect());
        }
    }
}

/// From left to right: the first run wins, and of those that start at one place the one of the shortest sequence.
fn limit_group(text: &[char], shortest: usize, longest: usize) -> Option<Vec<char>> {
    let longest = longest.min(text.len() / (MOST + 1));
    let mut runs: Vec<_> = (shortest..=longest).filter_map(|period| Run::first(text, period)).collect();
    let mut kept = Vec::new();
    let mut done = 0;
    while let Some(run) = runs.iter().min_by_key(|run| (run.start, run.period)) {
        kept.extend_from_slice(&text[done..run.start + MOST * run.period]);
        done = run.start + ((run.end - run.start) / run.period + 1) * run.period;
        runs.retain_mut(|run| run.move_to(text, done));
    }
    (done > 0).then(|| {
        kept.extend_from_slice(&text[done..]);
        kept
    })
}

/// A stretch in which every character equals the one a period on, long enough for [`MOST`] repetitions of the first.
struct Run {
    period: usize,
    start: usize,
    end: usize,
}

impl Run {
    fn first(text: &[char], period: usize) -> Option<Self> {
        let mut run = Self { period, start: 0, end: 0 };
        run.move_to(text, 0).then_some(run)
    }

    /// Goes to the first run that starts at `place` or later; false where there is none.
    fn move_to(&mut self, text: &[char], place: usize) -> bool {
        self.start = self.start.max(place);
        self.end = self.end.max(self.start);
        loop {
            self.end += equal_chars(&text[self.end..], self.period);
            if self.end - self.start >= MOST * self.period {
                return true;
            }
            if self.end + self.period >= text.len() {
                return false;
            }
            self.end += 1;
            self.start = self.end;
        }
    }
}

/// How many characters from the first on equal the one a period later.
fn equal_chars(text: &[char], period: usize) -> usize {
    text.iter().zip(text.get(period..).unwrap_or_default()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shortest_sequence_from_the_first_place_counts() {
        assert_eq!(
            limit_periods(&"aaaa".repeat(5)).as_deref(),
            Some("aaaaaaaaaaaaaaaaa"),
            "3 letters at a time, 2 left over"
        );
        assert_eq!(limit_periods("xabcabcabcabcabcabcab").as_deref(), Some("xabcabcabcabcabcab"));
        assert_eq!(limit_periods(&"ab".repeat(11)), None, "2 letters are too few, and 4 stand five times");
        assert_eq!(limit_periods(&"ab".repeat(12)), Some("ab".repeat(10)));
    }

    #[test]
    fn characters_count_and_not_bytes() {
        assert_eq!(limit_periods(&"海の".repeat(5)), None);
        assert_eq!(limit_periods(&"静かな".repeat(6)), Some("静かな".repeat(5)));
    }

    #[test]
    fn one_cut_can_make_way_for_another() {
        let text = "abcabcabcabcabcabc-".repeat(7);
        assert_eq!(limit_periods(&text), Some("abcabcabcabcabc-".repeat(5)));
    }

    /// What the definition says, tried out place by place.
    fn plainly_limited(text: &[char], shortest: usize, longest: usize) -> Vec<char> {
        let mut kept = Vec::new();
        let mut place = 0;
        while place < text.len() {
            let rest = &text[place..];
            let times = |period: usize| {
                rest.chunks(period).take_while(|chunk| *chunk == &rest[..period.min(rest.len())]).count()
            };
            if let Some(period) = (shortest..=longest).find(|period| times(*period) > MOST) {
                kept.extend_from_slice(&rest[..MOST * period]);
                place += times(period) * period;
            } else {
                kept.push(text[place]);
                place += 1;
            }
        }
        kept
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_trying_finds(
            parts in prop::collection::vec(("[ab]{1,4}", 1_usize..9), 0..12), shortest in 1_usize..4
        ) {
            let text: Vec<_> = parts.iter().flat_map(|(part, times)| part.repeat(*times).chars().collect::<Vec<_>>()).collect();
            let limited = limit_group(&text, shortest, 6).unwrap_or_else(|| text.clone());
            prop_assert_eq!(limited, plainly_limited(&text, shortest, 6));
        }
    }
}
