//! Gradients that come apart in phases: what goes back through a window with strides reaches every s-th pixel by other taps
//! than the pixels between them.
//!
//! Owns adding phases up and putting them together. Where several ways lead back to one tensor (a block of a ResNet and
//! its shortcut) they are added before, so that they are dealt out into space once.

use super::backward::Backward;
use super::rules::crop;
use crate::onnx::build::Attr;

/// A gradient that arrived at a tensor.
pub(super) enum Part {
    /// In the shape of the tensor.
    Whole(String),
    /// Apart in phases.
    Apart(Phases),
}

/// The gradient of a tensor `[N, channels, height, width]`: element (i, j) of phase (a, b) belongs to pixel
/// (i · rows + a, j · columns + b), rows and columns being the strides.
pub(super) struct Phases {
    pub channels: usize,
    /// Phases in each direction.
    pub strides: [usize; 2],
    /// Rows and columns of each phase.
    pub counts: [usize; 2],
    /// Height and width of the tensor; what the phases have beyond them is dropped.
    pub size: [usize; 2],
    /// The phases by row, then column; `None` where all is zero.
    pub maps: Vec<Option<String>>,
}

/// The gradients that arrived, each in the shape of the tensor; phases of the same strides are added up before.
pub(super) fn join(backward: &mut Backward, parts: Vec<Part>) -> Vec<String> {
    let (mut whole, mut apart) = (Vec::new(), Vec::<Phases>::new());
    for part in parts {
        match part {
            Part::Whole(gradient) => whole.push(gradient),
            Part::Apart(phases) => match apart.iter_mut().find(|other| other.strides == phases.strides) {
                Some(other) => other.add(backward, phases),
                None => apart.push(phases),
            },
        }
    }
    whole.extend(apart.into_iter().map(|phases| phases.join(backward)));
    whole
}

impl Phases {
    fn add(&mut self, backward: &mut Backward, other: Self) {
        for (to, from) in self.maps.iter_mut().zip(other.maps) {
            *to = match (to.take(), from) {
                (Some(a), Some(b)) => Some(backward.emit("Add", &[&a, &b], &[])),
                (a, b) => a.or(b),
            };
        }
    }

    /// All phases in the shape of the tensor.
    pub fn join(mut self, backward: &mut Backward) -> String {
        let Some(first) = self.maps.iter().position(Option::is_some) else { return String::new() };
        match self.maps.as_mut_slice() {
            [Some(only)] => {
                let only = std::mem::take(only);
                fit(backward, only, self.strides, self.counts, self.size)
            }
            _ => interleave(backward, self, first),
        }
    }
}

/// Puts phases side by side in space. With the channels last a pixel is one piece of memory, and ONNX Runtime turns the
/// axes while it leaves and enters its blocked layout of convolutions: half the time of a DepthToSpace.
fn interleave(backward: &mut Backward, phases: Phases, first: usize) -> String {
    let Phases { channels, strides: [sh, sw], counts: [height, width], size, maps } = phases;
    let sizes = |list: &[usize]| std::iter::once(-1).chain(list.iter().map(|size| *size as i64)).collect::<Vec<_>>();
    let pixels = backward.builder.ints(&sizes(&[height, width, 1, channels]));
    let last = |backward: &mut Backward, map: &str| {
        let turned = backward.emit("Transpose", &[map], &[("perm", Attr::Ints(&[0, 2, 3, 1]))]);
        backward.emit("Reshape", &[&turned, &pixels], &[])
    };
    let turned: Vec<Option<String>> = maps.iter().map(|map| map.as_ref().map(|map| last(backward, map))).collect();
    let zeros = match (turned.get(first).cloned().flatten(), turned.iter().any(Option::is_none)) {
        (Some(like), true) => backward.zeros_like(&like),
        _ => String::new(),
    };
    let rows = backward.builder.ints(&sizes(&[height, 1, width * sw * channels]));
    let lines = turned.chunks(sw).map(|line| {
        let line: Vec<&str> = line.iter().map(|map| map.as_deref().unwrap_or(&zeros)).collect();
        let line = match line.as_slice() {
            [only] => (*only).to_owned(),
            all => backward.emit("Concat", all, &[("axis", Attr::Int(3))]),
        };
        backward.emit("Reshape", &[&line, &rows], &[])
    });
    let lines: Vec<String> = lines.collect();
    let whole = match lines.as_slice() {
        [only] => only.clone(),
        all => {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            backward.emit("Concat", &all, &[("axis", Attr::Int(2))])
        }
    };
    let together = backward.builder.ints(&sizes(&[height * sh, width * sw, channels]));
    let mut whole = backward.emit("Reshape", &[&whole, &together], &[]);
    if [height * sh, width * sw] != size {
        whole = crop(backward, &whole, &[1, 2], &[0, 0], &size.map(|size| size as i64));
    }
    backward.emit("Transpose", &[&whole], &[("perm", Attr::Ints(&[0, 3, 1, 2]))])
}

/// Moves phases that lie one after another in the channels, `[N, rows · columns · C, h, w]`, into space.
pub(super) fn deal(
    backward: &mut Backward,
    phased: String,
    channels: usize,
    strides: [usize; 2],
    counts: [usize; 2],
    size: [usize; 2],
) -> String {
    let dealt = match strides {
        [1, 1] => phased,
        [h, w] if h == w => backward.emit(
            "DepthToSpace",
            &[&phased],
            &[("blocksize", Attr::Int(h as i64)), ("mode", Attr::Text("DCR"))],
        ),
        [sh, sw] => {
            let size = |list: &[usize]| std::iter::once(0).chain(list.iter().map(|v| *v as i64)).collect::<Vec<_>>();
            let apart = backward.builder.ints(&size(&[sh, sw, channels, counts[0], counts[1]]));
            let together = backward.builder.ints(&size(&[channels, counts[0] * sh, counts[1] * sw]));
            let apart = backward.emit("Reshape", &[&phased, &apart], &[]);
            let mixed = backward.emit("Transpose", &[&apart], &[("perm", Attr::Ints(&[0, 3, 4, 1, 5, 2]))]);
            backward.emit("Reshape", &[&mixed, &together], &[])
        }
    };
    fit(backward, dealt, strides, counts, size)
}

/// Drops rows and columns beyond the tensor's size.
fn fit(backward: &mut Backward, spread: String, strides: [usize; 2], counts: [usize; 2], size: [usize; 2]) -> String {
    if [counts[0] * strides[0], counts[1] * strides[1]] == size {
        return spread;
    }
    crop(backward, &spread, &[2, 3], &[0, 0], &size.map(|size| size as i64))
}
