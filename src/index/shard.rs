//! Dealing pictures out to several runs.
//!
//! A picture's shard follows from the size of its file and a piece from its middle: files of the same content, wherever
//! they lie, are in the same shard, so that no picture is counted in two, and no shard has to read what is not its own.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::key::short;

/// Bytes from the middle of a file that are looked at.
const PIECE: u64 = 4096;

/// One of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

/// Everything, in one.
impl Default for Shard {
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

/// `3/10`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Why something names no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not two numbers.
    #[error("`{0}` is no shard: give I/N, such as 3/10, counted from 1/10 to 10/10")]
    Form(String),
    /// Beyond the last.
    #[error("there is no shard {index} of {count}: they are counted from 1 to {count}")]
    Range {
        /// Which was asked for.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// A variable that Slurm sets makes no sense.
    #[error("{name} is `{value}`, which names no task of a Slurm array; say --shard I/N instead")]
    Slurm {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let pair = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let (index, count) = pair.ok_or_else(|| ShardError::Form(text.to_owned()))?;
        Self::new(index, count)
    }
}

impl Shard {
    /// One of `count`, counted from 1.
    pub fn new(index: u32, count: u32) -> Result<Self, ShardError> {
        let is_one = (1..=count).contains(&index);
        is_one.then_some(Self { index, count }).ok_or(ShardError::Range { index, count })
    }

    /// The shard of this task of a Slurm array; `None` outside one. `variable` looks into the environment. The array may
    /// begin at any number and go in any steps: tasks 0-9, 1-10 and 10-28:2 are all ten shards.
    pub fn of_slurm(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ShardError> {
        let number = |name: &'static str, otherwise: Option<u32>| match variable(name) {
            Some(value) => value.trim().parse().map(Some).map_err(|_| ShardError::Slurm { name, value }),
            None => Ok(otherwise),
        };
        let Some(task) = number("SLURM_ARRAY_TASK_ID", None)? else { return Ok(None) };
        let (first, step) = (number("SLURM_ARRAY_TASK_MIN", Some(0))?, number("SLURM_ARRAY_TASK_STEP", Some(1))?);
        let (first, step) = (first.unwrap_or(0), step.unwrap_or(1).max(1));
        let last = number("SLURM_ARRAY_TASK_MAX", None)?;
        let spanned = last.map(|last| last.saturating_sub(first) / step + 1);
        let count = number("SLURM_ARRAY_TASK_COUNT", spanned)?.unwrap_or(1);
        // A list such as 0,3,7 has gaps: its tasks are not told which of them they are.
        let wrong = || ShardError::Slurm { name: "SLURM_ARRAY_TASK_ID", value: task.to_string() };
        let offset = task.checked_sub(first).filter(|offset| offset.is_multiple_of(step)).ok_or_else(wrong)?;
        if spanned.is_some_and(|spanned| spanned != count) {
            return Err(wrong());
        }
        Self::new(offset / step + 1, count).map(Some).map_err(|_| wrong())
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Whether a file of this size belongs to it.
    pub fn holds(self, path: &Path, size: u64) -> io::Result<bool> {
        if self.is_whole() {
            return Ok(true);
        }
        let mut hash = Sha256::new_with_prefix(size.to_le_bytes());
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(size.saturating_sub(PIECE) / 2))?;
        let mut piece = Vec::with_capacity(PIECE as usize);
        file.take(PIECE).read_to_end(&mut piece)?;
        hash.update(&piece);
        Ok(short(&hash.finalize().into()) % u64::from(self.count) == u64::from(self.index - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slurm(variables: &[(&str, &str)]) -> Result<Option<Shard>, ShardError> {
        let value = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
        Shard::of_slurm(value)
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!("3/10".parse(), Ok(Shard { index: 3, count: 10 }));
        for wrong in ["0/10", "11/10", "1/0"] {
            assert!(matches!(wrong.parse::<Shard>(), Err(ShardError::Range { .. })), "{wrong}");
        }
        assert!(matches!("3".parse::<Shard>(), Err(ShardError::Form(_))));
    }

    #[test]
    fn arrays_may_begin_anywhere_and_go_in_steps() {
        let array = |id, min, max, step, count| {
            slurm(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_STEP", step),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ])
        };
        let shard = |index| Ok(Some(Shard { index, count: 10 }));
        assert_eq!(array("0", "0", "9", "1", "10"), shard(1));
        assert_eq!(array("10", "1", "10", "1", "10"), shard(10));
        assert_eq!(array("14", "10", "28", "2", "10"), shard(3));
        assert_eq!(slurm(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "4")]), Ok(Shard::new(4, 4).ok()));
        assert_eq!(slurm(&[]), Ok(None));
        assert!(array("7", "0", "7", "1", "3").is_err(), "a list with gaps");
        assert!(array("x", "0", "9", "1", "10").is_err());
    }

    #[test]
    fn every_file_is_in_one_shard_and_copies_are_in_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let mut sizes = [0; 3];
        for at in 0..60u8 {
            // All of one size, as uncompressed pictures are.
            let (path, copy) = (folder.path().join(format!("{at}")), folder.path().join(format!("{at}-copy")));
            std::fs::write(&path, [at; 5000]).unwrap();
            std::fs::write(&copy, [at; 5000]).unwrap();
            let held = |path: &Path| -> Vec<u32> {
                let shards = (1..=3).map(|index| Shard { index, count: 3 });
                shards.filter(|shard| shard.holds(path, 5000).unwrap()).map(|shard| shard.index).collect()
            };
            let [index] = held(&path)[..] else { panic!("{:?}", held(&path)) };
            assert_eq!(held(&copy), [index]);
            sizes[index as usize - 1] += 1;
        }
        assert!(sizes.iter().all(|size| (10..=30).contains(size)), "{sizes:?}");
    }
}
