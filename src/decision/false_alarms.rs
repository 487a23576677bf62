//! From a number of false alarms a day to the p-value below which a sound is unknown.

/// Chooses the p-value below which a sound is unknown, so that sounds that were never taught are
/// taken for taught ones no more often than is allowed.
///
/// The expected false alarms are the sounds that were never taught, by the hour, times the share of
/// them that is taken for a taught class. The share at each p-value is that of the taught classes
/// themselves, each as if it had never been taught. The number by the hour is that of the events
/// heard so far: those of a small p-value, less the taught ones among them. At first
/// [`Self::PER_HOUR`] are assumed, as if they had been counted for a quarter of an hour.
///
/// In a place with so many strange sounds that no p-value allows for it, a false alarm counts as much
/// as two taught sounds that are lost.
///
/// ```
/// use afield::decision::FalseAlarms;
/// // Of the sounds left out, a tenth has p-values above .1.
/// let strangers = (0..100).map(|n| n as f32 / 900.0).collect();
/// let mut alarms = FalseAlarms::new(48.0, strangers);
/// assert!((alarms.unknown_below() - 0.09).abs() < 0.01);
/// alarms.listened(3600.0 * 24.0);
/// assert_eq!(alarms.unknown_below(), FalseAlarms::LEAST);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FalseAlarms {
    per_hour: f64,
    /// The p-values of sounds as if they had never been taught, ascending.
    strangers: Vec<f32>,
    hours: f64,
    /// Events of a p-value below [`Self::LEAST`], and the others.
    unlike: u64,
    like: u64,
}

impl FalseAlarms {
    /// The range of p-values that are chosen. Below the least, few sounds of taught classes are
    /// gained. At the most, about an eighth of them is lost.
    pub const LEAST: f32 = 0.05;
    /// See [`Self::LEAST`].
    pub const MOST: f32 = 0.12;
    /// The p-value if nothing is known of sounds that were never taught.
    pub const WITHOUT_STRANGERS: f32 = 0.1;
    /// Sounds that were never taught, by the hour, as long as little was heard.
    pub const PER_HOUR: f64 = 20.0;
    /// How many lost sounds of taught classes are as bad as one false alarm, where the number that is
    /// allowed cannot be kept.
    const LOST_FOR_ONE: f64 = 2.0;
    /// The hours that this number counts for.
    const ASSUMED_HOURS: f64 = 0.25;

    /// Allows `per_day` false alarms, at least 0. `strangers` are p-values of sounds of the taught
    /// classes, each computed as if its class had never been taught; empty if there are none.
    pub fn new(per_day: f64, mut strangers: Vec<f32>) -> Self {
        strangers.retain(|p| p.is_finite());
        strangers.sort_by(f32::total_cmp);
        Self {
            per_hour: per_day / 24.0,
            strangers,
            hours: 0.0,
            unlike: 0,
            like: 0,
        }
    }

    /// Replaces the p-values of sounds as if they had never been taught. What was heard stays.
    pub fn set_strangers(&mut self, strangers: Vec<f32>) {
        self.strangers = Self::new(0.0, strangers).strangers;
    }

    /// Whether [`Self::unknown_below`] follows from sounds as if they had never been taught.
    pub fn has_strangers(&self) -> bool {
        !self.strangers.is_empty()
    }

    /// Counts seconds of the stream.
    pub fn listened(&mut self, seconds: f64) {
        self.hours += seconds.max(0.0) / 3600.0;
    }

    /// Counts an event of this p-value.
    pub fn heard(&mut self, p_value: f32) {
        match p_value < Self::LEAST {
            true => self.unlike += 1,
            false => self.like += 1,
        }
    }

    /// The p-value below which a sound is unknown: the smallest at which no more false alarms are
    /// expected than allowed, between [`Self::LEAST`] and [`Self::MOST`]. If there is none, the one
    /// with the lowest sum of the false alarms, each counted twice, and the taught sounds lost.
    pub fn unknown_below(&self) -> f32 {
        if !self.has_strangers() {
            return Self::WITHOUT_STRANGERS;
        }
        let (strangers, taught) = (self.strangers_per_hour(), self.taught_per_hour());
        let false_alarms = |p: f32| strangers * self.taken_for_taught(p);
        // Each p-value of a stranger is one at which the share of them changes.
        let changes = self.strangers.iter().map(|p| p + f32::EPSILON);
        let within = changes.filter(|p| (Self::LEAST..Self::MOST).contains(p));
        let candidates = std::iter::once(Self::LEAST)
            .chain(within)
            .chain([Self::MOST]);
        let cost = |p: f32| Self::LOST_FOR_ONE * false_alarms(p) + taught * f64::from(p);
        (candidates.clone())
            .find(|&p| false_alarms(p) <= self.per_hour)
            // Of equal costs the most careful.
            .or_else(|| candidates.reduce(|best, p| if cost(p) <= cost(best) { p } else { best }))
            .unwrap_or(Self::MOST)
    }

    /// The false alarms to expect in a day, at the p-value that was chosen.
    pub fn expected_per_day(&self) -> f64 {
        24.0 * self.strangers_per_hour() * self.taken_for_taught(self.unknown_below())
    }

    /// The share of sounds that were never taught that is taken for a taught class.
    fn taken_for_taught(&self, p_value: f32) -> f64 {
        let below = self.strangers.partition_point(|&p| p < p_value);
        let all = self.strangers.len().max(1);
        (all - below) as f64 / all as f64
    }

    /// Sounds that were never taught, by the hour.
    fn strangers_per_hour(&self) -> f64 {
        let assumed = Self::PER_HOUR * Self::ASSUMED_HOURS;
        (self.strangers_heard() + assumed) / (self.hours + Self::ASSUMED_HOURS)
    }

    /// Sounds of taught classes, by the hour.
    fn taught_per_hour(&self) -> f64 {
        let all = (self.unlike + self.like) as f64;
        (all - self.strangers_heard()).max(0.0) / (self.hours + Self::ASSUMED_HOURS)
    }

    /// The estimated number of sounds heard that were never taught.
    fn strangers_heard(&self) -> f64 {
        // `unlike = s (1 - q) + t l` and `like = s q + t (1 - l)`: s strangers, of which the share
        // q is like a taught class, and t taught sounds, of which the share l is not.
        let (q, l) = (self.taken_for_taught(Self::LEAST), f64::from(Self::LEAST));
        let odds = l / (1.0 - l);
        let strangers = self.unlike as f64 - self.like as f64 * odds;
        strangers.max(0.0) / (1.0 - q - q * odds).max(0.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A third of the strangers has p-values above .05, a sixth above .08, a twelfth above .12.
    fn strangers() -> Vec<f32> {
        let mut all = vec![0.01; 80];
        all.extend([0.07; 20]);
        all.extend([0.1; 10]);
        all.extend([0.4; 10]);
        all
    }

    #[test]
    fn the_fewer_false_alarms_the_higher_the_p_value() {
        let below = |per_day| FalseAlarms::new(per_day, strangers()).unknown_below();
        // Twenty strangers an hour: 160, 80 and 40 false alarms a day.
        assert_eq!(below(200.0), 0.05);
        assert!((below(100.0) - 0.07).abs() < 1e-4);
        assert!((below(50.0) - 0.1).abs() < 1e-4);
        assert_eq!(below(2.0), 0.12);
        assert!((FalseAlarms::new(2.0, strangers()).expected_per_day() - 40.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_heard_counts() {
        let mut alarms = FalseAlarms::new(24.0, strangers());
        alarms.listened(9.75 * 3600.0);
        // Of 300 strangers a third is like a taught class; of 2,000 taught sounds 1 in 20 is not.
        (0..200 + 100).for_each(|_| alarms.heard(0.01));
        (0..100 + 1900).for_each(|_| alarms.heard(0.5));
        let rate = alarms.strangers_per_hour();
        assert!((rate - 30.5).abs() < 0.1, "{rate}");
        let quiet = FalseAlarms {
            unlike: 0,
            ..alarms.clone()
        };
        assert!((quiet.strangers_per_hour() - 0.5).abs() < 1e-9);
        assert_eq!(quiet.unknown_below(), 0.05);
    }

    #[test]
    fn where_the_number_cannot_be_kept_it_is_weighed_against_lost_sounds() {
        let mut alarms = FalseAlarms::new(2.0, strangers());
        alarms.listened(3600.0);
        // Many strangers and few taught sounds: caution costs little.
        (0..100).for_each(|_| alarms.heard(0.01));
        (0..40).for_each(|_| alarms.heard(0.5));
        assert_eq!(alarms.unknown_below(), FalseAlarms::MOST);
        // 400 taught sounds an hour: .12 loses 28 more of them than .05, for 16 false alarms less.
        (0..500).for_each(|_| alarms.heard(0.5));
        (0..15).for_each(|_| alarms.heard(0.01));
        let chosen = alarms.unknown_below();
        assert!(chosen < FalseAlarms::MOST, "{chosen}");
        assert!(alarms.expected_per_day() > 24.0);
    }

    #[test]
    fn without_strangers_the_p_value_is_fixed() {
        let mut alarms = FalseAlarms::new(0.0, Vec::new());
        assert_eq!(alarms.unknown_below(), 0.1);
        alarms.set_strangers(vec![f32::NAN, 0.3]);
        assert_eq!(alarms.unknown_below(), 0.12);
    }
}
