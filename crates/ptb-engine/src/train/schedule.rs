//! The learning rate over a run: a linear warm-up, then half a cosine.

/// Peak, warm-up and floor of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The highest learning rate.
    pub peak: f64,
    /// Steps from zero up to the peak.
    pub warmup_steps: usize,
    /// Steps in all.
    pub total_steps: usize,
    /// What is left at the end, as a share of the peak.
    pub floor: f64,
}

impl Schedule {
    /// The learning rate of a step, counted from 0.
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / (self.warmup_steps + 1) as f64;
        }
        let rest = self.total_steps.saturating_sub(self.warmup_steps).max(1);
        let progress = ((step - self.warmup_steps) as f64 / rest as f64).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.peak * (self.floor + (1.0 - self.floor) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { peak: 2.0, warmup_steps: 3, total_steps: 13, floor: 0.1 };

    #[test]
    fn rises_evenly_to_the_peak() {
        let rates: Vec<_> = (0..4).map(|step| SCHEDULE.at(step)).collect();
        assert_eq!(rates, [0.5, 1.0, 1.5, 2.0]);
    }

    #[test]
    fn is_half_way_down_in_the_middle_and_ends_at_the_floor() {
        assert!((SCHEDULE.at(8) - 1.1).abs() < 1e-12);
        assert!((SCHEDULE.at(13) - 0.2).abs() < 1e-12);
        assert!((SCHEDULE.at(99) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn never_rises_after_the_warm_up() {
        assert!((3..13).all(|step| SCHEDULE.at(step) > SCHEDULE.at(step + 1)));
    }
}
