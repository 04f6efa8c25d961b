//! The kitty graphics protocol, placed directly: a PNG at its own resolution, scaled by the terminal to a box of cells.
//!
//! Two ids per place are used in turn: the new picture is drawn over the old before the old is deleted, so nothing
//! flickers and the terminal's store does not grow. Parts that have changed are pictures of their own over it, until it is
//! drawn anew; the higher id lies above. Every command has `q=2`, so that no answer is taken for keys.
//! Source: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.

use std::io::Write;

use ratatui::layout::Size;

/// Largest payload of one escape sequence that the protocol allows.
const CHUNK: usize = 4096;
/// Ids of ours begin here, to keep clear of those of other programs in the same terminal.
const FIRST_ID: u32 = 0x1e5_0000;

/// Ids of parts begin here, above those of all places.
const FIRST_PART: u32 = FIRST_ID + 0x1_0000;

/// The id of a part, by how many there were before.
pub fn part(count: u32) -> u32 {
    FIRST_PART.saturating_add(count)
}

/// The two ids of a place.
pub fn ids(place: u32) -> [u32; 2] {
    [FIRST_ID + place * 2, FIRST_ID + place * 2 + 1]
}

/// Transmits a base64 PNG and shows it at the cursor, so many cells large, without moving the cursor.
pub fn show(out: &mut Vec<u8>, png: &[u8], id: u32, Size { width, height }: Size) {
    let mut chunks = png.chunks(CHUNK).peekable();
    let mut keys = format!("a=T,f=100,t=d,i={id},p=1,q=2,C=1,c={width},r={height},");
    while let Some(chunk) = chunks.next() {
        let _ = write!(out, "\x1b_G{keys}m={};", u8::from(chunks.peek().is_some()));
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        keys = "q=2,".to_owned();
    }
}

/// Deletes a picture and its data.
pub fn delete(out: &mut Vec<u8>, id: u32) {
    let _ = write!(out, "\x1b_Ga=d,d=I,i={id},q=2\x1b\\");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_is_cut_in_chunks_that_say_whether_more_follows() {
        let mut out = Vec::new();
        show(&mut out, &vec![b'A'; CHUNK * 2 + 5], 7, Size::new(40, 20));
        let text = String::from_utf8(out).unwrap();
        let parts: Vec<&str> = text.split("\x1b\\").filter(|p| !p.is_empty()).collect();
        assert_eq!(parts.len(), 3);
        assert!(parts[0].starts_with("\x1b_Ga=T,f=100,t=d,i=7,p=1,q=2,C=1,c=40,r=20,m=1;"));
        assert!(parts[1].starts_with("\x1b_Gq=2,m=1;"));
        assert_eq!(parts[2], "\x1b_Gq=2,m=0;AAAAA");
    }

    #[test]
    fn places_do_not_share_ids() {
        assert!(ids(0).iter().all(|id| !ids(1).contains(id)));
        assert!(ids(1000).iter().all(|id| *id < part(0)));
    }
}
