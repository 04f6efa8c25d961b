//! The tables and what goes into them.

use std::path::PathBuf;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{About, Addition, Extent, IndexedFile, IndexedLayer, IndexedPicture, VERSION};
use crate::index::key::{Hash, hex, of_picture, short};
use crate::index::shard::Shard;
use crate::interpretation::prototypes::histogram::Histogram;
use crate::interpretation::prototypes::ranking::Ranking;
use crate::interpretation::prototypes::tally::{Column, UnitTally};
use crate::model::preprocess::Rect;
use crate::model::receptive::ReceptiveField;

/// The bytes in the columns `*_ranking` and `*_histogram` are those of `to_bytes` of each; `*_sum` is a little-endian
/// 128-bit number of steps of 2⁻⁴⁰.
const TABLES: &str = "
CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (
    layer INTEGER PRIMARY KEY, name TEXT NOT NULL,
    channels INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,
    field_height REAL, field_width REAL, jump_down REAL, jump_across REAL, start_top REAL, start_left REAL);
CREATE TABLE units (
    unit INTEGER PRIMARY KEY, layer INTEGER NOT NULL, channel INTEGER NOT NULL,
    pictures INTEGER NOT NULL, silent INTEGER NOT NULL,
    mean_low REAL, mean_high REAL, mean_sum BLOB NOT NULL, mean_ranking BLOB NOT NULL, mean_histogram BLOB NOT NULL,
    max_low REAL, max_high REAL, max_sum BLOB NOT NULL, max_ranking BLOB NOT NULL, max_histogram BLOB NOT NULL);
CREATE TABLE pictures (
    picture INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    seen_x REAL NOT NULL, seen_y REAL NOT NULL, seen_width REAL NOT NULL, seen_height REAL NOT NULL);
CREATE TABLE files (
    path BLOB PRIMARY KEY, bytes INTEGER NOT NULL, modified INTEGER NOT NULL, picture INTEGER, problem TEXT)
    WITHOUT ROWID;
CREATE INDEX files_by_picture ON files (picture, path);
";

/// Facts that count rows, because SQLite would walk over all of them.
const COUNTS: [&str; 3] = ["pictures", "files", "broken"];

/// All units.
pub(super) const UNITS: &str = "SELECT * FROM units";

/// One of them.
pub(super) const UNIT: &str = "SELECT * FROM units WHERE unit = ?1";

/// A picture with a file that holds it.
pub(super) const PICTURE: &str = "
SELECT pictures.*, (SELECT path FROM files WHERE files.picture = pictures.picture ORDER BY path LIMIT 1) AS path
FROM pictures WHERE picture = ?1";

/// Why the content of a file cannot be read.
pub(super) enum Unreadable {
    Sqlite(rusqlite::Error),
    Content(String),
}

impl From<rusqlite::Error> for Unreadable {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(super) fn create(connection: &mut Connection, about: &About) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let made: bool = transaction.query_row("SELECT count(*) > 0 FROM sqlite_schema", [], |row| row.get(0))?;
    if made {
        // Another process was faster.
        return Ok(());
    }
    transaction.execute_batch(TABLES)?;
    let mut fact = transaction.prepare("INSERT INTO about VALUES (?1, ?2)")?;
    fact.execute(params!["version", VERSION])?;
    fact.execute(params!["made_by", concat!("lensor ", env!("CARGO_PKG_VERSION"))])?;
    fact.execute(params!["network", about.network])?;
    fact.execute(params!["model", about.model])?;
    fact.execute(params!["preparation", about.preparation])?;
    fact.execute(params!["input_height", about.input[0] as i64])?;
    fact.execute(params!["input_width", about.input[1] as i64])?;
    fact.execute(params!["folder", about.folder.as_os_str().as_encoded_bytes()])?;
    fact.execute(params!["shard", about.shard.index])?;
    fact.execute(params!["shards", about.shard.count])?;
    fact.execute(params!["most", about.most as i64])?;
    fact.execute(params!["revision", 0])?;
    fact.execute(params!["finished", false])?;
    for name in COUNTS {
        fact.execute(params![name, 0])?;
    }
    drop(fact);
    let mut insert = transaction.prepare("INSERT INTO layers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
    for (index, layer) in about.layers.iter().enumerate() {
        let [size, jump, start] = match layer.field {
            ReceptiveField::Window { size, jump, start } => [size, jump, start].map(|pair| pair.map(Some)),
            ReceptiveField::Whole => [[None; 2]; 3],
        };
        let [index, channels, height, width] =
            [index, layer.channels, layer.height, layer.width].map(|size| size as i64);
        let field = [size[0], size[1], jump[0], jump[1], start[0], start[1]];
        let [a, b, c, d, e, f] = field;
        insert.execute(params![index, layer.name, channels, height, width, a, b, c, d, e, f])?;
    }
    drop(insert);
    transaction.commit()
}

pub(super) fn read(connection: &Connection) -> Result<(About, i64), Unreadable> {
    let fact = |name: &str| -> Result<rusqlite::types::Value, Unreadable> {
        let found = connection.query_row("SELECT value FROM about WHERE name = ?1", [name], |row| row.get(0));
        found.optional()?.ok_or_else(|| Unreadable::Content(format!("it does not say its {name}")))
    };
    let wrong = |name: &str| Unreadable::Content(format!("its {name} makes no sense"));
    let number = |name: &str| match fact(name)? {
        rusqlite::types::Value::Integer(number) => Ok(number),
        _ => Err(wrong(name)),
    };
    let bytes = |name: &str| match fact(name)? {
        rusqlite::types::Value::Blob(bytes) => Ok(bytes),
        rusqlite::types::Value::Text(text) => Ok(text.into_bytes()),
        _ => Err(wrong(name)),
    };
    let size = |name: &str| usize::try_from(number(name)?).map_err(|_| wrong(name));
    let hash = |name: &str| Hash::try_from(bytes(name)?).map_err(|_| wrong(name));
    let version = number("version")?;
    if version != VERSION {
        return Err(Unreadable::Content(format!(
            "its tables are of version {version}, and this lensor reads {VERSION}"
        )));
    }
    let mut layers = connection.prepare("SELECT * FROM layers ORDER BY layer")?;
    let about = About {
        network: String::from_utf8_lossy(&bytes("network")?).into_owned(),
        model: hash("model")?,
        preparation: hash("preparation")?,
        input: [size("input_height")?, size("input_width")?],
        folder: path(bytes("folder")?),
        shard: Shard::new(size("shard")? as u32, size("shards")? as u32).map_err(|_| wrong("shard"))?,
        most: size("most")?,
        layers: layers.query_map([], layer)?.collect::<rusqlite::Result<_>>()?,
    };
    Ok((about, number("revision")?))
}

fn layer(row: &Row<'_>) -> rusqlite::Result<IndexedLayer> {
    let size = |name: &str| row.get::<_, u32>(name).map(|size| size as usize);
    let pair = |first: &str, second: &str| -> rusqlite::Result<Option<[f64; 2]>> {
        let (first, second): (Option<f64>, Option<f64>) = (row.get(first)?, row.get(second)?);
        Ok(first.zip(second).map(|(first, second)| [first, second]))
    };
    let field = match (
        pair("field_height", "field_width")?,
        pair("jump_down", "jump_across")?,
        pair("start_top", "start_left")?,
    ) {
        (Some(size), Some(jump), Some(start)) => ReceptiveField::Window { size, jump, start },
        _ => ReceptiveField::Whole,
    };
    let (channels, height, width) = (size("channels")?, size("height")?, size("width")?);
    Ok(IndexedLayer { name: row.get("name")?, channels, height, width, field })
}

pub(super) fn unit(row: &Row<'_>) -> rusqlite::Result<UnitTally> {
    let count = |name: &str| row.get::<_, i64>(name).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(UnitTally {
        mean: column(row, "mean")?,
        max: column(row, "max")?,
        pictures: count("pictures")?,
        silent: count("silent")?,
    })
}

fn column(row: &Row<'_>, name: &str) -> rusqlite::Result<Column> {
    let bytes = |part: &str| row.get::<_, Vec<u8>>(format!("{name}_{part}").as_str());
    let bound = |part: &str| row.get::<_, f64>(format!("{name}_{part}").as_str()).map(|bound| bound as f32);
    let broken = || rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, format!("broken {name} of a unit").into());
    Ok(Column {
        ranking: Ranking::from_bytes(&bytes("ranking")?).ok_or_else(broken)?,
        histogram: Histogram::from_bytes(&bytes("histogram")?).ok_or_else(broken)?,
        sum: i128::from_le_bytes(bytes("sum")?.try_into().map_err(|_| broken())?),
        low: bound("low")?,
        high: bound("high")?,
    })
}

fn one_picture(row: &Row<'_>) -> rusqlite::Result<IndexedPicture> {
    let seen = |name: &str| row.get::<_, f64>(name).map(|value| value as f32);
    let (x, y, width, height) = (seen("seen_x")?, seen("seen_y")?, seen("seen_width")?, seen("seen_height")?);
    let size = (row.get("width")?, row.get("height")?);
    Ok(IndexedPicture { hash: row.get("sha256")?, size, seen: Rect { x, y, width, height } })
}

pub(super) fn picture(row: &Row<'_>) -> rusqlite::Result<(IndexedPicture, PathBuf)> {
    let path: Option<Vec<u8>> = row.get("path")?;
    Ok((one_picture(row)?, self::path(path.unwrap_or_default())))
}

pub(super) fn pictures(connection: &Connection) -> rusqlite::Result<Vec<IndexedPicture>> {
    let mut statement = connection.prepare("SELECT * FROM pictures ORDER BY picture")?;
    statement.query_map([], one_picture)?.collect()
}

pub(super) fn files(connection: &Connection) -> rusqlite::Result<Vec<IndexedFile>> {
    let mut statement = connection.prepare("SELECT * FROM files ORDER BY path")?;
    let file = |row: &Row<'_>| {
        let picture: Option<i64> = row.get("picture")?;
        let problem: Option<String> = row.get("problem")?;
        Ok(IndexedFile {
            path: path(row.get("path")?),
            bytes: row.get::<_, i64>("bytes")? as u64,
            modified: row.get("modified")?,
            holds: picture.map(|picture| picture as u64).ok_or_else(|| problem.unwrap_or_default()),
        })
    };
    statement.query_map([], file)?.collect()
}

pub(super) fn broken(connection: &Connection, most: usize) -> rusqlite::Result<Vec<(PathBuf, String)>> {
    let broken = "SELECT path, problem FROM files WHERE picture IS NULL ORDER BY path LIMIT ?1";
    let mut statement = connection.prepare(broken)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    statement.query_map([most], |row| Ok((path(row.get(0)?), row.get(1)?)))?.collect()
}

/// For each file in turn: its path, bytes and time of change.
pub(super) fn each_file(connection: &Connection, mut tell: impl FnMut(&[u8], u64, i64)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT path, bytes, modified FROM files")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tell(row.get_ref(0)?.as_bytes()?, row.get::<_, i64>(1)? as u64, row.get(2)?);
    }
    Ok(())
}

/// For each picture in turn: its key.
pub(super) fn each_picture(connection: &Connection, mut tell: impl FnMut(u64)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT picture FROM pictures")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tell(row.get::<_, i64>(0)? as u64);
    }
    Ok(())
}

/// For each unit in turn: its place among all, and whether it was silent for every picture.
pub(super) fn each_unit(connection: &Connection, mut tell: impl FnMut(usize, bool)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT unit, pictures > 0 AND silent = pictures FROM units")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tell(row.get::<_, i64>(0)? as usize, row.get(1)?);
    }
    Ok(())
}

/// Pictures, files that hold them, and files that could not be used.
fn counts(connection: &Connection) -> rusqlite::Result<[i64; 3]> {
    let mut counts = [0; 3];
    for (name, count) in COUNTS.iter().zip(&mut counts) {
        *count = connection.query_row("SELECT value FROM about WHERE name = ?1", [name], |row| row.get(0))?;
    }
    Ok(counts)
}

pub(super) fn extent(connection: &Connection) -> rusqlite::Result<Extent> {
    let [pictures, files, broken] = counts(connection)?.map(|count| count as u64);
    let finished = "SELECT value FROM about WHERE name = 'finished'";
    let mut runners = connection.prepare("SELECT value FROM about WHERE name LIKE 'runner %' ORDER BY name")?;
    Ok(Extent {
        pictures,
        files,
        broken,
        finished: connection.query_row(finished, [], |row| row.get(0))?,
        runners: runners.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
    })
}

pub(super) fn revision(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT value FROM about WHERE name = 'revision'", [], |row| row.get(0))
}

/// Writes an addition. `place` tells the layer and the channel of a unit by its place among all.
pub(super) fn write(
    transaction: &Transaction<'_>,
    addition: &Addition,
    place: impl Fn(usize) -> (usize, usize),
    revision: i64,
) -> rusqlite::Result<()> {
    let replace = "REPLACE INTO units VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let mut insert = transaction.prepare(replace)?;
    for (unit, kept) in &addition.units {
        let (layer, channel) = place(*unit);
        let UnitTally { mean, max, pictures, silent } = kept;
        insert.execute(params![
            *unit as i64,
            layer as i64,
            channel as i64,
            *pictures as i64,
            *silent as i64,
            f64::from(mean.low),
            f64::from(mean.high),
            mean.sum.to_le_bytes(),
            mean.ranking.to_bytes(),
            mean.histogram.to_bytes(),
            f64::from(max.low),
            f64::from(max.high),
            max.sum.to_le_bytes(),
            max.ranking.to_bytes(),
            max.histogram.to_bytes(),
        ])?;
    }
    let mut insert = transaction.prepare("INSERT INTO pictures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for IndexedPicture { hash, size, seen } in &addition.pictures {
        let [x, y, width, height] = [seen.x, seen.y, seen.width, seen.height].map(f64::from);
        insert.execute(params![short(hash) as i64, hash, size.0, size.1, x, y, width, height])?;
    }
    let [mut pictures, mut files, mut broken] = counts(transaction)?;
    pictures += addition.pictures.len() as i64;
    let mut known = transaction.prepare("SELECT picture IS NULL FROM files WHERE path = ?1")?;
    let mut insert = transaction.prepare("REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for file in &addition.files {
        let (picture, problem) = match &file.holds {
            Ok(picture) => (Some(*picture as i64), None),
            Err(problem) => (None, Some(problem.as_str())),
        };
        let path = file.path.as_os_str().as_encoded_bytes();
        match known.query_row([path], |row| row.get(0)).optional()? {
            Some(true) => broken -= 1,
            Some(false) => files -= 1,
            None => {}
        }
        *(if picture.is_some() { &mut files } else { &mut broken }) += 1;
        insert.execute(params![path, file.bytes as i64, file.modified, picture, problem])?;
    }
    let mut fact = transaction.prepare("REPLACE INTO about VALUES (?1, ?2)")?;
    for runner in &addition.runners {
        fact.execute(params![format!("runner {}", &hex(&of_picture(runner.as_bytes()))[..16]), runner])?;
    }
    fact.execute(params!["finished", addition.finished])?;
    for (name, count) in COUNTS.iter().zip([pictures, files, broken]) {
        fact.execute(params![name, count])?;
    }
    fact.execute(params!["revision", revision])?;
    Ok(())
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
