//! Bars as inline SVG in relative units, so that they fit any width without scaling their strokes or any text.
//!
//! Only numbers enter the markup; everything a person wrote stays in the template.

use std::fmt::Write;

/// What a bar shows, in the unit of its axis.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bar {
    /// The value.
    pub value: f64,
    /// Half the length of the error bar.
    pub spread: Option<f64>,
    /// An outline up to a value that does not count.
    pub outline: Option<f64>,
    /// Whether the bar is a reference and not a contestant.
    pub reference: bool,
}

/// The length of an axis that starts at zero.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    end: f64,
}

/// A tick of an axis.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Tick {
    /// Its label.
    pub label: String,
    /// SVG with the tick's place as an x coordinate in percent.
    pub x: String,
}

impl Axis {
    /// The shortest round axis that holds all values; scores end at 1.
    pub fn for_scores(values: impl IntoIterator<Item = f64>) -> Self {
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let end = [0.1, 0.2, 0.4, 0.6, 0.8].into_iter().find(|end| most <= *end).unwrap_or(1.0);
        Self { end: f64::max(end, most) }
    }

    /// An axis of this length.
    pub fn until(end: f64) -> Self {
        Self { end: if end.is_finite() && end > 0.0 { end } else { 1.0 } }
    }

    /// Ticks at the quarters of the axis.
    pub fn ticks(self) -> Vec<Tick> {
        let place = |quarter: i32| f64::from(quarter) / 4.0;
        let tick = |quarter| Tick {
            label: format!("{:.3}", place(quarter) * self.end).trim_end_matches('0').trim_end_matches('.').to_owned(),
            x: percent(place(quarter)),
        };
        (0..=4).map(tick).collect()
    }

    fn place(self, value: f64) -> String {
        percent((value / self.end).clamp(0.0, 1.0))
    }

    /// The content of a bar's SVG.
    pub fn bar(self, bar: &Bar) -> String {
        let mut svg = String::new();
        // Writing to a string cannot fail.
        for quarter in 0..=4 {
            let x = percent(f64::from(quarter) / 4.0);
            let _ = write!(svg, r#"<line class="grid" x1="{x}" x2="{x}" y1="0" y2="100%"/>"#);
        }
        if let Some(outline) = bar.outline {
            let _ =
                write!(svg, r#"<rect class="outline" x="0" y="25%" height="50%" width="{}"/>"#, self.place(outline));
        }
        let class = if bar.reference { "bar reference" } else { "bar" };
        let _ = write!(svg, r#"<rect class="{class}" x="0" y="25%" height="50%" width="{}"/>"#, self.place(bar.value));
        if let Some(spread) = bar.spread {
            let (low, high) = (self.place(bar.value - spread), self.place(bar.value + spread));
            let _ = write!(svg, r#"<line class="error" x1="{low}" x2="{high}" y1="50%" y2="50%"/>"#);
            for end in [low, high] {
                let _ = write!(svg, r#"<line class="error" x1="{end}" x2="{end}" y1="36%" y2="64%"/>"#);
            }
        }
        svg
    }

    /// A piece of a timeline from `start` to `end`, never thinner than can be seen.
    pub fn span(self, start: f64, end: f64) -> String {
        let left = (start / self.end).clamp(0.0, 0.996);
        let width = ((end - start) / self.end).clamp(0.004, 1.0 - left);
        format!(r#"<rect class="bar" x="{}" y="25%" height="50%" width="{}"/>"#, percent(left), percent(width))
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_every_value_and_has_round_ticks() {
        let labels = |axis: Axis| axis.ticks().into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(Axis::for_scores([0.13, 0.2])), ["0", "0.05", "0.1", "0.15", "0.2"]);
        assert_eq!(labels(Axis::for_scores([0.91])), ["0", "0.25", "0.5", "0.75", "1"]);
        assert_eq!(labels(Axis::for_scores([])), ["0", "0.025", "0.05", "0.075", "0.1"]);
    }

    #[test]
    fn bars_stay_inside_their_axis() {
        let svg = Axis::for_scores([0.99]).bar(&Bar { value: 0.99, spread: Some(0.05), ..Bar::default() });
        assert!(svg.contains(r#"width="99.00%""#) && svg.contains(r#"x2="100.00%""#), "{svg}");
        assert!(Axis::until(0.0).span(0.0, 0.0).contains("0.40%"));
    }
}
