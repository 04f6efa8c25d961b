//! Two threads that paint and encode, so that the thread that answers keys never does.
//!
//! For each place on the screen only the newest order waits. Must not know the layout or what follows from a picture.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use image::RgbImage;
use ratatui::layout::Size;

use super::subject::Subject;
use crate::map::Map;
use crate::terminal::picture::{Encoded, Encoding, scale};
use crate::terminal::screen::WORKER_THREADS;

/// Threads.
const PAINTERS: usize = 2;
/// Scaled pictures that a painter remembers: a screenful of thumbnails.
const SCALED: usize = 24;

/// A picture to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Place on the screen.
    pub place: u32,
    /// What is shown.
    pub subject: Subject,
    /// Cells there are for it.
    pub room: Size,
    /// How the terminal wants it.
    pub encoding: Encoding,
    /// Rises when the terminal has lost what it was sent.
    pub epoch: u64,
}

/// A picture that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The order.
    pub order: Order,
    /// When it was ordered: higher is later.
    pub serial: u64,
    /// The picture with the map it shows, or what went wrong.
    pub result: Result<(Arc<Encoded>, Option<Arc<Map>>), String>,
}

#[derive(Default)]
struct Queue {
    waiting: BTreeMap<u32, (u64, Order)>,
    /// The last picture of each place.
    made: HashMap<u32, Weak<Encoded>>,
    closed: bool,
}

/// The painters.
pub struct Painters {
    shared: Arc<(Mutex<Queue>, Condvar)>,
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Painters {
    /// Starts the threads; `done` is called from them.
    pub fn start(done: impl Fn(Made) + Clone + Send + 'static) -> std::io::Result<Self> {
        let shared: Arc<(Mutex<Queue>, Condvar)> = Arc::default();
        for index in 0..PAINTERS {
            let (shared, done) = (shared.clone(), done.clone());
            let name = format!("{WORKER_THREADS}-painter-{index}");
            std::thread::Builder::new().name(name).spawn(move || work(&shared, &done))?;
        }
        Ok(Self { shared })
    }

    /// Orders a picture, instead of any that waits for the same place.
    pub fn order(&self, serial: u64, order: Order) {
        lock(&self.shared.0).waiting.insert(order.place, (serial, order));
        self.shared.1.notify_one();
    }
}

impl Drop for Painters {
    fn drop(&mut self) {
        lock(&self.shared.0).closed = true;
        self.shared.1.notify_all();
    }
}

fn work(shared: &(Mutex<Queue>, Condvar), done: &impl Fn(Made)) {
    let mut scaled = Scaled::default();
    loop {
        let (serial, order, before) = {
            let mut queue = lock(&shared.0);
            loop {
                if queue.closed {
                    return;
                }
                // The lowest place first: the canvas before the strip.
                match queue.waiting.pop_first() {
                    Some((place, (serial, order))) => {
                        break (serial, order, queue.made.get(&place).and_then(Weak::upgrade));
                    }
                    None => queue = shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        let make = || make(&order, before.as_deref(), &mut scaled);
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(make));
        let result =
            made.unwrap_or_else(|_| Err("painting failed by a mistake of the program; see its log".to_owned()));
        if let Ok((picture, _)) = &result {
            lock(&shared.0).made.insert(order.place, Arc::downgrade(picture));
        }
        done(Made { order, serial, result });
    }
}

/// Paints and encodes an order. Of a picture that differs little from the one before, only the part that differs will be
/// written, and nothing is encoded before that.
fn make(
    order: &Order,
    before: Option<&Encoded>,
    scaled: &mut Scaled,
) -> Result<(Arc<Encoded>, Option<Arc<Map>>), String> {
    let cells = order.encoding.fit(order.subject.dimensions(), order.room);
    let painted = order.subject.paint(order.encoding.pixels(cells), &mut |picture, w, h| scaled.get(picture, w, h));
    let encoded = order.encoding.encode(&painted.pixels, cells, order.place).map_err(|error| error.to_string())?;
    if before.is_none_or(|before| encoded.changed(before).is_none()) {
        encoded.prepare().map_err(|error| error.to_string())?;
    }
    Ok((Arc::new(encoded), painted.map))
}

/// Pictures scaled before. A picture is known by where its pixels are and its size; [`Order`]s keep them alive while
/// they are shown, and a sample of the pixels tells a new picture in the place of an old one.
#[derive(Default)]
struct Scaled(Vec<(Identity, Arc<RgbImage>)>);

type Identity = (*const u8, u64, [u32; 4]);

impl Scaled {
    fn get(&mut self, picture: &RgbImage, width: u32, height: u32) -> Arc<RgbImage> {
        let raw = picture.as_raw();
        let sample =
            raw.iter().step_by(raw.len() / 97 + 1).fold(0, |hash: u64, &v| hash.wrapping_mul(31) + u64::from(v));
        let identity = (raw.as_ptr(), sample, [picture.width(), picture.height(), width, height]);
        if let Some(at) = self.0.iter().position(|(known, _)| *known == identity) {
            let found = self.0.remove(at);
            self.0.push(found);
        } else {
            if self.0.len() == SCALED {
                self.0.remove(0);
            }
            self.0.push((identity, Arc::new(scale(picture, width, height))));
        }
        self.0.last().map_or_else(|| Arc::new(picture.clone()), |(_, scaled)| scaled.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::model::picture::Picture;
    use crate::terminal::graphics::Graphics;

    #[test]
    fn an_order_comes_back_fitted_with_its_serial() {
        let (sender, receiver) = mpsc::channel();
        let painters = Painters::start(move |made| drop(sender.send(made))).unwrap();
        let rgb = RgbImage::from_pixel(400, 200, image::Rgb([9, 9, 9]));
        let subject = Subject::Photo(Arc::new(Picture::opaque("p", rgb)));
        let encoding = Encoding { graphics: Graphics::Sixel, cell: (10, 20), registers: 256, tmux: false };
        painters.order(7, Order { place: 3, subject, room: Size::new(40, 20), encoding, epoch: 0 });
        let made = receiver.recv().unwrap();
        assert_eq!((made.serial, made.order.place), (7, 3));
        assert_eq!(made.result.unwrap().0.size, Size::new(40, 10));
    }

    #[test]
    fn scaled_pictures_are_remembered_but_not_mistaken() {
        let mut scaled = Scaled::default();
        let mut picture = RgbImage::from_pixel(100, 100, image::Rgb([9, 9, 9]));
        let first = scaled.get(&picture, 10, 10);
        assert!(Arc::ptr_eq(&first, &scaled.get(&picture, 10, 10)));
        picture.fill(200);
        assert_eq!(scaled.get(&picture, 10, 10).get_pixel(5, 5).0, [200; 3]);
    }
}
