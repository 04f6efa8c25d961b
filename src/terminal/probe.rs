//! What the terminal can do, by asking it once before any key is read.
//!
//! Owns the questions, the reading of the answers, and the rules for terminals that answer wrongly or not at all. A
//! mute terminal costs [`PATIENCE`] and gets half-blocks. Keys typed meanwhile are kept. Must not know what is drawn.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::graphics::{Graphics, GraphicsChoice};

/// How long an answer is waited for: a slow SSH link answers well within it.
pub const PATIENCE: Duration = Duration::from_millis(800);
/// Pixels of a cell where the terminal does not say: the usual proportions.
const USUAL_CELL: (u16, u16) = (10, 20);

/// How many colours text and half-blocks can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 24-bit colours.
    True,
    /// The 256-colour palette.
    Indexed,
    /// The 16 named colours.
    Named,
}

/// What the terminal can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// How pictures are drawn.
    pub graphics: Graphics,
    /// Width and height of a cell in pixels.
    pub cell: (u16, u16),
    /// Colour registers for sixel.
    pub registers: usize,
    /// Whether there is tmux in between: what is meant for the outer terminal must be wrapped.
    pub tmux: bool,
    /// Colours of text.
    pub depth: Depth,
    /// The background, where the terminal says.
    pub ground: Option<[u8; 3]>,
    /// Keys typed while the terminal was asked.
    pub typed: Vec<KeyEvent>,
    /// The terminal did not answer in time: answers may come late and are not keys.
    pub late: bool,
}

/// The terminal's answers.
#[derive(Debug, Default, PartialEq)]
struct Answers {
    kitty: bool,
    sixel: bool,
    finished: bool,
    cell: Option<(u16, u16)>,
    registers: Option<usize>,
    name: Option<String>,
    ground: Option<[u8; 3]>,
}

/// Asks the terminal, unless standard input or output is not one or `choice` and the environment leave nothing to ask.
/// The terminal must be in raw mode.
pub fn ask(choice: GraphicsChoice) -> Capabilities {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let tmux = !variable("TMUX").is_empty() || variable("TERM").starts_with("tmux");
    let deaf = matches!(variable("TERM").as_str(), "" | "dumb" | "linux");
    let able = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !deaf;
    let read = if able { question(tmux) } else { Vec::new() };
    let (answers, typed) = parse(&read);
    judge(choice, answers, typed, able, tmux, variable)
}

fn judge(
    choice: GraphicsChoice,
    answers: Answers,
    typed: Vec<KeyEvent>,
    asked: bool,
    tmux: bool,
    variable: impl Fn(&str) -> String,
) -> Capabilities {
    let name = answers.name.clone().unwrap_or_default().to_lowercase();
    let program = variable("TERM_PROGRAM").to_lowercase();
    let is = |what: &str| name.contains(what) || (name.is_empty() && program.contains(what));
    let pixels = crossterm::terminal::window_size().ok().filter(|s| s.width > 0 && s.height > 0 && s.columns > 0);
    let cell = answers.cell.or_else(|| pixels.map(|s| (s.width / s.columns, s.height / s.rows.max(1))));
    let detected = if answers.kitty && !is("konsole") && !is("wezterm") {
        Graphics::Kitty
    } else if !tmux && (is("wezterm") || is("konsole") || (is("iterm") && answers.finished)) {
        Graphics::Iterm2
    } else if answers.sixel && cell.is_some() {
        Graphics::Sixel
    } else {
        Graphics::Halfblocks
    };
    let graphics = match choice {
        GraphicsChoice::Auto => detected,
        GraphicsChoice::Fixed(graphics) => graphics,
    };
    let (term, colour) = (variable("TERM"), variable("COLORTERM"));
    let modern = ["kitty", "xterm(", "wezterm", "ghostty", "foot", "konsole", "iterm", "contour", "alacritty"];
    let depth = match () {
        _ if colour == "truecolor" || colour == "24bit" || term.contains("direct") => Depth::True,
        _ if !tmux && modern.iter().any(|m| name.contains(m) || term.contains(m)) => Depth::True,
        _ if term.contains("256color") => Depth::Indexed,
        _ => Depth::Named,
    };
    Capabilities {
        graphics,
        cell: cell.filter(|&(w, h)| w > 0 && h > 0).unwrap_or(USUAL_CELL),
        registers: answers.registers.unwrap_or(256),
        tmux,
        depth,
        ground: answers.ground,
        typed,
        late: asked && !answers.finished,
    }
}

/// Writes the questions and reads until the last is answered or patience ends.
fn question(tmux: bool) -> Vec<u8> {
    let kitty = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";
    let kitty = if tmux { format!("\x1bPtmux;{}\x1b\\", kitty.replace('\x1b', "\x1b\x1b")) } else { kitty.to_owned() };
    // Name, background, cell size, colour registers; the device attributes last, because every terminal answers them.
    let questions = format!("{kitty}\x1b[>q\x1b]11;?\x1b\\\x1b[16t\x1b[?1;1;0S\x1b[c");
    let mut out = std::io::stdout().lock();
    if out.write_all(questions.as_bytes()).and_then(|()| out.flush()).is_err() {
        return Vec::new();
    }
    drop(out);
    let mut read = Vec::new();
    let mut until = Instant::now() + PATIENCE;
    let mut finished = false;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut fds, Some(&wait)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => break,
        }
        let mut chunk = [0; 1024];
        match rustix::io::read(stdin, &mut chunk) {
            Ok(count) if count > 0 => read.extend_from_slice(&chunk[..count]),
            _ => break,
        }
        if !finished && parse(&read).0.finished {
            if !tmux {
                break;
            }
            // Behind tmux the outer terminal's answer comes after tmux's own.
            finished = true;
            until = until.min(Instant::now() + Duration::from_millis(80));
        }
    }
    read
}

/// Takes the answers out of what was read; the rest is keys.
fn parse(read: &[u8]) -> (Answers, Vec<KeyEvent>) {
    let text = String::from_utf8_lossy(read);
    let mut rest = text.as_ref();
    let (mut answers, mut typed) = (Answers::default(), Vec::new());
    while let Some(first) = rest.chars().next() {
        let (body, after, kind) = match rest.as_bytes() {
            [0x1b, b'[', ..] => control(&rest[2..], |c| ('\x40'..='\x7e').contains(&c), '['),
            [0x1b, b @ (b'_' | b'P' | b']'), ..] => string(&rest[2..], char::from(*b)),
            _ => {
                typed.extend(key(first));
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        match kind {
            '[' => control_answer(body, &mut answers),
            '_' => answers.kitty |= body.starts_with("Gi=31") && body.ends_with("OK"),
            'P' => answers.name = body.strip_prefix(">|").map(str::to_owned).or(answers.name),
            _ => answers.ground = body.strip_prefix("11;rgb:").and_then(colour).or(answers.ground),
        }
        rest = after;
    }
    (answers, typed)
}

/// A control sequence: its parameters with the final character, and what follows.
fn control(text: &str, ends: impl Fn(char) -> bool, kind: char) -> (&str, &str, char) {
    let end = text.char_indices().find(|&(_, c)| ends(c)).map_or(text.len(), |(at, c)| at + c.len_utf8());
    (&text[..end], &text[end..], kind)
}

/// A control string, ended by ST or BEL.
fn string(text: &str, kind: char) -> (&str, &str, char) {
    let st = text.find("\x1b\\").map(|at| (at, 2));
    let bel = text.find('\x07').map(|at| (at, 1));
    let (end, length) = st.into_iter().chain(bel).min().unwrap_or((text.len(), 0));
    (&text[..end], &text[end + length..], kind)
}

fn control_answer(body: &str, answers: &mut Answers) {
    let Some((parameters, last)) = body.char_indices().last().map(|(at, c)| (&body[..at], c)) else { return };
    let numbers = |text: &str| text.split(';').map(|n| n.parse().unwrap_or(0)).collect::<Vec<u16>>();
    match (parameters.strip_prefix('?'), last) {
        (Some(attributes), 'c') => {
            answers.finished = true;
            answers.sixel = numbers(attributes).iter().skip(1).any(|&n| n == 4);
        }
        (Some(attributes), 'S') => {
            if let [1, 0, count] = numbers(attributes)[..] {
                answers.registers = Some(usize::from(count));
            }
        }
        (None, 't') => {
            if let [6, height, width] = numbers(parameters)[..]
                && height > 0
                && width > 0
            {
                answers.cell = Some((width, height));
            }
        }
        _ => {}
    }
}

/// `RRRR/GGGG/BBBB`, of one to four digits each.
fn colour(text: &str) -> Option<[u8; 3]> {
    let level = |part: &str| {
        let most = 16_f32.powi(part.len() as i32) - 1.0;
        u32::from_str_radix(part, 16).ok().map(|value| (value as f32 / most * 255.0).round() as u8)
    };
    let levels: Vec<u8> = text.split('/').map(level).collect::<Option<_>>()?;
    levels.try_into().ok()
}

impl Capabilities {
    /// Whether the background is light (Rec. 601 luma), where the terminal says.
    pub fn is_light(&self) -> Option<bool> {
        let [r, g, b] = self.ground?.map(f32::from);
        Some(0.299 * r + 0.587 * g + 0.114 * b > 127.5)
    }
}

/// The key behind a character that was typed early.
fn key(typed: char) -> Option<KeyEvent> {
    let (code, modifiers) = match typed {
        '\r' | '\n' => (KeyCode::Enter, KeyModifiers::NONE),
        '\t' => (KeyCode::Tab, KeyModifiers::NONE),
        '\x1b' => (KeyCode::Esc, KeyModifiers::NONE),
        '\x7f' => (KeyCode::Backspace, KeyModifiers::NONE),
        '\x01'..='\x1a' => (KeyCode::Char(char::from(b'a' + typed as u8 - 1)), KeyModifiers::CONTROL),
        c if c.is_control() || c == char::REPLACEMENT_CHARACTER => return None,
        c => (KeyCode::Char(c), KeyModifiers::NONE),
    };
    Some(KeyEvent::new(code, modifiers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(read: &[u8], choice: GraphicsChoice, variables: &[(&str, &str)]) -> Capabilities {
        let (answers, typed) = parse(read);
        let variable = |name: &str| variables.iter().find(|v| v.0 == name).map_or(String::new(), |v| v.1.to_owned());
        judge(choice, answers, typed, true, false, variable)
    }

    #[test]
    fn xterm_with_sixel_is_read() {
        let read = b"\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[6;18;9t\x1b[?1;0;16S\x1b[?64;1;4;22c";
        let found = judged(read, GraphicsChoice::Auto, &[("TERM", "xterm-256color")]);
        assert_eq!((found.graphics, found.cell, found.registers), (Graphics::Sixel, (9, 18), 16));
        assert_eq!((found.ground, found.is_light()), (Some([255; 3]), Some(true)));
        assert_eq!((found.depth, found.late), (Depth::True, false));
        assert_eq!((colour("10/14/1a"), colour("1/2")), (Some([16, 20, 26]), None));
    }

    #[test]
    fn kitty_is_read_and_keys_between_the_answers_are_kept() {
        let read = b"j\x1b_Gi=31;OK\x1b\\\x1bP>|kitty(0.26.5)\x1b\\q\x1b[6;20;10t\x1b[?62;c\x03";
        let found = judged(read, GraphicsChoice::Auto, &[]);
        assert_eq!(found.graphics, Graphics::Kitty);
        let keys: Vec<_> = found.typed.iter().map(|k| (k.code, k.modifiers)).collect();
        let plain = KeyModifiers::NONE;
        let expected = [('j', plain), ('q', plain), ('c', KeyModifiers::CONTROL)].map(|(c, m)| (KeyCode::Char(c), m));
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_mute_terminal_gets_half_blocks_and_a_choice_always_wins() {
        let found = judged(b"", GraphicsChoice::Auto, &[("TERM", "xterm-256color")]);
        assert_eq!((found.graphics, found.late), (Graphics::Halfblocks, true));
        let forced = judged(b"", GraphicsChoice::Fixed(Graphics::Sixel), &[]);
        assert_eq!(forced.graphics, Graphics::Sixel);
    }

    #[test]
    fn konsole_and_wezterm_get_inline_images_and_vscode_only_what_it_says() {
        let wezterm = judged(b"\x1b_Gi=31;OK\x1b\\\x1bP>|WezTerm 2024\x1b\\\x1b[?65;4c", GraphicsChoice::Auto, &[]);
        assert_eq!(wezterm.graphics, Graphics::Iterm2);
        let vscode = judged(b"\x1b[6;20;10t\x1b[?1;2c", GraphicsChoice::Auto, &[("TERM_PROGRAM", "vscode")]);
        assert_eq!(vscode.graphics, Graphics::Halfblocks);
    }

    #[test]
    fn garbage_is_survived() {
        for read in [&b"\x1b["[..], b"\x1b_G", b"\x1b]11;rgb:zz/1/2\x07", b"\xff\xfe\x1b[?c", b"\x1b[6;0;0t"] {
            let _ = parse(read);
        }
    }
}
