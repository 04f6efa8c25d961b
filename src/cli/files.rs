//! What goes into the files that `--out` asks for.

use std::path::{Path, PathBuf};

use image::{RgbImage, imageops};
use ndarray::{ArrayD, aview1};

use super::report::Report;
use crate::attribution::{AlphaPath, Attribution, Raw};
use crate::export::{ExportError, Format, gif, json, npy, npz, png};
use crate::look::{Look, View};
use crate::map::{self, Map};
use crate::model::preprocess::{Prepared, Preprocess, Rect};
use crate::paint;

/// Longest side of an animation's frames, in pixels.
const FRAME: f32 = 240.0;

/// Time of a frame, in milliseconds.
const FRAME_TIME: u32 = 80;

/// One explained picture.
pub struct Explanation {
    /// What the network was shown, and what a person sees.
    pub prepared: Prepared,
    /// The answer.
    pub attribution: Attribution,
    /// Its map.
    pub map: Map,
    /// What is said about it.
    pub report: Report,
}

impl Explanation {
    /// The painted picture.
    pub fn painted(&self) -> RgbImage {
        paint::paint(Some(&self.map), &self.prepared.view, self.prepared.region, &self.report.look)
    }

    /// Writes the files and notes them in the report. `preprocess` leads from the network's values back to colours.
    pub fn write(&mut self, files: &[(PathBuf, Format)], preprocess: &Preprocess) -> Result<(), ExportError> {
        self.report.files = files.iter().map(|(path, _)| path.display().to_string()).collect();
        files.iter().try_for_each(|(path, format)| self.write_one(path, *format, preprocess))
    }

    fn write_one(&self, path: &Path, format: Format, preprocess: &Preprocess) -> Result<(), ExportError> {
        match (format, &self.attribution.path) {
            (Format::Png, _) => png::write(path, &self.painted(), &self.notes()),
            (Format::Npy, _) => match &self.attribution.raw {
                Raw::Input(attribution) => npy::write(path, attribution.view()),
                Raw::Layer(map) => npy::write(path, map.view()),
            },
            (Format::Npz, _) => npz::write(path, &self.arrays(), &self.report),
            (Format::Json, _) => json::write(path, &self.report),
            (Format::Gif, Some(alphas)) => gif::write(path, self.frames(alphas, preprocess), FRAME_TIME),
            (Format::Gif, None) => Err(ExportError::NoPath { path: path.to_owned() }),
        }
    }

    /// What a picture file says about itself.
    fn notes(&self) -> [(&'static str, String); 3] {
        let report = &self.report;
        let source = format!("{}, {}, raw {} … {}", report.model, report.picture, report.range.0, report.range.1);
        [
            ("Software", concat!("lensor ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("Title", report.title()),
            ("Source", source),
        ]
    }

    fn arrays(&self) -> Vec<(&'static str, ArrayD<f32>)> {
        let attribution = &self.attribution;
        let raw = match &attribution.raw {
            Raw::Input(raw) => raw.clone().into_dyn(),
            Raw::Layer(raw) => raw.clone().into_dyn(),
        };
        let probabilities = self.report.activation.probabilities(aview1(&attribution.logits));
        let vector = |values: &[f32]| aview1(values).to_owned().into_dyn();
        let mut arrays = vec![
            ("attribution", raw),
            ("map", self.map.values.clone().into_dyn()),
            ("input", self.prepared.input.clone().into_dyn()),
            ("logits", vector(&attribution.logits)),
        ];
        arrays.extend(probabilities.map(|all| ("probabilities", all.into_dyn())));
        if let Some(path) = &attribution.path {
            arrays.extend([
                ("baseline", path.baseline.as_ref().clone().into_dyn()),
                ("alphas", vector(&path.alphas)),
                ("weights", vector(&path.weights)),
                ("path_scores", vector(&path.scores)),
                ("gradients", path.gradients.as_ref().clone().into_dyn()),
            ]);
            if !path.probabilities.is_empty() {
                arrays.push(("path_probabilities", vector(&path.probabilities)));
            }
        }
        arrays
    }

    /// Frame by frame along the path: the interpolated picture, and the sum so far over the real one.
    fn frames<'a>(
        &'a self,
        path: &'a AlphaPath,
        preprocess: &'a Preprocess,
    ) -> impl ExactSizeIterator<Item = RgbImage> + 'a {
        let Rect { x, y, width, height } = self.prepared.region;
        let scale = FRAME / width.max(height).max(1.0);
        let side = |length: f32| (length * scale).round().max(1.0) as u32;
        let (wide, high) = (side(width), side(height));
        let seen = imageops::crop_imm(&self.prepared.view, x as u32, y as u32, width as u32, height as u32).to_image();
        let seen = imageops::thumbnail(&seen, wide, high);
        let region = Rect { x: 0.0, y: 0.0, width: wide as f32, height: high as f32 };
        let look = Look { view: View::Overlay, ..self.report.look };
        let (_, rows, columns) = path.input.dim();
        path.sums().enumerate().map(move |(step, sum)| {
            let between = preprocess.to_picture(&path.interpolated(step), &path.input);
            let between = imageops::resize(&between, wide, high, imageops::FilterType::Triangle);
            let map = map::make(&Raw::Input(sum), &look, (rows, columns));
            paint::mosaic::row(&[&between, &paint::paint(Some(&map), &seen, region, &look)], wide / 50 + 1)
        })
    }
}
