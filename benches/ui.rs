//! From a key to the bytes for the terminal: a step of the cursor in the views 2 to 6, changes of appearance, and steps
//! along the path.
//!
//! ResNet-18 at 224×224 with a picture of 512×512, a window of 160×48 cells of 10×20 pixels. Counted is everything from
//! the key to the last picture of the canvas: what follows from the key, map, painting, encoding, and the frame. What the
//! engine answers is there already: icons and top pictures are made up, and climbs end after a few steps.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench that cannot go on stops, and says what it found"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::KeyEvent;
use image::RgbImage;
use lensor::app::state::{Pane, Start, State};
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

#[path = "support/made_up.rs"]
mod made_up;
#[path = "support/resnet.rs"]
mod resnet;

type Group<'g> = BenchmarkGroup<'g, WallTime>;

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
        let (mut state, _) = State::new(Start {
            ground: None,
            folder: None,
            encoding: Encoding { graphics, cell: (10, 20), registers: 256, tmux: false },
            theme: (themes.get("dark").unwrap(), themes),
            keys: None,
            model: None,
            model_flags: Vec::new(),
            pictures: vec![("picture.png".to_owned(), "picture.png".to_owned())],
            look: Look::default(),
        });
        state.chosen_method = MethodId::GradientInput;
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
            let canvas = ui::panes::canvas(state);
            canvas.iter().filter(|pane| pane.subject.is_some()).all(|pane| settled(&state.panes, pane.place))
        });
        let mut bytes = Vec::new();
        self.writer.draw(ui::view(&self.state), &mut bytes).unwrap();
        bytes.len()
    }

    /// To a view, until all of it is there.
    fn go(&mut self, digit: &str) {
        self.press(digit);
        self.wait(State::is_idle);
    }
}

fn settled(panes: &BTreeMap<u32, Pane>, place: u32) -> bool {
    let pane = panes.get(&place);
    pane.and_then(|pane| Some(pane.ordered.as_ref()?.0 == pane.shown.as_ref()?.serial)).unwrap_or(false)
}

/// Measures two keys in turn, each of which takes back the other.
fn measure(group: &mut Group<'_>, what: BenchmarkId, program: &mut Program, keys: [&str; 2]) {
    // What the engine says to either is known afterwards.
    let bytes = keys.map(|key| {
        let bytes = program.press(key);
        program.wait(State::is_idle);
        bytes
    });
    let (mut turn, mut sum, mut count) = (0, 0, 0);
    group.bench_function(what, |bencher| {
        bencher.iter(|| {
            turn = 1 - turn;
            sum += program.press(keys[1 - turn]);
            count += 1;
        });
    });
    println!("first {bytes:?} bytes, then {} on average", sum / count.max(1));
}

fn keys(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resnet18.onnx");
    std::fs::write(&file, resnet::resnet18()).unwrap();
    let mut group = criterion.benchmark_group("key to bytes");
    group.sample_size(30).measurement_time(Duration::from_secs(4));
    let made_up = made_up::MadeUp::in_folder(folder.path());
    for graphics in [Graphics::Kitty, Graphics::Sixel, Graphics::Halfblocks] {
        let mut program = Program::start(graphics, Source::File(file.clone()));
        let layers = &program.state.facts().unwrap().layers;
        program.state.cursor.layer = layers.iter().position(|layer| layer.name == "layer1.0.conv1").unwrap();
        made_up.insert(&mut program.state);
        let named = |what| BenchmarkId::new(what, graphics);
        program.go("2");
        measure(&mut group, named("2 filters, cursor"), &mut program, ["Right", "Left"]);
        program.go("Enter");
        measure(&mut group, named("2 filter at work, position"), &mut program, ["Right", "Left"]);
        program.go("Esc");
        program.go("3");
        measure(&mut group, named("3 maps, cursor"), &mut program, ["Right", "Left"]);
        measure(&mut group, named("3 maps, layer"), &mut program, ["]", "["]);
        program.go("Enter");
        measure(&mut group, named("3 one map, channel"), &mut program, ["Right", "Left"]);
        program.go("Esc");
        program.go("4");
        measure(&mut group, named("4 top pictures, channel"), &mut program, ["Right", "Left"]);
        program.go("5");
        measure(&mut group, named("5 maximise, channel"), &mut program, ["Right", "Left"]);
        program.go("6");
        measure(&mut group, named("6 circuit, neighbour"), &mut program, ["Down", "Up"]);
        measure(&mut group, named("6 circuit, position"), &mut program, ["Shift-Right", "Shift-Left"]);
        measure(&mut group, named("6 circuit, channel"), &mut program, [".", ","]);
        program.go("7");
        for (what, keys) in
            [("7 colormap", ["v", "V"]), ("7 aggregation", ["r", "R"]), ("7 view", ["o", "O"]), ("7 blur", ["s", "S"])]
        {
            measure(&mut group, named(what), &mut program, keys);
        }
        program.go("8");
        measure(&mut group, named("8 α"), &mut program, ["Right", "Left"]);
    }
    group.finish();
}

criterion_group!(benches, keys);
criterion_main!(benches);
