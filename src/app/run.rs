//! Carries out what follows from the state: the loop between keys, workers, painters and the screen.
//!
//! Owns all input and output of the program. Event driven: it sleeps until something happens, and draws at most one
//! frame per [`FRAME`]. Must not decide anything: that is [`update`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::late::Late;
use super::log;
use super::pictures::Reader;
use super::state::{Start, State, Toast};
use super::update::{Effect, Msg, update};
use crate::config::paths;
use crate::config::theme::{Theme, Themes};
use crate::export::{self, ExportError};
use crate::jobs::explainer::{Explainer, Recipe};
use crate::jobs::indexer::{self, Indexer, News};
use crate::jobs::painter::Painters;
use crate::jobs::subject::Subject;
use crate::jobs::worker::Worker;
use crate::look::Look;
use crate::model::bundled::Bundled;
use crate::model::gallery::Origin;
use crate::model::source::Source;
use crate::terminal::clipboard;
use crate::terminal::graphics::GraphicsChoice;
use crate::terminal::input;
use crate::terminal::picture::{Encoding, scale};
use crate::terminal::probe::{self, Capabilities, Depth};
use crate::terminal::screen::{self, Screen, WORKER_THREADS};
use crate::ui;

/// Least time between two frames.
pub const FRAME: Duration = Duration::from_millis(16);
/// How long the engine may take to stop at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the program is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The network and what it runs on.
    pub recipe: Recipe,
    /// The pictures.
    pub pictures: Vec<Origin>,
    /// How to draw pictures.
    pub graphics: GraphicsChoice,
    /// How maps look to begin with.
    pub look: Look,
}

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The terminal.
    #[error("the terminal cannot be used: {0}; lensor explain works without one")]
    Terminal(#[from] std::io::Error),
}

/// Runs the terminal UI until it is left; the exit code is 0, 130 after an interrupt, 128 + n after signal n.
pub fn run(mut options: Options) -> Result<ExitCode, RunError> {
    let origins = std::mem::take(&mut options.pictures);
    let _log = log::start();
    screen::prepare()?;
    let found = probe::ask(options.graphics);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = runtime.map_err(RunError::from).and_then(|runtime| runtime.block_on(serve(options, origins, found)));
    screen::restore();
    code.map(ExitCode::from)
}

/// What the loop talks to.
struct Lanes {
    screen: Screen,
    worker: Worker,
    painters: Painters,
    reader: Reader,
    /// What an index of the pictures' folder is made from.
    shelf: (Recipe, Option<PathBuf>),
    indexer: Option<Indexer>,
    sender: UnboundedSender<Msg>,
    tmux: bool,
    tick: Option<Instant>,
}

async fn serve(options: Options, origins: Vec<Origin>, found: Capabilities) -> Result<u8, RunError> {
    let folder = indexer::folder(&origins, paths::data().as_deref());
    let (mut state, said) = begin(&options, &origins, &found, folder.as_deref());
    let (sender, mut receiver) = unbounded_channel();
    let lost = Arc::new(Notify::new());
    let gone = lost.clone();
    let screen = Screen::open(found.depth, move || gone.notify_one())?;
    let (to_job, to_painter, to_reader) = (sender.clone(), sender.clone(), sender.clone());
    let shelf = (options.recipe.clone(), folder);
    let explainer = Explainer::new(options.recipe, shelf.1.clone());
    // A send fails only when the loop has ended, and then nobody waits for it.
    let mut lanes = Lanes {
        screen,
        worker: Worker::start(explainer, move |event| drop(to_job.send(Msg::Job(event))))?,
        painters: Painters::start(move |made| drop(to_painter.send(Msg::Made(made))))?,
        reader: Reader::start(origins, move |at, read| drop(to_reader.send(Msg::Read(at, read))))?,
        shelf,
        indexer: None,
        sender,
        tmux: found.tmux,
        tick: None,
    };
    let window = size(state.size);
    let mut code = lanes.apply(&mut state, Msg::Resize(window, None))?;
    for text in said {
        code = code.or(lanes.apply(&mut state, Msg::Say(Toast { text, bad: true }))?);
    }
    for key in &found.typed {
        code = code.or(lanes.apply(&mut state, Msg::Key(*key))?);
    }
    let code = match code {
        Some(code) => code,
        None => lanes.listen(&mut state, &mut receiver, &found, &lost).await?,
    };
    lanes.worker.close(PATIENCE);
    Ok(code)
}

/// The state at the start and what is to be said about the user's settings.
fn begin(options: &Options, origins: &[Origin], found: &Capabilities, indexed: Option<&Path>) -> (State, Vec<String>) {
    let folder = paths::config();
    let (themes, errors) = Themes::load(folder.as_ref().map(|folder| folder.join("themes")).as_deref());
    let mut said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let usual = match (found.depth, found.is_light()) {
        (Depth::Named, _) => "named",
        (_, Some(true)) => "light",
        _ => "dark",
    };
    let own = themes.names().contains(&"default");
    let theme = if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        Theme::plain()
    } else {
        themes.get(if own { "default" } else { usual }).unwrap_or_else(|error| {
            said.push(error.to_string());
            Theme::plain()
        })
    };
    let start = Start {
        encoding: Encoding::from(found),
        ground: found.ground,
        theme: (theme, themes),
        keys: folder.and_then(|folder| std::fs::read_to_string(folder.join("keys.toml")).ok()),
        model_flags: options.recipe.overrides.flags(),
        folder: indexed.map(|folder| folder.display().to_string()),
        model: match &options.recipe.source {
            Source::Bundled(bundled) if *bundled == Bundled::default() => None,
            Source::Bundled(bundled) => Some(bundled.name().to_owned()),
            Source::File(path) => Some(path.display().to_string()),
        },
        pictures: origins.iter().map(|origin| (origin.name(), origin.argument())).collect(),
        look: options.look,
    };
    let (state, errors) = State::new(start);
    said.extend(errors);
    (state, said)
}

fn size(usual: Size) -> Size {
    crossterm::terminal::size().map_or(usual, |(width, height)| Size::new(width, height))
}

/// Pixels of a cell by the terminal driver's count.
fn cell() -> Option<(u16, u16)> {
    let size = crossterm::terminal::window_size().ok()?;
    let cell = (size.width.checked_div(size.columns)?, size.height.checked_div(size.rows)?);
    (cell.0 > 0 && cell.1 > 0).then_some(cell)
}

impl Lanes {
    /// Waits for what happens, applies it and shows what comes of it, until an exit code comes of it.
    async fn listen(
        &mut self,
        state: &mut State,
        receiver: &mut UnboundedReceiver<Msg>,
        found: &Capabilities,
        lost: &Arc<Notify>,
    ) -> Result<u8, RunError> {
        let (to_keys, mut keys) = unbounded_channel();
        let gone = lost.clone();
        // Keys that come after the loop has ended are nobody's.
        input::start(move |key| _ = to_keys.send(key), move || gone.notify_one())?;
        let mut late = Late::new(found.late);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut resize = signal(SignalKind::window_change())?;
        // The driver's count is used after a resize only where it agreed with the terminal's answer.
        let counted = cell() == Some(found.cell);
        let (mut dirty, mut due) = (true, Instant::now());
        loop {
            if dirty && Instant::now() >= due {
                self.screen.show(ui::view(state));
                (dirty, due) = (false, Instant::now() + FRAME);
            }
            let tick = self.tick;
            let message = tokio::select! {
                Some(key) = keys.recv() => match late.is_answer(&key) {
                    true => continue,
                    false => Msg::Key(key),
                },
                Some(message) = receiver.recv() => message,
                () = sleep_until(due), if dirty => continue,
                () = sleep_until(tick.unwrap_or(due)), if tick.is_some() => {
                    self.tick = None;
                    Msg::Tick
                }
                _ = resize.recv() => Msg::Resize(size(state.size), cell().filter(|_| counted)),
                _ = terminate.recv() => return Ok(143),
                _ = hangup.recv() => return Ok(129),
                _ = interrupt.recv() => return Ok(130),
                () = lost.notified() => return Ok(129),
            };
            let mut next = Some(message);
            while let Some(message) = next {
                if let Some(code) = self.apply(state, message)? {
                    return Ok(code);
                }
                next = receiver.try_recv().ok();
            }
            dirty = true;
        }
    }

    /// Applies a message and carries out its effects; the exit code if it ends the program.
    fn apply(&mut self, state: &mut State, message: Msg) -> Result<Option<u8>, RunError> {
        for effect in update(state, message) {
            match effect {
                Effect::Read(index) => self.reader.read(index),
                Effect::Submit(request) => self.worker.submit(request),
                Effect::Cancel => self.worker.cancel(),
                Effect::Index(make) => self.index(make),
                Effect::Paint(serial, order) => self.painters.order(serial, order),
                Effect::Copy(text) => self.screen.pass(&clipboard::copy(&text, self.tmux)),
                Effect::Export { subject, name, command } => self.export(subject, name, command)?,
                Effect::Tick(after) => self.tick = Some(Instant::now() + after),
                Effect::Redraw => self.screen.forget(),
                Effect::Suspend => {
                    self.screen.suspend()?;
                    let window = size(state.size);
                    if let Some(code) = self.apply(state, Msg::Resize(window, None))? {
                        return Ok(Some(code));
                    }
                }
                Effect::Quit(code) => return Ok(Some(code)),
            }
        }
        Ok(None)
    }

    /// Makes the index of the pictures' folder, or stops making it.
    fn index(&mut self, make: bool) {
        if let Some(indexer) = self.indexer.as_ref().filter(|_| !make) {
            return indexer.cancel();
        }
        let (recipe, folder) = self.shelf.clone();
        let sender = self.sender.clone();
        // Nobody waits for it once the program ends.
        let send = move |news| _ = sender.send(Msg::Index(news));
        let started = match folder {
            Some(folder) => Indexer::start(recipe, folder, send.clone()).map_err(|error| error.to_string()),
            None => Err("the pictures lie in no folder that could be indexed".to_owned()),
        };
        match started {
            // One that was there has ended.
            Ok(indexer) => self.indexer = Some(indexer),
            Err(why) => send(News::Failed(why)),
        }
    }

    fn export(&self, subject: Subject, name: String, command: String) -> Result<(), RunError> {
        let sender = self.sender.clone();
        std::thread::Builder::new().name(format!("{WORKER_THREADS}-export")).spawn(move || {
            let saved = save(&subject, &name, &command).map_err(|error| error.to_string());
            // Nobody waits for it once the program ends.
            let _ = sender.send(Msg::Exported(saved));
        })?;
        Ok(())
    }
}

/// Paints a subject at full size into a new file in the current folder and returns its name.
fn save(subject: &Subject, name: &str, command: &str) -> Result<String, ExportError> {
    let mut scaled = |picture: &image::RgbImage, width, height| Arc::new(scale(picture, width, height));
    let painted = subject.paint(subject.dimensions(), &mut scaled);
    let names = std::iter::once(format!("{name}.png")).chain((2..).map(|n| format!("{name}-{n}.png")));
    let file = names.into_iter().find(|file| !Path::new(file).exists()).unwrap_or_default();
    export::png::write(Path::new(&file), &painted.pixels, &[("Command", command.to_owned())])?;
    Ok(file)
}
