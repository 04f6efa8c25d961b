//! Gradients that come apart in phases: what goes back through a window with strides reaches every s-th pixel by other taps
//! than the pixels between them.
//!
//! Owns adding phases up and putting them together. Where several ways lead back to one tensor (a block of a ResNet and
//! its shortcut) they are added before, so that they are dealt out into space once.

use super::backward::Backward;
use super::rules::{Step, crop, spread};
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
    pub fn join(self, backward: &mut Backward) -> String {
        let Self { channels, strides, counts, size, maps } = self;
        let given: Vec<usize> = (0..maps.len()).filter(|phase| maps[*phase].is_some()).collect();
        let known: Vec<String> = maps.iter().flatten().cloned().collect();
        match (known.as_slice(), given.as_slice()) {
            ([only], _) if maps.len() == 1 => fit(backward, only.clone(), strides, counts, size),
            // The other phases are zeros.
            ([only], [phase]) => {
                let step = |stride, phase| Step { stride, phase };
                let [row, column] = [phase / strides[1], phase % strides[1]];
                let steps = [Step::ONE, Step::ONE, step(strides[0], row), step(strides[1], column)];
                let spread = spread(backward, only, &[-1, channels as i64, counts[0] as i64, counts[1] as i64], &steps);
                fit(backward, spread, strides, counts, size)
            }
            ([first, ..], _) => {
                let zeros = if known.len() < maps.len() { backward.zeros_like(first) } else { String::new() };
                let all: Vec<&str> = maps.iter().map(|map| map.as_deref().unwrap_or(&zeros)).collect();
                let joined = backward.emit("Concat", &all, &[("axis", Attr::Int(1))]);
                deal(backward, joined, channels, strides, counts, size)
            }
            ([], _) => String::new(),
        }
    }
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
