//! Putting shards together.
//!
//! Everything in an index adds up exactly, so the whole is what one run over all pictures gives, bit for bit, where the
//! shards were run by the same runtime on processors of the same kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::shard::Shard;
use super::store::{About, Addition};
use super::{IndexError, Store, place};
use crate::interpretation::prototypes::tally::Tally;

/// What was put together.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Merged {
    /// The new index.
    pub index: PathBuf,
    /// How many shards it is of.
    pub shards: usize,
    /// Those that are missing or were not finished.
    pub lacking: Vec<String>,
    /// Pictures in it.
    pub pictures: usize,
    /// What ran them, if it was not the same for all.
    pub runners: Vec<String>,
}

/// Puts shards together in a new file, which takes the place of `into` when it is complete; without `into`, of the index
/// that a single run would have made. `partial` does with shards that are missing or were not finished.
pub fn merge(shards: &[PathBuf], into: Option<&Path>, partial: bool) -> Result<Merged, IndexError> {
    let wrong = |what: String| Err(IndexError::Shards(what));
    let stores = shards.iter().map(|path| Store::open(path)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = stores.first() else { return wrong("name the shards to put together".to_owned()) };
    let whole = About { shard: Shard::default(), ..first.about().clone() };
    let mut lacking = Vec::new();
    let mut given = BTreeSet::new();
    for store in &stores {
        let about = store.about();
        let path = store.path().display();
        if (About { shard: Shard::default(), ..about.clone() }) != whole
            || about.shard.count != first.about().shard.count
        {
            return wrong(format!(
                "{path} is of another network, folder, number of shards or length of rankings than {}",
                first.path().display()
            ));
        }
        if !given.insert(about.shard.index) {
            return wrong(format!("{path} is shard {} once more: name every shard once", about.shard));
        }
        if !store.extent()?.finished {
            lacking.push(format!("shard {} was not finished ({path})", about.shard));
        }
    }
    let count = first.about().shard.count;
    lacking.extend((1..=count).filter(|index| !given.contains(index)).map(|i| format!("shard {i}/{count} is missing")));
    if !lacking.is_empty() && !partial {
        return wrong(format!("{}: run them, or say --partial to go on without", lacking.join(", ")));
    }
    let path = match into {
        Some(path) => path.to_owned(),
        None => place::of_folder(&whole.model, &whole.preparation, &whole.folder, whole.shard)?,
    };
    if let Some(shard) = stores.iter().find(|store| same(store.path(), &path)) {
        return wrong(format!("{} is one of the shards: name another file with --index", shard.path().display()));
    }
    let (addition, pictures) = together(&stores, &whole, lacking.is_empty())?;
    let runners = if addition.runners.len() > 1 { addition.runners.clone() } else { Vec::new() };
    let io = |source| IndexError::Io { path: path.clone(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let made = tempfile::Builder::new().prefix(".lensor-").tempdir_in(folder).map_err(io)?;
    let file = made.path().join("index.sqlite");
    let mut store = Store::open_or_create(&file, &whole)?;
    store.write(&addition)?;
    drop(store);
    std::fs::rename(&file, &path).map_err(io)?;
    Ok(Merged { index: path, shards: stores.len(), lacking, pictures, runners })
}

/// All that the shards hold, and how many pictures that is.
fn together(stores: &[Store], whole: &About, finished: bool) -> Result<(Addition, usize), IndexError> {
    let mut tally = Tally::new(&whole.channels(), whole.most);
    let (mut addition, mut runners) = (Addition { finished, ..Addition::default() }, BTreeSet::new());
    let mut known = BTreeSet::new();
    for store in stores {
        tally.merge(&store.tally()?);
        runners.extend(store.extent()?.runners);
        for picture in store.pictures()? {
            if !known.insert(super::key::short(&picture.hash)) {
                return Err(IndexError::Shards(format!(
                    "{} holds a picture that another shard holds too ({}): files were changed between the runs; make the \
                     shards again",
                    store.path().display(),
                    super::key::hex(&picture.hash)
                )));
            }
            addition.pictures.push(picture);
        }
        addition.files.extend(store.files()?);
    }
    addition.runners = runners.into_iter().collect();
    if !addition.pictures.is_empty() {
        addition.units = tally.units().iter().cloned().enumerate().collect();
    }
    let pictures = addition.pictures.len();
    Ok((addition, pictures))
}

fn same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}
