//! The one thread that writes to the terminal, and the one way to leave it clean.
//!
//! Owns raw mode, the alternate screen, what is on the screen now. A frame is cells and pictures over them; only what
//! differs from the screen is written, of pictures too. Only the newest frame waits, so a slow link drops frames instead of
//! delaying keys, and pictures of a frame that are not begun when the next one comes. Each frame is a synchronized update
//! (DEC 2026). Must not know what a frame shows.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};

use super::picture::Encoded;
use super::probe::Depth;
use super::{depth, kitty};

/// A picture and where it goes.
pub struct Placed {
    /// Tells places apart: a new picture of the same place replaces the old one without a gap.
    pub place: u32,
    /// Where; as large as the picture.
    pub area: Rect,
    /// What.
    pub picture: Arc<Encoded>,
}

/// All that is on the screen.
pub struct Frame {
    /// Text.
    pub cells: Buffer,
    /// Pictures, over blank cells.
    pub pictures: Vec<Placed>,
    /// Where the cursor blinks, if it does.
    pub cursor: Option<Position>,
}

/// Bytes that are written before it is looked whether a newer frame waits.
const PIECE: usize = 32 << 10;

/// Pictures are left out for newer frames no longer than this at a stretch.
const LEAVING_OUT: Duration = Duration::from_secs(1);

/// Pictures and parts that tmux (3.5) keeps, of all its panes together: one more, and it lets go of the oldest.
const STORED: usize = 9;

/// Threads whose panic is caught and reported in the program: the screen stays.
pub const WORKER_THREADS: &str = "lensor-worker";

static ACTIVE: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// Kitty ids that the terminal holds for us.
static KEPT: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Takes the terminal: raw mode now, so that it can be asked what it can do; [`Screen::open`] takes the rest. From here
/// on [`restore`] is owed, and a panic of any thread but a worker pays it.
pub fn prepare() -> io::Result<()> {
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let worker = std::thread::current().name().is_some_and(|name| name.starts_with(WORKER_THREADS));
            if worker && ACTIVE.load(Ordering::SeqCst) {
                tracing::error!("{info}");
            } else {
                restore();
                usual(info);
            }
        }));
    });
    terminal::enable_raw_mode()?;
    ACTIVE.store(true, Ordering::SeqCst);
    Ok(())
}

/// Gives the terminal back as it was; safe to call from anywhere, as often as one likes.
pub fn restore() {
    if ACTIVE.swap(false, Ordering::SeqCst) {
        let mut out = Vec::new();
        lock(&KEPT).drain(..).for_each(|id| kitty::delete(&mut out, id));
        let _ = queue!(out, terminal::EndSynchronizedUpdate, DisableBracketedPaste, cursor::Show, LeaveAlternateScreen);
        let mut stdout = io::stdout().lock();
        // A terminal that is gone cannot be told anything.
        let _ = stdout.write_all(&out).and_then(|()| stdout.flush());
        let _ = terminal::disable_raw_mode();
    }
}

fn enter() -> io::Result<()> {
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide, EnableBracketedPaste)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Mailbox {
    frame: Option<Frame>,
    /// Bytes to pass on as they are, such as the clipboard's.
    bytes: Vec<u8>,
    /// What is on the screen is not known any more.
    forget: bool,
    busy: bool,
    closed: bool,
}

type Shared = Arc<(Mutex<Mailbox>, Condvar)>;

/// The screen while the program has it; dropping it gives the terminal back.
pub struct Screen {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// Enters the alternate screen and starts the writing thread. `lost` is called once if the terminal goes away.
    pub fn open(depth: Depth, lost: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        prepare()?;
        if let Err(error) = enter() {
            restore();
            return Err(error);
        }
        let shared = Shared::default();
        let thread = std::thread::Builder::new().name("lensor-screen".to_owned()).spawn({
            let shared = shared.clone();
            move || {
                if Writer::new(depth).run(&shared).is_err() {
                    lost();
                }
            }
        });
        match thread {
            Ok(thread) => Ok(Self { shared, thread: Some(thread) }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    fn tell(&self, what: impl FnOnce(&mut Mailbox)) {
        what(&mut lock(&self.shared.0));
        self.shared.1.notify_all();
    }

    /// Shows a frame, instead of any that still waits.
    pub fn show(&self, frame: Frame) {
        self.tell(|mailbox| mailbox.frame = Some(frame));
    }

    /// Passes bytes to the terminal between two frames.
    pub fn pass(&self, bytes: &[u8]) {
        self.tell(|mailbox| mailbox.bytes.extend_from_slice(bytes));
    }

    /// Draws the next frame from nothing: after Ctrl-L, a resize or a stop.
    pub fn forget(&self) {
        self.tell(|mailbox| mailbox.forget = true);
    }

    /// Gives the terminal back and stops the process until it is continued; then takes it again.
    pub fn suspend(&self) -> io::Result<()> {
        let mut mailbox = lock(&self.shared.0);
        while mailbox.busy {
            mailbox = self.shared.1.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
        }
        mailbox.frame = None;
        restore();
        // The whole group, so that a `cargo run` in front stops as well.
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        prepare()?;
        enter()?;
        mailbox.forget = true;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.tell(|mailbox| mailbox.closed = true);
        if let Some(thread) = self.thread.take() {
            // A panic in there has restored the terminal already.
            let _ = thread.join();
        }
        restore();
    }
}

/// What is on the screen, and how to get from there to the next frame.
pub struct Writer {
    depth: Depth,
    cells: Buffer,
    shown: HashMap<u32, Shown>,
    /// Parts of pictures written so far.
    parts: u32,
    /// Since when every frame had pictures left out.
    left_out: Option<Instant>,
    /// What tmux keeps, the oldest first: the place, and which drawing of the picture there it belongs to.
    stored: VecDeque<(u32, u32)>,
    /// Number of the last drawing.
    drawing: u32,
}

struct Shown {
    /// Which drawing it is.
    drawing: u32,
    area: Rect,
    picture: Arc<Encoded>,
    ids: [u32; 2],
    /// Ids of the parts drawn over it since it was drawn whole.
    parts: Vec<u32>,
    /// Whether some of its cells have been written over.
    damaged: bool,
}

impl Writer {
    /// Nothing is on the screen yet.
    pub fn new(depth: Depth) -> Self {
        Self {
            depth,
            cells: Buffer::default(),
            shown: HashMap::new(),
            parts: 0,
            left_out: None,
            stored: VecDeque::new(),
            drawing: 0,
        }
    }

    fn run(mut self, shared: &Shared) -> io::Result<()> {
        let (mailbox, changed) = &**shared;
        loop {
            let (frame, mut out) = {
                let mut mailbox = lock(mailbox);
                while mailbox.frame.is_none() && mailbox.bytes.is_empty() && !mailbox.closed {
                    mailbox = changed.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
                }
                if mailbox.closed {
                    return Ok(());
                }
                if std::mem::take(&mut mailbox.forget) {
                    self.cells = Buffer::default();
                }
                mailbox.busy = true;
                (mailbox.frame.take(), std::mem::take(&mut mailbox.bytes))
            };
            let mut newer = |out: &mut Vec<u8>| {
                if out.len() < PIECE {
                    return Ok(false);
                }
                write(out)?;
                Ok(lock(mailbox).frame.is_some())
            };
            let drawn = frame.map_or(Ok(()), |frame| self.draw_until(frame, &mut out, &mut newer));
            let written = drawn.and_then(|()| write(&mut out));
            lock(mailbox).busy = false;
            changed.notify_all();
            written?;
        }
    }

    /// Appends what turns the screen into `frame`.
    pub fn draw(&mut self, frame: Frame, out: &mut Vec<u8>) -> io::Result<()> {
        self.draw_until(frame, out, &mut |_| Ok(false))
    }

    /// As [`Writer::draw`]; `newer` is asked before each picture whether the rest is to be left to a newer frame, and may
    /// take what is there by then.
    fn draw_until(
        &mut self,
        mut frame: Frame,
        out: &mut Vec<u8>,
        newer: &mut dyn FnMut(&mut Vec<u8>) -> io::Result<bool>,
    ) -> io::Result<()> {
        queue!(out, terminal::BeginSynchronizedUpdate, cursor::Hide)?;
        if self.cells.area != frame.cells.area {
            self.shown.drain().for_each(|(_, shown)| remove(&shown, out));
            queue!(out, crossterm::style::ResetColor, terminal::Clear(terminal::ClearType::All))?;
            self.cells = Buffer::empty(frame.cells.area);
        }
        for placed in &frame.pictures {
            placed.picture.render(placed.area, &mut frame.cells);
        }
        depth::reduce(&mut frame.cells, self.depth);
        self.clear_left(&mut frame, out);
        let changes = self.cells.diff(&frame.cells);
        let touched = |area: Rect| changes.iter().any(|&(x, y, _)| area.contains(Position::new(x, y)));
        for shown in self.shown.values_mut() {
            shown.damaged |= touched(shown.area);
        }
        CrosstermBackend::new(&mut *out).draw(changes.into_iter())?;
        let (mut left_out, before) = (false, self.drawing);
        // Twice: for new ones tmux may have let go of others.
        for placed in frame.pictures.iter().chain(&frame.pictures) {
            if self.is_shown(placed) {
                continue;
            }
            if newer(out)? && self.left_out.is_none_or(|since| since.elapsed() < LEAVING_OUT) {
                left_out = true;
                break;
            }
            if !self.amend(placed, out)? {
                self.write(placed, out)?;
            }
            self.let_go(before);
        }
        self.left_out = left_out.then(|| self.left_out.unwrap_or_else(Instant::now));
        if let Some(at) = frame.cursor {
            queue!(out, cursor::MoveTo(at.x, at.y), cursor::Show)?;
        }
        queue!(out, terminal::EndSynchronizedUpdate)?;
        frame.cells.content.iter_mut().for_each(|cell| {
            cell.set_diff_option(CellDiffOption::None);
        });
        self.cells = frame.cells;
        Ok(())
    }

    /// Writes a picture.
    fn write(&mut self, placed: &Placed, out: &mut Vec<u8>) -> io::Result<()> {
        let Placed { place, area, picture } = placed;
        let before = self.shown.remove(place);
        let (mut ids, parts) = before.map_or((kitty::ids(*place), Vec::new()), |shown| (shown.ids, shown.parts));
        queue!(out, cursor::MoveTo(area.x, area.y))?;
        if picture.write(out, &mut ids) {
            if picture.is_kept() {
                delete(&parts, out);
                let mut kept = lock(&KEPT);
                kept.retain(|id| *id != ids[1]);
                kept.push(ids[0]);
            }
            self.drawing += 1;
            let (area, picture, drawing) = (*area, picture.clone(), self.drawing);
            self.store(*place, drawing, 1);
            self.shown.insert(*place, Shown { drawing, area, picture, ids, parts: Vec::new(), damaged: false });
        }
        Ok(())
    }

    /// Notes down what was written, a whole picture or parts.
    fn store(&mut self, place: u32, drawing: u32, count: usize) {
        self.stored.extend(std::iter::repeat_n((place, drawing), count));
    }

    /// What tmux no longer keeps is missing once it draws its panes anew. Where that is in view, all that was drawn up to
    /// `before` is drawn again, since it would be the next to go.
    fn let_go(&mut self, before: u32) {
        let many = self.stored.len().saturating_sub(STORED);
        let shown = &self.shown;
        let in_view = |(place, drawing): (u32, u32)| {
            shown.get(&place).is_some_and(|shown| shown.drawing == drawing && shown.picture.is_stored())
        };
        if self.stored.drain(..many).filter(|stored| in_view(*stored)).count() > 0 {
            self.shown.values_mut().for_each(|shown| shown.damaged |= shown.drawing <= before);
        }
    }

    /// Whether a picture is on the screen, all of it.
    fn is_shown(&self, placed: &Placed) -> bool {
        let is_it = |s: &Shown| !s.damaged && s.area == placed.area && Arc::ptr_eq(&s.picture, &placed.picture);
        self.shown.get(&placed.place).is_some_and(is_it)
    }

    /// Writes what differs from the picture that is shown in the same place; false where the whole picture must be written.
    fn amend(&mut self, placed: &Placed, out: &mut Vec<u8>) -> io::Result<bool> {
        let Placed { place, area, picture } = placed;
        let Some(shown) = self.shown.get_mut(place).filter(|s| s.area == *area && !s.damaged) else { return Ok(false) };
        let changed = picture.changed(&shown.picture);
        let Some(changed) = changed.filter(|parts| shown.parts.len() + parts.len() <= picture.most_parts()) else {
            return Ok(false);
        };
        let (drawing, count) = (shown.drawing, changed.len());
        for part in changed {
            let id = kitty::part(self.parts);
            self.parts += 1;
            queue!(out, cursor::MoveTo(area.x + part.x, area.y + part.y))?;
            picture.write_part(part, id, out);
            shown.parts.push(id);
            if picture.is_kept() {
                lock(&KEPT).push(id);
            }
        }
        shown.picture = picture.clone();
        self.store(*place, drawing, count);
        Ok(true)
    }

    /// Takes away pictures that are no longer there or have moved: kitty's by id, others by writing their cells anew.
    fn clear_left(&mut self, frame: &mut Frame, out: &mut Vec<u8>) {
        let Frame { cells, pictures, .. } = frame;
        self.shown.retain(|place, shown| {
            let stays = pictures.iter().any(|p| p.place == *place && p.area == shown.area);
            if !stays {
                remove(shown, out);
                for position in shown.area.intersection(cells.area).positions() {
                    cells[position].set_diff_option(CellDiffOption::AlwaysUpdate);
                }
            }
            stays
        });
    }
}

/// Writes to the terminal all that is there.
fn write(out: &mut Vec<u8>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(out)?;
    out.clear();
    stdout.flush()
}

fn remove(shown: &Shown, out: &mut Vec<u8>) {
    if shown.picture.is_kept() {
        delete(&[shown.ids[0]], out);
        delete(&shown.parts, out);
    }
}

/// Deletes pictures that the terminal holds.
fn delete(ids: &[u32], out: &mut Vec<u8>) {
    ids.iter().for_each(|id| kitty::delete(out, *id));
    lock(&KEPT).retain(|kept| !ids.contains(kept));
}

#[cfg(test)]
mod tests;
