//! Colours of the screen by role, read from TOML.
//!
//! Owns the built-in themes and the user's. Colours of maps are data, not theme: they are [`crate::look::Colormap`]s.

use std::path::{Path, PathBuf};

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// Themes that come with the program.
const BUILT_IN: [&str; 4] = [
    include_str!("../../themes/dark.toml"),
    include_str!("../../themes/light.toml"),
    include_str!("../../themes/okabe-ito.toml"),
    include_str!("../../themes/named.toml"),
];

/// A theme could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The file is not a theme.
    #[error("theme {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// The name, or one it inherits from, is not known, or a theme inherits from itself.
    #[error("there is no theme '{name}' to use or inherit from; known are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// One file, in which everything but the name may be left to the theme it inherits from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: String,
    inherits: Option<String>,
    text: Option<Color>,
    strong: Option<Color>,
    quiet: Option<Color>,
    frame: Option<Color>,
    accent: Option<Color>,
    on_accent: Option<Color>,
    good: Option<Color>,
    warn: Option<Color>,
    bad: Option<Color>,
    track: Option<Color>,
    curve: Option<Color>,
}

/// Styles by role.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// Ordinary text.
    pub text: Style,
    /// Text that matters most.
    pub strong: Style,
    /// Labels and what can be done.
    pub quiet: Style,
    /// Borders.
    pub frame: Style,
    /// What is chosen, and keys.
    pub accent: Style,
    /// A chosen entry of a list.
    pub chosen: Style,
    /// Something holds.
    pub good: Style,
    /// Something should be looked at.
    pub warn: Style,
    /// Something failed.
    pub bad: Style,
    /// The empty part of a bar.
    pub track: Style,
    /// The second curve of a plot.
    pub curve: Style,
}

impl Theme {
    /// No colours at all (`NO_COLOR`): bold, dim and reversed text carry the roles.
    pub fn plain() -> Self {
        let style = Style::new();
        let (bold, dim) = (style.add_modifier(Modifier::BOLD), style.add_modifier(Modifier::DIM));
        Self {
            name: "plain".to_owned(),
            text: style,
            strong: bold,
            quiet: dim,
            frame: dim,
            accent: bold,
            chosen: style.add_modifier(Modifier::REVERSED),
            good: style,
            warn: bold,
            bad: bold,
            track: dim,
            curve: dim,
        }
    }

    fn from_file(file: &File) -> Self {
        let of = |colour: Option<Color>| colour.map_or(Style::new(), |c| Style::new().fg(c));
        Self {
            name: file.name.clone(),
            text: of(file.text),
            strong: of(file.strong).add_modifier(Modifier::BOLD),
            quiet: of(file.quiet),
            frame: of(file.frame),
            accent: of(file.accent),
            chosen: of(file.on_accent).bg(file.accent.unwrap_or_default()),
            good: of(file.good),
            warn: of(file.warn),
            bad: of(file.bad),
            track: of(file.track),
            curve: of(file.curve),
        }
    }
}

/// All themes there are.
#[derive(Clone, Debug)]
pub struct Themes(Vec<File>);

impl Themes {
    /// The built-in themes and those in `folder/*.toml`, whose names are their file names. A file that is no theme is
    /// an error beside the rest, not instead of it.
    pub fn load(folder: Option<&Path>) -> (Self, Vec<ThemeError>) {
        let built_in = BUILT_IN.into_iter().filter_map(|text| toml::from_str(text).ok());
        let (mut files, mut errors): (Vec<File>, _) = (built_in.collect(), Vec::new());
        let entries = folder.and_then(|folder| folder.read_dir().ok());
        for path in entries.into_iter().flatten().flatten().map(|entry| entry.path()) {
            let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|e| e == "toml")) else {
                continue;
            };
            let name = name.to_string_lossy().into_owned();
            let read = std::fs::read_to_string(&path).map_err(|e| e.to_string());
            match read.and_then(|text| toml::from_str::<File>(&text).map_err(|e| e.to_string())) {
                Ok(file) => {
                    // A user's theme replaces the built-in one of the same name; "dark" may inherit from "dark".
                    files.push(File { name, ..file });
                }
                Err(reason) => errors.push(ThemeError::File { path, reason }),
            }
        }
        (Self(files), errors)
    }

    /// Names, in the order in which they are stepped through.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for file in &self.0 {
            if !names.contains(&file.name.as_str()) {
                names.push(&file.name);
            }
        }
        names
    }

    /// The theme of this name with all it inherits.
    pub fn get(&self, name: &str) -> Result<Theme, ThemeError> {
        self.resolve(name, self.0.len()).map(|file| Theme::from_file(&file))
    }

    /// The last of this name among the first `limit`: what inherits is always later than what it inherits from, so a
    /// circle cannot be followed.
    fn resolve(&self, name: &str, limit: usize) -> Result<File, ThemeError> {
        let found = self.0[..limit].iter().rposition(|file| file.name == name);
        let unknown = || ThemeError::Unknown { name: name.to_owned(), known: self.names().join(", ") };
        let at = found.ok_or_else(unknown)?;
        let file = self.0[at].clone();
        let Some(parent) = file.inherits.as_deref().or((at >= BUILT_IN.len()).then_some("dark")) else {
            return Ok(file);
        };
        let base = self.resolve(parent, at)?;
        Ok(File {
            name: file.name,
            inherits: None,
            text: file.text.or(base.text),
            strong: file.strong.or(base.strong),
            quiet: file.quiet.or(base.quiet),
            frame: file.frame.or(base.frame),
            accent: file.accent.or(base.accent),
            on_accent: file.on_accent.or(base.on_accent),
            good: file.good.or(base.good),
            warn: file.warn.or(base.warn),
            bad: file.bad.or(base.bad),
            track: file.track.or(base.track),
            curve: file.curve.or(base.curve),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_is_complete() {
        let (themes, errors) = Themes::load(None);
        assert!(errors.is_empty());
        assert_eq!(themes.names(), ["dark", "light", "okabe-ito", "named"]);
        for name in themes.names() {
            let theme = themes.get(name).unwrap();
            let styles =
                [theme.text, theme.quiet, theme.frame, theme.accent, theme.good, theme.warn, theme.bad, theme.track];
            assert!(styles.iter().all(|style| style.fg.is_some()), "{name}");
        }
    }

    #[test]
    fn a_users_theme_changes_what_it_names_and_mistakes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("dark.toml", "accent = \"#ff0000\"");
        write("mine.toml", "inherits = \"mine\"");
        write("wrong.toml", "acent = \"#ff0000\"");
        let (themes, errors) = Themes::load(Some(folder.path()));
        let dark = themes.get("dark").unwrap();
        assert_eq!(dark.accent.fg, Some(Color::Rgb(255, 0, 0)));
        assert_eq!(dark.text, Themes::load(None).0.get("dark").unwrap().text);
        assert!(matches!(themes.get("mine"), Err(ThemeError::Unknown { .. })), "a circle is not followed");
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("acent") && errors[0].to_string().contains("wrong.toml"));
    }
}
