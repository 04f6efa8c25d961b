//! A picture in the middle of text, as the terminal can draw it.

use std::error::Error;
use std::io::{self, Write};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use image::{DynamicImage, RgbImage};

use crate::terminal::graphics::{Graphics, GraphicsChoice};
use crate::terminal::picture::scale;
use crate::terminal::probe::{self, Capabilities};
use crate::terminal::sixel;

/// Widest drawing, in cells.
const WIDEST: u16 = 72;

/// Asks the terminal what it can draw.
pub fn terminal(choice: GraphicsChoice) -> Capabilities {
    // Answers come as if typed; without raw mode they would wait for a newline and be echoed.
    let raw = enable_raw_mode().is_ok();
    let capabilities = probe::ask(choice);
    if raw {
        // Where this fails the terminal has gone away.
        let _ = disable_raw_mode();
    }
    capabilities
}

/// Rows that stay free for the text below.
const TEXT: u16 = 12;

/// Draws a picture below the cursor, as large as fits on one screen with its text but not wider than is useful.
pub fn draw(picture: &RgbImage, terminal: &Capabilities) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (columns, rows) = viuer::terminal_size();
    // A cell is about twice as high as it is wide.
    let fitting = 2 * u32::from(rows.saturating_sub(TEXT).max(TEXT)) * picture.width() / picture.height().max(1);
    let columns = u32::from(columns.min(WIDEST)).min(fitting.max(1));
    if terminal.graphics == Graphics::Sixel {
        // viuer asks for a C library to write these.
        let width = (columns * u32::from(terminal.cell.0)).clamp(1, picture.width().max(1));
        let height = (picture.height() * width).div_ceil(picture.width().max(1)).max(1);
        let mut stdout = io::stdout();
        stdout.write_all(&sixel::encode(&scale(picture, width, height), terminal.registers))?;
        return Ok(writeln!(stdout)?);
    }
    let config = viuer::Config {
        absolute_offset: false,
        width: Some(columns),
        use_kitty: terminal.graphics == Graphics::Kitty,
        use_iterm: terminal.graphics == Graphics::Iterm2,
        ..viuer::Config::default()
    };
    viuer::print(&DynamicImage::ImageRgb8(picture.clone()), &config)?;
    Ok(())
}
