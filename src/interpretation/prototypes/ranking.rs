//! The pictures with the highest scores.
//!
//! Owns the order: the higher score first, and of equal scores the picture with the smaller key, so that the same
//! pictures give the same ranking in whatever order they come.

use std::cmp::Ordering;

/// What names a picture: the first 8 bytes of the SHA-256 of its file, as a big-endian number.
pub type PictureKey = u64;

/// A picture in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The score it is ranked by.
    pub score: f32,
    /// The picture.
    pub picture: PictureKey,
    /// Row of the highest value of its feature map.
    pub row: u32,
    /// Column of it.
    pub column: u32,
}

impl Entry {
    /// Bytes of a stored entry.
    const BYTES: usize = 20;

    /// The entry with the smaller one comes first: a single number, as whether it is smaller is then told without a branch that
    /// the processor would have to guess.
    fn place(&self) -> u128 {
        let bits = self.score.to_bits() as i32;
        // What orders floats as integers, as in `f32::total_cmp`; and turned round.
        let ascending = bits ^ (((bits >> 31) as u32) >> 1) as i32;
        let descending = !((ascending as u32) ^ (1 << 31));
        (u128::from(descending) << 64) | u128::from(self.picture)
    }

    fn order(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// The best so far, the first first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking(Vec<Entry>);

impl Ranking {
    /// The entries, the best first.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The score that is needed to be among the best `most`; enough where the picture's key is smaller too.
    pub fn bound(&self, most: usize) -> f32 {
        self.0.get(most.wrapping_sub(1)).map_or(f32::NEG_INFINITY, |last| last.score)
    }

    /// Whether a picture with this score would be among the best `most`.
    pub fn takes(&self, score: f32, picture: PictureKey, most: usize) -> bool {
        let entry = Entry { score, picture, row: 0, column: 0 };
        match self.0.get(most.wrapping_sub(1)) {
            Some(last) => entry.order(last) == Ordering::Less,
            None => most > 0,
        }
    }

    /// Takes a picture in if it is among the best `most`. NaN is not taken.
    pub fn insert(&mut self, entry: Entry, most: usize) {
        if entry.score.is_nan() || !self.takes(entry.score, entry.picture, most) {
            return;
        }
        let place = entry.place();
        let at = self.0.partition_point(|each| each.place() < place);
        self.0.truncate(most - 1);
        self.0.insert(at, entry);
    }

    /// Takes in what another ranking has.
    pub fn merge(&mut self, other: &Self, most: usize) {
        other.0.iter().for_each(|entry| self.insert(*entry, most));
    }

    /// As bytes: for each entry score (float32), picture (uint64), row and column (uint32), little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |entry: &Entry| {
            let mut bytes = [0; Entry::BYTES];
            bytes[..4].copy_from_slice(&entry.score.to_le_bytes());
            bytes[4..12].copy_from_slice(&entry.picture.to_le_bytes());
            bytes[12..16].copy_from_slice(&entry.row.to_le_bytes());
            bytes[16..].copy_from_slice(&entry.column.to_le_bytes());
            bytes
        };
        self.0.iter().flat_map(bytes).collect()
    }

    /// Undoes [`Ranking::to_bytes`]; `None` for bytes that it did not make.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let entry = |bytes: &[u8]| {
            Some(Entry {
                score: f32::from_le_bytes(bytes.get(..4)?.try_into().ok()?),
                picture: u64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?),
                row: u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?),
                column: u32::from_le_bytes(bytes.get(16..Entry::BYTES)?.try_into().ok()?),
            })
        };
        bytes.chunks(Entry::BYTES).map(entry).collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(score: f32, picture: PictureKey) -> Entry {
        Entry { score, picture, row: picture as u32, column: 1 }
    }

    proptest! {
        #[test]
        fn a_ranking_does_not_depend_on_the_order_or_the_parts(
            scores in prop::collection::vec(0u8..6, 1..40), most in 1usize..6, cut in 0usize..40,
        ) {
            let all: Vec<Entry> =
                scores.iter().enumerate().map(|(at, score)| entry(f32::from(*score), (at as u64 * 7919) % 101)).collect();
            let of = |entries: &mut dyn Iterator<Item = &Entry>| {
                let mut ranking = Ranking::default();
                entries.for_each(|entry| ranking.insert(*entry, most));
                ranking
            };
            let (forth, back) = (of(&mut all.iter()), of(&mut all.iter().rev()));
            let (left, right) = all.split_at(cut.min(all.len()));
            let mut merged = of(&mut left.iter());
            merged.merge(&of(&mut right.iter()), most);
            let mut sorted = all.clone();
            sorted.sort_by(Entry::order);
            sorted.truncate(most);
            prop_assert_eq!(forth.entries(), &sorted[..]);
            prop_assert_eq!(&back, &forth);
            prop_assert_eq!(&merged, &forth);
            prop_assert_eq!(Ranking::from_bytes(&forth.to_bytes()), Some(forth));
        }
    }

    #[test]
    fn the_higher_score_comes_first_and_of_equal_ones_the_smaller_key() {
        let scores = [f32::NEG_INFINITY, -3.5, -1e-30, -0.0, 0.0, 1e-40, 0.1, 0.2, 7.0, f32::INFINITY];
        for (a, b) in scores.iter().flat_map(|a| scores.map(|b| (*a, b))) {
            for (one, other) in [(1, u64::MAX), (5, 5), (u64::MAX, 0)] {
                let expected = b.total_cmp(&a).then(one.cmp(&other));
                assert_eq!(entry(a, one).order(&entry(b, other)), expected, "{a} {one}, {b} {other}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_ranked_and_broken_bytes_are_refused() {
        let mut ranking = Ranking::default();
        ranking.insert(entry(f32::NAN, 1), 3);
        ranking.insert(entry(f32::INFINITY, 2), 3);
        assert_eq!(ranking.entries().len(), 1);
        assert_eq!(Ranking::from_bytes(&[1, 2, 3]), None);
    }
}
