//! A share as text.

/// A share in `[0, 1]` in whole percent. Only exact shares show as 0 and 100.
pub(crate) fn percent(share: f64) -> String {
    let whole = (share * 100.0).round();
    let honest = match share {
        ..=0.0 => 0.0,
        1.0.. => 100.0,
        _ => whole.clamp(1.0, 99.0),
    };
    format!("{honest:.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_shares_show_as_0_or_100_percent() {
        let shares = [0.0, 0.001, 0.004, 0.5, 0.994, 0.999, 1.0].map(percent);
        let expected = ["0 %", "1 %", "1 %", "50 %", "99 %", "99 %", "100 %"];
        assert_eq!(shares, expected);
    }
}
