//! Keys and what they do: one or two keys in a row, remapped by command name in `keys.toml`.
//!
//! Owns reading and writing keys as text. Must not know what a command does.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with the modifiers that count: Shift only where the character does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Ctrl, Alt, and Shift for keys that are not characters.
    pub modifiers: KeyModifiers,
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let mut modifiers = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = if event.code == KeyCode::BackTab { KeyCode::Tab } else { event.code };
        if event.code == KeyCode::BackTab {
            modifiers |= KeyModifiers::SHIFT;
        }
        if matches!(code, KeyCode::Char(_)) {
            modifiers -= KeyModifiers::SHIFT;
        }
        Self { code, modifiers }
    }
}

/// Names of keys that are not characters.
const NAMES: [(&str, KeyCode); 15] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("F1", KeyCode::F(1)),
];

/// Text that is not a key, or a key that does two things.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a key.
    #[error("'{0}' is not a key; keys are characters, or names such as Ctrl-l, Shift-Left, PgDn, Space")]
    NotAKey(String),
    /// No such command.
    #[error("keys.toml: there is no command '{0}'; press ? for the list")]
    NoCommand(String),
    /// Two commands on one key.
    #[error("keys.toml: '{keys}' is given to both {first} and {second}")]
    Conflict {
        /// The keys.
        keys: String,
        /// One command.
        first: String,
        /// The other.
        second: String,
    },
    /// Not TOML, or not of the form `"command" = ["key", ...]`.
    #[error("keys.toml: {0}")]
    Form(String),
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError::NotAKey(text.to_owned());
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        let prefixes = [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT), ("Shift-", KeyModifiers::SHIFT)];
        while let Some((name, modifier)) =
            prefixes.iter().find(|(name, _)| rest.len() > name.len() && rest.starts_with(name))
        {
            modifiers |= *modifier;
            rest = &rest[name.len()..];
        }
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)).map(|(_, code)| *code);
        let mut characters = rest.chars();
        let code = match (named, characters.next(), characters.next()) {
            (Some(code), ..) => code,
            (None, Some(single), None) => KeyCode::Char(single),
            _ => return Err(wrong()),
        };
        Ok(KeyEvent::new(code, modifiers).into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefixes = [(KeyModifiers::CONTROL, "Ctrl-"), (KeyModifiers::ALT, "Alt-"), (KeyModifiers::SHIFT, "Shift-")];
        for (_, name) in prefixes.iter().filter(|(modifier, _)| self.modifiers.contains(*modifier)) {
            f.write_str(name)?;
        }
        let arrow = match self.code {
            KeyCode::Left => "←",
            KeyCode::Right => "→",
            KeyCode::Up => "↑",
            KeyCode::Down => "↓",
            _ => "",
        };
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some(_), _) if !arrow.is_empty() => f.write_str(arrow),
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, other) => write!(f, "{other}"),
        }
    }
}

/// One or more keys in a row, as text: `]`, `g l`, `Ctrl-l`.
pub fn sequence(text: &str) -> Result<Vec<Key>, KeyError> {
    let keys: Vec<Key> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(KeyError::NotAKey(text.to_owned())) } else { Ok(keys) }
}

/// What keys pressed so far mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning<C> {
    /// This command.
    Command(C),
    /// The beginning of something.
    Prefix,
    /// Nothing.
    Nothing,
}

/// Keys by command.
#[derive(Clone, Debug)]
pub struct Keymap<C>(Vec<(Vec<Key>, C)>);

impl<C: Copy + PartialEq> Keymap<C> {
    /// The keys of a table of `(command, name, keys)`, changed by the text of a `keys.toml`: a command that is named
    /// there has exactly the keys given there. Mistakes are returned beside a map that leaves them out.
    pub fn new<'a>(
        table: impl Iterator<Item = (C, &'a str, &'a [&'a str])>,
        user: Option<&str>,
    ) -> (Self, Vec<KeyError>) {
        let mut errors = Vec::new();
        let mut changed: BTreeMap<String, Vec<String>> = user.map_or_else(BTreeMap::new, |text| {
            toml::from_str(text).unwrap_or_else(|error| {
                errors.push(KeyError::Form(error.to_string()));
                BTreeMap::new()
            })
        });
        let mut map: Vec<(Vec<Key>, C, &str, bool)> = Vec::new();
        for (command, name, defaults) in table {
            let own = changed.remove(name);
            let texts: Vec<&str> =
                own.as_ref().map_or(defaults.to_vec(), |own| own.iter().map(String::as_str).collect());
            for text in texts {
                match sequence(text) {
                    Ok(keys) => map.push((keys, command, name, own.is_some())),
                    Err(error) => errors.push(error),
                }
            }
        }
        errors.extend(changed.into_keys().map(KeyError::NoCommand));
        // The user's keys win over defaults; two of the user's own on one key are a mistake.
        map.sort_by_key(|(.., own)| !own);
        let mut kept: Vec<(Vec<Key>, C, &str, bool)> = Vec::new();
        for entry in map {
            let clash = kept.iter().find(|other| other.0.starts_with(&entry.0) || entry.0.starts_with(&other.0));
            match clash {
                None => kept.push(entry),
                Some(other) if other.3 && !entry.3 => {}
                Some(other) => errors.push(KeyError::Conflict {
                    keys: show(&entry.0),
                    first: other.2.to_owned(),
                    second: entry.2.to_owned(),
                }),
            }
        }
        (Self(kept.into_iter().map(|(keys, command, ..)| (keys, command)).collect()), errors)
    }

    /// What these keys mean.
    pub fn meaning(&self, pressed: &[Key]) -> Meaning<C> {
        match self.0.iter().find(|(keys, _)| keys.starts_with(pressed)) {
            Some((keys, command)) if keys.len() == pressed.len() => Meaning::Command(*command),
            Some(_) => Meaning::Prefix,
            None => Meaning::Nothing,
        }
    }

    /// The keys of a command as text, as the first of them is shown in hints.
    pub fn keys(&self, command: C) -> Vec<String> {
        self.0.iter().filter(|(_, c)| *c == command).map(|(keys, _)| show(keys)).collect()
    }

    /// Commands that may follow these keys, with the keys that are still missing.
    pub fn after<'a>(&'a self, pressed: &'a [Key]) -> impl Iterator<Item = (String, C)> + 'a {
        let begins = self.0.iter().filter(|(keys, _)| keys.len() > pressed.len() && keys.starts_with(pressed));
        begins.map(|(keys, command)| (show(&keys[pressed.len()..]), *command))
    }
}

fn show(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: [(u8, &str, &[&str]); 3] = [(1, "one", &["a", "g l"]), (2, "two", &["Ctrl-l"]), (3, "three", &["b"])];

    fn map(user: &str) -> (Keymap<u8>, Vec<KeyError>) {
        Keymap::new(TABLE.into_iter(), Some(user))
    }

    fn meaning(map: &Keymap<u8>, text: &str) -> Meaning<u8> {
        map.meaning(&sequence(text).unwrap())
    }

    #[test]
    fn keys_are_read_and_written() {
        for text in ["a", "Ctrl-l", "Shift-←", "PgDn", "Space", "]", "?"] {
            let read: Result<Key, _> = text.replace('←', "Left").parse();
            assert_eq!(read.unwrap().to_string(), text);
        }
        assert!("Hyper-x".parse::<Key>().is_err() && "".parse::<Key>().is_err());
    }

    #[test]
    fn sequences_have_prefixes() {
        let (map, errors) = map("");
        assert!(errors.is_empty());
        assert_eq!(meaning(&map, "g"), Meaning::Prefix);
        assert_eq!(meaning(&map, "g l"), Meaning::Command(1));
        assert_eq!(meaning(&map, "g x"), Meaning::Nothing);
        assert_eq!(map.after(&sequence("g").unwrap()).collect::<Vec<_>>(), [("l".to_owned(), 1)]);
    }

    #[test]
    fn the_users_keys_replace_and_mistakes_are_told() {
        let (map, errors) = map("two = ['a', 'x x']\nfour = ['z']\nthree = ['Hyper-q', 'x']");
        assert_eq!(meaning(&map, "a"), Meaning::Command(2));
        assert_eq!(meaning(&map, "g l"), Meaning::Command(1), "other keys of the displaced command stay");
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().any(|t| t.contains("'four'")) && told.iter().any(|t| t.contains("Hyper-q")));
        assert!(told.iter().any(|t| t.contains("both two and three")));
    }

    #[test]
    fn shift_does_not_count_on_characters() {
        let event = KeyEvent::new(KeyCode::Char('J'), KeyModifiers::SHIFT);
        assert_eq!(Key::from(event), "J".parse().unwrap());
        assert_eq!(Key::from(KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT)), "Shift-Tab".parse().unwrap());
    }
}
