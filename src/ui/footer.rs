//! The two last lines: what can be done here, and how things stand. Must not decide what can be done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use super::view::{self, Hint};
use super::{numbers, text};
use crate::app::command::Command;
use crate::app::state::{Running, State};

/// Hints before and after those of the view.
const FIRST: [Hint; 1] = [(&[Command::Cancel], "cancel")];
const LAST: [Hint; 2] = [(&[Command::Export], "export"), (&[Command::Yank], "copy command")];
/// Hints that are always there.
const ALWAYS: [Hint; 3] = [(&[Command::Palette], "commands"), (&[Command::Help], "help"), (&[Command::Quit], "quit")];

/// Keys and what they do.
type Shown = (String, String);

/// Draws the message, the keys that may follow, or the hints.
pub fn hints(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if let Some(toast) = &state.toast {
        let style = if toast.bad { theme.bad } else { theme.warn };
        text::left(buffer, area, &toast.text.replace('\n', " "), style);
        return;
    }
    let hint = |commands: &[Command], word: &str| {
        let keys: Vec<String> = commands.iter().filter_map(|c| state.keymap.keys(*c).into_iter().next()).collect();
        (together(&keys), word.to_owned())
    };
    let (mut offered, kept): (Vec<Shown>, Vec<Shown>) = if state.pressed.is_empty() {
        let own = view::of(state.tab).hints(state);
        // What is done in no time comes and goes unseen.
        let all = FIRST.into_iter().filter(|_| state.is_late()).chain(own).chain(LAST);
        let useful = all.filter(|(commands, _)| commands.iter().all(|c| c.enabled(state).is_ok()));
        let always = ALWAYS.iter().map(|(commands, word)| hint(commands, word));
        (useful.map(|(commands, word)| hint(commands, word)).collect(), always.collect())
    } else {
        let title = |command: Command| command.entry().map_or(String::new(), |entry| entry.title.to_owned());
        (state.keymap.after(&state.pressed).map(|(keys, command)| (keys, title(command))).collect(), Vec::new())
    };
    let width = |hints: &[Shown]| hints.iter().map(|(k, w)| k.width() + w.width() + 4).sum::<usize>();
    while !offered.is_empty() && width(&offered) + width(&kept) > usize::from(area.width) + 3 {
        offered.pop();
    }
    let mut x = area.x;
    for (at, (keys, word)) in offered.iter().chain(&kept).enumerate() {
        let mut write = |text: &str, style: Style| {
            let room = Rect { x, width: area.right().saturating_sub(x), ..area };
            x += text::left(buffer, room, text, style);
        };
        write(if at > 0 { "   " } else { "" }, theme.quiet);
        write(keys, theme.accent);
        write(" ", theme.quiet);
        write(word, theme.quiet);
    }
}

/// Keys side by side; what all of them are pressed with is said once.
fn together(keys: &[String]) -> String {
    let with = |key: &String| key.rfind('-').filter(|at| at + 1 < key.len()).map_or("", |at| &key[..=at]).to_owned();
    let shared = keys.first().map(with).filter(|shared| keys.iter().all(|key| with(key) == *shared));
    let shared = shared.unwrap_or_default();
    let rest: Vec<&str> =
        keys.iter().enumerate().map(|(at, key)| if at > 0 { &key[shared.len()..] } else { key }).collect();
    rest.join(" ")
}

/// Draws device, runtime, protocol and how long the answer took on the left; what runs on the right.
pub fn status(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let used = match &state.running {
        Some(running) => job(state, running, area, buffer),
        None if state.is_idle() => text::right(buffer, area, "ready", theme.quiet),
        None => text::right(buffer, area, "painting", theme.quiet),
    };
    let mut parts = Vec::new();
    if let Some(facts) = state.facts() {
        parts.push(facts.device.clone());
        parts.push(format!("ONNX Runtime {}", facts.runtime));
    }
    parts.push(state.encoding.graphics.to_string());
    if let Some((what, seconds)) = state.took() {
        parts.push(format!("{what} {}", numbers::duration(seconds)));
    }
    let left = Rect { width: area.width.saturating_sub(used + 2), ..area };
    while parts.len() > 1 && parts.join(" · ").width() > usize::from(left.width) {
        parts.pop();
    }
    text::left(buffer, left, &parts.join(" · "), theme.quiet);
}

/// Name, bar, steps, rate and time left, right-aligned in fixed columns; returns the columns used.
fn job(state: &State, running: &Running, area: Rect, buffer: &mut Buffer) -> u16 {
    let theme = &state.theme;
    let progress = running.progress;
    let name = if running.cancelled { "cancelling" } else { running.key.title() };
    let Some(fraction) = progress.fraction().filter(|_| progress.total > 1) else {
        return text::right(buffer, area, name, theme.accent);
    };
    let is_count = !matches!(running.key, crate::jobs::Key::Open);
    let count = if is_count {
        format!("{:>4}/{}", progress.done, progress.total)
    } else {
        format!("{:>3.0} %", fraction * 100.0)
    };
    let rate = progress.rate().filter(|_| is_count).map_or(String::new(), |rate| format!("{rate:.1}/s"));
    let left = progress.left().map_or(String::new(), |seconds| format!("{} left", numbers::duration(seconds)));
    let tail = format!("{count} {rate:>8} {left:>12}");
    let mut used = text::right(buffer, area, &tail, theme.text);
    let width = 12_u16.min(area.width.saturating_sub(used + 2));
    let bar = Rect { x: area.right().saturating_sub(used + width + 1), width, ..area };
    text::left(buffer, bar, &"─".repeat(usize::from(width)), theme.track);
    text::left(buffer, bar, &numbers::bar(fraction, usize::from(width)), theme.accent);
    used += width + 1;
    let rest = Rect { width: area.width.saturating_sub(used + 1), ..area };
    used + 1 + text::right(buffer, rest, name, theme.accent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_the_same_modifier_say_it_once() {
        let joined = |keys: &[&str]| together(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
        assert_eq!(joined(&["Shift-←", "Shift-→"]), "Shift-← →");
        assert_eq!(joined(&["-", "+"]), "- +");
        assert_eq!(joined(&["Ctrl-c", "q"]), "Ctrl-c q");
        assert_eq!(joined(&[]), "");
    }
}
