//! A pseudo-terminal that answers as a named terminal would, shows what is on its screen, and keeps every byte.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use portable_pty::{Child, ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Longest wait for a state: only a test that fails takes it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows, columns, and the size of a cell in pixels.
const SIZE: PtySize = PtySize { rows: 40, cols: 120, pixel_width: 1200, pixel_height: 800 };

/// How the terminal answers questions.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Mute,
    Plain,
    Sixel,
    Kitty,
}

impl Kind {
    fn answer(self) -> Vec<u8> {
        let cell = "\x1b[6;20;10t";
        match self {
            Self::Mute => String::new(),
            Self::Plain => format!("{cell}\x1b[?62;22c"),
            Self::Sixel => format!("\x1bP>|XTerm(379)\x1b\\{cell}\x1b[?1;0;256S\x1b[?64;4;22c"),
            Self::Kitty => format!("\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.40.0)\x1b\\{cell}\x1b[?62;c"),
        }
        .into_bytes()
    }
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    /// Nothing more will be read: the program has closed it, or this side has.
    closed: bool,
}

pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Option<Box<dyn Child + Send + Sync>>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Terminal {
    /// Runs a program in `folder`, with nobody's settings.
    pub fn start(kind: Kind, folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(folder);
        for name in ["TMUX", "TERM_PROGRAM", "NO_COLOR"] {
            command.env_remove(name);
        }
        let settings = folder.join("settings");
        let usual = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        usual.iter().chain(variables).for_each(|(name, value)| command.env(name, value));
        command.env("XDG_CONFIG_HOME", &settings);
        command.env("XDG_STATE_HOME", &settings);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let parser = vt100::Parser::new(SIZE.rows, SIZE.cols, 0);
        let seen = Arc::new((Mutex::new(Seen { parser, bytes: Vec::new(), closed: false }), Condvar::new()));
        let shared = seen.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 1 << 16];
            loop {
                let count = reader.read(&mut chunk).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.parser.process(&chunk[..count]);
                seen.bytes.extend_from_slice(&chunk[..count]);
                seen.closed |= count == 0;
                shared.1.notify_all();
                if seen.closed {
                    return;
                }
            }
        });
        let mut terminal = Self {
            writer: Some(pair.master.take_writer().unwrap()),
            master: Some(pair.master),
            killer: child.clone_killer(),
            child: Some(child),
            seen,
        };
        if kind != Kind::Mute {
            terminal.wait_for_bytes(b"\x1b[c");
            terminal.send(kind.answer());
        }
        terminal
    }

    /// Sends bytes as if they were typed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(bytes.as_ref()).and_then(|()| writer.flush()).unwrap();
    }

    fn wait_until(&self, what: &str, mut holds: impl FnMut(&Seen) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen.0.lock().unwrap();
        while !holds(&seen) {
            let left = until.checked_duration_since(Instant::now()).filter(|_| !seen.closed);
            let Some(left) = left else { panic!("no {what} on the screen:\n{}", seen.parser.screen().contents()) };
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits until the screen shows all of these at once, and returns it.
    pub fn wait(&self, texts: &[&str]) -> String {
        let mut screen = String::new();
        self.wait_until(&texts.join(" and "), |seen| {
            screen = seen.parser.screen().contents();
            texts.iter().all(|text| screen.contains(text))
        });
        screen
    }

    /// Waits until these bytes were written.
    pub fn wait_for_bytes(&self, wanted: &[u8]) {
        self.wait_until("such bytes", |seen| seen.bytes.windows(wanted.len()).any(|window| window == wanted));
    }

    /// Waits until the program has ended and returns its exit code.
    pub fn exit_code(&mut self) -> u32 {
        let mut child = self.child.take().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait().unwrap().exit_code()));
        receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("still running:\n{}", self.wait(&[])))
    }

    /// The program's process.
    pub fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.child.as_ref().unwrap().process_id().unwrap() as i32).unwrap()
    }

    /// Takes the terminal away, as a closed connection does.
    pub fn hang_up(&mut self) {
        self.seen.0.lock().unwrap().closed = true;
        // The reading thread lets go of the terminal at the next bytes: those of the help.
        self.send("?");
        self.writer = None;
        self.master = None;
    }

    /// Everything that was written.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().bytes.clone()
    }

    /// Whether the line editing of the shell is on again and the program has left its own screen.
    pub fn is_restored(&self) -> bool {
        let bytes = self.bytes();
        let last = |what: &[u8]| bytes.windows(what.len()).rposition(|window| window == what);
        let (entered, left, cursor) = (last(b"\x1b[?1049h"), last(b"\x1b[?1049l"), last(b"\x1b[?25h"));
        let modes = self.master.as_ref().and_then(|master| master.get_termios());
        let cooked = modes.is_some_and(|modes| format!("{:?}", modes.local_flags).contains("ICANON"));
        entered.is_some() && left > entered && cursor > last(b"\x1b[?25l") && cooked
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.killer.kill();
    }
}

/// The sixel pictures among these bytes, each a whole control string.
pub fn sixels(bytes: &[u8]) -> Vec<Vec<u8>> {
    strings(bytes, b"\x1bP0;1;0q").into_iter().map(|body| [b"\x1bP0;1;0q", body, b"\x1b\\"].concat()).collect()
}

/// The PNG pictures that were sent by the kitty protocol.
pub fn kitty_pictures(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pictures: Vec<String> = Vec::new();
    for body in strings(bytes, b"\x1b_G") {
        let text = String::from_utf8_lossy(body);
        let Some((keys, payload)) = text.split_once(';') else { continue };
        match pictures.last_mut() {
            Some(last) if !keys.contains("a=") => last.push_str(payload),
            _ if keys.starts_with("a=T") => pictures.push(payload.to_owned()),
            _ => {}
        }
    }
    pictures.iter().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap()).collect()
}

/// Bodies of the control strings that begin like this.
fn strings<'a>(bytes: &'a [u8], begin: &[u8]) -> Vec<&'a [u8]> {
    let find = |from: usize, what: &[u8]| {
        bytes[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
    };
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = find(from, begin).map(|at| at + begin.len())
        && let Some(end) = find(start, b"\x1b\\")
    {
        found.push(&bytes[start..end]);
        from = end;
    }
    found
}
