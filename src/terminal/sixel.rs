//! Sixel: pixels as bands of six rows, one pass per colour.
//!
//! Owns: choosing the palette (exact where the picture has few colours, median cut with ordered dithering where it has
//! many) and writing the bands. A band's passes are written from lists of the columns a colour occupies, so the work
//! grows with the pixels and not with pixels times colours. Must not know where on the screen the picture lands.

use std::collections::HashMap;
use std::io::Write;

use image::RgbImage;

/// A picture reduced to a palette.
struct Indexed {
    palette: Vec<[u8; 3]>,
    /// One palette index per pixel, row by row.
    pixels: Vec<u8>,
}

impl Indexed {
    /// Makes the first register the commonest colour of the last row: tmux fills with it what a picture lacks of its cells.
    fn begin_with_bottom(&mut self, width: usize) {
        let mut counts = vec![0u32; self.palette.len()];
        self.pixels.iter().rev().take(width).for_each(|pixel| counts[usize::from(*pixel)] += 1);
        let common = (0..counts.len()).rev().max_by_key(|index| counts[*index]).unwrap_or(0);
        if common > 0 {
            self.palette.swap(0, common);
            for pixel in &mut self.pixels {
                *pixel = match usize::from(*pixel) {
                    0 => common as u8,
                    at if at == common => 0,
                    _ => *pixel,
                };
            }
        }
    }
}

/// Encodes a picture with at most `registers` colours (2 to 256), without moving or clearing anything else.
pub fn encode(picture: &RgbImage, registers: usize) -> Vec<u8> {
    let registers = registers.clamp(2, 256);
    let mut indexed = exact(picture, registers).unwrap_or_else(|| median_cut(picture, registers));
    indexed.begin_with_bottom(picture.width() as usize);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut out = Vec::with_capacity(width * height / 2 + 4096);
    // P2 = 1 leaves unset pixels alone; the raster attributes say square pixels and the size.
    let _ = write!(out, "\x1bP0;1;0q\"1;1;{width};{height}");
    for (index, colour) in indexed.palette.iter().enumerate() {
        let [r, g, b] = colour.map(|v| (u32::from(v) * 100 + 127) / 255);
        let _ = write!(out, "#{index};2;{r};{g};{b}");
    }
    let mut columns: Vec<Vec<(u32, u8)>> = vec![Vec::new(); indexed.palette.len()];
    for top in (0..height).step_by(6) {
        band(&indexed.pixels, width, top, (height - top).min(6), &mut columns);
        for (index, column) in columns.iter_mut().enumerate().filter(|(_, column)| !column.is_empty()) {
            let _ = write!(out, "#{index}");
            pass(&mut out, column);
            out.push(b'$');
            column.clear();
        }
        if top + 6 < height {
            out.push(b'-');
        }
    }
    out.extend_from_slice(b"\x1b\\");
    out
}

/// Fills, for each colour, the columns of one band that it occupies with the six-bit pattern of rows.
fn band(pixels: &[u8], width: usize, top: usize, rows: usize, columns: &mut [Vec<(u32, u8)>]) {
    for x in 0..width {
        for row in 0..rows {
            let column = &mut columns[usize::from(pixels[(top + row) * width + x])];
            match column.last_mut() {
                Some((at, bits)) if *at == x as u32 => *bits |= 1 << row,
                _ => column.push((x as u32, 1 << row)),
            }
        }
    }
}

/// Writes one colour's pass over a band, run-length encoded.
fn pass(out: &mut Vec<u8>, column: &[(u32, u8)]) {
    let (mut at, mut index) = (0, 0);
    while let Some(&(x, bits)) = column.get(index) {
        run(out, 0, x - at);
        let same = column[index..].iter().enumerate().take_while(|(i, c)| c.0 == x + *i as u32 && c.1 == bits).count();
        run(out, bits, same as u32);
        at = x + same as u32;
        index += same;
    }
}

fn run(out: &mut Vec<u8>, bits: u8, count: u32) {
    let symbol = b'?' + bits;
    if count > 3 {
        let _ = write!(out, "!{count}");
        out.push(symbol);
    } else {
        out.extend(std::iter::repeat_n(symbol, count as usize));
    }
}

/// The palette as it is, where the picture has few enough colours (a colour map alone has).
fn exact(picture: &RgbImage, limit: usize) -> Option<Indexed> {
    let mut index: HashMap<[u8; 3], u8> = HashMap::with_capacity(limit);
    let mut palette = Vec::new();
    let mut pixels = Vec::with_capacity(picture.as_raw().len() / 3);
    let mut last = ([0; 3], None);
    for pixel in picture.pixels() {
        if last.1.is_none() || last.0 != pixel.0 {
            let next = match index.get(&pixel.0) {
                Some(&found) => found,
                None if palette.len() == limit => return None,
                None => {
                    let new = palette.len() as u8;
                    palette.push(pixel.0);
                    index.insert(pixel.0, new);
                    new
                }
            };
            last = (pixel.0, Some(next));
        }
        pixels.extend(last.1);
    }
    Some(Indexed { palette, pixels })
}

/// Bits kept of each channel when colours are counted.
const BITS: u32 = 5;
/// Ordered dithering (Bayer, 4 × 4) over half a counting bin: enough to break bands, little enough that runs of one colour
/// stay long. A whole bin makes a third more bytes.
const BAYER: [[i16; 4]; 4] = [[-2, 0, -1, 0], [1, -1, 1, 0], [-1, 0, -2, 0], [1, 0, 1, -1]];

#[derive(Clone, Copy, Default)]
struct Bin {
    count: u32,
    sum: [u32; 3],
}

fn bin_of(colour: [u8; 3]) -> usize {
    colour.iter().fold(0, |key, &v| (key << BITS) | (usize::from(v) >> (8 - BITS)))
}

/// Median cut (Heckbert 1982) over counted colours: the box with the largest spread of population is split at its
/// median until there are `limit` boxes; each is shown by its mean.
fn median_cut(picture: &RgbImage, limit: usize) -> Indexed {
    let mut bins = vec![Bin::default(); 1 << (3 * BITS)];
    let mut keys = Vec::with_capacity(picture.as_raw().len() / 3);
    for (x, y, pixel) in picture.enumerate_pixels() {
        let shift = BAYER[(y % 4) as usize][(x % 4) as usize];
        let key = bin_of(pixel.0.map(|v| (i16::from(v) + shift).clamp(0, 255) as u8));
        let bin = &mut bins[key];
        bin.count += 1;
        pixel.0.iter().zip(&mut bin.sum).for_each(|(&v, sum)| *sum += u32::from(v));
        keys.push(key as u16);
    }
    let mut used: Vec<u16> = (0..bins.len() as u32).filter(|&k| bins[k as usize].count > 0).map(|k| k as u16).collect();
    let boxes = split(&mut used, &bins, limit);
    let mut lookup = vec![0_u8; bins.len()];
    let mut palette = Vec::with_capacity(boxes.len());
    for (index, &(start, end)) in boxes.iter().enumerate() {
        let (mut sum, mut count) = ([0_u64; 3], 0_u64);
        for &key in &used[start..end] {
            lookup[usize::from(key)] = index as u8;
            count += u64::from(bins[usize::from(key)].count);
            (0..3).for_each(|c| sum[c] += u64::from(bins[usize::from(key)].sum[c]));
        }
        palette.push(sum.map(|s| (s / count.max(1)) as u8));
    }
    Indexed { palette, pixels: keys.iter().map(|&key| lookup[usize::from(key)]).collect() }
}

/// Orders `used` so that every box is a range of it, and returns the ranges.
fn split(used: &mut [u16], bins: &[Bin], limit: usize) -> Vec<(usize, usize)> {
    let channel = |key: u16, c: usize| (key >> (BITS as usize * (2 - c))) & ((1 << BITS) - 1);
    // The axis a box is longest on, and how much there is to gain from cutting it.
    let measure = |keys: &[u16]| -> (u64, usize) {
        let spread = |c| {
            let (low, high) =
                keys.iter().fold((u16::MAX, 0), |(l, h), &k| (l.min(channel(k, c)), h.max(channel(k, c))));
            high.saturating_sub(low)
        };
        let axis = (0..3).max_by_key(|&c| spread(c)).unwrap_or(0);
        let count: u64 = keys.iter().map(|&k| u64::from(bins[usize::from(k)].count)).sum();
        (u64::from(spread(axis)).pow(2) * count, axis)
    };
    let mut heap = std::collections::BinaryHeap::new();
    let (gain, axis) = measure(used);
    heap.push((gain, axis, 0, used.len()));
    while heap.len() < limit {
        let Some((gain, axis, start, end)) = heap.pop() else { break };
        if gain == 0 {
            heap.push((gain, axis, start, end));
            break;
        }
        let keys = &mut used[start..end];
        keys.sort_unstable_by_key(|&k| channel(k, axis));
        let total: u64 = keys.iter().map(|&k| u64::from(bins[usize::from(k)].count)).sum();
        let mut seen = 0;
        let middle = keys.iter().position(|&k| {
            seen += u64::from(bins[usize::from(k)].count);
            seen * 2 >= total
        });
        let middle = start + (middle.unwrap_or(0) + 1).min(keys.len() - 1);
        for (from, to) in [(start, middle), (middle, end)] {
            let (gain, axis) = measure(&used[from..to]);
            heap.push((gain, axis, from, to));
        }
    }
    heap.into_iter().map(|(_, _, start, end)| (start, end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes with an independent decoder and returns the largest and mean difference of a channel.
    fn difference(picture: &RgbImage, registers: usize) -> (u8, f64) {
        let bytes = encode(picture, registers);
        let decoded = icy_sixel::SixelImage::decode(&bytes).unwrap();
        // The decoder fills its last band of six rows.
        let rows = (picture.height() as usize).next_multiple_of(6);
        assert_eq!((decoded.width, decoded.height), (picture.width() as usize, rows));
        let pairs = picture.pixels().zip(decoded.pixels.chunks(4));
        let all: Vec<u8> = pairs.flat_map(|(p, d)| (0..3).map(move |c| p.0[c].abs_diff(d[c]))).collect();
        (*all.iter().max().unwrap(), all.iter().map(|&d| f64::from(d)).sum::<f64>() / all.len() as f64)
    }

    #[test]
    fn few_colours_come_back_as_they_were() {
        let picture = RgbImage::from_fn(37, 25, |x, y| image::Rgb([(x * 6) as u8, if y > 12 { 200 } else { 10 }, 90]));
        // Sixel colours are percentages: half a percent is 1.3 of 255.
        assert!(difference(&picture, 256).0 <= 2);
    }

    #[test]
    fn many_colours_come_back_close() {
        let picture = RgbImage::from_fn(200, 160, |x, y| {
            image::Rgb([(x * 255 / 199) as u8, (y * 255 / 159) as u8, ((x * y) % 256) as u8])
        });
        let (_, mean) = difference(&picture, 256);
        assert!(mean < 14.0, "mean difference {mean}");
        assert!(difference(&picture, 16).1 < 50.0);
    }

    #[test]
    fn the_first_register_is_the_colour_below() {
        let picture = RgbImage::from_fn(30, 12, |x, y| image::Rgb([if y < 11 { x as u8 * 8 } else { 200 }, 51, 102]));
        let text = String::from_utf8(encode(&picture, 256)).unwrap();
        assert!(text.contains("#0;2;78;20;40#"), "{text}");
        assert!(difference(&picture, 256).0 <= 2);
    }

    #[test]
    fn one_pixel_and_one_row_are_pictures() {
        assert!(difference(&RgbImage::from_pixel(1, 1, image::Rgb([255, 0, 7])), 256).0 <= 2);
        assert!(difference(&RgbImage::from_pixel(300, 1, image::Rgb([1, 128, 7])), 2).0 <= 2);
    }
}
