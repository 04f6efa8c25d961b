//! A picture in the middle of text, on terminals that can.

use image::{DynamicImage, RgbImage};

/// Widest drawing, in cells.
const WIDEST: u16 = 72;

/// Draws a picture below the cursor, as wide as the terminal but not wider than is useful.
pub fn draw(picture: &RgbImage) -> Result<(), viuer::ViuError> {
    let (columns, _) = viuer::terminal_size();
    let config = viuer::Config {
        absolute_offset: false,
        width: Some(u32::from(columns.min(WIDEST))),
        ..viuer::Config::default()
    };
    viuer::print(&DynamicImage::ImageRgb8(picture.clone()), &config)?;
    Ok(())
}
