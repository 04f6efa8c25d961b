//! From a key to the bytes for the terminal: changes of appearance, and steps along the path.
//!
//! ResNet-18 at 224×224 with a picture of 512×512, a window of 160×48 cells of 10×20 pixels. Counted is everything from
//! the key to the last picture of the canvas: what follows from the key, map, painting, encoding, and the frame.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on stops")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyEvent, KeyModifiers};
use image::RgbImage;
use lensor::app::state::{Start, State};
use lensor::app::update::{Effect, Msg, update};
use lensor::attribution::MethodId;
use lensor::config::keys::Key;
use lensor::config::theme::Themes;
use lensor::engine::device::DeviceChoice;
use lensor::jobs::explainer::{Explainer, Recipe};
use lensor::jobs::painter::Painters;
use lensor::jobs::worker::Worker;
use lensor::look::Look;
use lensor::model::picture::Picture;
use lensor::model::source::Source;
use lensor::terminal::graphics::Graphics;
use lensor::terminal::picture::Encoding;
use lensor::terminal::probe::Depth;
use lensor::terminal::screen::Writer;
use lensor::ui;
use ratatui::layout::Size;

#[path = "support/resnet18.rs"]
mod resnet18;

/// Places of the canvas are below this; those of the strip follow.
const CANVAS: u32 = 16;

/// The program without its terminal.
struct Program {
    state: State,
    worker: Worker,
    painters: Painters,
    receiver: Receiver<Msg>,
    writer: Writer,
    picture: Arc<Picture>,
}

impl Program {
    fn start(graphics: Graphics, source: Source) -> Self {
        let (sender, receiver) = channel();
        let (to_job, to_painter) = (sender.clone(), sender);
        let recipe = Recipe {
            source,
            overrides: Default::default(),
            search: Default::default(),
            device: DeviceChoice::Cpu,
            threads: None,
        };
        let themes = Themes::load(None).0;
        let (state, _) = State::new(Start {
            ground: None,
            folder: None,
            encoding: Encoding { graphics, cell: (10, 20), registers: 256, tmux: false },
            theme: (themes.get("dark").unwrap(), themes),
            keys: None,
            model: None,
            model_flags: Vec::new(),
            pictures: vec![("picture.png".to_owned(), "picture.png".to_owned())],
            method: MethodId::GradientInput,
            look: Look::default(),
        });
        let rgb = RgbImage::from_fn(512, 512, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
        let mut program = Self {
            state,
            worker: Worker::start(Explainer::new(recipe, None), move |event| drop(to_job.send(Msg::Job(event))))
                .unwrap(),
            painters: Painters::start(move |made| drop(to_painter.send(Msg::Made(made)))).unwrap(),
            receiver,
            writer: Writer::new(Depth::True),
            picture: Arc::new(Picture::opaque("picture.png", rgb)),
        };
        program.apply(Msg::Resize(Size::new(160, 48), None));
        program.wait(|state| state.is_idle() && state.values().is_some());
        program
    }

    fn apply(&mut self, message: Msg) {
        let mut messages = VecDeque::from([message]);
        while let Some(message) = messages.pop_front() {
            for effect in update(&mut self.state, message) {
                match effect {
                    Effect::Read(at) => {
                        messages.push_back(Msg::Read(at, Ok((self.picture.clone(), self.picture.clone()))))
                    }
                    Effect::Submit(request) => self.worker.submit(request),
                    Effect::Cancel => self.worker.cancel(),
                    Effect::Paint(serial, order) => self.painters.order(serial, order),
                    _ => {}
                }
            }
        }
    }

    fn wait(&mut self, holds: impl Fn(&State) -> bool) {
        while !holds(&self.state) {
            let message = self.receiver.recv().unwrap();
            self.apply(message);
        }
    }

    /// Presses a key and returns the bytes of the frame in which the canvas shows what comes of it.
    fn press(&mut self, key: &str) -> usize {
        let key: Key = key.parse().unwrap();
        self.apply(Msg::Key(KeyEvent::new(key.code, key.modifiers)));
        self.wait(|state| {
            let canvas = state.panes.range(..CANVAS);
            let settled = |pane: &lensor::app::state::Pane| match (&pane.ordered, &pane.shown) {
                (Some((ordered, _)), Some(shown)) => *ordered == shown.serial,
                _ => false,
            };
            canvas.into_iter().all(|(_, pane)| settled(pane))
        });
        let mut bytes = Vec::new();
        self.writer.draw(ui::view(&self.state), &mut bytes).unwrap();
        bytes.len()
    }
}

fn keys(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resnet18.onnx");
    std::fs::write(&file, resnet18::model()).unwrap();
    let mut group = criterion.benchmark_group("key to bytes");
    group.sample_size(30).measurement_time(Duration::from_secs(4));
    for graphics in [Graphics::Kitty, Graphics::Sixel, Graphics::Halfblocks] {
        let mut program = Program::start(graphics, Source::File(file.clone()));
        for (what, key) in [("colormap", "v"), ("aggregation", "r"), ("view", "o")] {
            group.bench_function(BenchmarkId::new(what, graphics), |bencher| bencher.iter(|| program.press(key)));
        }
        let mut up = false;
        group.bench_function(BenchmarkId::new("blur", graphics), |bencher| {
            bencher.iter(|| {
                up = !up;
                program.press(if up { "s" } else { "S" })
            });
        });
        program.apply(Msg::Key(KeyEvent::new("8".parse::<Key>().unwrap().code, KeyModifiers::NONE)));
        program.wait(|state| state.is_idle() && state.path().is_some());
        let mut back = false;
        group.bench_function(BenchmarkId::new("α", graphics), |bencher| {
            bencher.iter(|| {
                back = !back;
                program.press(if back { "Left" } else { "Right" })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, keys);
criterion_main!(benches);
