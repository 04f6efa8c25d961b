//! Numbers and bars as a person reads them. Must not know what is counted.

pub use crate::paint::legend::number;

/// A count with its thousands apart: `1,234`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

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

/// How numbers that stand below each other are written: with the same decimals, as many as show the largest with so many
/// digits, and in powers of ten where they are too small or too large for that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aligned {
    decimals: usize,
    power: i32,
    /// Whether the zero before the point is left out.
    bare: bool,
}

impl Aligned {
    /// For these numbers, 2 or 3 digits of the largest.
    pub fn of<'a>(values: impl Iterator<Item = &'a f32>, digits: i32) -> Self {
        let largest = values.map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f32::max);
        // As it is after rounding: 0.0999 is written as 0.100.
        let size =
            if largest > 0.0 { (f64::from(largest) * (1.0 + 0.5 * 0.1_f64.powi(digits))).log10().floor() } else { 0.0 };
        let size = size as i32;
        let power = if (-1..digits).contains(&size) { 0 } else { size };
        let decimals = (digits - 1 - (size - power)).clamp(0, digits) as usize;
        Self { decimals, power, bare: digits < 3 }
    }

    /// What they are counted in: nothing, or a power of ten.
    pub fn unit(&self) -> String {
        const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
        if self.power == 0 {
            return String::new();
        }
        let digits = self.power.unsigned_abs().to_string();
        let raised: String = digits.bytes().map(|digit| DIGITS[usize::from(digit - b'0') % 10]).collect();
        format!("10{}{raised}", if self.power < 0 { "⁻" } else { "" })
    }

    /// A number.
    pub fn write(&self, value: f32) -> String {
        let text = format!("{:.*}", self.decimals, f64::from(value) / 10_f64.powi(self.power));
        let is_zero = text.bytes().all(|c| matches!(c, b'0' | b'.' | b'-'));
        let text = if is_zero { text.replace('-', "") } else { text.replace('-', "−") };
        match text.split_once("0.").filter(|(sign, _)| self.bare && matches!(*sign, "" | "−")) {
            Some((sign, rest)) => format!("{sign}.{rest}"),
            None => text,
        }
    }
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
    fn thousands_are_apart() {
        assert_eq!([7, 999, 1_000, 1_234_567].map(count), ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn numbers_in_a_block_have_the_same_decimals() {
        let written = |values: &[f32], digits| {
            let aligned = Aligned::of(values.iter(), digits);
            let texts: Vec<String> = values.iter().map(|value| aligned.write(*value)).collect();
            (texts.join(" "), aligned.unit())
        };
        let plain = |text: &str| (text.to_owned(), String::new());
        assert_eq!(written(&[0.412, -0.004, 0.0, -0.0001], 3), plain("0.412 −0.004 0.000 0.000"));
        assert_eq!(written(&[0.412, -0.004, 0.0], 2), plain(".41 .00 .00"));
        assert_eq!(written(&[-2.64, 0.5, 1.0], 2), plain("−2.6 .5 1.0"));
        assert_eq!(written(&[-2.64, 0.5], 3), plain("−2.64 0.50"));
        assert_eq!(written(&[31.4, -7.0], 2), plain("31 −7"));
        assert_eq!(written(&[0.0412, -0.004], 3), ("4.12 −0.40".to_owned(), "10⁻²".to_owned()));
        assert_eq!(written(&[0.0412, -0.004], 2), ("4.1 −.4".to_owned(), "10⁻²".to_owned()));
        assert_eq!(written(&[123_456.0, -7.0], 3), ("1.23 0.00".to_owned(), "10⁵".to_owned()));
        assert_eq!(written(&[0.0999_9], 3), plain("0.100"));
        assert_eq!(written(&[0.0, 0.0], 2), plain(".0 .0"));
        assert_eq!(Aligned::of([f32::NAN, f32::INFINITY].iter(), 2).write(f32::NAN), "NaN");
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
