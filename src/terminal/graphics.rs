//! Ways to draw a picture in a terminal, and how a person names them. Must not know how each is encoded.

use std::fmt;
use std::str::FromStr;

/// A way to draw pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Graphics {
    /// The kitty graphics protocol: kitty, Ghostty, and others.
    Kitty,
    /// DEC sixel: xterm, foot, mlterm, tmux from 3.4.
    Sixel,
    /// iTerm2's inline images: iTerm2, WezTerm, Konsole.
    Iterm2,
    /// Two colours in one character cell; works everywhere.
    #[default]
    Halfblocks,
}

impl Graphics {
    /// Every way, best first.
    pub const ALL: [Self; 4] = [Self::Kitty, Self::Sixel, Self::Iterm2, Self::Halfblocks];

    /// The next way after this one, round and round.
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|&g| g == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// The name `--graphics` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Sixel => "sixel",
            Self::Iterm2 => "iterm2",
            Self::Halfblocks => "halfblocks",
        }
    }
}

impl fmt::Display for Graphics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What `--graphics` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GraphicsChoice {
    /// Ask the terminal.
    #[default]
    Auto,
    /// Use this, whatever the terminal says.
    Fixed(Graphics),
}

/// A `--graphics` value that is not one.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not a way to draw pictures; use auto, kitty, sixel, iterm2 or halfblocks")]
pub struct UnknownGraphics(String);

impl FromStr for GraphicsChoice {
    type Err = UnknownGraphics;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let found = Graphics::ALL.into_iter().find(|g| g.name() == text);
        found.map(Self::Fixed).ok_or_else(|| UnknownGraphics(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_wrong_ones_say_what_is_right() {
        for graphics in Graphics::ALL {
            assert_eq!(graphics.name().parse::<GraphicsChoice>().unwrap(), GraphicsChoice::Fixed(graphics));
        }
        assert_eq!("auto".parse::<GraphicsChoice>().unwrap(), GraphicsChoice::Auto);
        assert!("png".parse::<GraphicsChoice>().unwrap_err().to_string().contains("halfblocks"));
    }

    #[test]
    fn cycling_visits_every_way() {
        let mut seen = vec![Graphics::Kitty];
        while seen.last().unwrap().next() != Graphics::Kitty {
            seen.push(seen.last().unwrap().next());
        }
        assert_eq!(seen, Graphics::ALL);
    }
}
