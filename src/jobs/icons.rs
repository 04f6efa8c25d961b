//! Icons of a layer's channels, made once for a network and kept on disk.
//!
//! Owns the files: a PNG for each layer of each network with its tiles one below the other, in lensor's cache folder, up to
//! a number of bytes. Must not know how an icon is made or where it is shown.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use image::{GenericImageView, RgbImage, imageops};
use sha2::{Digest, Sha256};

use crate::config::paths;
use crate::engine::Cancel;
use crate::export::png;
use crate::index::key;
use crate::interpretation::maximization::icons::{self, Icon};
use crate::interpretation::maximization::{Ascent, MaximizationError, Parameters};
use crate::network::Network;
use crate::paint::tile;

/// Bytes of icons that are kept on disk; those not looked at for longest go first.
const LIMIT: u64 = 512 << 20;

/// Under which keyword a file notes which channels it has.
const MADE: &str = "Made";

/// The icons of a layer, as far as they are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Icons {
    /// A picture for each channel that has one.
    pub tiles: Vec<Option<Arc<RgbImage>>>,
    /// Width and height of each, pixels.
    pub size: (u32, u32),
}

impl Icons {
    /// Icons of a layer of which none is made.
    pub fn none(network: &Network, layer: usize, parameters: &Parameters) -> Self {
        let [height, width] = Ascent::size_for(network, parameters);
        let channels = network.layers().get(layer).map_or(0, |of| of.channels);
        Self::new(channels, (width as u32, height as u32))
    }

    fn new(channels: usize, size: (u32, u32)) -> Self {
        Self { tiles: vec![None; channels], size }
    }

    /// The icon of a channel, if it is made.
    pub fn tile(&self, channel: usize) -> Option<&Arc<RgbImage>> {
        self.tiles.get(channel)?.as_ref()
    }

    /// How many are made.
    pub fn made(&self) -> usize {
        self.tiles.iter().flatten().count()
    }

    /// Bytes it holds, about.
    pub fn bytes(&self) -> usize {
        self.made() * (self.size.0 * self.size.1 * 3) as usize
    }

    fn take(&mut self, icons: Vec<Icon>) {
        for Icon { channel, colours, .. } in icons {
            if let Some(tile) = self.tiles.get_mut(channel) {
                *tile = Some(Arc::new(tile::picture(colours.view())));
            }
        }
    }

    /// Takes those that it lacks.
    fn complete_from(&mut self, other: Self) {
        let pairs = self.tiles.iter_mut().zip(other.tiles);
        pairs.filter(|(mine, _)| mine.is_none()).for_each(|(mine, other)| *mine = other);
    }
}

/// Where the icons of one network are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    limit: u64,
    /// The hash of the network, once it was needed: a large file takes seconds.
    model: OnceLock<Option<key::Hash>>,
}

impl Store {
    /// The store in the user's cache folder; `None` on a machine without one.
    pub fn of_user() -> Option<Self> {
        paths::cache().map(|cache| Self::new(cache.join("icons"), LIMIT))
    }

    fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit, model: OnceLock::new() }
    }

    /// Icons of a layer that are kept already, however they were made; empty ones where there are none.
    pub fn find(&self, network: &Network, layer: usize) -> Icons {
        let ways = icons::all_parameters(network);
        let found = ways.iter().map(|parameters| self.load(network, layer, parameters));
        found.max_by_key(Icons::made).unwrap_or_else(|| Icons::new(0, (1, 1)))
    }

    /// Icons that are kept already; empty ones where there are none.
    pub fn load(&self, network: &Network, layer: usize, parameters: &Parameters) -> Icons {
        let empty = Icons::none(network, layer, parameters);
        let kept = self.path(network, layer, parameters).and_then(|path| read(&path, &empty));
        kept.unwrap_or(empty)
    }

    /// Keeps icons, with those that were kept before. Where that fails they are made again another time.
    fn save(&self, network: &Network, layer: usize, parameters: &Parameters, icons: &mut Icons) {
        icons.complete_from(self.load(network, layer, parameters));
        let Some(path) = self.path(network, layer, parameters) else { return };
        let written = fs::create_dir_all(&self.folder).map_err(|error| error.to_string());
        let written = written.and_then(|()| write(&path, icons).map_err(|error| error.to_string()));
        match written {
            Ok(()) => self.prune(),
            Err(error) => tracing::warn!(%error, "icons could not be kept"),
        }
    }

    /// The file of a layer: its name is a hash of all that the icons depend on.
    fn path(&self, network: &Network, layer: usize, parameters: &Parameters) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        hash.update(self.model.get_or_init(|| key::of_model(network.model()).ok()).as_ref()?);
        hash.update(&network.layers().get(layer)?.tensor);
        hash.update(key::of_preparation(network.preprocess()));
        hash.update(serde_json::to_vec(parameters).ok()?);
        hash.update(env!("CARGO_PKG_VERSION"));
        Some(self.folder.join(key::hex(&hash.finalize()[..16])).with_extension("png"))
    }

    /// Removes what was not looked at for longest until the rest fits.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let known = entries.flatten().filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file())?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        });
        let mut known: Vec<(SystemTime, u64, PathBuf)> = known.collect();
        known.sort();
        let mut bytes: u64 = known.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in known {
            if bytes <= self.limit {
                return;
            }
            // Another process may have been faster.
            let _ = fs::remove_file(path);
            bytes -= size;
        }
    }
}

/// Makes the icons of a layer that are not kept yet, those of `first` before the others. `tell` sees what there is, before
/// the first and after every batch, with the share of the work that is done. What a cancel leaves is what was done by then.
pub fn fill(
    network: &mut Network,
    layer: usize,
    parameters: &Parameters,
    first: &[usize],
    store: Option<&Store>,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Option<&Icons>, f64),
) -> Result<Icons, MaximizationError> {
    let mut all = match store {
        Some(store) => store.load(network, layer, parameters),
        None => Icons::none(network, layer, parameters),
    };
    let count = all.tiles.len();
    let mut order: Vec<usize> = first.iter().copied().filter(|channel| *channel < count).collect();
    order.extend((0..count).filter(|channel| !first.contains(channel)));
    order.retain(|channel| all.tile(*channel).is_none());
    tell(Some(&all), 0.0);
    let mut batches = icons::Batches::new(network, layer, parameters, order)?;
    while let Some(made) = batches.next(network, cancel, &mut |share| tell(None, share))? {
        all.take(made);
        if let Some(store) = store {
            store.save(network, layer, parameters, &mut all);
        }
        tell(Some(&all), batches.share());
    }
    Ok(all)
}

/// Tiles one below the other, and which of them are made.
fn write(path: &Path, icons: &Icons) -> Result<(), crate::export::ExportError> {
    let (width, height) = icons.size;
    let mut sheet = RgbImage::new(width, height * icons.tiles.len() as u32);
    let mut made = Vec::new();
    for (channel, tile) in icons.tiles.iter().enumerate() {
        if let Some(tile) = tile {
            imageops::replace(&mut sheet, tile.as_ref(), 0, channel as i64 * i64::from(height));
            made.push(channel.to_string());
        }
    }
    png::write(path, &sheet, &[(MADE, made.join(" "))])
}

/// `None` for a file that is not there, or not what was written.
fn read(path: &Path, like: &Icons) -> Option<Icons> {
    let file = File::open(path).ok()?;
    // A file that is looked at is a file to keep; where that cannot be noted it goes sooner.
    let _ = file.set_modified(SystemTime::now());
    let (width, height) = like.size;
    let mut reader = ::png::Decoder::new(BufReader::new(file)).read_info().ok()?;
    let info = reader.info();
    let made = info.utf8_text.iter().find(|note| note.keyword == MADE)?.get_text().ok()?;
    let size = (info.width, info.height);
    let usual = (info.color_type, info.bit_depth) == (::png::ColorType::Rgb, ::png::BitDepth::Eight);
    if !usual || size != (width, height * like.tiles.len() as u32) {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    let sheet = RgbImage::from_raw(size.0, size.1, pixels)?;
    let mut icons = like.clone();
    for channel in made.split(' ').filter_map(|channel| channel.parse::<usize>().ok()) {
        let tile = sheet.view(0, channel as u32 * height, width, height).to_image();
        *icons.tiles.get_mut(channel)? = Some(Arc::new(tile));
    }
    Some(icons)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::fixtures::{network, tiny_a};

    fn short(network: &mut Network, layer: usize) -> Parameters {
        Parameters { steps: 3, ..icons::parameters(network, layer) }
    }

    #[test]
    fn icons_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("icons"), LIMIT);
        let (mut network, cancel) = (network(tiny_a()), Cancel::new());
        let parameters = short(&mut network, 2);
        let mut seen = Vec::new();
        let made = fill(&mut network, 2, &parameters, &[7], Some(&store), &cancel, &mut |icons, share| {
            if let Some(icons) = icons {
                seen.push((icons.made(), share));
            }
        });
        let made = made.unwrap();
        assert_eq!(
            (made.made(), made.size, seen.first(), seen.last()),
            (12, (16, 16), Some(&(0, 0.0)), Some(&(12, 1.0)))
        );
        let mut steps = 0;
        let again = fill(&mut network, 2, &parameters, &[], Some(&store), &cancel, &mut |_, _| steps += 1).unwrap();
        assert_eq!((again, steps), (made.clone(), 1), "nothing is climbed");
        assert_eq!(store.find(&network, 2).made(), 0, "these are not made as icons usually are");
        let usual = icons::parameters(&mut network, 2);
        store.save(&network, 2, &usual, &mut made.clone());
        assert_eq!((store.find(&network, 2), store.find(&network, 0).made()), (made.clone(), 0));
        let other = fill(&mut network, 0, &parameters, &[], None, &cancel, &mut |_, _| ()).unwrap();
        assert_eq!(other.made(), 8);
        let parameters = Parameters { seed: 1, ..parameters };
        assert_eq!(store.load(&network, 2, &parameters).made(), 0, "another seed, other icons");
    }

    #[test]
    fn a_cancel_keeps_the_batches_that_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("icons"), LIMIT);
        let (mut network, cancel) = (network(tiny_a()), Cancel::new());
        cancel.cancel();
        let parameters = short(&mut network, 2);
        let mut made = |cancel: &Cancel| {
            fill(&mut network, 2, &parameters, &[], Some(&store), cancel, &mut |_, _| ()).unwrap().made()
        };
        assert_eq!((made(&cancel), made(&Cancel::new())), (0, 12));
    }

    #[test]
    fn what_is_broken_is_as_if_it_were_not_there_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut icons = Icons::new(2, (4, 3));
        icons.tiles[1] = Some(Arc::new(RgbImage::from_pixel(4, 3, Rgb([9, 8, 7]))));
        let path = folder.path().join("a.png");
        write(&path, &icons).unwrap();
        assert_eq!(read(&path, &Icons::new(2, (4, 3))), Some(icons.clone()));
        assert_eq!(read(&path, &Icons::new(3, (4, 3))), None);
        let bytes = fs::read(&path).unwrap();
        fs::write(folder.path().join("b.png"), &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(read(&folder.path().join("b.png"), &Icons::new(2, (4, 3))), None);
        let old = SystemTime::UNIX_EPOCH;
        File::options().append(true).open(folder.path().join("b.png")).unwrap().set_modified(old).unwrap();
        Store::new(folder.path().to_owned(), bytes.len() as u64).prune();
        assert!(path.exists() && !folder.path().join("b.png").exists());
    }
}
