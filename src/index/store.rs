//! The file of an index.
//!
//! | Table | A row is |
//! |---|---|
//! | `about` | a fact by its name: the network, the folder, the shard, how often it was written |
//! | `layers` | a layer: its name, sizes, and the receptive field of its positions |
//! | `units` | a channel of a layer: counts, and rankings and histograms of the averages and of the highest values |
//! | `pictures` | a picture by the first 8 bytes of its SHA-256, with all of it, its size and the part that the network saw |
//! | `files` | a file that was looked at: which picture it holds, or what is wrong with it |
//!
//! What a run adds is written in one transaction: a file that is killed while it is written is as it was before.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::IndexError;
use super::key::{Hash, hex};
use super::shard::Shard;
use crate::interpretation::prototypes::ranking::PictureKey;
use crate::interpretation::prototypes::tally::{Tally, UnitTally};
use crate::model::preprocess::Rect;
use crate::model::receptive::ReceptiveField;

mod schema;

/// Version of the tables; another one is not read.
const VERSION: i64 = 2;

/// How long to wait for another process that reads or writes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A layer as an index knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedLayer {
    /// Its name.
    pub name: String,
    /// Number of feature maps.
    pub channels: usize,
    /// Height of one.
    pub height: usize,
    /// Width of one.
    pub width: usize,
    /// What its positions see.
    pub field: ReceptiveField,
}

/// What an index is of.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Name of the network.
    pub network: String,
    /// Its hash.
    pub model: Hash,
    /// How pictures are prepared.
    pub preparation: Hash,
    /// Height and width of its input.
    pub input: [usize; 2],
    /// The folder with the pictures.
    pub folder: PathBuf,
    /// The part of it.
    pub shard: Shard,
    /// How many pictures each ranking keeps.
    pub most: usize,
    /// The layers.
    pub layers: Vec<IndexedLayer>,
}

impl About {
    /// Channels of each layer.
    pub fn channels(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.channels).collect()
    }
}

/// A picture that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedPicture {
    /// Hash of its file.
    pub hash: Hash,
    /// Width and height.
    pub size: (u32, u32),
    /// The part that the network saw, in its pixels.
    pub seen: Rect,
}

/// A file that was looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// When it was changed last, nanoseconds since 1970.
    pub modified: i64,
    /// The picture in it, or what is wrong with it.
    pub holds: Result<PictureKey, String>,
}

/// What is written at once.
#[derive(Default)]
pub struct Addition {
    /// Places of units among all, and what is kept of each now.
    pub units: Vec<(usize, UnitTally)>,
    /// New pictures.
    pub pictures: Vec<IndexedPicture>,
    /// Files that were looked at.
    pub files: Vec<IndexedFile>,
    /// What ran the pictures, such as `ONNX Runtime 1.32.0, CPU`.
    pub runners: Vec<String>,
    /// Whether every file of the folder has been looked at.
    pub finished: bool,
}

/// How far an index is.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Extent {
    /// Pictures that were run.
    pub pictures: u64,
    /// Files that hold them.
    pub files: u64,
    /// Files that could not be used.
    pub broken: u64,
    /// Whether every file of the folder has been looked at.
    pub finished: bool,
    /// What ran the pictures; more than one where they were run on different devices or by different runtimes.
    pub runners: Vec<String>,
}

/// An index.
pub struct Store {
    path: PathBuf,
    connection: Connection,
    about: About,
    /// How often it had been written when it was read last.
    revision: i64,
}

impl Store {
    /// Opens an index to read it.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).or_else(|error| {
            match error {
                // A file that may only be read is read all the same.
                IndexError::Sqlite { .. } => Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY),
                other => Err(other),
            }
        })
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, IndexError> {
        if !path.is_file() {
            return Err(IndexError::Absent { path: path.to_owned() });
        }
        let failed = |source| IndexError::Sqlite { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        let (about, revision) = schema::read(&connection).map_err(|error| match error {
            schema::Unreadable::Sqlite(source) if is_damage(&source) => {
                IndexError::NoIndex { path: path.to_owned(), reason: source.to_string() }
            }
            schema::Unreadable::Sqlite(source) => failed(source),
            schema::Unreadable::Content(reason) => IndexError::NoIndex { path: path.to_owned(), reason },
        })?;
        Ok(Self { path: path.to_owned(), connection, about, revision })
    }

    /// Opens the index of this network and folder, or makes an empty one; its folder is made too.
    pub fn open_or_create(path: &Path, about: &About) -> Result<Self, IndexError> {
        let io = |source| IndexError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(io)?;
        }
        // An empty file is what is left where a process was killed before it wrote anything.
        if path.metadata().map_or(true, |metadata| metadata.len() == 0) {
            Self::create(path, about)?;
        }
        let store = Self::open(path)?;
        store.check(about)?;
        Ok(store)
    }

    fn create(path: &Path, about: &About) -> Result<(), IndexError> {
        let failed = |source| IndexError::Sqlite { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        schema::create(&mut connection, about).map_err(failed)
    }

    /// Fails where the index is of something else.
    fn check(&self, wanted: &About) -> Result<(), IndexError> {
        let differs = |what, has: String, wanted: String| {
            let path = self.path.clone();
            if has == wanted { Ok(()) } else { Err(IndexError::Other { path, what, has, wanted }) }
        };
        let has = &self.about;
        let named = |about: &About| format!("{} ({}…)", about.network, &hex(&about.model)[..12]);
        if has.model != wanted.model {
            differs("of the network", named(has), named(wanted))?;
        }
        let prepared = |about: &About| format!("{:?} ({}…)", about.input, &hex(&about.preparation)[..12]);
        differs("for inputs prepared as", prepared(has), prepared(wanted))?;
        differs("of the folder", has.folder.display().to_string(), wanted.folder.display().to_string())?;
        differs("of the shard", has.shard.to_string(), wanted.shard.to_string())?;
        let count = |about: &About| about.layers.len().to_string();
        differs("of so many layers:", count(has), count(wanted))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is of.
    pub fn about(&self) -> &About {
        &self.about
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> IndexError + '_ {
        |source| match is_damage(&source) {
            true => IndexError::NoIndex { path: self.path.clone(), reason: source.to_string() },
            false => IndexError::Sqlite { path: self.path.clone(), source },
        }
    }

    /// How far it is.
    pub fn extent(&self) -> Result<Extent, IndexError> {
        schema::extent(&self.connection).map_err(self.failed())
    }

    /// What is kept for every unit.
    pub fn tally(&self) -> Result<Tally, IndexError> {
        let mut tally = Tally::new(&self.about.channels(), self.about.most);
        let read = || -> rusqlite::Result<Vec<(usize, UnitTally)>> {
            let mut statement = self.connection.prepare(schema::UNITS)?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, i64>("unit")? as usize, schema::unit(row)?)))?;
            rows.collect()
        };
        for (unit, kept) in read().map_err(self.failed())? {
            if let Some(place) = tally.units_mut().get_mut(unit) {
                *place = kept;
            }
        }
        Ok(tally)
    }

    /// What is kept for one unit: the channel of a layer.
    pub fn unit(&self, layer: usize, channel: usize) -> Result<UnitTally, IndexError> {
        let unit = self.about.layers.iter().take(layer).map(|layer| layer.channels).sum::<usize>() + channel;
        let read = self
            .connection
            .prepare(schema::UNIT)
            .and_then(|mut statement| statement.query_row([unit as i64], schema::unit).optional());
        Ok(read.map_err(self.failed())?.unwrap_or_default())
    }

    /// A picture, and a file that holds it: the first by name. `None` where there is none.
    pub fn picture(&self, key: PictureKey) -> Result<Option<(IndexedPicture, PathBuf)>, IndexError> {
        let read = || -> rusqlite::Result<_> {
            let mut statement = self.connection.prepare(schema::PICTURE)?;
            statement.query_row([key as i64], schema::picture).optional()
        };
        read().map_err(self.failed())
    }

    /// All pictures, by key.
    pub fn pictures(&self) -> Result<Vec<IndexedPicture>, IndexError> {
        schema::pictures(&self.connection).map_err(self.failed())
    }

    /// All files, by path.
    pub fn files(&self) -> Result<Vec<IndexedFile>, IndexError> {
        schema::files(&self.connection).map_err(self.failed())
    }

    /// The files that could not be used, at most so many, and why.
    pub fn broken(&self, most: usize) -> Result<Vec<(PathBuf, String)>, IndexError> {
        schema::broken(&self.connection, most).map_err(self.failed())
    }

    /// For each layer, which of its channels said something to any picture.
    pub fn alive(&self) -> Result<Vec<Vec<bool>>, IndexError> {
        let channels = self.about.channels();
        let mut alive = vec![true; channels.iter().sum()];
        let tell = |unit: usize, dead: bool| alive.get_mut(unit).into_iter().for_each(|alive| *alive = !dead);
        schema::each_unit(&self.connection, tell).map_err(self.failed())?;
        let mut rest = alive.into_iter();
        Ok(channels.into_iter().map(|count| rest.by_ref().take(count).collect()).collect())
    }

    /// What was looked at already.
    pub(super) fn known(&self) -> Result<Known, IndexError> {
        let extent = self.extent()?;
        let mut files = HashSet::with_capacity((extent.files + extent.broken) as usize);
        let mut pictures = HashSet::with_capacity(extent.pictures as usize);
        schema::each_file(&self.connection, |path, bytes, modified| {
            files.insert(file_key(path, bytes, modified));
        })
        .and_then(|()| {
            schema::each_picture(&self.connection, |picture| {
                pictures.insert(picture);
            })
        })
        .map_err(self.failed())?;
        Ok(Known { files, pictures })
    }

    /// Writes an addition, all of it or nothing.
    pub fn write(&mut self, addition: &Addition) -> Result<(), IndexError> {
        let path = self.path.clone();
        let failed = |source| IndexError::Sqlite { path: path.clone(), source };
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(failed)?;
        let revision = schema::revision(&transaction).map_err(failed)?;
        if revision != self.revision {
            return Err(IndexError::Contested { path });
        }
        let place = |unit: usize| {
            let (mut layer, mut channel) = (0, unit);
            while let Some(of) = self.about.layers.get(layer).filter(|of| channel >= of.channels) {
                channel -= of.channels;
                layer += 1;
            }
            (layer, channel)
        };
        schema::write(&transaction, addition, place, revision + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.revision = revision + 1;
        Ok(())
    }
}

/// What was looked at already.
pub(super) struct Known {
    /// Files as they were, by [`file_key`].
    pub files: HashSet<u64>,
    /// Keys of the pictures.
    pub pictures: HashSet<PictureKey>,
}

/// A file's path, size and time of change in 8 bytes: a million files are then some 20 MB.
pub(super) fn file_key(path: &[u8], bytes: u64, modified: i64) -> u64 {
    super::key::short(&super::key::of_picture(&[path, &bytes.to_le_bytes(), &modified.to_le_bytes()].concat()))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        rusqlite::Error::SqliteFailure(failure, text) => {
            let missing = text.as_deref().is_some_and(|text| text.starts_with("no such"));
            matches!(failure.code, DatabaseCorrupt | NotADatabase) || missing
        }
        rusqlite::Error::SqlInputError { msg, .. } => msg.starts_with("no such"),
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
