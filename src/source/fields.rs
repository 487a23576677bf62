//! Fields of one line of a table, and how they are separated.

use std::ops::Range;

/// The characters that separate fields, the most usual first. Runs of blanks separate, too.
const SEPARATORS: [char; 5] = [',', ';', '\t', '|', ' '];

/// The fields of one line, as places in its text.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    places: Vec<Range<usize>>,
    /// Whether a quote was left open.
    pub(super) is_open: bool,
}

impl Fields {
    /// Splits `text`. White space and quotes around fields are dropped.
    pub(super) fn split(&mut self, text: &str, separator: char) {
        self.places.clear();
        self.is_open = false;
        let mut start = 0;
        loop {
            let rest = text.get(start..).unwrap_or_default();
            let blank = rest.len() - rest.trim_start_matches(' ').len();
            let is_blank_separator = separator == ' ';
            let is_quoted = rest.get(blank..).is_some_and(|rest| rest.starts_with('"'));
            let end = match is_quoted.then(|| quoted(text, start + blank + 1, separator)) {
                Some(Quoted::Closed(place, end)) => {
                    self.places.push(place);
                    end
                }
                Some(Quoted::Open) => {
                    self.is_open = true;
                    self.places.push(start + blank + 1..text.len());
                    None
                }
                Some(Quoted::Not) | None => {
                    let from = if is_blank_separator {
                        start + blank
                    } else {
                        start
                    };
                    let rest = text.get(from..).unwrap_or_default();
                    let end = rest.find(separator).map(|at| from + at);
                    let field = text.get(from..end.unwrap_or(text.len()));
                    let field = field.unwrap_or_default();
                    let lead = field.len() - field.trim_start().len();
                    let trimmed = field.trim();
                    self.places.push(from + lead..from + lead + trimmed.len());
                    end
                }
            };
            let Some(end) = end else { break };
            start = end + separator.len_utf8();
            if is_blank_separator && text.get(start..).is_none_or(|rest| rest.trim().is_empty()) {
                break;
            }
        }
    }

    /// The number of fields.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// A field of `text`, which was split.
    pub(super) fn get<'a>(&self, text: &'a str, column: usize) -> Option<&'a str> {
        text.get(self.places.get(column)?.clone())
    }

    /// All fields of `text`, which was split.
    pub(super) fn iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let field = |place: &Range<usize>| text.get(place.clone()).unwrap_or_default();
        self.places.iter().map(field)
    }
}

/// A field that begins with a quote.
enum Quoted {
    /// Its place, and that of the separator after it.
    Closed(Range<usize>, Option<usize>),
    Open,
    /// More text follows the second quote.
    Not,
}

/// The field in quotes whose text begins at `from`.
fn quoted(text: &str, from: usize, separator: char) -> Quoted {
    let Some(close) = closing_quote(text, from) else {
        return Quoted::Open;
    };
    let after = text.get(close + 1..).unwrap_or_default();
    let end = after.find(separator);
    match after.get(..end.unwrap_or(after.len())) {
        Some(rest) if rest.trim().is_empty() => {
            Quoted::Closed(from..close, end.map(|end| close + 1 + end))
        }
        _ => Quoted::Not,
    }
}

/// The place of the quote that closes a field which begins at `from`. Two quotes are one character.
fn closing_quote(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += text.get(at..)?.find('"')?;
        if !text.get(at + 1..)?.starts_with('"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a field says that there is no value.
pub(super) fn is_missing(field: &str) -> bool {
    const MISSING: [&str; 7] = ["", "nan", "na", "n/a", "null", "none", "-"];
    MISSING.iter().any(|text| field.eq_ignore_ascii_case(text))
}

/// The number in a field. A comma is a decimal point, unless it separates fields.
pub(super) fn number(field: &str, separator: char) -> Option<f64> {
    let number = match field.parse::<f64>() {
        Ok(number) => number,
        Err(_) if separator != ',' && field.contains(',') && !field.contains('.') => {
            field.replacen(',', ".", 1).parse().ok()?
        }
        Err(_) => return None,
    };
    number.is_finite().then_some(number)
}

/// The separator of a table with this head and this row, if the row fits the head. Of several, the
/// one with which the row has the most numbers.
pub(super) fn separator(head: &str, row: &str) -> Option<char> {
    let (mut heads, mut cells) = (Fields::default(), Fields::default());
    let mut best = None;
    for separator in SEPARATORS {
        heads.split(head, separator);
        cells.split(row, separator);
        let is_head = heads.iter(head).any(|name| !name.is_empty())
            && heads
                .iter(head)
                .all(|name| number(name, separator).is_none());
        // A row may lack its last, empty field, or have a comma at its end.
        let is_like = heads.len().abs_diff(cells.len()) <= usize::from(heads.len() > 2);
        let numbers = cells
            .iter(row)
            .filter(|cell| number(cell, separator).is_some());
        let numbers = numbers.count();
        let is_row = numbers > 0 && 2 * numbers + 2 >= cells.len();
        if is_head && is_like && is_row && best.is_none_or(|(most, _)| numbers > most) {
            best = Some((numbers, separator));
        }
    }
    best.map(|(_, separator)| separator)
}

/// The separator of a table without a head, if these are two rows of it.
pub(super) fn headless(first: &str, second: &str) -> Option<char> {
    let (mut a, mut b) = (Fields::default(), Fields::default());
    let fits = |separator: &char| {
        a.split(first, *separator);
        b.split(second, *separator);
        let has_numbers = |fields: &Fields, text: &str| {
            let is_value = |cell| number(cell, *separator).is_some() || is_missing(cell);
            fields.iter(text).all(is_value)
                && fields
                    .iter(text)
                    .any(|cell| number(cell, *separator).is_some())
        };
        a.len() == b.len() && a.len() > 1 && has_numbers(&a, first) && has_numbers(&b, second)
    };
    SEPARATORS.iter().copied().find(fits)
}

/// Whether `text` has several fields, and no number among them.
pub(super) fn is_head(text: &str, separator: char) -> bool {
    let mut fields = Fields::default();
    fields.split(text, separator);
    fields.len() > 1
        && fields
            .iter(text)
            .all(|name| number(name, separator).is_none())
}

/// The separator of a head alone: the most frequent one.
pub(super) fn of_head(head: &str) -> char {
    let count = |separator: &char| head.matches(*separator).count();
    let usual = SEPARATORS.iter().copied().take(4).rev();
    let best = usual.max_by_key(count).filter(|best| count(best) > 0);
    best.unwrap_or(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, separator: char) -> Vec<&str> {
        let mut fields = Fields::default();
        fields.split(text, separator);
        (0..fields.len())
            .map(|column| fields.get(text, column).unwrap())
            .collect()
    }

    #[test]
    fn fields_are_split_and_trimmed() {
        for (text, separator, expected) in [
            ("a,b ,, c", ',', vec!["a", "b", "", "c"]),
            ("\"a,b\", \"c\" ,1", ',', vec!["a,b", "c", "1"]),
            ("\"a\"\"b\",1", ',', vec!["a\"\"b", "1"]),
            ("1;2;", ';', vec!["1", "2", ""]),
            (" 1   2 3 ", ' ', vec!["1", "2", "3"]),
            ("1\t\t3", '\t', vec!["1", "", "3"]),
            ("1,\"2,3", ',', vec!["1", "2,3"]),
            ("", ',', vec![""]),
        ] {
            assert_eq!(split(text, separator), expected, "{text}");
        }
    }

    #[test]
    fn the_separator_follows_from_head_and_row() {
        for (head, row, expected) in [
            ("t,ax", "0,1", Some(',')),
            ("t;ax", "0,5;1,5", Some(';')),
            ("t\tax [g]", "0\t1", Some('\t')),
            ("t ax ay", "0 1 2", Some(' ')),
            ("a", "1", Some(',')),
            ("t,ax,", "0,1,", Some(',')),
            ("boot v1.2", "0,1,2", None),
            ("ip=1.2.3.4, ok", "0,1,2,4,5", None),
            ("0,1", "0,1", None),
            ("time [s],ax [g],ay [g]", "\"0,5\",\"1,5\",\"2,5\"", None),
        ] {
            assert_eq!(separator(head, row), expected, "{head}");
        }
        assert_eq!(headless("0,1,2", "3,4,"), Some(','));
        assert_eq!(headless("0", "3"), None);
        assert_eq!(of_head("t;ax;ay"), ';');
        assert_eq!(of_head("t"), ',');
    }

    #[test]
    fn numbers_may_have_decimal_commas() {
        assert_eq!(number("-0,5", ';'), Some(-0.5));
        assert_eq!(number("1,5", ','), None);
        assert_eq!(number("1.234,5", ';'), None);
        assert_eq!(number("+.5E+00", ','), Some(0.5));
        assert_eq!(number("inf", ','), None);
        assert!(is_missing("NaN") && !is_missing("x"));
    }
}
