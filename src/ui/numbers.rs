//! Numbers and bars as a person reads them. Must not know what is counted.

pub use crate::paint::legend::number;

/// A duration with the unit that suits it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 90.0 => format!("{s:.0} s"),
        s => format!("{}:{:02} min", s as u64 / 60, s as u64 % 60),
    }
}

/// A probability in percent, always of the same width: ` 99.97 %`.
pub fn percent(probability: f32) -> String {
    format!("{:6.2} %", probability * 100.0)
}

/// A number with two decimals and a true minus sign.
pub fn decimal(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// A number in four columns, with two digits or so.
pub fn short(value: f32) -> String {
    let text = match value.abs() {
        v if !v.is_finite() => format!("{value}"),
        v if v >= 999.5 => format!("{value:.0e}"),
        v if v >= 9.95 => format!("{value:.0}"),
        v if v >= 0.995 => format!("{value:.1}"),
        _ => format!("{value:.2}").replacen("0.", ".", 1),
    };
    text.replace("-.00", ".00").replace('-', "−")
}

/// A bar of at most `width` cells in steps of an eighth.
pub fn bar(fraction: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (fraction.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_suitable_unit() {
        let texts = [0.0414, 1.25, 42.0, 125.0].map(duration);
        assert_eq!(texts, ["41 ms", "1.2 s", "42 s", "2:05 min"]);
    }

    #[test]
    fn short_numbers_fit_four_columns() {
        let texts = [0.0, -0.004, 0.41, -0.999, 9.94, -12.8, 998.0, -1300.0].map(short);
        assert_eq!(texts, [".00", ".00", ".41", "−1.0", "9.9", "−13", "998", "−1e3"]);
    }

    #[test]
    fn bars_go_by_eighths() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.5, 3), "█▌");
        assert_eq!(bar(7.0, 2), "██");
        assert_eq!(bar(f64::NAN, 2), "");
        assert_eq!(percent(1.0).chars().count(), percent(0.0001).chars().count());
    }
}
